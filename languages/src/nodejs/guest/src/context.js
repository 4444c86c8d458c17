// The stores of AsyncLocalStorage that hold now: a map that is never changed, or null where there are none. What a callback was
// given in, it runs in.
export const stores = { areUsed: false };
let current = null;
export const frame = () => current;
export const enterFrame = (next) => {
  const before = current;
  current = next;
  return before;
};
export function within(next, fn, self, args) {
  const before = current;
  current = next;
  try {
    return Reflect.apply(fn, self, args);
  } finally {
    current = before;
  }
}
export const kept = (fn) => {
  if (current === null || typeof fn !== 'function') return fn;
  const then = current;
  return function (...args) { return within(then, fn, this, args); };
};
