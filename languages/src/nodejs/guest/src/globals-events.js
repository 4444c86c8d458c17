// What a Node program finds without asking, of Node.js's own modules: names that are not listed.
import buffer from 'buffer';
import { AbortController, AbortSignal } from 'internal/abort_controller';
import { CustomEvent, Event, EventTarget } from 'internal/event_target';
import { URL, URLSearchParams } from 'internal/url';
import streams from 'stream/web';
import { BroadcastChannel, MessageChannel, MessageEvent, MessagePort } from './message-channel.js';
import { Performance, PerformanceEntry, PerformanceMark, PerformanceMeasure, PerformanceObserver, PerformanceObserverEntryList, PerformanceResourceTiming, performance } from 'perf_hooks';
import { callback } from './arguments.js';
import { kept } from './context.js';
import { uncaughtNow } from './loop.js';
import { expose } from './globals.js';
import { structuredClone } from './structured-clone.js';
import process from './process.js';
import timers from './timers.js';

const { Buffer, atob, btoa } = buffer;
const later = globalThis.queueMicrotask;
function queueMicrotask(fn) {
  callback(fn);
  const job = kept(fn);
  later(() => {
    try {
      job();
    } catch (error) {
      uncaughtNow(error);
    }
  });
}
expose({ AbortController, AbortSignal, BroadcastChannel, Buffer, CustomEvent, Event, EventTarget, MessageChannel, MessageEvent, MessagePort, Performance, PerformanceEntry, PerformanceMark, PerformanceMeasure, PerformanceObserver, PerformanceObserverEntryList, PerformanceResourceTiming, performance, URL, URLSearchParams, process, queueMicrotask, structuredClone, atob, btoa, ...streams });
const { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate } = timers;
expose({ setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate });
