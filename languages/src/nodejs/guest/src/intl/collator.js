// The order of texts in English: letters first, then accents, then case, small ones before
// (https://www.unicode.org/reports/tr10/). Letters of other scripts are in the order of their code points.
import { locale, Options, supported } from './options.js';

const PLAIN = /^[\0-\x7f]*$/;
const bare = (text) => (PLAIN.test(text) ? text : text.normalize('NFD').replace(/[\u0300-\u036f]/g, ''));
const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
// Letters behind digits, and these behind signs and spaces.
const rank = (code) => (code >= 97 ? 2 : code >= 48 && code <= 57 ? 1 : 0);

const DIGITS = /\d+/y;

// Where `numeric`, digits that stand together are one number.
function compareBases(a, b, numeric) {
  let i = 0, k = 0;
  while (i < a.length && k < b.length) {
    const one = a.charCodeAt(i), other = b.charCodeAt(k);
    if (numeric && rank(one) === 1 && rank(other) === 1) {
      const [left, right] = [[a, i], [b, k]].map(([text, at]) => {
        DIGITS.lastIndex = at;
        return DIGITS.exec(text)[0];
      });
      const found = Math.sign(Number(left) - Number(right));
      if (found) return found;
      i += left.length;
      k += right.length;
      continue;
    }
    if (one !== other) return order(rank(one), rank(other)) || order(one, other);
    i++;
    k++;
  }
  return order(a.length - i, b.length - k);
}

export class Collator {
  #options;
  #compare;
  constructor(locales, options) {
    const read = new Options('Collator', options);
    this.#options = {
      locale: locale(locales, 'Intl.Collator'),
      usage: read.text('usage', ['sort', 'search'], 'sort'),
      sensitivity: read.text('sensitivity', ['base', 'accent', 'case', 'variant'], 'variant'),
      ignorePunctuation: read.flag('ignorePunctuation', false),
      collation: 'default',
      numeric: read.flag('numeric', false),
      caseFirst: read.text('caseFirst', ['upper', 'lower', 'false'], 'false'),
    };
  }
  get compare() {
    return (this.#compare ??= (a, b) => compare(String(a), String(b), this.#options));
  }
  resolvedOptions() { return { ...this.#options }; }
  static supportedLocalesOf(locales) { return supported(locales); }
  get [Symbol.toStringTag]() { return 'Intl.Collator'; }
}

function compare(a, b, { sensitivity, ignorePunctuation, numeric, caseFirst }) {
  if (ignorePunctuation) [a, b] = [a, b].map((text) => text.replace(/[\p{P}\s]/gu, ''));
  if (a === b) return 0;
  const [one, other] = [bare(a).toLowerCase(), bare(b).toLowerCase()];
  const bases = compareBases(one, other, numeric);
  if (bases || sensitivity === 'base') return bases;
  if (sensitivity !== 'case') {
    const accents = order(a.normalize('NFD').toLowerCase(), b.normalize('NFD').toLowerCase());
    if (accents || sensitivity === 'accent') return accents;
  }
  const cases = order(bare(a), bare(b));
  return caseFirst === 'upper' ? cases : -cases;
}
