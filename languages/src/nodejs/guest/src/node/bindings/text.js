// Text and bytes, by the names that Node.js has for encodings.
import { bytesOfLatin1, decode, encode, latin1 } from '../../encoding.js';

// By number, as Node.js's modules call them, and by each name that programs use; what is none of these is UTF-8.
export const ENCODINGS = ['ascii', 'utf8', 'base64', 'utf16le', 'latin1', 'hex', 'buffer', 'base64url'];
const NAMES = {
  __proto__: null, utf8: 'utf8', 'utf-8': 'utf8', ucs2: 'utf16le', 'ucs-2': 'utf16le', utf16le: 'utf16le', 'utf-16le': 'utf16le', latin1: 'latin1', binary: 'latin1', ascii: 'ascii', hex: 'hex', base64: 'base64', base64url: 'base64url',
};
export const encodingOf = (name) => NAMES[`${name}`.toLowerCase()] ?? 'utf8';

const { map, subarray, toBase64, toHex } = Uint8Array.prototype;
const CHUNK = 4096;
const NARROW = /^[\x00-\xff]*$/;

function utf16(bytes) {
  const units = new Uint16Array(new Uint8Array(subarray.call(bytes, 0, bytes.length & ~1)).buffer);
  let text = '';
  for (let i = 0; i < units.length; i += CHUNK) text += String.fromCharCode.apply(null, units.subarray(i, i + CHUNK));
  return text;
}
const bytesOfUtf16 = (text) => {
  const units = new Uint16Array(text.length);
  for (let i = 0; i < text.length; i++) units[i] = text.charCodeAt(i);
  return new Uint8Array(units.buffer);
};

const SLICES = {
  __proto__: null,
  utf8: (bytes) => decode(bytes),
  latin1: (bytes) => latin1(bytes),
  ascii: (bytes) => latin1(map.call(bytes, (byte) => byte & 127)),
  utf16le: utf16,
  hex: (bytes) => toHex.call(bytes),
  base64: (bytes) => toBase64.call(bytes),
  base64url: (bytes) => toBase64.call(bytes, { alphabet: 'base64url', omitPadding: true }),
  buffer: (bytes) => decode(bytes),
};
export const slice = (bytes, encoding) => (bytes.length === 0 ? '' : SLICES[encoding](bytes));

// Node.js takes either alphabet, passes over what is of none, and ends at the padding.
function bytesOfBase64(text) {
  const one = text.includes('-') || text.includes('_') ? text.replaceAll('-', '+').replaceAll('_', '/') : text;
  try {
    return Uint8Array.fromBase64(one);
  } catch {
    const digits = one.replace(/=[^]*/, '').replace(/[^A-Za-z0-9+/]/g, '');
    return Uint8Array.fromBase64(digits.length % 4 === 1 ? digits.slice(0, -1) : digits);
  }
}
// Up to the first pair that is none.
function bytesOfHex(text) {
  const end = text.length & ~1;
  const bad = /[^0-9a-f]/i.exec(text)?.index ?? end;
  return Uint8Array.fromHex(text.slice(0, Math.min(end, bad & ~1)));
}
const bytesOfBinary = (text) => (NARROW.test(text) ? bytesOfLatin1(text) : Uint8Array.from(text, (character) => character.charCodeAt(0)));

// What a length is asked for is written next.
let last = null, lastBytes = null;
function bytesOfUtf8(text) {
  if (last !== text) return encode(text);
  const bytes = lastBytes;
  last = lastBytes = null;
  return bytes;
}
export function utf8Length(text) {
  last = null;
  lastBytes = encode(text);
  last = text;
  return lastBytes.length;
}

const BYTES = {
  __proto__: null, utf8: bytesOfUtf8, latin1: bytesOfBinary, ascii: bytesOfBinary, utf16le: bytesOfUtf16, hex: bytesOfHex, base64: bytesOfBase64, base64url: bytesOfBase64,
};
export const bytesOf = (text, encoding) => BYTES[encoding](text);

// How many of the bytes are whole characters, of no more than so many.
export function whole(bytes, most, encoding) {
  if (bytes.length <= most) return bytes.length;
  if (encoding === 'utf16le') return most & ~1;
  if (encoding === 'utf8') while (most > 0 && (bytes[most] & 0xc0) === 0x80) most--;
  return most;
}
