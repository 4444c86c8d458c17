// `in 2 days` (ECMA-402, 17), with the words of CLDR for English.
import { NumberFormat } from './number.js';
import { locale, Options, supported } from './options.js';
import { PluralRules } from './plural.js';

const UNITS = ['second', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'];
const SHORT = { second: ['sec.', 'sec.'], minute: ['min.', 'min.'], hour: ['hr.', 'hr.'], day: ['day', 'days'], week: ['wk.', 'wk.'], month: ['mo.', 'mo.'], quarter: ['qtr.', 'qtrs.'], year: ['yr.', 'yr.'] };
const NARROW = { second: 's', minute: 'm', hour: 'h', day: 'd', week: 'w', month: 'mo', quarter: 'q', year: 'y' };
const NEAR = { day: ['yesterday', 'today', 'tomorrow'], second: [, 'now'], minute: [, 'this minute'], hour: [, 'this hour'] };
const nearOf = (unit, style, at) => {
  if (NEAR[unit]) return NEAR[unit][at + 1];
  const word = style === 'long' ? unit : SHORT[unit][0];
  return `${['last', 'this', 'next'][at + 1]} ${word}`;
};

export class RelativeTimeFormat {
  #options;
  #numbers = new NumberFormat('en');
  #plurals = new PluralRules('en');
  constructor(locales, options) {
    const read = new Options('RelativeTimeFormat', options);
    this.#options = {
      locale: locale(locales, 'Intl.RelativeTimeFormat'),
      style: read.text('style', ['long', 'short', 'narrow'], 'long'),
      numeric: read.text('numeric', ['always', 'auto'], 'always'),
      numberingSystem: 'latn',
    };
  }
  formatToParts(value, unit) {
    const one = String(unit).replace(/s$/, '');
    if (!UNITS.includes(one)) throw new RangeError(`Invalid unit argument for Intl.RelativeTimeFormat.prototype.format() '${unit}'`);
    const number = Number(value);
    if (!Number.isFinite(number)) throw new RangeError('Invalid time value');
    const { style, numeric } = this.#options;
    if (numeric === 'auto' && [-1, 0, 1].includes(number)) {
      const word = nearOf(one, style, number);
      if (word) return [{ type: 'literal', value: word }];
    }
    const isPast = number < 0 || Object.is(number, -0);
    const size = Math.abs(number);
    const isOne = this.#plurals.select(size) === 'one';
    const word = style === 'narrow' ? NARROW[one] : style === 'short' ? ` ${SHORT[one][isOne ? 0 : 1]}` : ` ${one}${isOne ? '' : 's'}`;
    const digits = this.#numbers.formatToParts(size).map((part) => ({ ...part, unit: one }));
    return isPast ? [...digits, { type: 'literal', value: `${word} ago` }] : [{ type: 'literal', value: 'in ' }, ...digits, { type: 'literal', value: word }];
  }
  format(value, unit) { return this.formatToParts(value, unit).map((part) => part.value).join(''); }
  resolvedOptions() { return { ...this.#options }; }
  static supportedLocalesOf(locales) { return supported(locales); }
  get [Symbol.toStringTag]() { return 'Intl.RelativeTimeFormat'; }
}
