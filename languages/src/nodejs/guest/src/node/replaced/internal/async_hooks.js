// Numbers of asynchronous operations, and what holds while a timer's callback runs (context.js). Nobody is told of single operations.
import { enterFrame, frame } from '../../../context.js';
import { symbols as names } from '../../bindings/constants.js';

let last = 1;
const FRAME = Symbol('frame');
let before = null;
export const newAsyncId = () => ++last;
export const executionAsyncId = () => 1;
export const getDefaultTriggerAsyncId = () => 1;
export const getOrSetAsyncId = (object) => (object[names.async_id_symbol] ??= newAsyncId());
export const defaultTriggerAsyncIdScope = (id, fn, ...args) => fn(...args);
export const enabledHooksExist = () => false;
export const initHooksExist = () => frame() !== null;
export const destroyHooksExist = () => false;
export function emitInit(id, type, trigger, resource) { resource[FRAME] = frame(); }
export function emitBefore(id, trigger, resource) {
  before = enterFrame(resource?.[FRAME] ?? null);
}
export function emitAfter() { enterFrame(before); }
export const emitDestroy = () => {};
export const clearAsyncIdStack = () => {};
export const hasAsyncIdStack = () => false;
export const symbols = { ...names };
