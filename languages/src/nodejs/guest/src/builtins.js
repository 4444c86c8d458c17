// Every module of Node's that `require` finds here.
import assert from 'assert';
import assertStrict from 'assert/strict';
import buffer from 'buffer';
import console from 'console';
import diagnostics from 'diagnostics_channel';
import events from 'events';
import path from 'path';
import punycode from 'punycode';
import querystring from 'querystring';
import readline from 'readline';
import readlinePromises from 'readline/promises';
import duplex from '_stream_duplex';
import passthrough from '_stream_passthrough';
import readable from '_stream_readable';
import transform from '_stream_transform';
import writable from '_stream_writable';
import stream from 'stream';
import consumers from 'stream/consumers';
import streamPromises from 'stream/promises';
import streamWeb from 'stream/web';
import stringDecoder from 'string_decoder';
import url from 'url';
import util from 'util';
import os from 'os';
import perf_hooks from 'perf_hooks';
import net from './net.js';
import http from './http.js';
import { BAD_VALUE } from './http-headers.js';
import https from './https.js';
import child_process from './child-process.js';
import tls from './tls.js';
import fs from 'fs';
import fsPromises from 'fs/promises';
import crypto from './crypto.js';
import * as dgram from './dgram.js';
import * as dns from './dns.js';
import vm from 'vm';
import worker_threads from 'worker_threads';
import zlib from './zlib.js';
import async_hooks from './async_hooks.js';
import sqlite from './sqlite/sync.js';
import timers from './timers.js';
import process from './process.js';
import { keepNames } from './names.js';
import { load as loadNative } from './node/load.js';
import { BuiltinModule, offer } from 'internal/bootstrap/realm';

// The older modules that these are in.
const pick = (from, names) => Object.fromEntries(names.map((name) => [name, from[name]]));
const isToken = (value) => typeof value === 'string' && /^[\^_`a-zA-Z\-0-9!#$%&'*+.|~]+$/.test(value);
const absent = (module, names, why = 'is not there under WebAssembly') => {
  const m = {};
  for (const n of names) m[n] = function () { throw Object.assign(new Error(`${module}.${n} ${why}`), { code: 'ERR_WASMRUN_NOT_THERE' }); };
  return m;
};

export const builtins = {
  assert, 'assert/strict': assertStrict, async_hooks, buffer, console, crypto, events, fs, 'fs/promises': fsPromises, http, net, os, path, 'path/posix': path.posix, 'path/win32': path.win32, process, punycode, querystring, stream, 'stream/promises': streamPromises,
  'stream/consumers': consumers, 'stream/web': streamWeb, string_decoder: stringDecoder, timers, 'timers/promises': timers.promises, url, util, 'util/types': util.types, zlib,
  tty: { isatty: () => false, ReadStream: class {}, WriteStream: class {} },
  perf_hooks,
  diagnostics_channel: diagnostics, readline, 'readline/promises': readlinePromises,
  _http_agent: pick(http, ['Agent', 'globalAgent']), _http_client: pick(http, ['ClientRequest']), _http_incoming: pick(http, ['IncomingMessage']), _http_outgoing: pick(http, ['OutgoingMessage', 'validateHeaderName', 'validateHeaderValue']), _http_server: pick(http, ['STATUS_CODES', 'Server', 'ServerResponse']), _http_common: { methods: http.METHODS, _checkIsHttpToken: isToken, _checkInvalidHeaderChar: (value) => BAD_VALUE.test(value) },
  _stream_duplex: duplex, _stream_passthrough: passthrough, _stream_readable: readable, _stream_transform: transform, _stream_writable: writable,
  constants: { ...fs.constants },
  v8: { getHeapStatistics: () => ({ heap_size_limit: 2 ** 32, total_heap_size: 0, used_heap_size: 0 }), setFlagsFromString() {}, serialize: (v) => Buffer.from(JSON.stringify(v)), deserialize: (b) => JSON.parse(b) },
  vm,
  https,
  http2: { ...absent('http2', ['createServer', 'createSecureServer', 'connect']), constants: {}, Http2ServerRequest: class {}, Http2ServerResponse: class {} },
  tls,
  dns: {
    ...absent('dns', ['lookupService', 'resolveAny', 'resolveNaptr', 'resolvePtr', 'resolveSoa', 'reverse']), ...dns.all,
    promises: { ...absent('dns', ['lookupService', 'resolveAny', 'resolveNaptr', 'resolvePtr', 'resolveSoa', 'reverse']), ...dns.promises },
  },
  dgram,
  child_process,
  cluster: { isMaster: true, isPrimary: true, isWorker: false, workers: {}, ...absent('cluster', ['fork']), on() {} },
  worker_threads,
  sqlite,
  // It keeps the standard streams that it finds while it loads.
  get test() { return loadNative('test'); },
  get 'test/reporters'() { return loadNative('test/reporters'); },
  inspector: { url: () => undefined, ...absent('inspector', ['open', 'Session']) }, repl: absent('repl', ['start']),
};
builtins['dns/promises'] = builtins.dns.promises;
builtins.sys = util;
for (const { value } of Object.values(Object.getOwnPropertyDescriptors(builtins))) if (value !== undefined) keepNames(value);

// `fs.promises` and others are looked up by packages that want the same object each time.
export const builtin = (name) => {
  if (name.startsWith('node:')) name = name.slice(5);
  else if (BuiltinModule.getSchemeOnlyModuleNames().includes(name)) return undefined;
  return Object.hasOwn(builtins, name) ? builtins[name] : undefined;
};
offer(Object.keys(builtins));
