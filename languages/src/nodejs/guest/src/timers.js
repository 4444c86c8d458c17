// Node.js's timers, for the modules of ours.
import timers from 'timers';
import { getTimerCallbacks } from 'internal/timers';
import { timers as binding } from './node/bindings/timers.js';
import { hrtimeNs } from './loop.js';

binding.setup(getTimerCallbacks);
export const nowMs = () => hrtimeNs() / 1e6;
export const { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate, promises } = timers;
export default timers;
