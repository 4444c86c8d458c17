// node:process.
import environment from 'wasi:cli/environment@0.2.12';
import wasiExit from 'wasi:cli/exit@0.2.12';
import wasiOut from 'wasi:cli/stdout@0.2.12';
import wasiErr from 'wasi:cli/stderr@0.2.12';
import EventEmitter from 'events';
import { begin as beginPerformance } from './node/bindings/performance.js';
import { timers } from './node/bindings/timers.js';
import { env } from './process-env.js';
import { emitWarning, listenForWarnings } from './process-warning.js';
import { onUnhandled } from './promise.js';
import { enter, isIdle, nextTick, hrtimeNs, onRefused, settle, sinceStart, turn, start as beginClock, onIdle, onUncaught } from './loop.js';
import path from 'path';
import { format } from 'internal/util/inspect';
import { parseFileMode, validateArray, validateBoolean, validateInteger, validateNumber, validateObject, validateString, validateUint32 } from 'internal/validators';
import { coded, outOfRange, wrongType } from './arguments.js';
import { encode } from './encoding.js';
import { isDirectory } from './files.js';
import { SIGNALS } from './node/bindings/constants.js';

let cwd = '/';
let exiting = false;

function output(get) {
  let stream = null;
  return (chunk) => {
    stream ??= get();
    const bytes = typeof chunk === 'string' ? encode(chunk) : chunk;
    try {
      // The host takes at most 4096 bytes in one blocking write.
      for (let i = 0; i < bytes.length; i += 4096) stream.blockingWriteAndFlush(bytes.subarray(i, i + 4096));
    } catch {
      // Nobody reads any more: as with SIGPIPE ignored, output is lost.
    }
  };
}
export const writeOut = output(() => wasiOut.getStdout());
export const writeErr = output(() => wasiErr.getStderr());

// The object that modules have looked at since they loaded (node/skeleton.js).
const process = globalThis.process;
function Process() {}
Process.prototype = Object.create(EventEmitter.prototype, { constructor: { value: Process, configurable: true, writable: true } });
Object.defineProperty(Process, 'name', { value: 'process' });
for (const name of ['on', 'emitWarning', 'nextTick']) delete process[name];
Object.setPrototypeOf(process, Object.create(Process.prototype));
EventEmitter.call(process);
export default process;

function hrtime(since) {
  const ns = hrtimeNs();
  const seconds = Math.floor(ns / 1e9), rest = Math.floor(ns % 1e9);
  if (since === undefined) return [seconds, rest];
  validateArray(since, 'time');
  if (since.length !== 2) throw outOfRange('time', 2, since.length);
  const borrows = rest < since[1];
  return [seconds - since[0] - (borrows ? 1 : 0), rest - since[1] + (borrows ? 1e9 : 0)];
}
hrtime.bigint = () => BigInt(Math.floor(hrtimeNs()));

// There is one thread, which computes as long as the guest does.
function cpuUsage(since) {
  const usage = { user: Math.floor(sinceStart() * 1e3), system: 0 };
  if (!since) return usage;
  validateObject(since, 'prevValue');
  for (const name of ['user', 'system']) {
    validateNumber(since[name], `prevValue.${name}`);
    if (!(since[name] >= 0 && since[name] <= Number.MAX_SAFE_INTEGER)) throw coded(new RangeError(`The property 'prevValue.${name}' is invalid. Received ${since[name]}`), 'ERR_INVALID_ARG_VALUE');
  }
  return { user: usage.user - since.user, system: usage.system - since.system };
}
const LIMIT = 2 ** 32; // what 32-bit memories can have
function memoryUsage() {
  const found = globalThis.__cqjs?.getMemoryUsage?.() ?? {};
  const heap = found.memory_used_size ?? found.memoryUsedSize ?? found.malloc_size ?? found.mallocSize ?? 0;
  return { rss: heap, heapTotal: heap, heapUsed: heap, external: 0, arrayBuffers: 0 };
}
memoryUsage.rss = () => memoryUsage().rss;

