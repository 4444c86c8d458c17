// The parts of Buffer that node has in C++. Loops over single bytes are what costs in an interpreter: where the engine has a native
// way, it is taken.
import { coded } from '../../coded.js';
import { isAscii } from '../../encoding.js';
import { ENCODINGS, bytesOf, encodingOf, slice, utf8Length, whole } from './text.js';

const { indexOf, lastIndexOf, fill: fillNumber, set, subarray } = Uint8Array.prototype;
const raw = (view) => (view instanceof Uint8Array ? view : ArrayBuffer.isView(view) ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength) : new Uint8Array(view));
const outside = (name) => coded(new RangeError(name === undefined ? 'Attempt to access memory outside buffer bounds' : `"${name}" is outside of buffer bounds`), 'ERR_BUFFER_OUT_OF_BOUNDS');
const index = (value, otherwise) => {
  if (value === undefined) return otherwise;
  const number = Math.trunc(+value) || 0;
  if (number < 0) throw coded(new RangeError('Index out of range'), 'ERR_OUT_OF_RANGE');
  return number;
};

const slicing = (encoding) => function (start, end) {
  const to = Math.min(index(end, this.length), this.length);
  const from = Math.min(index(start, 0), to);
  return slice(from === 0 && to === this.length ? this : subarray.call(this, from, to), encoding);
};
const writing = (encoding) => function (text, offset, length) {
  if (typeof text !== 'string') throw coded(new TypeError('argument must be a string'), 'ERR_INVALID_ARG_TYPE');
  const at = index(offset, 0);
  if (at > this.length) throw outside('offset');
  const most = Math.min(index(length, this.length - at), this.length - at);
  if (most === 0) return 0;
  const bytes = bytesOf(text, encoding);
  const count = whole(bytes, most, encoding);
  set.call(this, count === bytes.length ? bytes : bytes.subarray(0, count), at);
  return count;
};

function compareBytes(a, b) {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
  return a.length === b.length ? 0 : a.length < b.length ? -1 : 1;
}

// Where a search begins, or -1; an empty needle is found there.
function begin(length, offset, needle, isForward) {
  if (offset < 0) {
    if (offset + length >= 0) return length + offset;
    return isForward || needle === 0 ? 0 : -1;
  }
  if (offset + needle <= length) return offset;
  if (needle === 0) return length;
  return isForward ? -1 : length - 1;
}
function search(bytes, needle, offset, isForward, step) {
  const { length } = bytes;
  let at = begin(length, offset, needle.length, isForward);
  if (needle.length === 0) return at;
  if (at < 0 || needle.length > length || (isForward && at + needle.length > length)) return -1;
  const isThere = (place) => {
    for (let i = 1; i < needle.length; i++) if (bytes[place + i] !== needle[i]) return false;
    return true;
  };
  const last = length - needle.length;
  if (!isForward) at = Math.min(at, last);
  for (;;) {
    at = isForward ? indexOf.call(bytes, needle[0], at) : lastIndexOf.call(bytes, needle[0], at);
    if (at < 0 || at > last) return -1;
    if (at % step === 0 && isThere(at)) return at;
    at += isForward ? 1 : -1;
    if (at < 0) return -1;
  }
}

const isWhole = (bytes) => {
  try {
    decodeURIComponent(escape(slice(bytes, 'latin1')));
    return true;
  } catch {
    return false;
  }
};

function fill(target, value, start, end, encoding) {
  if (start < 0 || end > target.length) return -2;
  if (start >= end) return undefined;
  const pattern = typeof value === 'string' ? bytesOf(value, encodingOf(encoding)) : ArrayBuffer.isView(value) ? raw(value) : undefined;
  if (pattern === undefined) {
    fillNumber.call(target, value & 255, start, end);
    return undefined;
  }
  if (pattern.length === 0) return -1;
  const part = subarray.call(target, start, end);
  set.call(part, pattern.length > part.length ? pattern.subarray(0, part.length) : pattern);
  // What is there is doubled.
  for (let done = pattern.length; done < part.length; done *= 2) part.copyWithin(done, 0, Math.min(done, part.length - done));
  return undefined;
}

const swapping = (size) => (target) => {
  for (let at = 0; at + size <= target.length; at += size) {
    for (let low = at, high = at + size - 1; low < high; low++, high--) [target[low], target[high]] = [target[high], target[low]];
  }
  return target;
};

const { atob: nativeAtob, btoa: nativeBtoa } = globalThis;
const attempt = (fn, text, otherwise) => {
  try {
    return fn(text);
  } catch {
    return otherwise;
  }
};

export const buffer = {
  kMaxLength: 2 ** 32, // of node on 64 bits; there is less memory
  kStringMaxLength: 2 ** 29 - 24,
  setBufferPrototype() {},
  createUnsafeArrayBuffer: (size) => new ArrayBuffer(size),
  byteLengthUtf8: utf8Length,
  compare: compareBytes,
  compareOffset(source, target, targetStart, sourceStart, targetEnd, sourceEnd) {
    return compareBytes(source.subarray(sourceStart, sourceEnd), target.subarray(targetStart, targetEnd));
  },
  copyArrayBuffer(target, targetStart, source, sourceStart, length) { new Uint8Array(target, targetStart, length).set(new Uint8Array(source, sourceStart, length)); },
  detachArrayBuffer: (one) => attempt(() => one.transfer(), undefined, undefined),
  fill,
  isAscii: (view) => isAscii(raw(view)),
  isUtf8: (view) => isWhole(raw(view)),
  indexOfBuffer: (bytes, needle, offset, encoding, isForward) => search(bytes, raw(needle), offset, isForward, ENCODINGS[encoding] === 'utf16le' ? 2 : 1),
  indexOfNumber(bytes, value, offset, isForward) { return search(bytes, [value & 255], offset, isForward, 1); },
  indexOfString: (bytes, text, offset, encoding, isForward) => search(bytes, bytesOf(text, ENCODINGS[encoding]), offset, isForward, ENCODINGS[encoding] === 'utf16le' ? 2 : 1),
  swap16: swapping(2),
  swap32: swapping(4),
  swap64: swapping(8),
  atob: (text) => attempt(nativeAtob, text, -2),
  btoa: (text) => attempt(nativeBtoa, text, -1),
};
for (const name of ['ascii', 'base64', 'base64url', 'latin1', 'hex', 'utf8', 'ucs2']) {
  const encoding = name === 'ucs2' ? 'utf16le' : name;
  buffer[`${name}Slice`] = slicing(encoding);
  buffer[`${name}Write`] = writing(encoding);
}
