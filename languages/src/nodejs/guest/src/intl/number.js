// Numbers in English (ECMA-402, 15).
import { digitsOf, readDigits, shifted, toFraction, toSignificant, withDigits } from './decimal.js';
import { locale, Options, supported } from './options.js';

// Currencies whose symbol is not their code (CLDR, English), and those with other than two digits (ISO 4217).
const SYMBOLS = { AUD: 'A$', BRL: 'R$', CAD: 'CA$', CNY: 'CN¥', EUR: '€', GBP: '£', HKD: 'HK$', ILS: '₪', INR: '₹', JPY: '¥', KRW: '₩', MXN: 'MX$', NZD: 'NZ$', PHP: '₱', TWD: 'NT$', USD: '$', VND: '₫', XAF: 'FCFA', XCD: 'EC$', XOF: 'F\u202fCFA', XPF: 'CFPF' };
const NARROW = { ...SYMBOLS, AUD: '$', CAD: '$', CNY: '¥', HKD: '$', MXN: '$', NZD: '$', TWD: '$', XCD: '$', ARS: '$', CLP: '$', COP: '$', CZK: 'Kč', DKK: 'kr', HUF: 'Ft', ISK: 'kr', NGN: '₦', NOK: 'kr', PLN: 'zł', RUB: '₽', SEK: 'kr', SGD: '$', THB: '฿', TRY: '₺', UAH: '₴' };
const NAMES = { AUD: 'Australian dollar', BRL: 'Brazilian real', CAD: 'Canadian dollar', CHF: 'Swiss franc', CNY: 'Chinese yuan', EUR: 'euro', GBP: 'British pound', INR: 'Indian rupee', JPY: 'Japanese yen', USD: 'US dollar' };
const MANY = { BRL: 'Brazilian reals', CNY: 'Chinese yuan', JPY: 'Japanese yen' };
const NO_CENTS = new Set('BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF'.split(' '));
const MILLS = new Set('BHD IQD JOD KWD LYD OMR TND'.split(' '));
// Short, and what stands behind one and many in full.
const UNITS = {
  bit: 'bit', byte: 'byte', kilobit: 'kb', kilobyte: 'kB', megabit: 'Mb', megabyte: 'MB', gigabit: 'Gb', gigabyte: 'GB', terabyte: 'TB', petabyte: 'PB',
  millisecond: 'ms', second: 'sec', minute: 'min', hour: 'hr', day: 'day', week: 'wk', month: 'mth', year: 'yr',
  millimeter: 'mm', centimeter: 'cm', meter: 'm', kilometer: 'km', inch: 'in', foot: 'ft', mile: 'mi', gram: 'g', kilogram: 'kg', ounce: 'oz', pound: 'lb', liter: 'L', milliliter: 'mL',
  celsius: '°C', fahrenheit: '°F', degree: 'deg', percent: '%', 'kilometer-per-hour': 'km/h', 'mile-per-hour': 'mph', 'meter-per-second': 'm/s',
};
const PLURAL_SHORT = { day: 'days', week: 'wks', month: 'mths', year: 'yrs' };
const CLOSE = new Set(['celsius', 'fahrenheit', 'percent']);
const LONG = { celsius: ['degree Celsius', 'degrees Celsius'], fahrenheit: ['degree Fahrenheit', 'degrees Fahrenheit'], foot: ['foot', 'feet'], inch: ['inch', 'inches'], percent: ['percent', 'percent'] };
const POWERS = { short: ['', 'K', 'M', 'B', 'T'], long: ['', ' thousand', ' million', ' billion', ' trillion'] };

