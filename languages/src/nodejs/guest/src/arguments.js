// Arguments: what they may be, and Node's errors for what they may not.
import { inspect } from 'internal/util/inspect';
import { coded } from './coded.js';

export { coded };

export function received(value) {
  if (value === undefined || value === null) return `Received ${value}`;
  if (typeof value === 'function') return `Received function ${value.name}`;
  if (typeof value === 'object') return value.constructor?.name ? `Received an instance of ${value.constructor.name}` : `Received ${inspect(value, { depth: -1 })}`;
  const shown = inspect(value, { colors: false });
  return `Received type ${typeof value} (${shown.length > 28 ? `${shown.slice(0, 25)}...` : shown})`;
}
export const wrongType = (name, expected, value) => coded(new TypeError(`The "${name}" ${name.includes('.') ? 'property' : 'argument'} must be ${expected}. ${received(value)}`), 'ERR_INVALID_ARG_TYPE');
export const wrongValue = (name, value, reason = 'is invalid') => coded(new TypeError(`The ${name.includes('.') ? 'property' : 'argument'} '${name}' ${reason}. Received ${inspect(value)}`), 'ERR_INVALID_ARG_VALUE');
const thousands = (value) => (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) > 2 ** 32 ? String(value).replace(/\B(?=(\d{3})+$)/g, '_') : inspect(value));
export const outOfRange = (name, range, value) => coded(new RangeError(`The value of "${name}" is out of range. It must be ${range}. Received ${thousands(value)}`), 'ERR_OUT_OF_RANGE');
export const notThere = (what) => coded(new Error(`${what} is not there under WebAssembly`), 'ERR_WASMRUN_NOT_THERE');

export function text(value, name) {
  if (typeof value !== 'string') throw wrongType(name, 'of type string', value);
  return value;
}
export function callback(value, name = 'callback') {
  if (typeof value !== 'function') throw wrongType(name, 'of type function', value);
  return value;
}
export function integer(value, name, least = 0, most = 2147483647) {
  if (typeof value !== 'number') throw wrongType(name, 'of type number', value);
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value);
  if (value < least || value > most) throw outOfRange(name, `>= ${least} && <= ${most}`, value);
  return value;
}
export function boolean(value, name) {
  if (typeof value !== 'boolean') throw wrongType(name, 'of type boolean', value);
  return value;
}
export const unsigned = (value, name) => integer(value, name, 0, 4294967295);
export function object(value, name) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw wrongType(name, 'of type object', value);
  return value;
}

// The same memory as bytes, or undefined.
export function view(data) {
  if (ArrayBuffer.isView(data)) return data instanceof Uint8Array && data.constructor === Uint8Array ? data : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer || (typeof SharedArrayBuffer !== 'undefined' && data instanceof SharedArrayBuffer)) return new Uint8Array(data);
  return undefined;
}
// What a program gives as data, as bytes.
export function bytes(data, name, encoding, expected = 'of type string or an instance of ArrayBuffer, Buffer, TypedArray, or DataView') {
  const found = typeof data === 'string' ? Buffer.from(data, encoding === 'buffer' ? 'utf8' : encoding) : view(data);
  if (found === undefined) throw wrongType(name, expected, data);
  return found;
}
// Without ArrayBuffer, as update() has it.
export function chunk(data, name, encoding) {
  if (typeof data !== 'string' && !ArrayBuffer.isView(data)) throw wrongType(name, 'of type string or an instance of Buffer, TypedArray, or DataView', data);
  return bytes(data, name, known(encoding));
}
const known = (encoding) => (encoding === undefined || Buffer.isEncoding(encoding) ? encoding : 'utf8');

export const buffer = (raw) => Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
export function out(raw, encoding) {
  const made = buffer(raw);
  return encoding && encoding !== 'buffer' && Buffer.isEncoding(encoding) ? made.toString(encoding) : made;
}
// What the host says of why it does not compute something; anything else is passed on.
export function failure(error) {
  const reason = error?.payload ?? error;
  if (typeof reason !== 'string') throw error;
  return reason;
}

// What is not disposed of, is at the latest when nobody has it any more.
const forgotten = new FinalizationRegistry((resource) => resource[Symbol.dispose]());
export const mind = (owner, resource) => {
  // An owner that is its own token would be kept by the engine.
  forgotten.register(owner, resource, resource);
  return resource;
};
export const release = (resource) => {
  forgotten.unregister(resource);
  resource[Symbol.dispose]();
};
