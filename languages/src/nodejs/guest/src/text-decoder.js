// TextDecoder (https://encoding.spec.whatwg.org/#interface-textdecoder), of the encodings that are in use.
import { coded } from './coded.js';
import { decode, encode, latin1 } from './encoding.js';
import { slice } from './node/bindings/text.js';

const LABELS = {
  'utf-8': ['utf-8', 'utf8', 'unicode-1-1-utf-8', 'unicode11utf8', 'unicode20utf8', 'x-unicode20utf8'],
  'utf-16le': ['utf-16le', 'utf-16', 'ucs-2', 'unicode', 'iso-10646-ucs-2', 'csunicode', 'unicodefeff'],
  'utf-16be': ['utf-16be', 'unicodefffe'],
  'windows-1252': ['windows-1252', 'latin1', 'iso-8859-1', 'iso8859-1', 'iso_8859-1', 'iso88591', 'ascii', 'us-ascii', 'l1', 'cp1252', 'cp819', 'ibm819', 'x-cp1252', 'ansi_x3.4-1968', 'csisolatin1', 'iso-ir-100', 'iso_8859-1:1987'],
};
const NAMES = new Map(Object.entries(LABELS).flatMap(([name, labels]) => labels.map((label) => [label, name])));
export const encodingName = (label) => NAMES.get(`${label}`.replace(/^[\t\n\f\r ]+|[\t\n\f\r ]+$/g, '').toLowerCase());

// 0x80 to 0x9f of windows-1252.
const UPPER = '\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178';
const ansi = (bytes) => latin1(bytes).replace(/[\x80-\x9f]/g, (character) => UPPER[character.charCodeAt(0) - 128]);

// Where the last character begins that may go on in the next piece.
function wholeUtf8(bytes) {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back];
    if (byte < 0x80) return bytes.length;
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}
// The same text with the low byte of each unit before the high one.
function swapped(bytes) {
  const made = new Uint8Array(bytes.length & ~1);
  for (let i = 0; i < made.length; i++) made[i] = bytes[i ^ 1];
  return made;
}
const isHigh = (text) => (text.charCodeAt(text.length - 1) & 0xfc00) === 0xd800;

const invalid = (encoding) => coded(new TypeError(`The encoded data was not valid for encoding ${encoding}`), 'ERR_ENCODING_INVALID_ENCODED_DATA');

export class TextDecoder {
  #encoding; #fatal; #ignoreBOM; #rest = null; #isBegun = false;
  constructor(label = 'utf-8', options = {}) {
    const encoding = encodingName(label);
    if (encoding === undefined) throw coded(new RangeError(`The "${label}" encoding is not supported`), 'ERR_ENCODING_NOT_SUPPORTED');
    if (typeof options !== 'object' && options !== undefined) throw coded(new TypeError(`The "options" argument must be of type object.`), 'ERR_INVALID_ARG_TYPE');
    this.#encoding = encoding;
    this.#fatal = Boolean(options?.fatal);
    this.#ignoreBOM = Boolean(options?.ignoreBOM);
  }
  static #of(value) {
    if (typeof value !== 'object' || value === null || !(#encoding in value)) throw coded(new TypeError('Value of "this" must be of type TextDecoder'), 'ERR_INVALID_THIS');
    return value;
  }
  get encoding() { return TextDecoder.#of(this).#encoding; }
  get fatal() { return TextDecoder.#of(this).#fatal; }
  get ignoreBOM() { return TextDecoder.#of(this).#ignoreBOM; }
  decode(input = new Uint8Array(), options = {}) {
    TextDecoder.#of(this);
    if (!ArrayBuffer.isView(input) && !(input instanceof ArrayBuffer) && !(input instanceof SharedArrayBuffer)) {
      throw coded(new TypeError('The "list" argument must be an instance of SharedArrayBuffer, ArrayBuffer or ArrayBufferView.'), 'ERR_INVALID_ARG_TYPE');
    }
    let bytes = ArrayBuffer.isView(input) ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength) : new Uint8Array(input);
    if (this.#rest !== null) {
      const joined = new Uint8Array(this.#rest.length + bytes.length);
      joined.set(this.#rest);
      joined.set(bytes, this.#rest.length);
      bytes = joined;
      this.#rest = null;
    }
    const isMore = Boolean(options?.stream);
    const wasBegun = this.#isBegun;
    let text;
    try {
      text = this.#text(bytes, isMore);
    } catch (error) {
      this.#isBegun = false;
      throw error;
    }
    this.#isBegun = isMore && (wasBegun || text !== '');
    return !wasBegun && !this.#ignoreBOM && this.#encoding !== 'windows-1252' && text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  }
  #text(bytes, isMore) {
    if (this.#encoding === 'windows-1252') return ansi(bytes);
    if (this.#encoding === 'utf-8') {
      if (isMore) bytes = this.#keep(bytes, wholeUtf8(bytes));
      const text = decode(bytes);
      // A replacement that the bytes do not have themselves.
      if (this.#fatal && text.includes('\ufffd') && !isSame(encode(text), bytes)) throw invalid(this.#encoding);
      return text;
    }
    const isOdd = bytes.length % 2 === 1;
    let text = slice(this.#encoding === 'utf-16le' ? bytes : swapped(bytes), 'utf16le');
    if (isMore) {
      if (isHigh(text)) text = text.slice(0, -1);
      this.#keep(bytes, text.length * 2);
    } else if (isOdd) text += '\ufffd';
    if (this.#fatal && ((isOdd && !isMore) || !text.isWellFormed())) throw invalid(this.#encoding);
    return text.toWellFormed();
  }
  #keep(bytes, whole) {
    if (whole < bytes.length) this.#rest = bytes.slice(whole);
    return bytes.subarray(0, whole);
  }
  [Symbol.for('nodejs.util.inspect.custom')](depth, options, inspect) {
    if (depth < 0) return `[${this.constructor.name}]`;
    const { encoding, fatal, ignoreBOM } = this;
    return `${this.constructor.name} ${inspect({ encoding, fatal, ignoreBOM }, options)}`;
  }
}
const isSame = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);
for (const name of ['decode', 'encoding', 'fatal', 'ignoreBOM']) Object.defineProperty(TextDecoder.prototype, name, { enumerable: true });
Object.defineProperty(TextDecoder.prototype, Symbol.toStringTag, { configurable: true, value: 'TextDecoder' });
