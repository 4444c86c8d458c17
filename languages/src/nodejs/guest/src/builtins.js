// Every module of Node's that `require` finds here.
import events from 'events';
import stream from 'readable-stream/lib/stream.js'; // the package's own entry is Readable alone, not Node's Stream
import streamPromises from 'readable-stream/lib/stream/promises.js';
import * as bufferModule from 'buffer/';
import path from 'path-browserify';
import querystring from 'querystring-es3';
import stringDecoder from 'string_decoder/';
import assert from 'assert/';
import osPlain from 'os-browserify/browser.js';
import punycode from 'punycode/';
import url from './url.js';
import util from './util.js';
import net from './net.js';
import http from './http.js';
import https from './https.js';
import tls from './tls.js';
import fs from './fs.js';
import crypto from './crypto.js';
import * as dgram from './dgram.js';
import * as dns from './dns.js';
import zlib from './zlib.js';
import async_hooks from './async_hooks.js';
import timers from './timers.js';
import process from './process.js';
import console from './console.js';
import { hrtimeNs } from './loop.js';

path.posix = path;
path.win32 ??= path;
path.toNamespacedPath ??= (p) => p;
path.matchesGlob ??= () => false;
events.once ??= (emitter, name) => new Promise((resolve, reject) => {
  emitter.once('error', reject);
  emitter.once(name, (...args) => resolve(args));
});
events.setMaxListeners ??= () => {};
events.getEventListeners ??= (emitter, name) => emitter.listeners?.(name) ?? [];
events.errorMonitor ??= Symbol('events.errorMonitor');
events.captureRejectionSymbol ??= Symbol.for('nodejs.rejection');
events.EventEmitterAsyncResource ??= class extends events {};
events.addAbortListener ??= (signal, fn) => { signal.addEventListener('abort', fn, { once: true }); return { [Symbol.dispose]: () => signal.removeEventListener('abort', fn) }; };

const { Readable, Writable } = stream;
stream.promises ??= streamPromises;
Readable.fromWeb ??= (web) => Readable.from((async function* () {
  const r = web.getReader();
  for (let x; !(x = await r.read()).done; ) yield x.value;
})(), { objectMode: false });
Readable.toWeb = (readable) => new ReadableStream({
  start(c) {
    readable.pause();
    readable.on('data', (d) => {
      c.enqueue(d instanceof Uint8Array ? new Uint8Array(d.buffer, d.byteOffset, d.byteLength) : d);
      if (c.desiredSize <= 0) readable.pause();
    });
    readable.on('end', () => { try { c.close(); } catch { /* cancelled */ } });
    readable.on('error', (e) => { try { c.error(e); } catch { /* cancelled */ } });
    readable.pause();
  },
  pull() { readable.resume(); },
  cancel(reason) { readable.destroy(reason instanceof Error ? reason : undefined); },
});

const consumers = {
  buffer: async (s) => { const p = []; for await (const c of s) p.push(typeof c === 'string' ? Buffer.from(c) : c); return Buffer.concat(p); },
  text: async (s) => (await consumers.buffer(s)).toString(),
  json: async (s) => JSON.parse(await consumers.text(s)),
  arrayBuffer: async (s) => new Uint8Array(await consumers.buffer(s)).buffer,
};
const os = {
  ...osPlain, EOL: '\n', platform: () => 'linux', type: () => 'Linux', arch: () => 'wasm32', hostname: () => process.env.HOSTNAME || 'localhost', tmpdir: () => process.env.TMPDIR || '/tmp', homedir: () => process.env.HOME || '/',
  cpus: () => [{ model: 'wasm', speed: 0, times: {} }], availableParallelism: () => 1, totalmem: () => 2 ** 32, freemem: () => 2 ** 31, uptime: () => process.uptime(), loadavg: () => [0, 0, 0],
  networkInterfaces: () => ({ lo: [{ address: '127.0.0.1', netmask: '255.0.0.0', family: 'IPv4', mac: '00:00:00:00:00:00', internal: true, cidr: '127.0.0.1/8' }] }),
  userInfo: () => ({ uid: 0, gid: 0, username: 'guest', homedir: '/', shell: null }), constants: { signals: { SIGINT: 2, SIGTERM: 15 }, errno: {} }, release: () => '0', version: () => 'wasmrun', machine: () => 'wasm32', endianness: () => 'LE',
};
const performance = Object.assign(Object.create(globalThis.performance ?? null), {});
const perf = { now: () => (hrtimeNs() - perf._zero) / 1e6, timeOrigin: 0, _zero: 0, mark: () => ({}), measure: () => ({}), clearMarks() {}, clearMeasures() {}, getEntries: () => [], getEntriesByName: () => [], getEntriesByType: () => [], eventLoopUtilization: () => ({ idle: 0, active: 0, utilization: 0 }), timerify: (f) => f, toJSON: () => ({}) };
globalThis.performance = perf;
void performance;