export class NumberFormat {
  #options;
  #format;
  constructor(locales, options) {
    const read = new Options('NumberFormat', options);
    const found = { locale: locale(locales, 'Intl.NumberFormat'), numberingSystem: 'latn' };
    found.style = read.text('style', ['decimal', 'percent', 'currency', 'unit'], 'decimal');
    const currency = read.text('currency');
    if (currency !== undefined && !/^[a-z]{3}$/i.test(currency)) throw new RangeError(`Invalid currency code : ${currency}`);
    if (found.style === 'currency') {
      if (currency === undefined) throw new TypeError('Currency code is required with currency style.');
      found.currency = currency.toUpperCase();
      found.currencyDisplay = read.text('currencyDisplay', ['code', 'symbol', 'narrowSymbol', 'name'], 'symbol');
      found.currencySign = read.text('currencySign', ['standard', 'accounting'], 'standard');
    }
    const unit = read.text('unit');
    if (unit !== undefined && !Object.hasOwn(UNITS, unit)) throw new RangeError(`Invalid unit argument for Intl.NumberFormat() '${unit}'`);
    if (found.style === 'unit') {
      if (unit === undefined) throw new TypeError("Invalid unit argument for Intl.NumberFormat() ''");
      found.unit = unit;
      found.unitDisplay = read.text('unitDisplay', ['short', 'narrow', 'long'], 'short');
    }
    const notation = read.text('notation', ['standard', 'scientific', 'engineering', 'compact'], 'standard');
    const cents = NO_CENTS.has(found.currency) ? 0 : MILLS.has(found.currency) ? 3 : 2;
    const isMoney = found.style === 'currency' && notation === 'standard';
    Object.assign(found, readDigits(read, isMoney ? cents : 0, isMoney ? cents : found.style === 'percent' ? 0 : 3, notation === 'compact'));
    const grouping = read.given.useGrouping;
    found.useGrouping = grouping === undefined ? (notation === 'compact' ? 'min2' : 'auto') : grouping === true || grouping === 'true' ? 'always' : grouping === 'false' ? false : grouping && String(grouping);
    found.notation = notation;
    if (notation === 'compact') found.compactDisplay = read.text('compactDisplay', ['short', 'long'], 'short');
    found.signDisplay = read.text('signDisplay', ['auto', 'never', 'always', 'exceptZero', 'negative'], 'auto');
    found.roundingIncrement = 1;
    found.roundingMode = 'halfExpand';
    found.roundingPriority = 'auto';
    found.trailingZeroDisplay = 'auto';
    this.#options = found;
  }

