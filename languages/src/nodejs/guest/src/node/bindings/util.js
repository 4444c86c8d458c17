// What no JavaScript can ask the engine, or only in ways of its own.
import { privateSymbols } from './constants.js';
import { detailsOf, types } from './types.js';
import { parseEnv } from '../../env-files.js';
import { outcome } from '../../promise-state.js';

const [ALL_PROPERTIES, ONLY_WRITABLE, ONLY_ENUMERABLE, ONLY_CONFIGURABLE, SKIP_STRINGS, SKIP_SYMBOLS] = [0, 1, 2, 4, 8, 16];
const [kPending, kFulfilled, kRejected] = [0, 1, 2];
const isIndex = (key) => typeof key === 'string' && /^(?:0|[1-9]\d{0,9})$/.test(key) && +key < 4294967295;

class WeakReference {
  #target; #strong; #count = 0;
  constructor(target) { this.#target = new WeakRef(target); }
  get() { return this.#target.deref(); }
  incRef() {
    this.#count++;
    this.#strong = this.#target.deref();
  }
  decRef() {
    if (--this.#count === 0) this.#strong = undefined;
  }
}

// Entries of collections and of their iterators, which are left where they are.
function previewEntries(value, isIterator) {
  let entries = [], isKeyValue = false;
  if (types.isMap(value)) {
    isKeyValue = true;
    entries = [...Map.prototype.entries.call(value)].flat();
  } else if (types.isSet(value)) {
    entries = [...Set.prototype.values.call(value)];
  }
  return isIterator ? [entries, isKeyValue] : entries;
}

function getOwnNonIndexProperties(value, filter) {
  const keys = Reflect.ownKeys(value);
  // Those of an array or of bytes come first.
  let first = 0;
  while (first < keys.length && isIndex(keys[first])) first++;
  const others = keys.slice(first);
  return others.filter((key) => (!(filter & SKIP_SYMBOLS) || typeof key !== 'symbol') && (!(filter & ONLY_ENUMERABLE) || Object.prototype.propertyIsEnumerable.call(value, key)));
}

function getConstructorName(value) {
  for (let at = value; at !== null; at = Object.getPrototypeOf(at)) {
    const found = Object.getOwnPropertyDescriptor(at, 'constructor');
    if (typeof found?.value === 'function' && found.value.name !== '') return found.value.name;
  }
  return '';
}

function isConstructor(value) {
  try {
    Reflect.construct(Object, [], value);
    return true;
  } catch {
    return false;
  }
}

export const util = {
  constants: { kPending, kFulfilled, kRejected, kExiting: 0, kExitCode: 1, kHasExitCode: 2, ALL_PROPERTIES, ONLY_WRITABLE, ONLY_ENUMERABLE, ONLY_CONFIGURABLE, SKIP_STRINGS, SKIP_SYMBOLS, kDisallowCloneAndTransfer: 0, kTransferable: 1, kCloneable: 2 },
  privateSymbols,
  shouldAbortOnUncaughtToggle: [0],
  WeakReference,
  guessHandleType: (fd) => ({ 0: 'PIPE', 1: 'PIPE', 2: 'PIPE' })[fd] ?? 'FILE',
  getPromiseDetails: (promise) => outcome(promise) ?? [kPending, undefined],
  getProxyDetails(value, showProxy = true) {
    const details = detailsOf(value);
    return details === undefined || showProxy ? details : details[0];
  },
  getCallerLocation() { return require('../../stack.js').callerPlace(); },
  getCallSites: () => [],
  previewEntries,
  getOwnNonIndexProperties,
  getConstructorName,
  getExternalValue: () => 0n,
  sleep() {},
  isInsideNodeModules: () => false,
  isConstructor,
  toUSVString: (text) => String(text).toWellFormed(),
  isArrayBufferDetached: (buffer) => buffer.detached,
  arrayBufferViewHasBuffer: () => true,
  parseEnv,
};
