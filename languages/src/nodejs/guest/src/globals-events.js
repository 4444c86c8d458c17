import { AbortController, AbortSignal } from 'abort-controller';
import { EventTarget } from 'event-target-shim';
import { Buffer } from 'buffer';
import { bytesOfLatin1, decode, encode, latin1, utf8Length } from './encoding.js';
import process from './process.js';
import timers from './timers.js';

globalThis.process = process;
globalThis.Buffer = Buffer;
globalThis.EventTarget = EventTarget;
globalThis.AbortController = AbortController;
globalThis.AbortSignal = AbortSignal;
for (const k of ['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate']) globalThis[k] = timers[k];

// The package's loops over characters are slow in an interpreter: where the engine has a native way, it is taken.
const { from, byteLength } = Buffer;
const { toString } = Buffer.prototype;
const isUtf8 = (e) => e === undefined || e === null || e === 'utf8' || e === 'utf-8';
const isLatin1 = (e) => e === 'latin1' || e === 'binary';
const wrap = (bytes) => Object.setPrototypeOf(bytes, Buffer.prototype);
const NARROW = /^[\x00-\xff]*$/;
Buffer.from = function (value, encoding, length) {
  if (typeof value === 'string') {
    if (isUtf8(encoding)) return wrap(encode(value));
    if (isLatin1(encoding) && NARROW.test(value)) return wrap(bytesOfLatin1(value));
    if (encoding === 'hex' && value.length % 2 === 0 && /^[0-9a-f]*$/i.test(value)) return wrap(Uint8Array.fromHex(value));
    if (encoding === 'base64' || encoding === 'base64url') {
      try {
        return wrap(Uint8Array.fromBase64(value.replaceAll('-', '+').replaceAll('_', '/')));
      } catch {
        // Node takes what can be made of it: so does the package.
      }
    }
  }
  return from(value, encoding, length);
};
Buffer.byteLength = (value, encoding) => (typeof value === 'string' && isUtf8(encoding) ? utf8Length(value) : byteLength(value, encoding));
Buffer.prototype.toString = function (encoding, start, end) {
  const from = start === undefined ? 0 : Math.max(0, start | 0);
  const to = end === undefined ? this.length : Math.min(end, this.length);
  if (encoding === 'hex') return this.subarray(from, to).toHex();
  if (encoding === 'base64') return this.subarray(from, to).toBase64();
  if (encoding === 'base64url') return this.subarray(from, to).toBase64({ alphabet: 'base64url', omitPadding: true });
  if (isUtf8(encoding)) return decode(this, from, to);
  if (isLatin1(encoding)) return latin1(this, from, to);
  return toString.call(this, encoding, start, end);
};
const { isEncoding } = Buffer;
Buffer.isEncoding = (name) => isEncoding(name) || /^base64url$/i.test(name);
// Not documented, but Node has them, and parsers such as busboy call them.
for (const encoding of ['ascii', 'base64', 'base64url', 'hex', 'latin1', 'ucs2', 'utf8']) {
  Buffer.prototype[`${encoding}Slice`] = function (start, end) { return this.toString(encoding, start, end); };
  if (encoding !== 'base64url') Buffer.prototype[`${encoding}Write`] = function (text, offset = 0, length = this.length - offset) { return this.write(text, offset, length, encoding); };
}
for (const name of ['indexOf', 'lastIndexOf', 'includes']) {
  const plain = Buffer.prototype[name], native = Uint8Array.prototype[name];
  Buffer.prototype[name] = function (value, ...rest) {
    return typeof value === 'number' ? native.call(this, value & 255, ...rest) : plain.call(this, value, ...rest);
  };
}

const { fill } = Buffer.prototype;
const nativeFill = Uint8Array.prototype.fill;
Buffer.prototype.fill = function (value, start, end, encoding) {
  if (typeof value === 'number') return nativeFill.call(this, value & 255, start, end);
  return fill.call(this, value, start, end, encoding);
};
Buffer.alloc = (size, value, encoding) => {
  const made = Buffer.allocUnsafe(size); // zeroed, like all memory here
  return value === undefined || value === 0 ? made : made.fill(value, 0, size, encoding);
};

class Event {
  constructor(type, init = {}) { this.type = type; this.bubbles = !!init.bubbles; this.cancelable = !!init.cancelable; this.timeStamp = 0; this.defaultPrevented = false; }
  preventDefault() { this.defaultPrevented = true; }
  stopPropagation() {}
  stopImmediatePropagation() {}
}
class CustomEvent extends Event {
  constructor(type, init = {}) { super(type, init); this.detail = init.detail ?? null; }
}
globalThis.Event = Event;
globalThis.CustomEvent = CustomEvent;

// The package has no reasons yet.
const reasons = new WeakMap();
const { abort } = AbortController.prototype;
AbortController.prototype.abort = function (reason = new DOMException('This operation was aborted', 'AbortError')) {
  if (!reasons.has(this.signal)) reasons.set(this.signal, reason);
  abort.call(this);
};
Object.defineProperty(AbortSignal.prototype, 'reason', { get() { return reasons.get(this); }, configurable: true });
AbortSignal.prototype.throwIfAborted = function () { if (this.aborted) throw this.reason; };
AbortSignal.abort = (reason) => { const c = new AbortController(); c.abort(reason); return c.signal; };
AbortSignal.timeout = (ms) => { const c = new AbortController(); timers.setTimeout(() => c.abort(new DOMException('The operation timed out', 'TimeoutError')), ms).unref(); return c.signal; };
AbortSignal.any = (signals) => {
  const c = new AbortController();
  for (const s of signals) s.aborted ? c.abort(s.reason) : s.addEventListener('abort', () => c.abort(s.reason), { once: true });
  return c.signal;
};
globalThis.structuredClone ??= (value) => clone(value, new Map());
function clone(v, seen) {
  if (typeof v === 'function' || typeof v === 'symbol') throw new DOMException('could not be cloned', 'DataCloneError');
  if (v === null || typeof v !== 'object') return v;
  if (seen.has(v)) return seen.get(v);
  let out;
  const keep = (o) => (seen.set(v, o), o);
  if (v instanceof Date) return keep(new Date(v));
  if (v instanceof RegExp) return keep(new RegExp(v.source, v.flags));
  if (v instanceof ArrayBuffer) return keep(v.slice(0));
  if (ArrayBuffer.isView(v)) return keep(new v.constructor(v));
  if (v instanceof Map) { out = keep(new Map()); for (const [a, b] of v) out.set(clone(a, seen), clone(b, seen)); return out; }
  if (v instanceof Set) { out = keep(new Set()); for (const a of v) out.add(clone(a, seen)); return out; }
  if (v instanceof Error) { out = keep(new v.constructor(v.message)); out.stack = v.stack; return out; }
  out = keep(Array.isArray(v) ? [] : {});
  for (const k of Object.keys(v)) out[k] = clone(v[k], seen);
  return out;
}
