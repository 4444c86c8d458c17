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
        if (state.settled) return;
        state.settled = true;
        if (isObject(value)) follow(value, state, resolve, reject);
        else resolve(value);
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

const isObject = (value) => (typeof value === 'object' && value !== null) || typeof value === 'function';

// What a promise takes the outcome of, where it is another one: the engine would pass its rejection on behind our back. The
// steps and their order are ECMAScript's (Promise Resolve Functions).
function follow(value, state, resolve, reject) {
  const refuse = counted(state, reject);
  let then;
  try {
    if (value === state.promise) throw new TypeError('Chaining cycle detected for promise #<Promise>');
    ({ then } = value);
  } catch (e) {
    return refuse(e);
  }
  if (typeof then !== 'function') return resolve(value);
  // The engine asks this one in a job of its own, as it would the other.
  resolve({
    then(accept, deny) {
      let isOver = false;
      const once = (settle) => (outcome) => {
        if (isOver) return;
        isOver = true;
        settle(outcome);
      };
      const denied = once(counted(state, deny));
      try {
        Reflect.apply(then, value, [once((outcome) => (isObject(outcome) ? follow(outcome, state, accept, deny) : accept(outcome))), denied]);
      } catch (e) {
        denied(e);
      }
    },
  });
}

const counted = (state, reject) => (reason) => {
  if (!state.handled) watch(state, reason);
  reject(reason);
};

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
