// Unhandled rejections. The engine tells nobody of them, so `Promise` is one of our own that keeps count. Promises that
// native async functions return are out of its reach; those that esbuild (bundle.rs) or the loader (rewrite.js) made of them
// are not.
import { ref, turn, unref } from './loop.js';
import process, { fatal } from './process.js';

const Native = Promise;
const STATE = Symbol('state');
let pending = [];

class Tracked extends Native {
  constructor(executor) {
    const state = { handled: false, settled: false, promise: null };
    super((resolve, reject) => {
      const accept = (value) => {
        state.settled = true;
        resolve(value);
      };
      const refuse = (reason) => {
        if (!state.settled && !state.handled) watch(state, reason);
        state.settled = true;
        reject(reason);
      };
      // What the executor throws would reject it behind our back.
      try {
        executor(accept, refuse);
      } catch (e) {
        refuse(e);
      }
    });
    state.promise = this;
    this[STATE] = state;
  }
  then(a, b) {
    this[STATE].handled = true;
    return super.then(a, b);
  }
  static [Symbol.hasInstance](value) {
    return this === Tracked ? Function.prototype[Symbol.hasInstance].call(Native, value) : Function.prototype[Symbol.hasInstance].call(this, value);
  }
}
Object.defineProperty(Tracked, 'name', { value: 'Promise' });

function watch(state, reason) {
  if (pending.push([state, reason]) > 1) return;
  ref(); // what ends for want of work ends with this first
  turn().then(() => {
    const batch = pending;
    pending = [];
    for (const [s, e] of batch) {
      if (s.handled) continue;
      if (process.listenerCount('unhandledRejection')) process.emit('unhandledRejection', e, s.promise);
      else fatal(e, 'unhandledRejection');
    }
    unref();
  });
}

// What a native async function has returned, as one of ours.
const { then } = Native.prototype;
export const adopt = (native) => new Tracked((resolve, reject) => then.call(native, resolve, reject));

export function install() {
  globalThis.Promise = Tracked;
}