let mask = 0o22;
function umask(next) {
  const before = mask;
  if (next !== undefined) mask = parseFileMode(next, 'mask') & 0o777;
  return before;
}

const ids = { uid: 0, gid: 0, euid: 0, egid: 0 };
const numbered = (value, name) => {
  if (typeof value === 'string') throw coded(new Error(`${name === 'gid' ? 'Group' : 'User'} identifier does not exist: ${value}`), 'ERR_UNKNOWN_CREDENTIAL');
  validateUint32(value, name);
};
const identity = Object.fromEntries(Object.keys(ids).flatMap((kind) => [
  [`get${kind}`, () => ids[kind]],
  [`set${kind}`, (value) => {
    if (typeof value !== 'string' && typeof value !== 'number') throw wrongType('id', 'one of type number or string', value);
    numbered(value, kind.endsWith('gid') ? 'gid' : 'uid');
  }],
]));

let capture = null;
function setUncaughtExceptionCaptureCallback(fn) {
  if (fn !== null && typeof fn !== 'function') throw wrongType('fn', 'of type function or null', fn);
  if (fn !== null && capture !== null) throw coded(new Error('`process.setupUncaughtExceptionCapture()` was called while a capture callback was already active'), 'ERR_UNCAUGHT_EXCEPTION_CAPTURE_ALREADY_SET');
  capture = fn;
}

let exitCode;
const asExitCode = (value) => {
  if (value === undefined || value === null) return undefined;
  const number = typeof value === 'string' && value !== '' && Number.isInteger(+value) ? +value : value;
  validateInteger(number, 'code');
  return number;
};
Object.defineProperty(process, 'exitCode', {
  get: () => exitCode,
  set(value) { exitCode = asExitCode(value) === undefined ? undefined : value; },
  enumerable: true,
  configurable: false,
});
const leave = () => process.reallyExit(+(exitCode ?? 0));

Object.assign(process, {
  title: 'node', version: `v${process.versions.node}`, pid: 1, ppid: 0, execPath: '/usr/bin/node', execArgv: [],
  release: { name: 'node', lts: 'Iron' }, argv: ['/usr/bin/node'], argv0: 'node', report: {}, allowedNodeEnvironmentFlags: new Set(), env,
  nextTick, hrtime, cpuUsage, memoryUsage, umask, emitWarning, setUncaughtExceptionCaptureCallback, ...identity,
  hasUncaughtExceptionCaptureCallback: () => capture !== null,
  availableMemory: () => LIMIT - memoryUsage.rss(),
  constrainedMemory: () => LIMIT,
  getgroups: () => [0],
  cwd: () => cwd,
  chdir(directory) {
    validateString(directory, 'directory');
    cwd = enterDirectory(directory, cwd);
  },
  uptime: () => sinceStart() / 1e3,
  resourceUsage: () => ({ userCPUTime: cpuUsage().user, systemCPUTime: 0, maxRSS: Math.ceil(memoryUsage.rss() / 1024), sharedMemorySize: 0, unsharedDataSize: 0, unsharedStackSize: 0, minorPageFault: 0, majorPageFault: 0, swappedOut: 0, fsRead: 0, fsWrite: 0, ipcSent: 0, ipcReceived: 0, signalsCount: 0, voluntaryContextSwitches: 0, involuntaryContextSwitches: 0 }),
  getActiveResourcesInfo: () => [...Array(timers.timeoutInfo[0]).fill('Timeout'), ...Array(timers.immediateInfo[1]).fill('Immediate')],
  binding() { throw new Error('process.binding is not there under WebAssembly'); },
  // There is one process, which can signal itself.
  kill(pid, signal = 'SIGTERM') {
    if (pid != (pid | 0)) throw wrongType('pid', 'of type number', pid); // eslint-disable-line eqeqeq -- as Node.js has it
    const name = typeof signal === 'number' ? Object.keys(SIGNALS).find((one) => SIGNALS[one] === signal) : signal;
    if (signal !== 0 && !(name in SIGNALS)) throw coded(new TypeError(`Unknown signal: ${signal}`), 'ERR_UNKNOWN_SIGNAL');
    if (+pid !== process.pid && +pid !== 0) throw Object.assign(new Error('kill ESRCH'), { code: 'ESRCH', errno: -3, syscall: 'kill' });
    if (signal === 0) return true;
    nextTick(() => {
      if (name === 'SIGKILL' || !process.emit(name, name, SIGNALS[name])) process.reallyExit(128 + SIGNALS[name]);
    });
    return true;
  },
  abort() { process.reallyExit(134); },
  reallyExit: (code) => wasiExit.exitWithCode(code & 255),
  exit(code) {
    if (code !== undefined) process.exitCode = code;
    if (!exiting) {
      exiting = process._exiting = true;
      try {
        process.emit('exit', +(exitCode ?? 0));
      } catch (e) {
        // Nobody else would say it.
        fatal(e);
      }
    }
    leave();
  },
  setSourceMapsEnabled(value) { validateBoolean(value, 'val'); },
  getBuiltinModule: (name) => globalThis.__builtin?.(name),
  _getActiveHandles: () => [],
  _getActiveRequests: () => [],
  _rawDebug: (...args) => writeErr(`${format(...args)}\n`),
});
listenForWarnings(process, writeErr);
Object.defineProperty(process, Symbol.toStringTag, { value: 'process', configurable: true });

