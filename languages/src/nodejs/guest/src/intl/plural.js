// Plurals and lists of English (CLDR).
import { digitsOf, readDigits, withDigits } from './decimal.js';
import { locale, Options, supported } from './options.js';

const JOINS = {
  conjunction: { long: ['and', ', and '], short: ['&', ', & '], narrow: [',', ', '] },
  disjunction: { long: ['or', ', or '], short: ['or', ', or '], narrow: ['or', ', or '] },
  unit: { long: [',', ', '], short: [',', ', '], narrow: ['', ' '] },
};

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
      type: read.text('type', Object.keys(JOINS), 'conjunction'),
      style: read.text('style', ['long', 'short', 'narrow'], 'long'),
    };
  }
  formatToParts(list) {
    const items = Array.from(list ?? [], (value) => {
      if (typeof value !== 'string') throw new TypeError(`Iterable yielded ${String(value)} which is not a string`);
      return value;
    });
    const [word, last] = JOINS[this.#kind.type][this.#kind.style];
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
