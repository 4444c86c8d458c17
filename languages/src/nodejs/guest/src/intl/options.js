// Options and locales of Intl's constructors (ECMA-402, 9.2). The one locale is English; what asks for another is told once.
import { writeErr } from '../process.js';

const TAG = /^(?:[a-z]{2,3}|[a-z]{5,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|\d{3}))?(?:-[a-z\d]{1,8})*$/i;
let isTold = false;

export function canonical(locales) {
  if (locales === undefined) return [];
  const list = typeof locales === 'string' || locales instanceof Locale ? [locales] : Array.from(Object(locales));
  const found = list.map((tag) => {
    if (typeof tag !== 'string' && typeof tag !== 'object') throw new TypeError('Incorrect locale information provided');
    const text = String(tag);
    if (!TAG.test(text)) throw new RangeError(`Incorrect locale information provided`);
    return text.split('-').map((part, at) => {
      if (at === 0 || part.length > 4 || text.slice(0, text.indexOf(part)).includes('-u-')) return part.toLowerCase();
      if (part.length === 4 && /^[a-z]/i.test(part)) return part[0].toUpperCase() + part.slice(1).toLowerCase();
      return part.length === 2 ? part.toUpperCase() : part.toLowerCase();
    }).join('-');
  });
  return [...new Set(found)];
}

const isEnglish = (tag) => /^en(?:-|$)/.test(tag);
export const supported = (locales) => canonical(locales).filter(isEnglish);

export function locale(locales, what) {
  const list = canonical(locales);
  const found = list.find(isEnglish);
  if (list.length && !found && !isTold) {
    isTold = true;
    writeErr(`warning: ${what}: this guest has the locale of English alone, and answers for ${list[0]} with it\n`);
  }
  return found === undefined || /^en-US\b/.test(found) ? 'en-US' : 'en';
}

// Reads options one by one, in the name of a constructor.
export class Options {
  constructor(owner, options) {
    this.owner = owner;
    this.given = options === undefined ? {} : Object(options);
    if (options === null) throw new TypeError('Cannot convert undefined or null to object');
  }
  text(name, allowed, fallback) {
    const value = this.given[name];
    if (value === undefined) return fallback;
    const text = String(value);
    if (allowed && !allowed.includes(text)) throw new RangeError(`Value ${text} out of range for Intl.${this.owner} options property ${name}`);
    return text;
  }
  number(name, least, most, fallback) {
    const value = this.given[name];
    if (value === undefined) return fallback;
    const number = Math.floor(Number(value));
    if (!(number >= least && number <= most)) throw new RangeError(`${name} value is out of range.`);
    return number;
  }
  flag(name, fallback) {
    const value = this.given[name];
    return value === undefined ? fallback : Boolean(value);
  }
}

// What a locale's name says (ECMA-402, 14), without tables of likely parts.
export class Locale {
  #tag;
  constructor(tag, options = {}) {
    if (typeof tag !== 'string' && typeof tag !== 'object') throw new TypeError('First argument to Intl.Locale constructor can\'t be empty or missing');
    const [found] = canonical(String(tag));
    if (found === undefined) throw new RangeError('Incorrect locale information provided');
    const { language, script, region } = parts(found);
    const base = [options.language ?? language, options.script ?? script, options.region ?? region].filter(Boolean).join('-');
    [this.#tag] = canonical(base + found.slice(parts(found).length));
  }
  get language() { return parts(this.#tag).language; }
  get script() { return parts(this.#tag).script; }
  get region() { return parts(this.#tag).region; }
  get baseName() { return this.#tag.split('-u-')[0]; }
  get calendar() { return undefined; }
  toString() { return this.#tag; }
  maximize() { return this; }
  minimize() { return this; }
  get [Symbol.toStringTag]() { return 'Intl.Locale'; }
}

function parts(tag) {
  const [whole, language, script, region] = /^([a-z]+)(?:-([A-Z][a-z]{3}))?(?:-([A-Z]{2}|\d{3}))?/.exec(tag);
  return { language, script, region, length: whole.length };
}
