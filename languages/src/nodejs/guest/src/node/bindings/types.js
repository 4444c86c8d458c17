// What kind of object a value is, whatever its prototype says.
import { keepNames } from '../../names.js';
const apply = Reflect.apply;
const getter = (proto, name) => Object.getOwnPropertyDescriptor(proto, name).get;
const { toString } = Object.prototype;

// That a method or getter of the kind takes the value. To ask is dear where the answer is no: what has no such prototype, and is
// an object as all others, is not asked.
const brand = (Kind, probe, ...args) => (value) => {
  if (typeof value !== 'object' || value === null) return false;
  if (!(value instanceof Kind) && value instanceof Object) return false;
  try {
    apply(probe, value, args);
    return true;
  } catch {
    return false;
  }
};
const made = (sample) => Object.getPrototypeOf(sample);
const tagged = (tag) => (value) => typeof value === 'object' && value !== null && apply(toString, value, []) === `[object ${tag}]`;
const of = (proto) => (value) => typeof value === 'object' && value !== null && Object.prototype.isPrototypeOf.call(proto, value) && value !== proto;

const isBooleanObject = brand(Boolean, Boolean.prototype.valueOf);
const isNumberObject = brand(Number, Number.prototype.valueOf);
const isStringObject = brand(String, String.prototype.valueOf);
const isSymbolObject = brand(Symbol, Symbol.prototype.valueOf);
const isBigIntObject = brand(BigInt, BigInt.prototype.valueOf);
const isArrayBuffer = brand(ArrayBuffer, getter(ArrayBuffer.prototype, 'byteLength'));
const isSharedArrayBuffer = brand(SharedArrayBuffer, getter(SharedArrayBuffer.prototype, 'byteLength'));

const AsyncFunction = made(async function () {});
const GeneratorFunction = made(function* () {});
const AsyncGeneratorFunction = made(async function* () {});
const [generator, asyncGenerator] = [GeneratorFunction.prototype, AsyncGeneratorFunction.prototype];
const is = (proto, value) => typeof value === 'function' && (Object.getPrototypeOf(value) === proto || apply(Object.prototype.isPrototypeOf, proto, [value]));

// The engine does not tell: each that a program makes is noted.
const Native = Proxy;
const proxies = new WeakMap();
const noted = (target, handler) => {
  const proxy = new Native(target, handler);
  proxies.set(proxy, [target, handler]);
  return proxy;
};
export const detailsOf = (value) => (typeof value === 'object' && value !== null) || typeof value === 'function' ? proxies.get(value) : undefined;
const NotingProxy = function Proxy(target, handler) {
  if (new.target === undefined) throw new TypeError("Constructor Proxy requires 'new'");
  return noted(target, handler);
};
NotingProxy.revocable = (target, handler) => {
  const made = Native.revocable(target, handler);
  proxies.set(made.proxy, [target, handler]);
  return made;
};
Object.defineProperty(NotingProxy, 'prototype', { value: undefined });
Object.defineProperty(NotingProxy, 'length', { value: 2 });
keepNames({ Proxy: NotingProxy });
Object.defineProperty(globalThis, 'Proxy', { value: NotingProxy, writable: true, configurable: true, enumerable: false });

export const types = {
  isExternal: () => false,
  isDate: brand(Date, Date.prototype.getTime),
  isArgumentsObject: (value) => typeof value === 'object' && value !== null && !(Symbol.toStringTag in value) && apply(toString, value, []) === '[object Arguments]',
  isBigIntObject, isBooleanObject, isNumberObject, isStringObject, isSymbolObject,
  isBoxedPrimitive: (value) => isNumberObject(value) || isStringObject(value) || isBooleanObject(value) || isBigIntObject(value) || isSymbolObject(value),
  isNativeError: Error.isError,
  isRegExp: brand(RegExp, getter(RegExp.prototype, 'hasIndices')),
  isAsyncFunction: (value) => is(AsyncFunction, value) || is(AsyncGeneratorFunction, value),
  isGeneratorFunction: (value) => is(GeneratorFunction, value) || is(AsyncGeneratorFunction, value),
  isGeneratorObject: (value) => of(generator)(value) || of(asyncGenerator)(value),
  isPromise: (value) => typeof value === 'object' && value !== null && value instanceof Promise && value !== Promise.prototype,
  isMap: brand(Map, getter(Map.prototype, 'size')),
  isSet: brand(Set, getter(Set.prototype, 'size')),
  isMapIterator: tagged('Map Iterator'),
  isSetIterator: tagged('Set Iterator'),
  isWeakMap: brand(WeakMap, WeakMap.prototype.has, {}),
  isWeakSet: brand(WeakSet, WeakSet.prototype.has, {}),
  isArrayBuffer,
  isDataView: brand(DataView, getter(DataView.prototype, 'byteLength')),
  isSharedArrayBuffer,
  isProxy: (value) => detailsOf(value) !== undefined,
  isModuleNamespaceObject: tagged('Module'),
  isAnyArrayBuffer: (value) => isArrayBuffer(value) || isSharedArrayBuffer(value),
};
