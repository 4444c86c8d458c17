// The event loop is the host's: each wait is an async host call, and the engine runs all promise jobs before it goes back
// to the host. What is left for us is the order of Node's queues, and to know when nothing is left to do.
import { enterFrame, frame, kept } from './context.js';
import clock from 'wasi:clocks/monotonic-clock@0.3.0';
import now from 'wasi:clocks/monotonic-clock@0.2.12';

const later = globalThis.queueMicrotask;
const ticks = [];
let depth = 0;
let ticking = false;
let drainPosted = false;
let active = 0;
let idle = () => {};
let refused = () => new TypeError('no function');
let uncaught = (e) => { throw e; };

export const hrtimeNs = () => now.now();
export const onIdle = (fn) => { idle = fn; };
export const onRefused = (fn) => { refused = fn; };
export const onUncaught = (fn) => { uncaught = fn; };

// Runs a callback as Node runs one: what it put in nextTick comes before promise jobs.
export function enter(fn, a, b) {
  depth++;
  try {
    fn(a, b);
  } catch (e) {
    uncaught(e);
  }
  depth--;
  if (depth === 0) {
    if (ticks.length) drain();
    if (frame() !== null) enterFrame(null);
  }
}

export const uncaughtNow = (e) => uncaught(e);

export function nextTick(fn, ...args) {
  if (typeof fn !== 'function') throw refused(fn);
  if (process._exiting) return;
  ticks.push(kept(fn), args);
  if (depth === 0 && !ticking && !drainPosted) {
    drainPosted = true;
    later(drain);
  }
}

export function drain() {
  drainPosted = false;
  if (ticking) return;
  ticking = true;
  for (let i = 0; i < ticks.length; i += 2) {
    try {
      const fn = ticks[i];
      fn(...ticks[i + 1]);
    } catch (e) {
      uncaught(e);
    }
  }
  ticks.length = 0;
  ticking = false;
}

// What keeps the program alive: listeners, connections, timers.
export function ref() { active++; }
export function unref() {
  active--;
  settle();
}
export const isIdle = () => active === 0;
let settling = false, again = false;
export function settle() {
  if (active > 0) return;
  if (settling) {
    again = true;
    return;
  }
  settling = true;
  turn().then(look);
}
// The turn may be one with an immediate, whose promise jobs are still to come.
function look() {
  if (active === 0 && again) {
    again = false;
    return turn().then(look);
  }
  settling = again = false;
  if (active === 0) idle();
}

// A full turn: a byte through a pipe to ourselves comes back only after every promise job has run.
let pipe;
const BYTE = new Uint8Array(1);
let turning = null;
export function turn() {
  if (turning) return turning;
  pipe ??= wit.Stream(wit.Stream.U8);
  turning = pipe.readable.read(1).then(() => { turning = null; });
  pipe.writable.write(BYTE);
  return turning;
}

export const waitNs = (ns) => clock.waitFor(ns);

// Milliseconds since the program began.
let startNs = 0;
export function start() { startNs = hrtimeNs(); }
export const sinceStart = () => (hrtimeNs() - startNs) / 1e6;
