// setTimeout, setInterval, setImmediate. Timers of one duration are in one list, oldest first, so that the keep-alive
// timeouts of thousands of connections cost a few assignments each.
import { enter, ref, unref, hrtimeNs, turn, waitNs } from './loop.js';

const lists = new Map();
let wake = Infinity;
let ids = 1;
const byId = new Map();

export const nowMs = () => hrtimeNs() / 1e6;

class Timeout {
  constructor(fn, ms, args, repeat) {
    ms = +ms;
    if (!(ms >= 1 && ms <= 2147483647)) ms = 1;
    this._ms = Math.trunc(ms);
    this._fn = fn;
    this._args = args;
    this._repeat = repeat;
    this._ref = true;
    this._list = null;
    this._id = 0;
  }
  ref() {
    if (!this._ref && this._list) ref();
    this._ref = true;
    return this;
  }
  unref() {
    if (this._ref && this._list) unref();
    this._ref = false;
    return this;
  }
  hasRef() { return this._ref; }
  refresh() {
    if (this._list) unlink(this);
    else if (this._ref) ref();
    link(this);
    return this;
  }
  close() {
    clearTimeout(this);
    return this;
  }
  [Symbol.toPrimitive]() {
    if (!this._id) byId.set((this._id = ids++), this);
    return this._id;
  }
  [Symbol.dispose]() { clearTimeout(this); }
}

function link(t) {
  let list = lists.get(t._ms);
  if (!list) {
    list = { next: null, prev: null };
    list.next = list.prev = list;
    lists.set(t._ms, list);
  }
  t._at = nowMs() + t._ms;
  t.prev = list.prev;
  t.next = list;
  list.prev.next = t;
  list.prev = t;
  t._list = list;
  arm(t._at);
}

function unlink(t) {
  t.prev.next = t.next;
  t.next.prev = t.prev;
  t._list = null;
}

function arm(at) {
  if (at >= wake) return;
  wake = at;
  const ns = Math.max(1, Math.ceil((at - nowMs()) * 1e6));
  waitNs(ns).then(() => {
    if (wake === at) wake = Infinity;
    expire();
  });
}

function expire() {
  const due = [];
  const now = nowMs();
  for (const [ms, list] of lists) {
    if (list.next === list) {
      lists.delete(ms);
      continue;
    }
    for (let t = list.next; t !== list && t._at <= now; t = t.next) due.push(t);
  }
  due.sort((a, b) => a._at - b._at);
  for (const t of due) {
    if (!t._list || t._at > now) continue; // cleared or refreshed by one before it
    unlink(t);
    enter(() => {
      if (t._args) t._fn(...t._args);
      else t._fn();
    });
    if (t._repeat && !t._cleared) {
      if (!t._list) link(t);
    } else if (!t._list) {
      if (t._id) byId.delete(t._id);
      if (t._ref && !t._cleared) unref();
    }
  }
  let next = Infinity;
  for (const list of lists.values()) if (list.next !== list && list.next._at < next) next = list.next._at;
  if (next < Infinity) arm(next);
}

function start(fn, ms, args, repeat) {
  if (typeof fn !== 'function') throw Object.assign(new TypeError('The "callback" argument must be of type function. Received ' + typeof fn), { code: 'ERR_INVALID_ARG_TYPE' });
  const t = new Timeout(fn, ms, args.length ? args : null, repeat);
  ref();
  link(t);
  return t;
}

export const setTimeout = (fn, ms, ...args) => start(fn, ms, args, false);
export const setInterval = (fn, ms, ...args) => start(fn, ms, args, true);
export function clearTimeout(t) {
  if (typeof t === 'number' || typeof t === 'string') t = byId.get(+t);
  if (!(t instanceof Timeout)) return;
  if (t._id) byId.delete(t._id);
  const running = !t._list && !t._cleared && t._repeat;
  t._cleared = t._repeat;
  if (t._list) unlink(t);
  else if (!running) return;
  if (t._ref) unref();
}
export const clearInterval = clearTimeout;

const immediates = [];
class Immediate {
  constructor(fn, args) {
    this._fn = fn;
    this._args = args;
  }
  ref() { return this; }
  unref() { return this; }
  hasRef() { return true; }
}
export function setImmediate(fn, ...args) {
  if (typeof fn !== 'function') throw new TypeError('The "callback" argument must be of type function');
  const i = new Immediate(fn, args);
  ref();
  if (immediates.push(i) === 1) turn().then(runImmediates);
  return i;
}
function runImmediates() {
  const batch = immediates.splice(0);
  for (const i of batch) {
    if (i._fn) enter(() => i._fn(...i._args));
    unref();
  }
  if (immediates.length) turn().then(runImmediates);
}
export function clearImmediate(i) {
  if (i instanceof Immediate) i._fn = null;
}

const wait = (ms, value, options) =>
  new Promise((resolve, reject) => {
    const signal = options?.signal;
    if (signal?.aborted) return reject(signal.reason);
    const t = setTimeout(() => resolve(value), ms);
    signal?.addEventListener('abort', () => { clearTimeout(t); reject(signal.reason); }, { once: true });
  });
export const promises = {
  setTimeout: wait,
  setImmediate: (value) => new Promise((resolve) => setImmediate(() => resolve(value))),
  async *setInterval(ms, value) { for (;;) yield await wait(ms, value); },
  scheduler: { wait, yield: () => new Promise((resolve) => setImmediate(resolve)) },
};
export default { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate, promises };
