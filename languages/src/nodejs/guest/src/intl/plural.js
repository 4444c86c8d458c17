// Plurals, lists and relative times of English (CLDR).
import { digitsOf, toFraction, toSignificant, written } from './decimal.js';
import { locale, Options, supported } from './options.js';

const IDENTITIES = {
  conjunction: { long: ['and', ', and '], short: ['&', ', & '], narrow: [',', ', '] },
  disjunction: { long: ['or', ', or '], short: ['or', ', or '], narrow: ['or', ', or '] },
  unit: { long: [',', ', '], short: [',', ', '], narrow: ['', ' '] },
};

// How many digits are shown (ECMA-402, 15.1.3).
export function readDigits(options, least, most, isCompact) {
  const minimumIntegerDigits = options.number('minimumIntegerDigits', 1, 21, 1);
  const { minimumSignificantDigits: first, maximumSignificantDigits: last } = options.given;
  const digits = { minimumIntegerDigits };
  if (first !== undefined || last !== undefined) {
    digits.minimumSignificantDigits = options.number('minimumSignificantDigits', 1, 21, 1);
    digits.maximumSignificantDigits = options.number('maximumSignificantDigits', digits.minimumSignificantDigits, 21, 21);
    return digits;
  }
  const { minimumFractionDigits: from, maximumFractionDigits: to } = options.given;
  if (isCompact && from === undefined && to === undefined) return digits;
  let low = options.number('minimumFractionDigits', 0, 100, undefined);
  let high = options.number('maximumFractionDigits', 0, 100, undefined);
  if (low === undefined) low = high === undefined ? least : Math.min(least, high);
  else if (high === undefined) high = Math.max(most, low);
  else if (low > high) throw new RangeError('maximumFractionDigits value is out of range.');
  digits.minimumFractionDigits = low;
  digits.maximumFractionDigits = high ?? most;
  return digits;
}

// Rounds, and writes the digits.
export function withDigits(number, digits) {
  if (digits.maximumSignificantDigits !== undefined) {
    const rounded = toSignificant(number, digits.maximumSignificantDigits);
    const shown = Math.max(0, digits.minimumSignificantDigits - Math.max(rounded.point, rounded.digits === '' ? 1 : rounded.point));
    return { rounded, ...written(rounded, digits.minimumIntegerDigits, shown) };
  }
  const rounded = toFraction(number, digits.maximumFractionDigits);
  return { rounded, ...written(rounded, digits.minimumIntegerDigits, digits.minimumFractionDigits) };
}

export class PluralRules {
  #type;
  #digits;
  #locale;
  constructor(locales, options) {
    const read = new Options('PluralRules', options);
    this.#locale = locale(locales, 'Intl.PluralRules');
    this.#type = read.text('type', ['cardinal', 'ordinal'], 'cardinal');
    this.#digits = readDigits(read, 0, 3, false);
  }
  select(value) {
    const number = digitsOf(Number(value));
    if (number.special) return 'other';
    const { whole, part } = withDigits(number, this.#digits);
    if (this.#type === 'cardinal') return whole === '1' && part === '' ? 'one' : 'other';
    if (part !== '') return 'other';
    const [ten, one] = whole.padStart(2, '0').slice(-2);
    return ten === '1' ? 'other' : ({ 1: 'one', 2: 'two', 3: 'few' })[one] ?? 'other';
  }
  resolvedOptions() {
    const pluralCategories = this.#type === 'cardinal' ? ['one', 'other'] : ['few', 'one', 'two', 'other'];
    return { locale: this.#locale, type: this.#type, ...this.#digits, pluralCategories };
  }
  static supportedLocalesOf(locales) { return supported(locales); }
  get [Symbol.toStringTag]() { return 'Intl.PluralRules'; }
}

export class ListFormat {
  #kind;
  #locale;
  constructor(locales, options) {
    const read = new Options('ListFormat', options);
    this.#locale = locale(locales, 'Intl.ListFormat');
    this.#kind = {
      type: read.text('type', Object.keys(IDENTITIES), 'conjunction'),
      style: read.text('style', ['long', 'short', 'narrow'], 'long'),
    };
  }
  formatToParts(list) {
    const items = Array.from(list ?? [], (value) => {
      if (typeof value !== 'string') throw new TypeError(`Iterable yielded ${String(value)} which is not a string`);
      return value;
    });
    const [word, last] = IDENTITIES[this.#kind.type][this.#kind.style];
    const between = last === ' ' ? ' ' : ', ';
    const two = word === ',' ? ', ' : word === '' ? ' ' : ` ${word} `;
    return items.flatMap((value, at) => {
      const element = { type: 'element', value };
      if (at === 0) return [element];
      const literal = items.length === 2 ? two : at === items.length - 1 ? last : between;
      return [{ type: 'literal', value: literal }, element];
    });
  }
  format(list) { return this.formatToParts(list).map(({ value }) => value).join(''); }
  resolvedOptions() { return { locale: this.#locale, ...this.#kind }; }
  static supportedLocalesOf(locales) { return supported(locales); }
  get [Symbol.toStringTag]() { return 'Intl.ListFormat'; }
}
