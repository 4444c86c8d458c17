import { nextTick } from '../../../../loop.js';
export { nextTick };
export const queueMicrotask = (fn) => globalThis.queueMicrotask(fn);
export const runNextTicks = () => {};
