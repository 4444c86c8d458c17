// Dates in English (ECMA-402, 11): the Gregorian calendar, the patterns of CLDR for en-US.
import { locale, Options, supported } from './options.js';
import { zoneOf } from './zone.js';

const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');
const MONTHS = 'January February March April May June July August September October November December'.split(' ');
const TWO = ['numeric', '2-digit'], NAMES = ['narrow', 'short', 'long'];
const DATE = ['weekday', 'era', 'year', 'month', 'day'];
const TIME = ['dayPeriod', 'hour', 'minute', 'second', 'fractionalSecondDigits'];
const STYLES = {
  full: { weekday: 'long', month: 'long', day: 'numeric', year: 'numeric' },
  long: { month: 'long', day: 'numeric', year: 'numeric' },
  medium: { month: 'short', day: 'numeric', year: 'numeric' },
  short: { month: 'numeric', day: 'numeric', year: '2-digit' },
};
// Zones with a name for all who speak English, by the abbreviation in their file; other zones are told by their offset.
const AMERICAN = { EST: 'Eastern Standard', EDT: 'Eastern Daylight', CST: 'Central Standard', CDT: 'Central Daylight', MST: 'Mountain Standard', MDT: 'Mountain Daylight', PST: 'Pacific Standard', PDT: 'Pacific Daylight', AKST: 'Alaska Standard', AKDT: 'Alaska Daylight', HST: 'Hawaii-Aleutian Standard' };
const EUROPEAN = { CET: 'Central European Standard', CEST: 'Central European Summer', EET: 'Eastern European Standard', EEST: 'Eastern European Summer', WET: 'Western European Standard', WEST: 'Western European Summer', GMT: 'Greenwich Mean', BST: 'British Summer' };
const ASIAN = { 'Asia/Kolkata': 'India Standard', 'Asia/Tokyo': 'Japan Standard', 'Asia/Shanghai': 'China Standard', 'Asia/Seoul': 'Korean Standard', 'Asia/Singapore': 'Singapore Standard', 'Asia/Hong_Kong': 'Hong Kong Standard' };

export class DateTimeFormat {
  #options;
  #zone;
  #shown;
  #format;
  // `needs` and `defaults`: 'any', 'date', 'time' or 'all', for the methods of Date.
  constructor(locales, options, needs = 'any', defaults = 'date') {
    const read = new Options('DateTimeFormat', options);
    const found = { locale: locale(locales, 'Intl.DateTimeFormat'), calendar: 'gregory', numberingSystem: 'latn' };
    const name = read.text('timeZone', undefined, 'UTC');
    this.#zone = zoneOf(name);
    if (!this.#zone) throw new RangeError(`Invalid time zone specified: ${name}`);
    found.timeZone = this.#zone.name;
    const hour12 = read.flag('hour12', undefined);
    const cycle = hour12 === undefined ? read.text('hourCycle', ['h11', 'h12', 'h23', 'h24'], 'h12') : hour12 ? 'h12' : 'h24'; // as V8 has it for English
    const shown = {};
    const take = (key, allowed) => {
      const value = key === 'fractionalSecondDigits' ? read.number(key, 1, 3) : read.text(key, allowed);
      if (value !== undefined) shown[key] = value;
    };
    take('weekday', NAMES);
    take('era', NAMES);
    take('year', TWO);
    take('month', [...TWO, ...NAMES]);
    take('day', TWO);
    take('dayPeriod', NAMES);
    take('hour', TWO);
    take('minute', TWO);
    take('second', TWO);
    take('fractionalSecondDigits');
    take('timeZoneName', ['short', 'long', 'shortOffset', 'longOffset', 'shortGeneric', 'longGeneric']);
    const dateStyle = read.text('dateStyle', Object.keys(STYLES)), timeStyle = read.text('timeStyle', Object.keys(STYLES));
    if (dateStyle || timeStyle) {
      const [other] = Object.keys(shown);
      if (other) throw new TypeError(`Can't set option ${other} when ${dateStyle ? 'dateStyle' : 'timeStyle'} is used`);
      if ((needs === 'date' && timeStyle) || (needs === 'time' && dateStyle)) throw new TypeError(`Invalid option : ${needs === 'date' ? 'timeStyle' : 'dateStyle'}`);
      this.#shown = { ...STYLES[dateStyle], ...timeOf(timeStyle) };
    } else {
      const has = (keys) => keys.some((key) => key !== 'era' && shown[key] !== undefined);
      const isGiven = (needs !== 'time' && has(DATE)) || (needs !== 'date' && has(TIME));
      if (!isGiven) {
        if (defaults !== 'time') Object.assign(shown, { year: 'numeric', month: 'numeric', day: 'numeric' });
        if (defaults !== 'date') Object.assign(shown, { hour: 'numeric', minute: '2-digit', second: '2-digit' });
      }
      if (shown.minute && (shown.hour || shown.second)) shown.minute = '2-digit';
      if (shown.second && shown.minute) shown.second = '2-digit';
      this.#shown = shown;
    }
    if (this.#shown.hour) {
      if (cycle === 'h23' || cycle === 'h24') this.#shown.hour = '2-digit';
      found.hourCycle = cycle;
      found.hour12 = cycle === 'h12' || cycle === 'h11';
    }
    this.#shown = { ...this.#shown, cycle };
    for (const key of [...DATE, ...TIME, 'timeZoneName']) if (!dateStyle && !timeStyle && this.#shown[key] !== undefined) found[key] = this.#shown[key];
    if (dateStyle) found.dateStyle = dateStyle;
    if (timeStyle) found.timeStyle = timeStyle;
    this.#options = found;
  }

  get format() { return (this.#format ??= (date) => this.formatToParts(date).map(({ value }) => value).join('')); }
  formatToParts(date) {
    const time = date === undefined ? Date.now() : Number(date);
    if (!(Math.abs(time) <= 8.64e15)) throw new RangeError('Invalid time value');
    const state = this.#zone.at(Math.floor(time / 1000));
    const local = new Date(Math.floor(time) + state.offset * 1000);
    return joined(datePart(local, this.#shown), timePart(local, this.#shown, state, this.#zone.name), this.#shown);
  }
  resolvedOptions() { return { ...this.#options }; }
  static supportedLocalesOf(locales) { return supported(locales); }
  get [Symbol.toStringTag]() { return 'Intl.DateTimeFormat'; }
}

function timeOf(style) {
  if (!style) return {};
  const zone = { full: { timeZoneName: 'long' }, long: { timeZoneName: 'short' } }[style];
  return { hour: 'numeric', minute: '2-digit', ...(style === 'short' ? {} : { second: '2-digit' }), ...zone };
}

const literal = (value) => ({ type: 'literal', value });
const digits = (value, form) => (form === '2-digit' ? String(value).padStart(2, '0').slice(-2) : String(value));
const named = (name, form) => (form === 'long' ? name : form === 'short' ? name.slice(0, 3) : name[0]);

// Parts with what is between them.
const between = (parts, text) => parts.flatMap((part, at) => (at ? [literal(text), part] : [part]));

function datePart(date, { weekday, era, year, month, day }) {
  const years = date.getUTCFullYear();
  const isBefore = years < 1;
  const at = {
    weekday: weekday && { type: 'weekday', value: named(DAYS[date.getUTCDay()], weekday) },
    era: era && { type: 'era', value: { long: isBefore ? 'Before Christ' : 'Anno Domini', short: isBefore ? 'BC' : 'AD', narrow: isBefore ? 'B' : 'A' }[era] },
    year: year && { type: 'year', value: digits(isBefore && era ? 1 - years : years, year) },
    day: day && { type: 'day', value: digits(date.getUTCDate(), day) },
    month: month && { type: 'month', value: NAMES.includes(month) ? named(MONTHS[date.getUTCMonth()], month) : digits(date.getUTCMonth() + 1, month) },
  };
  const isText = month !== undefined && NAMES.includes(month);
  let parts;
  if (isText) {
    // Nov 5, 2026
    const front = between([at.month, at.day].filter(Boolean), ' ');
    parts = at.year ? [...front, literal(at.day ? ', ' : ' '), at.year] : front;
  } else if (month) parts = between([at.month, at.day, at.year].filter(Boolean), '/');
  else if (year && day) parts = [at.year, literal(' (day: '), at.day, literal(')')];
  else parts = [at.year ?? at.day].filter(Boolean);
  if (at.era) parts = parts.length ? [...parts, literal(' '), at.era] : [at.era];
  if (!at.weekday) return parts;
  if (parts.length === 0) return [at.weekday];
  return month ? [at.weekday, literal(', '), ...parts] : [...parts, literal(' '), at.weekday];
}

function timePart(date, { hour, minute, second, fractionalSecondDigits, dayPeriod, timeZoneName, cycle }, state, zone) {
  const hours = date.getUTCHours();
  const at = { h11: hours % 12, h12: hours % 12 || 12, h23: hours, h24: hours || 24 }[cycle];
  let parts = [];
  if (hour) parts.push({ type: 'hour', value: digits(at, hour) });
  if (minute) parts.push({ type: 'minute', value: digits(date.getUTCMinutes(), hour || second ? '2-digit' : 'numeric') });
  if (second) parts.push({ type: 'second', value: digits(date.getUTCSeconds(), minute ? '2-digit' : 'numeric') });
  parts = between(parts, ':');
  if (fractionalSecondDigits) {
    const value = String(date.getUTCMilliseconds()).padStart(3, '0').slice(0, fractionalSecondDigits);
    parts.push(...(second ? [literal('.')] : []), { type: 'fractionalSecond', value });
  }
  const isHalf = cycle === 'h11' || cycle === 'h12';
  if (dayPeriod && (isHalf || !hour)) parts.push(...(parts.length ? [literal(' ')] : []), { type: 'dayPeriod', value: partOfDay(hours) });
  // A plain space, as browsers have it: `new Date(text)` of this engine reads no other, and packages rely on it.
  else if (hour && isHalf) parts.push(literal(' '), { type: 'dayPeriod', value: hours < 12 ? 'AM' : 'PM' });
  if (timeZoneName) parts.push(...(parts.length ? [literal(' ')] : []), { type: 'timeZoneName', value: nameOf(state, zone, timeZoneName) });
  return parts;
}

function partOfDay(hours) {
  if (hours === 12) return 'noon';
  if (hours < 6 || hours >= 21) return 'at night';
  return hours < 12 ? 'in the morning' : hours < 18 ? 'in the afternoon' : 'in the evening';
}

function nameOf({ offset, short }, zone, form) {
  const minutes = Math.round(Math.abs(offset) / 60), sign = offset < 0 ? '-' : '+';
  const [hour, rest] = [Math.floor(minutes / 60), String(minutes % 60).padStart(2, '0')];
  const long = `GMT${sign}${String(hour).padStart(2, '0')}:${rest}`;
  const brief = `GMT${sign}${hour}${rest === '00' ? '' : `:${rest}`}`;
  if (form === 'longOffset') return long;
  if (form === 'shortOffset') return brief;
  if (zone === 'UTC') return form === 'long' ? 'Coordinated Universal Time' : form === 'short' ? 'UTC' : 'GMT';
  const isAmerican = /^(?:America|US|Canada|Pacific\/Honolulu)/.test(zone);
  const name = isAmerican ? AMERICAN[short] : ASIAN[zone] ?? (/^(?:Europe|Arctic|Africa|Atlantic)\//.test(zone) ? EUROPEAN[short] : undefined);
  if (form === 'long' && name) return `${name} Time`;
  if (form === 'short' && isAmerican && name) return short;
  if (offset === 0) return 'GMT';
  return form.startsWith('long') ? long : brief;
}

function joined(date, time, { month, weekday, year, day, hour }) {
  if (date.length === 0 || time.length === 0) return [...date, ...time];
  const isAlone = weekday && !month && !year && !day;
  return [...date, literal(isAlone ? ' ' : month === 'long' && hour ? ' at ' : ', '), ...time];
}
