// Random numbers of the host.
import random from 'wasi:random/random@0.2.12';
import { buffer, callback, integer, outOfRange, unsigned, view, wrongType } from './arguments.js';
import { later } from './crypto-later.js';

// One call to the host for many small wishes.
let pool = new Uint8Array(), used = 0;
export function draw(n) {
  if (n > 1024) return fresh(n);
  if (used + n > pool.length) {
    pool = fresh(4096);
    used = 0;
  }
  const drawn = pool.slice(used, used + n);
  pool.fill(0, used, (used += n));
  return drawn;
}
// The host gives no more at a time.
const MOST = 1 << 16;
function fresh(n) {
  const all = new Uint8Array(n);
  for (let at = 0; at < n; at += MOST) all.set(random.getRandomBytes(Math.min(MOST, n - at)), at);
  return all;
}

export function randomBytes(size, done) {
  const whole = integer(typeof size === 'number' ? Math.floor(size) : size, 'size');
  if (done === undefined) return buffer(draw(whole));
  callback(done);
  later(done, () => buffer(draw(whole)));
}
function part(buf, offset, size) {
  const whole = view(buf);
  if (!whole) throw wrongType('buf', 'an instance of ArrayBuffer or ArrayBufferView', buf);
  const wide = buf.BYTES_PER_ELEMENT ?? 1;
  const from = integer(offset, 'offset', 0, whole.length / wide) * wide;
  const length = size === undefined ? whole.length - from : unsigned(size, 'size') * wide;
  if (from + length > whole.length) throw outOfRange('size + offset', `<= ${whole.length}`, from + length);
  return whole.subarray(from, from + length);
}
export function randomFillSync(buf, offset = 0, size) {
  const to = part(buf, offset, size);
  to.set(draw(to.length));
  return buf;
}
export function randomFill(buf, offset, size, done) {
  if (typeof offset === 'function') [offset, size, done] = [0, undefined, offset];
  else if (typeof size === 'function') [size, done] = [undefined, size];
  const to = part(buf, offset, size);
  callback(done);
  later(done, () => {
    to.set(draw(to.length));
    return buf;
  });
}
export function randomInt(min, max, done) {
  if (max === undefined || typeof max === 'function') [min, max, done] = [0, min, max];
  if (done !== undefined) callback(done);
  if (!Number.isSafeInteger(min)) throw wrongType('min', 'a safe integer', min);
  if (!Number.isSafeInteger(max)) throw wrongType('max', 'a safe integer', max);
  if (max <= min) throw outOfRange('max', `greater than the value of "min" (${min})`, max);
  const range = max - min;
  if (range > 2 ** 48 - 1) throw outOfRange('max - min', `<= ${2 ** 48 - 1}`, range);
  const limit = 2 ** 48 - (2 ** 48 % range);
  const pick = () => {
    for (;;) {
      const n = draw(6).reduce((sum, byte) => sum * 256 + byte, 0);
      if (n < limit) return min + (n % range);
    }
  };
  return done ? later(done, pick) : pick();
}
export function randomUUID() {
  const b = draw(16);
  b[6] = (b[6] & 15) | 64;
  b[8] = (b[8] & 63) | 128;
  const h = b.toHex();
  return `${h.slice(0, 8)}-${h.slice(8, 12)}-${h.slice(12, 16)}-${h.slice(16, 20)}-${h.slice(20)}`;
}
const INTEGERS = new Set(['Int8Array', 'Uint8Array', 'Uint8ClampedArray', 'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array', 'BigInt64Array', 'BigUint64Array']);
const exception = (message, name, code) => (globalThis.DOMException ? new DOMException(message, name) : Object.assign(new Error(message), { name, code }));
export function getRandomValues(array) {
  if (!ArrayBuffer.isView(array) || !INTEGERS.has(array[Symbol.toStringTag])) throw exception('The data argument must be an integer-type TypedArray', 'TypeMismatchError', 17);
  if (array.byteLength > 65536) throw exception(`The requested length exceeds 65,536 bytes`, 'QuotaExceededError', 22);
  const to = view(array);
  to.set(draw(to.length));
  return array;
}
