// Results that come later, to callbacks of the program's.
import { enter, ref, unref } from './loop.js';
import { setImmediate } from './timers.js';

// Computed here, after what is going on.
export function later(done, compute) {
  setImmediate(() => {
    let value;
    try {
      value = compute();
    } catch (e) {
      return done(e);
    }
    done(null, value);
  });
}
// Computed by the host, while the program goes on: what a future of its gives, or what `fail` makes of a failure.
export async function awaited(future, fail) {
  ref();
  try {
    const { tag, val } = await future.read();
    if (tag === 'ok') return val;
    throw fail(val);
  } finally {
    unref();
  }
}
export function tell(promise, done) {
  ref();
  promise.then(
    (value) => enter(() => done(null, value)),
    (error) => enter(() => done(error)),
  ).then(unref, unref);
}
