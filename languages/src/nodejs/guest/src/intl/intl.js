// `Intl`, and the methods of numbers, dates and texts that stand on it. One locale, as of Node.js with `small-icu`: English.
import { Collator } from './collator.js';
import { DateTimeFormat } from './date.js';
import { NumberFormat } from './number.js';
import { canonical, Locale } from './options.js';
import { ListFormat, PluralRules } from './plural.js';
import { RelativeTimeFormat } from './relative.js';

// Those that are called without `new`, too.
function callable(Class) {
  function Made(locales, options) { return Reflect.construct(Class, [locales, options], new.target ?? Made); }
  Made.prototype = Class.prototype;
  Object.defineProperty(Made.prototype, 'constructor', { value: Made, writable: true, configurable: true });
  return Object.assign(Made, { supportedLocalesOf: Class.supportedLocalesOf });
}

const VALUES = { calendar: ['gregory'], collation: ['default'], numberingSystem: ['latn'] };
const Intl = {
  getCanonicalLocales: (locales) => canonical(locales),
  supportedValuesOf(key) {
    if (!Object.hasOwn(VALUES, key)) throw new RangeError(`Invalid key : ${key}`);
    return [...VALUES[key]];
  },
};
for (const [name, value] of Object.entries({ Collator: callable(Collator), DateTimeFormat: callable(DateTimeFormat), ListFormat, Locale, NumberFormat: callable(NumberFormat), PluralRules, RelativeTimeFormat })) {
  Object.defineProperty(value, 'name', { value: name });
  Object.defineProperty(Intl, name, { value, writable: true, configurable: true });
}
Object.defineProperty(Intl, Symbol.toStringTag, { value: 'Intl', configurable: true });
Object.defineProperty(globalThis, 'Intl', { value: Intl, writable: true, configurable: true });

const define = (type, name, value) => Object.defineProperty(type.prototype, name, { value, writable: true, configurable: true });

// What is made for nothing in particular is made once.
const once = (make) => {
  let made;
  return (locales, options) => (locales === undefined && options === undefined ? (made ??= make()) : make(locales, options));
};
const collator = once((locales, options) => new Collator(locales, options));
const numbers = once((locales, options) => new NumberFormat(locales, options));
define(String, 'localeCompare', function localeCompare(that, locales, options) { return collator(locales, options).compare(this, that); });
define(Number, 'toLocaleString', function toLocaleString(locales, options) { return numbers(locales, options).format(Number(this)); });
define(BigInt, 'toLocaleString', function toLocaleString(locales, options) { return numbers(locales, options).format(BigInt(this)); });
for (const [name, needs, defaults] of [['toLocaleDateString', 'date', 'date'], ['toLocaleTimeString', 'time', 'time'], ['toLocaleString', 'any', 'all']]) {
  const format = once((locales, options) => new DateTimeFormat(locales, options, needs, defaults));
  define(Date, name, { [name](locales, options) { return Number.isNaN(+this) ? 'Invalid Date' : format(locales, options).format(this); } }[name]);
}
