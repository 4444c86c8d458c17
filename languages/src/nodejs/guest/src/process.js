// node:process.
import environment from 'wasi:cli/environment@0.2.12';
import wasiExit from 'wasi:cli/exit@0.2.12';
import wasiOut from 'wasi:cli/stdout@0.2.12';
import wasiErr from 'wasi:cli/stderr@0.2.12';
import EventEmitter from 'events';
import { nextTick, hrtimeNs, onIdle, onUncaught } from './loop.js';
import { encode } from './encoding.js';

let cwd = '/';
let exiting = false;
let startNs = 0;

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

const process = new EventEmitter();
export default process;

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGABRT: 6, SIGKILL: 9, SIGUSR1: 10, SIGUSR2: 12, SIGTERM: 15 };

function hrtime(since) {
  const ns = hrtimeNs();
  let s = Math.floor(ns / 1e9), n = Math.floor(ns % 1e9);
  if (since) {
    s -= since[0];
    n -= since[1];
    if (n < 0) { s--; n += 1e9; }
  }
  return [s, n];
}
hrtime.bigint = () => BigInt(Math.floor(hrtimeNs()));

Object.assign(process, {
  title: 'node', version: 'v20.19.0', arch: 'wasm32', platform: 'linux', pid: 1, ppid: 0, execPath: '/usr/bin/node', execArgv: [], exitCode: undefined,
  versions: { node: '20.19.0', wasmrun: '0', quickjs: 'ng', v8: '11.3.244.8', uv: '1.46.0', modules: '115' },
  release: { name: 'node' }, config: { variables: {} }, features: {}, argv: ['/usr/bin/node'], argv0: 'node', env: {}, report: {}, allowedNodeEnvironmentFlags: new Set(),
  nextTick, hrtime,
  cwd: () => cwd,
  chdir: (dir) => { cwd = dir; },
  umask: () => 0o22,
  uptime: () => (hrtimeNs() - startNs) / 1e9,
  getuid: () => 0, geteuid: () => 0, getgid: () => 0, getegid: () => 0, getgroups: () => [0],
  memoryUsage: Object.assign(() => {
    const m = globalThis.__cqjs?.getMemoryUsage?.() ?? {};
    const heap = m.memory_used_size ?? m.memoryUsedSize ?? m.malloc_size ?? m.mallocSize ?? 0;
    return { rss: heap, heapTotal: heap, heapUsed: heap, external: 0, arrayBuffers: 0 };
  }, { rss: () => process.memoryUsage().rss }),
  cpuUsage: () => ({ user: Math.floor((hrtimeNs() - startNs) / 1e3), system: 0 }),
  resourceUsage: () => ({}),
  emitWarning(warning, type, code) {
    if (typeof type === 'object' && type) ({ type, code } = type);
    const name = type || warning?.name || 'Warning';
    if (name === 'DeprecationWarning' && process.noDeprecation) return;
    const text = warning instanceof Error ? warning.message : String(warning);
    const w = warning instanceof Error ? warning : Object.assign(new Error(text), { name, code });
    if (!process.emit('warning', w)) writeErr(`(node:1) ${code ? `[${code}] ` : ''}${name}: ${text}\n`);
  },
  binding() { throw new Error('process.binding is not there under WebAssembly'); },
  // There is one process, which can signal itself.
  kill(pid, signal = 'SIGTERM') {
    if (pid !== process.pid) throw Object.assign(new Error('kill ESRCH'), { code: 'ESRCH', errno: -3, syscall: 'kill' });
    const name = typeof signal === 'number' ? Object.keys(SIGNALS).find((one) => SIGNALS[one] === signal) : signal;
    if (signal === 0) return true;
    if (!(name in SIGNALS)) throw Object.assign(new TypeError(`Unknown signal: ${signal}`), { code: 'ERR_UNKNOWN_SIGNAL' });
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
      exiting = true;
      try {
        process.emit('exit', +process.exitCode || 0);
      } catch (e) {
        // Nobody else would say it.
        fatal(e);
      }
    }
    process.reallyExit(+process.exitCode || 0);
  },
  setUncaughtExceptionCaptureCallback() {},
  hasUncaughtExceptionCaptureCallback: () => false,
  setSourceMapsEnabled() {},
  getBuiltinModule: (name) => globalThis.__builtin?.(name),
});
process[Symbol.toStringTag] = 'process';

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

export function boot() {
  startNs = hrtimeNs();
  for (const [k, v] of environment.getEnvironment()) process.env[k] = v;
  const dir = environment.initialCwd();
  if (dir) cwd = dir;
  onUncaught(fatal);
  onIdle(() => {
    process.emit('beforeExit', +process.exitCode || 0);
    process.exit();
  });
}
