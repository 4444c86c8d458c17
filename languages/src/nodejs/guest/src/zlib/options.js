// What Node takes as options, and what it says of others.
import { outOfRange, view, wrongType } from '../arguments.js';
import { coded } from '../http-headers.js';

export const tooLarge = (most) => coded(RangeError, 'ERR_BUFFER_TOO_LARGE', `Cannot create a Buffer larger than ${most} bytes`);
export const cannotBegin = (text = 'Initialization failed') => coded(Error, 'ERR_ZLIB_INITIALIZATION_FAILED', text);

// A number within bounds; the usual one where there is none.
export function ranged(value, name, least, most, usual) {
  if (value === undefined || Number.isNaN(value)) return usual;
  if (typeof value !== 'number') throw wrongType(name, 'of type number', value);
  if (!Number.isFinite(value)) throw outOfRange(name, 'a finite number', value);
  if (value < least || value > most) throw outOfRange(name, most === Infinity ? `>= ${least}` : `>= ${least} and <= ${most}`, value);
  return value;
}

export function dictionaryOf(options) {
  const { dictionary } = options ?? {};
  if (dictionary === undefined) return undefined;
  const bytes = view(dictionary);
  if (!bytes) throw wrongType('options.dictionary', 'an instance of Buffer, TypedArray, DataView, or ArrayBuffer', dictionary);
  return bytes;
}
// Of `params`: names are numbers up to the highest.
export function parametersOf(options, highest, invalid) {
  const parameters = [], seen = new Set();
  for (const name of Object.keys(options?.params ?? {})) {
    const number = +name;
    if (Number.isNaN(number) || number < 0 || number > highest || seen.has(number)) throw invalid(name);
    const value = options.params[name];
    if (typeof value !== 'number' && typeof value !== 'boolean') throw wrongType('options.params[key]', 'of type number', value);
    seen.add(number);
    parameters.push([number, Number(value)]);
  }
  return parameters;
}
