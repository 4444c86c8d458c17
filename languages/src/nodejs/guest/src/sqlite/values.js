// Rows and parameters as the runtime has them: bytes as Python's marshal writes them, of which these types are used.
import { decode as textOf, encode as bytesOf } from '../encoding.js';

const [NONE, TRUE, FALSE, INT, LONG, FLOAT, TEXT, BYTES, TUPLE, LIST] = Array.from('NTFilgus([', (letter) => letter.charCodeAt(0));
const MOST = 2n ** 63n;

export const isBytes = (value) => ArrayBuffer.isView(value);

class Writer {
  bytes = new Uint8Array(256);
  view = new DataView(this.bytes.buffer);
  length = 0;

  // Room for more bytes: where they begin.
  take(count) {
    const at = this.length;
    this.length += count;
    if (this.length > this.bytes.length) {
      const larger = new Uint8Array(Math.max(this.length, this.bytes.length * 2));
      larger.set(this.bytes);
      this.bytes = larger;
      this.view = new DataView(larger.buffer);
    }
    return at;
  }

  letter(kind) {
    const at = this.take(1);
    this.bytes[at] = kind;
  }

  sized(kind, size) {
    const at = this.take(5);
    this.bytes[at] = kind;
    this.view.setUint32(at + 1, size, true);
  }

  string(kind, bytes) {
    this.sized(kind, bytes.length);
    const at = this.take(bytes.length);
    this.bytes.set(bytes, at);
  }

  bigint(value) {
    let rest = value < 0n ? -value : value;
    const digits = [];
    for (; rest > 0n; rest >>= 15n) digits.push(Number(rest & 0x7fffn));
    this.sized(LONG, value < 0n ? -digits.length : digits.length);
    for (const digit of digits) {
      const at = this.take(2);
      this.view.setUint16(at, digit, true);
    }
  }

  // Numbers are REAL, as every binding for Node has them: a column's affinity makes integers of them.
  value(value) {
    switch (typeof value) {
      case 'number': {
        const at = this.take(9);
        this.bytes[at] = FLOAT;
        this.view.setFloat64(at + 1, value, true);
        return;
      }
      case 'boolean':
        return this.letter(value ? TRUE : FALSE);
      case 'bigint':
        return this.bigint(value);
      case 'string':
        return this.string(TEXT, bytesOf(value));
      default:
        if (value === null || value === undefined) this.letter(NONE);
        else this.string(BYTES, new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    }
  }
}

// Of what `isValue` says yes to.
export const isValue = (value) => value === null || ['number', 'string', 'bigint'].includes(typeof value) || isBytes(value);
export const isLarge = (value) => typeof value === 'bigint' && (value >= MOST || value < -MOST);

export function encode(value) {
  const writer = new Writer();
  writer.value(value);
  return writer.bytes.subarray(0, writer.length);
}

// An int that SQLite asks for, as an authorizer's.
export function encodeInt(value) {
  const bytes = new Uint8Array(5);
  bytes[0] = INT;
  new DataView(bytes.buffer).setInt32(1, value, true);
  return bytes;
}

export function encodeTuple(values) {
  const writer = new Writer();
  writer.sized(TUPLE, values.length);
  for (const value of values) writer.value(value);
  return writer.bytes.subarray(0, writer.length);
}

// What the bytes mean. `whole` is what becomes of an int, given as a BigInt where it is long; `binary` of bytes.
export function decode(bytes, whole = plain, binary = (part) => part.slice()) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const next = () => {
    const kind = bytes[at++];
    switch (kind) {
      case NONE: return null;
      case TRUE: return true;
      case FALSE: return false;
      case INT:
        at += 4;
        return whole(view.getInt32(at - 4, true));
      case LONG: {
        const count = view.getInt32(at, true);
        let sum = 0n;
        at += 4;
        for (let i = 0, n = Math.abs(count); i < n; i++, at += 2) sum |= BigInt(view.getUint16(at, true)) << BigInt(15 * i);
        return whole(count < 0 ? -sum : sum);
      }
      case FLOAT:
        at += 8;
        return view.getFloat64(at - 8, true);
      default: {
        const size = view.getUint32(at, true);
        at += 4;
        if (kind === TUPLE || kind === LIST) {
          const members = new Array(size);
          for (let i = 0; i < size; i++) members[i] = next();
          return members;
        }
        at += size;
        return kind === TEXT ? textOf(bytes, at - size, at) : binary(bytes.subarray(at - size, at));
      }
    }
  };
  return next();
}

// The arguments of a function: a text that is no UTF-8 comes as bytes in a tuple.
export const decodeArguments = (bytes, whole, binary) => decode(bytes, whole, binary).map((value) => (Array.isArray(value) ? textOf(value[0]) : value));

export const plain = (value) => (typeof value === 'bigint' ? Number(value) : value);
export const large = (value) => BigInt(value);
