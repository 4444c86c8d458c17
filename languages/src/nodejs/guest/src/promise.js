// Unhandled rejections. The engine tells nobody of them, so `Promise` is one of our own that keeps count. Promises that
// native async functions return are out of its reach; those that esbuild (bundle.rs) or the loader (rewrite.js) made of them
// are not.
import { kept } from './context.js';
import { ref, turn, unref } from './loop.js';
import { fulfil, refuse as refused, setStateOf } from './promise-state.js';

const Native = Promise;
let pending = [];
let unhandled = (reason) => { throw reason; };
export const onUnhandled = (fn) => { unhandled = fn; };

class Tracked extends Native {
  #state;
  constructor(executor) {
    const state = { handled: false, settled: false, promise: null, kind: undefined, value: undefined };
    super((resolve, reject) => {
      const accept = (value) => {
        if (state.settled) return;
        state.settled = true;
        if (isObject(value)) follow(value, state, resolve, reject);
        else {
          fulfil(state, value);
          resolve(value);
        }
      };
      const refuse = (reason) => {
        if (!state.settled && !state.handled) watch(state, reason);
        if (!state.settled) refused(state, reason);
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
    this.#state = state;
  }
  then(a, b) {
    if (#state in this) this.#state.handled = true; // else it is of a native async function
    return super.then(kept(a), kept(b));
  }
  static {
    setStateOf((promise) => (#state in promise ? promise.#state : undefined));
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
  if (typeof then !== 'function') {
    fulfil(state, value);
    return resolve(value);
  }
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
        Reflect.apply(then, value, [once((outcome) => (isObject(outcome) ? follow(outcome, state, accept, deny) : (fulfil(state, outcome), accept(outcome)))), denied]);
      } catch (e) {
        denied(e);
      }
    },
  });
}

const counted = (state, reject) => (reason) => {
  refused(state, reason);
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
      unhandled(e, s.promise);
    }
    unref();
  });
}

// What a native async function has returned, as one of ours.
const { then } = Native.prototype;
export const adopt = (native) => new Tracked((resolve, reject) => then.call(native, resolve, reject));

// As own properties: Node.js's modules look for those.
for (const [own, from] of [[Tracked, Native], [Tracked.prototype, Native.prototype]]) {
  for (const key of Reflect.ownKeys(from)) if (!Object.hasOwn(own, key)) Object.defineProperty(own, key, Object.getOwnPropertyDescriptor(from, key));
}
Object.defineProperty(globalThis, 'Promise', { value: Tracked, writable: true, configurable: true, enumerable: false });
