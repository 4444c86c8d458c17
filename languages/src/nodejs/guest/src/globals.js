// What a Node program finds without asking. Has to be evaluated before every package, so it is imported first.
import * as encoding from './encoding.js';
globalThis.global = globalThis;
globalThis.TextEncoder = encoding.TextEncoder;
globalThis.TextDecoder = encoding.TextDecoder;
globalThis.Atomics ??= {}; // not in this engine; packages look at what it has, nobody uses it without threads