const absent = (module, names, why = 'is not there under WebAssembly') => {
  const m = {};
  for (const n of names) m[n] = function () { throw Object.assign(new Error(`${module}.${n} ${why}`), { code: 'ERR_WASMRUN_NOT_THERE' }); };
  return m;
};
class NoChannel { get hasSubscribers() { return false; } publish() {} subscribe() {} unsubscribe() { return false; } bindStore() {} runStores(_, fn, self, ...args) { return fn.apply(self, args); } }
const channels = new Map();
const channel = (name) => channels.get(name) ?? (channels.set(name, new NoChannel()), channels.get(name));
const diagnostics = { channel, hasSubscribers: () => false, subscribe() {}, unsubscribe() {}, Channel: NoChannel,
  tracingChannel: () => ({ start: channel(''), end: channel(''), asyncStart: channel(''), asyncEnd: channel(''), error: channel(''), hasSubscribers: false, subscribe() {}, unsubscribe() {}, traceSync: (fn, _, self, ...a) => fn.apply(self, a), tracePromise: (fn, _, self, ...a) => fn.apply(self, a), traceCallback: (fn, _p, _c, self, ...a) => fn.apply(self, a) }) };
const buffer = { ...bufferModule, Buffer: globalThis.Buffer, Blob: globalThis.Blob, File: globalThis.File, atob: globalThis.atob, btoa: globalThis.btoa, constants: { MAX_LENGTH: bufferModule.kMaxLength, MAX_STRING_LENGTH: 2 ** 29 }, isUtf8: () => true, isAscii: (b) => b.every((x) => x < 128) };

export const builtins = {
  assert, 'assert/strict': assert.strict, async_hooks, buffer, console, crypto, events, fs, 'fs/promises': fs.promises, http, net, os, path, 'path/posix': path, process, punycode, querystring, stream, 'stream/promises': stream.promises,
  'stream/consumers': consumers, 'stream/web': globalThis, string_decoder: stringDecoder, timers, 'timers/promises': timers.promises, url, util, 'util/types': util.types, zlib,
  tty: { isatty: () => false, ReadStream: class {}, WriteStream: class {} },
  perf_hooks: { performance: perf, PerformanceObserver: class { observe() {} disconnect() {} }, monitorEventLoopDelay: () => ({ enable() {}, disable() {}, percentile: () => 0 }), constants: {} },
  diagnostics_channel: diagnostics,
  constants: { ...fs.constants },
  v8: { getHeapStatistics: () => ({ heap_size_limit: 2 ** 32, total_heap_size: 0, used_heap_size: 0 }), setFlagsFromString() {}, serialize: (v) => Buffer.from(JSON.stringify(v)), deserialize: (b) => JSON.parse(b) },
  vm: { ...absent('vm', ['createContext', 'Script', 'runInNewContext']), runInThisContext: (code) => (0, eval)(code), isContext: () => false },
  https,
  http2: { ...absent('http2', ['createServer', 'createSecureServer', 'connect']), constants: {}, Http2ServerRequest: class {}, Http2ServerResponse: class {} },
  tls,
  dns: {
    ...absent('dns', ['lookupService', 'resolveAny', 'resolveNaptr', 'resolvePtr', 'resolveSoa', 'reverse']), ...dns.all,
    promises: { ...absent('dns', ['lookupService', 'resolveAny', 'resolveNaptr', 'resolvePtr', 'resolveSoa', 'reverse']), ...dns.promises },
  },
  dgram,
  child_process: absent('child_process', ['spawn', 'exec', 'execFile', 'fork', 'spawnSync', 'execSync', 'execFileSync']),
  cluster: { isMaster: true, isPrimary: true, isWorker: false, workers: {}, ...absent('cluster', ['fork']), on() {} },
  worker_threads: { isMainThread: true, parentPort: null, workerData: null, threadId: 0, MessageChannel: class {}, ...absent('worker_threads', ['Worker']) },
  readline: absent('readline', ['createInterface']), inspector: { url: () => undefined, ...absent('inspector', ['open', 'Session']) }, repl: absent('repl', ['start']),
};
builtins['dns/promises'] = builtins.dns.promises;
builtins['path/win32'] = path;
builtins.sys = util;

// `fs.promises` and others are looked up by packages that want the same object each time.
export const builtin = (name) => {
  if (name.startsWith('node:')) name = name.slice(5);
  return Object.hasOwn(builtins, name) ? builtins[name] : undefined;
};
export function boot() {
  perf._zero = hrtimeNs();
  perf.timeOrigin = Date.now();
}
void Writable;
