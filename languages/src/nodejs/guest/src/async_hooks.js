// node:async_hooks. AsyncLocalStorage holds through timers, nextTick, microtasks and promises, and across the `await` of code that
// the loader or esbuild has rewritten; not across that of native async functions, whose jobs no JavaScript can see.
import { newAsyncId } from 'internal/async_hooks';
import { callback, object, text, wrongType, coded } from './arguments.js';
import { enterFrame, frame, stores, within } from './context.js';

export class AsyncLocalStorage {
  #isOn = false;
  constructor() { stores.areUsed = true; }
  static bind(fn) {
    callback(fn, 'fn');
    const then = frame();
    return function (...args) { return within(then, fn, this, args); };
  }
  static snapshot() { return AsyncLocalStorage.bind((fn, ...args) => fn(...args)); }
  run(store, fn, ...args) {
    // Nothing changes where the same holds already.
    if (this.#isOn && Object.is(store, this.getStore())) return Reflect.apply(fn, null, args);
    this.#isOn = true;
    return within(new Map(frame()).set(this, store), fn, null, args);
  }
  exit(fn, ...args) {
    if (!this.#isOn) return Reflect.apply(fn, null, args);
    const without = new Map(frame());
    without.delete(this);
    return within(without.size === 0 ? null : without, fn, null, args);
  }
  enterWith(store) {
    this.#isOn = true;
    enterFrame(new Map(frame()).set(this, store));
  }
  getStore() { return this.#isOn ? frame()?.get(this) : undefined; }
  disable() { this.#isOn = false; }
}

// What runs now, and who is told of the resources that a program makes itself. Of timers, sockets and promises nobody is told.
let execution = { id: 1, trigger: 0, resource: {} };
const hooks = new Set();
const tell = (name, ...args) => {
  for (const hook of hooks) hook[name]?.(...args);
};

export class AsyncResource {
  #id = newAsyncId();
  #trigger;
  #frame = frame();
  constructor(type, options = {}) {
    text(type, 'type');
    const trigger = typeof options === 'number' ? options : (options.triggerAsyncId ?? execution.id);
    if (typeof options !== 'number' && options.requireManualDestroy !== undefined && typeof options.requireManualDestroy !== 'boolean') throw wrongType('options.requireManualDestroy', 'of type boolean', options.requireManualDestroy);
    if (!Number.isSafeInteger(trigger) || trigger < -1) throw coded(new RangeError(`Invalid triggerAsyncId value: ${trigger}`), 'ERR_INVALID_ASYNC_ID');
    this.#trigger = trigger;
    tell('init', this.#id, type, trigger, this);
  }
  runInAsyncScope(fn, self, ...args) {
    const before = execution;
    execution = { id: this.#id, trigger: this.#trigger, resource: this };
    tell('before', this.#id);
    try {
      return within(this.#frame, fn, self, args);
    } finally {
      tell('after', this.#id);
      execution = before;
    }
  }
  emitDestroy() {
    tell('destroy', this.#id);
    return this;
  }
  asyncId() { return this.#id; }
  triggerAsyncId() { return this.#trigger; }
  bind(fn, self) {
    callback(fn, 'fn');
    const resource = this;
    const bound = self === undefined ? function (...args) { return resource.runInAsyncScope(fn, this, ...args); } : (...args) => resource.runInAsyncScope(fn, self, ...args);
    Object.defineProperties(bound, { length: { value: fn.length, configurable: true }, name: { value: `bound ${fn.name}`, configurable: true } });
    return bound;
  }
  static bind(fn, type, self) { return new AsyncResource(type || fn.name || 'bound-anonymous-fn').bind(fn, self); }
}

const HOOKS = ['init', 'before', 'after', 'destroy', 'promiseResolve'];
function createHook(callbacks) {
  object(callbacks, 'callbacks');
  for (const name of HOOKS) if (callbacks[name] !== undefined && typeof callbacks[name] !== 'function') throw coded(new TypeError(`hook.${name} must be a function`), 'ERR_ASYNC_CALLBACK');
  const hook = {
    enable() {
      hooks.add(callbacks);
      return hook;
    },
    disable() {
      hooks.delete(callbacks);
      return hook;
    },
  };
  return hook;
}
export default {
  AsyncLocalStorage, AsyncResource, createHook, executionAsyncId: () => execution.id, triggerAsyncId: () => execution.trigger, executionAsyncResource: () => execution.resource, asyncWrapProviders: Object.freeze({ __proto__: null, NONE: 0 }),
};
