// Arguments of each kind for each function: it may throw, and nothing else.
const dgram = require('node:dgram');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const { createHistogram, performance } = require('node:perf_hooks');
const util = require('node:util');
const vm = require('node:vm');

for (const event of ['uncaughtException', 'unhandledRejection', 'warning']) process.on(event, () => {});
const ODD = [undefined, null, NaN, -1, 1.5, 2 ** 53, 2 ** 64, 1e300, 'x', '', {}, [], Symbol('s'), 10n, 2n ** 70n, () => {}, true, Buffer.alloc(3), new Date(NaN), Infinity, -Infinity];
let calls = 0;
const call = (fn, ...args) => {
  calls++;
  try {
    fn(...args)?.catch?.(() => {});
  } catch {
    // as it should
  }
};
const done = () => {};
const quiet = (emitter) => emitter.on('error', () => {});

fs.writeFileSync('/tmp/o', 'abc');
const fd = fs.openSync('/tmp/o', 'r+');
const FILES = ['access', 'appendFile', 'chmod', 'copyFile', 'cp', 'exists', 'link', 'lstat', 'mkdir', 'mkdtemp', 'open', 'opendir', 'readFile', 'readdir', 'readlink', 'realpath', 'rename', 'rm', 'rmdir', 'stat', 'statfs', 'symlink', 'truncate', 'unlink', 'utimes', 'watch', 'watchFile', 'writeFile'];
const bytes = Buffer.from('hello world');
for (const odd of ODD) {
  for (const name of FILES) {
    for (const args of [[odd], ['/tmp/q', odd], ['/tmp/q', '/tmp/w', odd]]) {
      if (fs[`${name}Sync`]) call(fs[`${name}Sync`], ...args);
      if (fs.promises[name]) call(fs.promises[name], ...args);
    }
    call(fs[name], odd, done);
  }
  for (const name of ['fchmod', 'fstat', 'fsync', 'ftruncate', 'futimes', 'read', 'readv', 'write', 'writev']) {
    for (const args of [[odd], [fd, odd], [fd, odd, odd], [fd, Buffer.alloc(3), odd, odd, odd], [fd, Buffer.alloc(3), 0, odd, odd], [fd, Buffer.alloc(3), 0, 1, odd]]) call(fs[`${name}Sync`], ...args);
    call(fs[name], fd, Buffer.alloc(3), 0, 1, odd, done);
  }
  for (const name of ['alloc', 'allocUnsafe', 'byteLength', 'compare', 'concat', 'from', 'isEncoding']) for (const args of [[odd], ['abc', odd], ['abc', odd, odd], [[Buffer.alloc(2)], odd]]) call(Buffer[name], ...args);
  for (const name of Object.getOwnPropertyNames(Buffer.prototype)) {
    if (typeof bytes[name] !== 'function') continue;
    for (const args of [[odd], ['l', odd], [odd, odd, odd], [1, odd, odd, odd], ['ab', 0, odd, 'utf8']]) call(bytes[name].bind(bytes), ...args);
  }
  for (const fn of [() => quiet(net.connect(odd)), () => quiet(net.createServer()).listen(odd), () => quiet(net.createServer()).listen(odd, odd, odd), () => net.createServer(odd), () => new net.Socket(odd), () => new net.BlockList().addSubnet('1.2.3.4', odd), () => new net.BlockList().check(odd)]) call(fn);
  const socket = quiet(dgram.createSocket('udp4'));
  for (const name of ['bind', 'connect', 'send', 'setBroadcast', 'setMulticastTTL', 'setRecvBufferSize', 'setSendBufferSize', 'setTTL']) call(socket[name].bind(socket), odd, odd);
  call(() => socket.close());
  for (const name of ['compileFunction', 'createContext', 'isContext', 'runInNewContext', 'runInThisContext']) for (const args of [[odd], ['1', odd]]) call(vm[name], ...args);
  for (const args of [[odd], ['1', odd]]) call(() => new vm.Script(...args));
  for (const name of ['callbackify', 'deprecate', 'format', 'getSystemErrorName', 'inherits', 'inspect', 'isDeepStrictEqual', 'parseArgs', 'promisify', 'stripVTControlCharacters', 'styleText']) for (const args of [[odd], [odd, odd]]) call(util[name], ...args);
  for (const part of ['hash', 'host', 'href', 'password', 'pathname', 'port', 'protocol', 'search', 'username']) call(() => { new URL('http://a/')[part] = odd; });
  for (const Kind of [AbortController, Blob, BroadcastChannel, Headers, Request, Response, TextDecoder, URL, URLSearchParams]) for (const args of [[odd], ['http://a/', odd]]) call(() => new Kind(...args));
  for (const fn of [
    () => createHistogram().record(odd), () => createHistogram(odd), () => performance.mark(odd), () => structuredClone(odd), () => setTimeout(done, odd), () => setImmediate(odd), () => queueMicrotask(odd), () => process.nextTick(odd), () => process.chdir(odd), () => process.kill(odd, odd), () => process.hrtime(odd), () => process.umask(odd),
    () => process.emitWarning(odd), () => os.setPriority(odd, odd), () => os.getPriority(odd), () => new TextDecoder().decode(odd), () => new TextEncoder().encodeInto('abc', odd), () => atob(odd), () => btoa(odd), () => new MessageChannel().port1.postMessage(odd), () => AbortSignal.timeout(odd), () => AbortSignal.any(odd), () => require(odd), () => require.resolve(odd),
    () => require('node:module').createRequire(odd), () => require('node:events').once(odd, odd), () => require('node:assert').deepEqual(odd, odd), () => require('node:child_process').spawn(odd, odd), () => require('node:child_process').spawnSync(odd, odd),
  ]) call(fn);
}
setTimeout(() => {
  console.log(calls > 10000, 'alive');
  process.exit(0);
}, 1000);
