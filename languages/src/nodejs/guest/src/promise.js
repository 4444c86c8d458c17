// Unhandled rejections. The engine tells nobody of them, so `Promise` is one of our own that keeps count. Promises that
// native async functions return are out of its reach; those that esbuild (bundle.rs) or the loader (rewrite.js) made of them
// are not.
import { frame, kept, within } from './context.js';
import { ref, turn, unref } from './loop.js';
import { fulfil, refuse as refused, setStateOf } from './promise-state.js';

const Native = Promise;
const { then } = Native.prototype;
let isBare = false;
let pending = [];
let unhandled = (reason) => { throw reason; };
export const onUnhandled = (fn) => { unhandled = fn; };

class State {
  constructor(promise, resolve, reject) {
    this.promise = promise;
    this.resolve = resolve;
    this.reject = reject;
    this.handled = this.settled = false;
    this.kind = this.value = undefined;
  }
}
const RAW = () => {}; // in place of an executor: who made it settles it by its state

class Tracked extends Native {
  #state;
  constructor(executor) {
    if (typeof executor !== 'function') throw new TypeError(`Promise resolver ${executor === null || typeof executor !== 'object' ? String(executor) : '#<Object>'} is not a function`);
    let resolve, reject;
    super((a, b) => {
      resolve = a;
      reject = b;
    });
    const state = (this.#state = new State(this, resolve, reject));
    if (executor === RAW) return;
    // What the executor throws would reject it behind our back.
    try {
      executor((value) => accept(state, value), (reason) => refuse(state, reason));
    } catch (e) {
      refuse(state, e);
    }
  }
  static make() { return new Tracked(RAW).#state; }
  then(a, b) {
    const isOurs = #state in this; // else it is of a native async function
    if (isOurs) this.#state.handled = true;
    if (!isOurs || this.constructor !== Tracked) return super.then(kept(a), kept(b));
    // The engine would make the next one by all the steps of a class.
    const next = Tracked.make(), held = frame();
    bare(this, typeof a === 'function' ? (value) => step(next, a, value, held) : (value) => accept(next, value), typeof b === 'function' ? (reason) => step(next, b, reason, held) : (reason) => refuse(next, reason));
    return next.promise;
  }
  // What comes of it nobody has.
  static follow(promise, a, b) {
    if (#state in promise) promise.#state.handled = true;
    bare(promise, kept(a), kept(b));
  }
  static get [Symbol.species]() { return isBare ? Native : this; }
  static {
    setStateOf((promise) => (#state in promise ? promise.#state : undefined));
  }
  static [Symbol.hasInstance](value) {
    return this === Tracked ? Function.prototype[Symbol.hasInstance].call(Native, value) : Function.prototype[Symbol.hasInstance].call(this, value);
  }
}
function bare(promise, a, b) {
  isBare = true;
  try {
    Reflect.apply(then, promise, [a, b]);
  } finally {
    isBare = false;
  }
}
function step(next, fn, value, held) {
  let result;
  try {
    result = held === null ? fn(value) : within(held, fn, undefined, [value]);
  } catch (e) {
    refuse(next, e);
    return;
  }
  accept(next, result);
}
function accept(state, value) {
  if (state.settled) return;
  state.settled = true;
  if (isObject(value)) follow(value, state, state.resolve, state.reject);
  else {
    fulfil(state, value);
    state.resolve(value);
  }
}
function refuse(state, reason) {
  if (state.settled) return;
  state.settled = true;
  refused(state, reason);
  if (!state.handled) watch(state, reason);
  state.reject(reason);
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

// Drives what was an async function (rewrite.js): as its `await` would, with the stores that held there.
const isPlain = (value) => value instanceof Native && (value.constructor === Tracked || value.constructor === Native);
export function run(make, self, args) {
  const state = Tracked.make();
  let steps;
  const go = (how, value) => {
    let step;
    try {
      steps ??= Reflect.apply(make, self, args ?? NONE);
      step = how === THROW ? steps.throw(value) : steps.next(value);
    } catch (e) {
      refuse(state, e);
      return;
    }
    if (step.done) accept(state, step.value);
    else Tracked.follow(isPlain(step.value) ? step.value : Tracked.resolve(step.value), onValue, onError);
  };
  const onValue = (value) => go(NEXT, value), onError = (error) => go(THROW, error);
  go(NEXT);
  return state.promise;
}
const NEXT = 0, THROW = 1;
const NONE = [];

// What a native async function has returned, as one of ours.
export const adopt = (native) => new Tracked((resolve, reject) => then.call(native, resolve, reject));

// As own properties: Node.js's modules look for those.
for (const [own, from] of [[Tracked, Native], [Tracked.prototype, Native.prototype]]) {
  for (const key of Reflect.ownKeys(from)) if (!Object.hasOwn(own, key)) Object.defineProperty(own, key, Object.getOwnPropertyDescriptor(from, key));
}
Object.defineProperty(globalThis, 'Promise', { value: Tracked, writable: true, configurable: true, enumerable: false });