// The directory with all of its name, if it is one.
function enterDirectory(directory, from) {
  const whole = path.resolve(from, directory);
  const failed = (code, errno, why) => Object.assign(new Error(`${code}: ${why}, chdir '${from}' -> '${directory}'`), { errno, code, syscall: 'chdir', path: from, dest: directory });
  const found = isDirectory(whole);
  if (found === undefined) throw failed('ENOENT', -2, 'no such file or directory');
  if (!found) throw failed('ENOTDIR', -20, 'not a directory');
  return whole;
}

export function show(e) {
  if (e instanceof Error) {
    let s = String(e.stack || e);
    if (e.cause !== undefined) s += '\n  [cause]: ' + show(e.cause).replace(/\n/g, '\n  ');
    return s;
  }
  try {
    return 'Uncaught ' + (typeof e === 'object' ? JSON.stringify(e) : String(e));
  } catch {
    return 'Uncaught exception';
  }
}

// As Node: the stack to standard error and exit code 1, unless the program listens for it.
export function fatal(e, origin = 'uncaughtException') {
  if (capture !== null) {
    capture(e);
    return;
  }
  process.emit('uncaughtExceptionMonitor', e, origin);
  if (process.listenerCount('uncaughtException')) {
    try {
      process.emit('uncaughtException', e, origin);
      return;
    } catch (again) {
      e = again;
    }
  }
  writeErr(`${show(e)}\n\nNode.js ${process.version} (wasmrun)\n`);
  process.exitCode = 1;
  process.exit();
}

export const setDirectory = (directory) => { cwd = directory; };

export function boot() {
  beginClock();
  beginPerformance();
  for (const [k, v] of environment.getEnvironment()) process.env[k] = v;
  const dir = environment.initialCwd();
  if (dir) cwd = dir;
  onUncaught(fatal);
  onRefused((fn) => wrongType('callback', 'of type function', fn));
  onUnhandled((reason, promise) => {
    if (process.listenerCount('unhandledRejection')) process.emit('unhandledRejection', reason, promise);
    else fatal(reason, 'unhandledRejection');
  });
  onIdle(() => {
    enter(() => process.emit('beforeExit', +process.exitCode || 0));
    // A listener may have found something to do.
    turn().then(() => (isIdle() ? process.exit() : settle()));
  });
}
