// `process.env`: values are texts, whatever is put there.
import { coded } from './arguments.js';

const refuse = (why) => coded(new TypeError(why), 'ERR_INVALID_OBJECT_DEFINE_PROPERTY');
const target = {};
export const env = new Proxy(target, {
  set(_, key, value) {
    if (typeof key === 'symbol' || typeof value === 'symbol') throw new TypeError('Cannot convert a Symbol value to a string');
    target[key] = `${value}`;
    return true;
  },
  defineProperty(_, key, descriptor) {
    if ('get' in descriptor || 'set' in descriptor) throw refuse("'process.env' does not accept an accessor(getter/setter) descriptor");
    if (!descriptor.configurable || !descriptor.writable || !descriptor.enumerable) throw refuse("'process.env' only accepts a configurable, writable, and enumerable data descriptor");
    env[key] = descriptor.value;
    return true;
  },
});