  get format() { return (this.#format ??= (value) => text(this.formatToParts(value))); }
  formatToParts(value) { return partsOf(numeric(value), this.#options); }
  resolvedOptions() { return { ...this.#options }; }
  static supportedLocalesOf(locales) { return supported(locales); }
  get [Symbol.toStringTag]() { return 'Intl.NumberFormat'; }
}

const text = (parts) => parts.map(({ value }) => value).join('');

function numeric(value) {
  if (typeof value === 'object' && value !== null) value = value[Symbol.toPrimitive]?.('number') ?? value.valueOf();
  if (typeof value === 'bigint' || typeof value === 'number') return value;
  return typeof value === 'string' && /^\s*-?\d+(\.\d+)?\s*$/.test(value) ? value.trim() : Number(value);
}

function partsOf(value, options) {
  let number = digitsOf(value);
  const { isNegative } = number;
  if (options.style === 'percent') number = shifted(number, 2);
  const parts = [];
  let isOne = false, isZero = false;
  if (number.special) {
    parts.push({ type: number.special === 'NaN' ? 'nan' : 'infinity', value: number.special });
  } else {
    const shown = notated(number, options);
    isOne = shown.whole === '1' && shown.part === '' && !shown.power;
    isZero = /^[0]*$/.test(shown.whole + shown.part);
    parts.push(...grouped(shown.whole, options.useGrouping));
    if (shown.part !== '') parts.push({ type: 'decimal', value: '.' }, { type: 'fraction', value: shown.part });
    parts.push(...shown.behind);
  }
  const sign = signOf(isNegative && number.special !== 'NaN', isZero || number.special === 'NaN', options.signDisplay);
  const isBracketed = sign === '-' && options.currencySign === 'accounting';
  const marked = around(parts, options, isOne);
  if (isBracketed) return [{ type: 'literal', value: '(' }, ...marked, { type: 'literal', value: ')' }];
  if (sign === '') return marked;
  return [{ type: sign === '-' ? 'minusSign' : 'plusSign', value: sign }, ...marked];
}

function signOf(isNegative, isZero, display) {
  switch (display) {
    case 'never': return '';
    case 'always': return isNegative ? '-' : '+';
    case 'exceptZero': return isZero ? '' : isNegative ? '-' : '+';
    case 'negative': return isNegative && !isZero ? '-' : '';
    default: return isNegative ? '-' : '';
  }
}

// The digits, and what a notation puts behind them.
function notated(number, options) {
  if (options.notation === 'standard') return { ...withDigits(number, options), behind: [] };
  if (options.notation === 'compact') return compact(number, options);
  const step = options.notation === 'engineering' ? 3 : 1;
  const powerOf = ({ digits, point }) => (digits === '' ? 0 : Math.floor((point - 1) / step) * step);
  let power = powerOf(number);
  let shown = withDigits(shifted(number, -power), options);
  if (shown.rounded.point > step) {
    power += step;
    shown = withDigits(shifted(number, -power), options);
  }
  const sign = power < 0 ? [{ type: 'exponentMinusSign', value: '-' }] : [];
  return { ...shown, power, behind: [{ type: 'exponentSeparator', value: 'E' }, ...sign, { type: 'exponentInteger', value: String(Math.abs(power)) }] };
}

function compact(number, options) {
  const isRounded = options.maximumFractionDigits === undefined && options.maximumSignificantDigits === undefined;
  const digits = isRounded ? { minimumIntegerDigits: options.minimumIntegerDigits, minimumFractionDigits: 0, maximumFractionDigits: 100 } : options;
  // Two digits where one would be left.
  const rounded = (scaled) => (!isRounded ? withDigits(scaled, digits).rounded : scaled.point > 1 ? toFraction(scaled, 0) : toSignificant(scaled, 2));
  let level = Math.max(0, Math.min(4, Math.floor((number.point - 1) / 3)));
  if (level < 4 && rounded(shifted(number, -3 * level)).point > 3) level++;
  const shown = withDigits(rounded(shifted(number, -3 * level)), digits);
  const word = POWERS[options.compactDisplay][level];
  const behind = word.startsWith(' ') ? [{ type: 'literal', value: ' ' }, { type: 'compact', value: word.slice(1) }] : word ? [{ type: 'compact', value: word }] : [];
  return { ...shown, power: 3 * level, behind };
}

function grouped(whole, grouping) {
  if (!grouping || whole.length < (grouping === 'min2' ? 5 : 4)) return [{ type: 'integer', value: whole }];
  const groups = whole.replace(/\B(?=(\d{3})+$)/g, ',').split(',');
  return groups.flatMap((value, at) => [...(at ? [{ type: 'group', value: ',' }] : []), { type: 'integer', value }]);
}

// What stands before and behind a number by its style.
function around(parts, { style, currency, currencyDisplay, unit, unitDisplay }, isOne) {
  const isNumber = parts[0].type === 'integer';
  switch (style) {
    case 'percent': return [...parts, { type: 'percentSign', value: '%' }];
    case 'currency': {
      if (currencyDisplay === 'name') {
        const one = NAMES[currency];
        const value = one === undefined ? currency : isOne ? one : MANY[currency] ?? `${one}s`;
        return [...parts, { type: 'literal', value: ' ' }, { type: 'currency', value }];
      }
      const value = currencyDisplay === 'code' ? currency : (currencyDisplay === 'symbol' ? SYMBOLS : NARROW)[currency] ?? currency;
      const space = isNumber && /[a-z]$/i.test(value) ? [{ type: 'literal', value: '\u00a0' }] : [];
      return [{ type: 'currency', value }, ...space, ...parts];
    }
    case 'unit': {
      const short = isOne ? UNITS[unit] : PLURAL_SHORT[unit] ?? UNITS[unit];
      const long = () => (LONG[unit] ?? [unit, `${unit}s`])[isOne ? 0 : 1];
      const value = unitDisplay === 'long' ? long() : short;
      const isClose = unitDisplay === 'narrow' || (CLOSE.has(unit) && unitDisplay === 'short');
      return [...parts, ...(isClose ? [] : [{ type: 'literal', value: ' ' }]), { type: unit === 'percent' && unitDisplay !== 'long' ? 'percentSign' : 'unit', value }];
    }
    default: return parts;
  }
}
