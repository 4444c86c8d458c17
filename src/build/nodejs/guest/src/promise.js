// Unhandled rejections. The engine tells nobody of them, so `Promise` is one of our own that keeps count. Promises that
// native async functions return are out of its reach; those that esbuild made of them (bundle.sh) are not.
import { turn } from './loop.js';
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
  turn().then(() => {
    const batch = pending;
    pending = [];
    for (const [s, e] of batch) {
      if (s.handled) continue;
      if (process.listenerCount('unhandledRejection')) process.emit('unhandledRejection', e, s.promise);
      else fatal(e, 'unhandledRejection');
    }
  });
}

export function install() {
  globalThis.Promise = Tracked;
}
