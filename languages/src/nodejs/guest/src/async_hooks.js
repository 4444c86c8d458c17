// AsyncLocalStorage as far as it goes without the engine's help: through callbacks of timers, nextTick and promises'
// then(), but not across `await`, whose jobs no JavaScript can see.
import timers from './timers.js';

let current = new Map();
const bind = (fn) => {
  if (typeof fn !== 'function' || current.size === 0) return fn;
  const kept = current;
  return function (...args) {
    const before = current;
    current = kept;
    try {
      return fn.apply(this, args);
    } finally {
      current = before;
    }
  };
};
let patched = false;
function patch() {
  if (patched) return;
  patched = true;
  const { then } = Promise.prototype;
  Promise.prototype.then = function (a, b) { return then.call(this, bind(a), bind(b)); };
  for (const name of ['setTimeout', 'setInterval', 'setImmediate']) {
    const plain = globalThis[name];
    globalThis[name] = timers[name] = (fn, ...rest) => plain(bind(fn), ...rest);
  }
  const { nextTick } = process;
  process.nextTick = (fn, ...rest) => nextTick(bind(fn), ...rest);
  const micro = globalThis.queueMicrotask;
  globalThis.queueMicrotask = (fn) => micro(bind(fn));
}
export class AsyncLocalStorage {
  constructor() { patch(); }
  run(store, fn, ...args) {
    const before = current;
    current = new Map(before).set(this, store);
    try {
      return fn(...args);
    } finally {
      current = before;
    }
  }
  exit(fn, ...args) { return this.run(undefined, fn, ...args); }
  enterWith(store) { current = new Map(current).set(this, store); }
  getStore() { return current.get(this); }
  disable() { current = new Map(current); current.delete(this); }
  static bind(fn) { return bind(fn); }
  static snapshot() { return bind((fn, ...args) => fn(...args)); }
}
export class AsyncResource {
  constructor(type) { this.type = type; this._kept = current; }
  runInAsyncScope(fn, self, ...args) {
    const before = current;
    current = this._kept;
    try {
      return fn.apply(self, args);
    } finally {
      current = before;
    }
  }
  bind(fn) { return (...args) => this.runInAsyncScope(fn, undefined, ...args); }
  static bind(fn) { return bind(fn); }
  emitDestroy() { return this; }
  asyncId() { return 1; }
  triggerAsyncId() { return 0; }
}
const hook = { enable() { return hook; }, disable() { return hook; } };
export default { AsyncLocalStorage, AsyncResource, createHook: () => hook, executionAsyncId: () => 1, triggerAsyncId: () => 0, executionAsyncResource: () => ({}) };
