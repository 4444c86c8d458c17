// Globals that every module may find. Has to be evaluated before all others, so it is imported first.
import { TextEncoder } from './encoding.js';
import { keepNames } from './names.js';
import { TextDecoder } from './text-decoder.js';

// As node has them: few show when globals are listed.
const LISTED = new Set(['atob', 'btoa', 'clearImmediate', 'clearInterval', 'clearTimeout', 'crypto', 'fetch', 'global', 'performance', 'queueMicrotask', 'setImmediate', 'setInterval', 'setTimeout', 'structuredClone']);
export function expose(all) {
  keepNames(all);
  for (const [name, value] of Object.entries(all)) Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: LISTED.has(name) });
}

expose({ global: globalThis });
for (const name of ['__cqjs', 'wit']) if (name in globalThis) Object.defineProperty(globalThis, name, { enumerable: false });
expose({ TextEncoder, TextDecoder });
if (!('Atomics' in globalThis)) expose({ Atomics: {} }); // packages look at what it has, nobody uses it without threads
