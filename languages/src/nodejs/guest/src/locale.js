// What depends on a language, without tables of languages: the order and the numbers of English. What asks for another is
// answered in the same way, and is told once.
import { writeErr } from './process.js';

let isTold = false;
function tell(what, locales, options) {
  if (isTold || ((locales === undefined || /^en\b|^C$/i.test([].concat(locales)[0] ?? 'en')) && options === undefined)) return;
  isTold = true;
  writeErr(`warning: ${what}: this guest has no locales and no Intl yet; texts, numbers and dates are those of English\n`);
}

const PLAIN = /^[\0-\x7f]*$/;
const folded = (text) => (PLAIN.test(text) ? text : text.normalize('NFD').replace(/[\u0300-\u036f]/g, '')).toLowerCase();
const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const define = (type, name, value) => Object.defineProperty(type.prototype, name, { value, writable: true, configurable: true });

// Letters first, then accents, then case, small ones before (https://www.unicode.org/reports/tr10/).
define(String, 'localeCompare', function localeCompare(that, locales, options) {
  tell('localeCompare', locales, options?.numeric || options?.sensitivity ? options : undefined);
  const [a, b] = [String(this), String(that)];
  if (options?.numeric) {
    const split = (text) => folded(text).split(/(\d+)/);
    const [one, other] = [split(a), split(b)];
    for (let i = 0; i < Math.min(one.length, other.length); i++) {
      const found = i % 2 ? one[i] - other[i] : order(one[i], other[i]);
      if (found) return Math.sign(found);
    }
  }
  if (a === b) return 0;
  const base = order(folded(a), folded(b));
  if (base || options?.sensitivity === 'base') return base;
  const accents = order(a.normalize('NFD').toLowerCase(), b.normalize('NFD').toLowerCase());
  return accents || -order(a, b);
});

define(Number, 'toLocaleString', function toLocaleString(locales, options) {
  tell('toLocaleString', locales, options);
  return grouped(Number(this), options);
});
define(BigInt, 'toLocaleString', function toLocaleString(locales, options) {
  tell('toLocaleString', locales, options);
  return String(this).replace(/\B(?=(\d{3})+$)/g, ',');
});

function grouped(number, { minimumFractionDigits: least = 0, maximumFractionDigits: most = Math.max(least, 3), useGrouping = true } = {}) {
  if (Number.isNaN(number)) return 'NaN';
  if (!Number.isFinite(number)) return number < 0 ? '-\u221e' : '\u221e';
  let [whole, part = ''] = Math.abs(number) < 1e21 ? Math.abs(number).toFixed(Math.min(most, 100)).split('.') : [BigInt(Math.abs(number)).toString()];
  while (part.length > least && part.endsWith('0')) part = part.slice(0, -1);
  if (useGrouping) whole = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  return (number < 0 || Object.is(number, -0) ? '-' : '') + whole + (part && `.${part}`);
}

// In the time zone of the process, which is UTC unless the engine knows better; `timeZone: 'UTC'` is the other that there is.
function fields(date, options) {
  const utc = options?.timeZone === 'UTC' ? 'UTC' : '';
  const [year, month, day, hour, minute, second] = ['FullYear', 'Month', 'Date', 'Hours', 'Minutes', 'Seconds'].map((name) => date[`get${utc}${name}`]());
  const two = (value) => String(value).padStart(2, '0');
  return {
    date: `${month + 1}/${day}/${year}`,
    time: `${hour % 12 || 12}:${two(minute)}:${two(second)} ${hour < 12 ? 'AM' : 'PM'}`,
  };
}
const beyond = (options) => (options && Object.keys(options).some((key) => key !== 'timeZone' || options.timeZone !== 'UTC') ? options : undefined);
for (const [name, show] of [
  ['toLocaleDateString', ({ date }) => date],
  ['toLocaleTimeString', ({ time }) => time],
  ['toLocaleString', ({ date, time }) => `${date}, ${time}`],
]) {
  define(Date, name, { [name](locales, options) {
    tell(name, locales, beyond(options));
    return Number.isNaN(+this) ? 'Invalid Date' : show(fields(this, options));
  } }[name]);
}
