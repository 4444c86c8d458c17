// Header fields: which are valid, and how a message's repeated ones become one value.
import { received } from './arguments.js';

export const maxHeaderSize = 16384;
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
export const BAD_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
const ONCE = new Set(['age', 'authorization', 'content-length', 'content-type', 'etag', 'expires', 'from', 'host', 'if-modified-since', 'if-unmodified-since',
  'last-modified', 'location', 'max-forwards', 'proxy-authorization', 'referer', 'retry-after', 'server', 'user-agent']);

// Names that were seen, checked and in lower case: there are few, and most requests have the same.
const names = new Map();
export function lowerCase(name) {
  const known = names.get(name);
  if (known !== undefined) return known;
  if (!TOKEN.test(name)) return undefined;
  const lower = name.toLowerCase();
  if (names.size < 512 && name.length <= 64) names.set(name, lower);
  return lower;
}

export const coded = (Type, code, text) => Object.assign(new Type(text), { code });

export const wrongType = (what, wants, value) => coded(TypeError, 'ERR_INVALID_ARG_TYPE', `The ${what} must be ${wants}. ${received(value)}`);

export function validateHeaderName(name) {
  if (typeof name !== 'string' || lowerCase(name) === undefined) throw coded(TypeError, 'ERR_INVALID_HTTP_TOKEN', `Header name must be a valid HTTP token ["${name}"]`);
}
export function validateHeaderValue(name, value) {
  if (value === undefined) throw coded(TypeError, 'ERR_HTTP_INVALID_HEADER_VALUE', `Invalid value "${value}" for header "${name}"`);
  for (const v of Array.isArray(value) ? value : [value]) {
    if (BAD_VALUE.test(v)) throw coded(TypeError, 'ERR_INVALID_CHAR', `Invalid character in header content ["${name}"]`);
  }
}

let dateText = '', dateUntil = 0;
export function date() {
  const now = Date.now();
  if (now >= dateUntil) {
    dateText = new Date(now).toUTCString();
    dateUntil = now - (now % 1000) + 1000;
  }
  return dateText;
}

export function gather(raw, joins = false) {
  const out = {};
  for (let i = 0; i < raw.length; i += 2) {
    const name = lowerCase(raw[i]) ?? raw[i].toLowerCase(), value = raw[i + 1];
    const had = Object.hasOwn(out, name) ? out[name] : undefined;
    if (name === 'set-cookie') had ? had.push(value) : (out[name] = [value]);
    else if (had === undefined) out[name] = value;
    else if (joins || !ONCE.has(name)) out[name] = had + (name === 'cookie' ? '; ' : ', ') + value;
  }
  return out;
}
export function distinct(raw) {
  const out = Object.create(null);
  for (let i = 0; i < raw.length; i += 2) (out[raw[i].toLowerCase()] ??= []).push(raw[i + 1]);
  return out;
}

// `[name, value, name, value]` or `[[name, value]]`, as pairs.
export function pairsOf(list) {
  if (Array.isArray(list[0])) return list;
  if (list.length % 2) throw coded(TypeError, 'ERR_INVALID_ARG_VALUE', "The argument 'headers' is invalid. It has a name without a value");
  const pairs = [];
  for (let i = 0; i < list.length; i += 2) pairs.push([list[i], list[i + 1]]);
  return pairs;
}
