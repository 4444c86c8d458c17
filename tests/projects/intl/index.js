// What Intl and its relatives say in English.
const say = (...values) => console.log(...values.map((value) => (typeof value === 'string' ? value.replaceAll('\u202f', ' ') : JSON.stringify(value)?.replaceAll('\u202f', ' '))));
const tried = (make) => {
  try {
    return make();
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
};

const moments = [Date.UTC(2026, 10, 5, 16, 5, 9, 7), Date.UTC(2026, 6, 31, 0, 59, 59, 999), Date.UTC(1999, 0, 1, 12), Date.UTC(2050, 2, 27, 1, 30)].map((time) => new Date(time));
const styles = ['full', 'long', 'medium', 'short', undefined];
const dates = [
  ...styles.flatMap((dateStyle) => styles.map((timeStyle) => ({ dateStyle, timeStyle }))),
  {}, { year: 'numeric' }, { month: 'long' }, { day: 'numeric' }, { weekday: 'short' }, { hour: 'numeric' }, { minute: 'numeric' }, { second: '2-digit' },
  { minute: '2-digit', second: '2-digit' }, { hour: '2-digit', minute: '2-digit' }, { hour: '2-digit', hour12: false }, { hour: 'numeric', minute: 'numeric', hour12: false },
  { year: '2-digit', month: '2-digit', day: '2-digit' }, { year: 'numeric', month: 'short' }, { year: 'numeric', month: 'numeric' }, { month: 'short', day: 'numeric' },
  { month: 'numeric', day: 'numeric' }, { weekday: 'long', day: 'numeric' }, { weekday: 'short', month: 'short', day: 'numeric' }, { weekday: 'short', month: 'numeric', day: 'numeric' },
  { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric', hour: 'numeric' }, { weekday: 'short', hour: 'numeric' }, { month: 'narrow' },
  { era: 'short', year: 'numeric', month: 'short', day: 'numeric' }, { timeZoneName: 'short' }, { hour: 'numeric', timeZoneName: 'short' }, { fractionalSecondDigits: 3 },
  { year: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric', day: '2-digit', month: '2-digit' }, { month: 'long', day: 'numeric', hour: 'numeric' }, { day: '2-digit' },
  { hour: 'numeric', minute: 'numeric', second: 'numeric', fractionalSecondDigits: 1, hourCycle: 'h23' }, { weekday: 'long', hour: 'numeric', minute: '2-digit' }, { timeZoneName: 'longOffset' },
];
for (const options of dates) for (const moment of moments) say(options, tried(() => new Intl.DateTimeFormat('en-US', { timeZone: 'UTC', ...options }).format(moment)));
for (const timeZone of ['America/New_York', 'Europe/Berlin', 'europe/london', 'Asia/Kolkata', 'Asia/Tokyo', 'Australia/Sydney', 'America/Sao_Paulo', 'Pacific/Chatham', 'Nowhere/At_All']) {
  for (const timeZoneName of ['short', 'shortOffset', 'longOffset']) {
    for (const moment of moments) say(timeZone, tried(() => moment.toLocaleString('en-US', { timeZone, timeZoneName, dateStyle: undefined })));
  }
}
for (const timeZone of ['America/Los_Angeles', 'Europe/Paris', 'UTC', 'Asia/Tokyo']) for (const moment of moments) say(moment.toLocaleTimeString('en-US', { timeZone, timeZoneName: 'long' }));
say(new Intl.DateTimeFormat('en-US', { hour: 'numeric', month: 'short', timeZone: 'UTC' }).formatToParts(moments[0]));
say(new Intl.DateTimeFormat('en-US', { timeZone: 'America/New_York', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false }).formatToParts(moments[0]));
say(new Date(NaN).toLocaleString(), tried(() => new Intl.DateTimeFormat().format(NaN)), tried(() => new Date(0).toLocaleDateString('en', { timeStyle: 'short' })));
say(moments[0].toLocaleDateString('en-US', { timeZone: 'UTC' }), moments[0].toLocaleTimeString('en-US', { timeZone: 'UTC' }), moments[0].toLocaleDateString('en-US', { timeZone: 'UTC', hour: 'numeric' }));

const values = [0, -0, 1, -1, 1.005, 2.5, 0.1 + 0.2, 999.9999, 1234.5678, 12345, 999999, 1500000, -1234567.891, 1e21, 123456789012345680000, 1.5e-7, NaN, Infinity, -Infinity, 12345678901234567890n];
const numbers = [
  {}, { style: 'percent' }, { style: 'percent', maximumFractionDigits: 1 }, { style: 'currency', currency: 'USD' }, { style: 'currency', currency: 'eur' }, { style: 'currency', currency: 'JPY' },
  { style: 'currency', currency: 'CHF' }, { style: 'currency', currency: 'USD', currencySign: 'accounting' }, { style: 'currency', currency: 'USD', currencyDisplay: 'code' },
  { style: 'currency', currency: 'USD', currencyDisplay: 'name' }, { style: 'currency', currency: 'CAD', currencyDisplay: 'narrowSymbol' }, { style: 'currency', currency: 'KWD' },
  { style: 'currency', currency: 'USD', minimumFractionDigits: 0 }, { minimumFractionDigits: 2 }, { maximumFractionDigits: 0 }, { minimumIntegerDigits: 3 }, { useGrouping: false },
  { maximumSignificantDigits: 3 }, { minimumSignificantDigits: 3 }, { notation: 'compact' }, { notation: 'compact', compactDisplay: 'long' }, { notation: 'compact', maximumFractionDigits: 1 },
  { notation: 'scientific' }, { notation: 'engineering' }, { signDisplay: 'always' }, { signDisplay: 'exceptZero' }, { signDisplay: 'never' }, { signDisplay: 'negative' },
  { style: 'unit', unit: 'kilometer' }, { style: 'unit', unit: 'megabyte', unitDisplay: 'long' }, { style: 'unit', unit: 'celsius' }, { style: 'unit', unit: 'day', unitDisplay: 'short' },
  { style: 'currency', currency: 'USD', notation: 'compact' },
];
for (const options of numbers) for (const value of values) say(options, tried(() => new Intl.NumberFormat('en-US', options).format(value)));
for (const options of [{ style: 'currency' }, { style: 'odd' }, { maximumFractionDigits: 101 }, { minimumFractionDigits: 3, maximumFractionDigits: 2 }, { style: 'currency', currency: 'E' }, { style: 'unit' }]) say(options, tried(() => new Intl.NumberFormat('en', options).format(1)));
say(new Intl.NumberFormat('en-US', { style: 'currency', currency: 'USD' }).formatToParts(-1234.5), new Intl.NumberFormat('en-US').format('12345678901234567890.25'));
say((1234.5).toLocaleString(), (1234.5).toLocaleString('en-US', { minimumFractionDigits: 2 }), 1234n.toLocaleString('en-US'), [1, 2].map(new Intl.NumberFormat('en').format));

for (const type of ['cardinal', 'ordinal']) say(type, [0, 1, 1.5, 2, 3, 4, 11, 12, 13, 21, 22, 23, 101, 111, -1, NaN].map((value) => new Intl.PluralRules('en-US', { type }).select(value)));
say(new Intl.PluralRules('en-US', { minimumFractionDigits: 1 }).select(1), new Intl.PluralRules('en').resolvedOptions().pluralCategories);
for (const type of ['conjunction', 'disjunction', 'unit']) for (const style of ['long', 'short', 'narrow']) say([[], ['a'], ['a', 'b'], ['a', 'b', 'c', 'd']].map((list) => new Intl.ListFormat('en', { type, style }).format(list)));
say(new Intl.ListFormat('en').formatToParts(['a', 'b']), tried(() => new Intl.ListFormat('en').format([1])));
for (const style of ['long', 'short', 'narrow']) for (const numeric of ['always', 'auto']) for (const unit of ['second', 'minute', 'hours', 'day', 'week', 'months', 'quarter', 'year']) say(style, unit, [-2, -1, -0, 0, 1, 1.5, 1234].map((value) => new Intl.RelativeTimeFormat('en', { style, numeric }).format(value, unit)));
say(tried(() => new Intl.RelativeTimeFormat('en').format(1, 'age')), new Intl.RelativeTimeFormat('en', { numeric: 'auto' }).formatToParts(1, 'day'));

const words = ['b', 'a', 'C', 'A', 'c', 'ä', 'Z', 'z', 'a10', 'a9', 'é', 'e', 'E', '1', '_', ' x', 'zebra', 'résumé', 'resume', 'Resume'];
for (const options of [undefined, { numeric: true }, { sensitivity: 'base' }, { sensitivity: 'accent' }, { caseFirst: 'upper' }]) say(options ?? {}, [...words].sort(new Intl.Collator('en', options).compare).join('|'));
say(['a', 'A', 'á'].map((word) => ['base', 'accent', 'case', 'variant'].map((sensitivity) => 'a'.localeCompare(word, 'en', { sensitivity }))));

say(Intl.getCanonicalLocales(['EN-us', 'de-de', 'zh-hant-tw']), tried(() => Intl.getCanonicalLocales('x_y')), Intl.NumberFormat.supportedLocalesOf(['en-US', 'en']), String(Intl), Object.prototype.toString.call(new Intl.Collator()));
const locale = new Intl.Locale('en-latn-US');
say(locale.language, locale.script, locale.region, String(locale));
say(new Intl.NumberFormat('en-US').resolvedOptions().locale, new Intl.DateTimeFormat('en-US', { timeZone: 'europe/berlin' }).resolvedOptions().timeZone, typeof Intl.DateTimeFormat().format(), Intl.NumberFormat.name);
