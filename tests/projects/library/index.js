// Node.js's own modules: the same lines here and in Node.js.
const assert = require('node:assert');
const { AsyncLocalStorage, AsyncResource } = require('node:async_hooks');
const { Buffer, isAscii, isUtf8 } = require('node:buffer');
const diagnostics = require('node:diagnostics_channel');
const events = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { createHistogram, performance, PerformanceObserver } = require('node:perf_hooks');
const querystring = require('node:querystring');
const readline = require('node:readline');
const stream = require('node:stream');
const { StringDecoder } = require('node:string_decoder');
const timers = require('node:timers/promises');
const url = require('node:url');
const util = require('node:util');
const vm = require('node:vm');

const line = (name, value) => console.log(`${name}:`, util.inspect(value, { depth: 4, breakLength: 400, compact: 100 }));
const failure = (name, fn) => {
  try {
    line(name, fn());
  } catch (error) {
    line(name, [error.name, error.code, error.message]);
  }
};

// path
for (const kind of ['posix', 'win32']) {
  const of = path[kind];
  for (const text of ['/a/b/../c.txt', 'C:\\a\\..\\b.tar.gz', '..//x/./y', '', '\\\\server\\share\\file', 'a.']) {
    line(`${kind} ${text}`, [of.normalize(text), of.basename(text), of.dirname(text), of.extname(text), of.isAbsolute(text), of.parse(text)]);
  }
  line(`${kind} more`, [of.join('a', '..', '..', 'b'), of.relative('/data/a/b', '/data/c'), of.format({ dir: 'x', name: 'y', ext: 'z' }), of.sep, of.delimiter]);
}
failure('path of a number', () => path.join(1));

// querystring, url
line('querystring', [querystring.parse('a=1&b=2&a=3&c=%E4%BD%A0&d'), querystring.stringify({ a: [1, 'x'], b: true, c: '\u00fc', d: null }), querystring.parse('a:1;b:2', ';', ':'), querystring.unescape('%zz%20'), querystring.escape('a b')]);
for (const text of ['http://user:pass@host.com:8080/p/a/t/h?query=string#hash', '//some.host/x', 'mailto:a@b.c', 'HTTP://M\u00dcnchen.de/\u00e4?\u00f6', 'x:1', 'javascript:alert(1)', 'http://a.com/\t?b']) line(`legacy ${text}`, url.parse(text));
line('legacy more', [url.resolve('/one/two/three', 'four'), url.resolve('http://a.com/b/c', '../d?e'), url.format({ protocol: 'http', host: 'a.com', pathname: 'x', query: { a: 1 } })]);
for (const text of ['http://user:pa%20ss@host:81/a/../b?x=1&x=2#f', 'http://m\u00fcnchen.de/', 'file:///C:/x', 'data:text/plain,hi', 'http://[::1]:80/', 'ws://a', 'HTTP://EXAMPLE.com:80', 'blob:https://a.com/uuid', 'http://1.2.3', 'web+x:/..//p']) failure(`URL ${text}`, () => new URL(text));
for (const [text, base] of [['//x/y', 'https://a/b'], ['?q', 'http://a/b?c#d'], ['x', 'mailto:a'], ['http:', undefined], ['//', 'http://a']]) failure(`URL ${text} ${base}`, () => new URL(text, base).href);
const address = new URL('http://a.com/x?b=1');
Object.assign(address, { port: '8080', hash: 'h', search: '?c=2&d=%20', username: 'u', password: 'p', pathname: '/\u00e4 b', protocol: 'https', host: 'b.org:1' });
address.searchParams.append('e', '&');
line('URL by parts', [address.href, [...address.searchParams], address.searchParams.size, URL.canParse('nope'), String(new URLSearchParams({ a: '1 2', b: '\u00e9' }))]);
line('URL and paths', [url.fileURLToPath('file:///a%20b/c'), url.pathToFileURL('/a b/#c?').href, url.urlToHttpOptions(new URL('http://a:b@c.de:1/x?y')), url.domainToASCII('espa\u00f1ol.com'), url.domainToUnicode('xn--espaol-zwa.com'), url.format(new URL('http://a:b@xn--mnchen-3ya.de/?x#y'), { auth: false, fragment: false, unicode: true })]);
failure('file of a host', () => url.fileURLToPath('file://host/x'));

// buffer, text
const bytes = Buffer.from('h\u00e9llo w\u00f6rld \u{1f600}');
for (const encoding of ['utf8', 'hex', 'base64', 'base64url', 'latin1', 'ascii', 'utf16le']) line(`as ${encoding}`, [bytes.toString(encoding), bytes.toString(encoding, 1, 5), Buffer.from(bytes.toString(encoding), encoding).length, Buffer.byteLength('h\u00e9 =', encoding)]);
for (const [text, encoding] of [['zz', 'hex'], ['abc', 'hex'], ['YQ', 'base64'], ['Y Q==\n', 'base64'], ['-_', 'base64'], ['\u0142', 'latin1'], ['YQ==YQ', 'base64']]) line(`from ${text} ${encoding}`, Buffer.from(text, encoding));
line('search', [bytes.indexOf('w\u00f6'), bytes.indexOf('l', 4), bytes.lastIndexOf('l'), bytes.includes('\u{1f600}'), bytes.indexOf(0x6f), bytes.indexOf(Buffer.from('rld')), bytes.indexOf(''), bytes.lastIndexOf('h', -100), Buffer.from('aabbaa').lastIndexOf('aa', -3)]);
line('numbers', [Buffer.from([1, 2, 3, 4, 5, 6, 7, 8]).readBigUInt64LE(), Buffer.from([255, 254]).readInt16BE(), Buffer.from([1, 2, 3]).readUIntBE(0, 3), (() => { const b = Buffer.alloc(8); b.writeDoubleBE(Math.PI); return b; })()]);
for (const [name, fn] of Object.entries({ far: () => bytes.readUInt32LE(100), text: () => bytes.readUInt8('x'), big: () => Buffer.alloc(2).writeInt8(200), kind: () => Buffer.from(5), size: () => Buffer.alloc(-1), encoding: () => bytes.toString('nope'), swap: () => Buffer.alloc(3).swap16() })) failure(`buffer ${name}`, fn);
line('buffer more', [Buffer.concat([Buffer.from('a'), Buffer.from('bc')], 2), Buffer.compare(Buffer.from('a'), Buffer.from('b')), Buffer.alloc(7, 'abc'), Buffer.alloc(5, 'YQ', 'base64'), bytes.subarray(1, 3), bytes.toJSON().data.length, Buffer.from([1, 2, 3, 4]).swap32(), isUtf8(Buffer.from([0xc3])), isAscii(Buffer.from('a')), bytes.equals(Buffer.from(bytes)), Buffer.from(new Uint16Array([1, 258]).buffer)]);
const decoder = new StringDecoder('utf8');
line('string decoder', [[0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x41].map((byte) => decoder.write(Buffer.from([byte]))), decoder.end(), new StringDecoder('base64').write(Buffer.from('ab')), new StringDecoder('utf16le').end(Buffer.from([0x61, 0, 0x3d]))]);
const halves = new StringDecoder('utf16le');
line('halves of pairs', [[0x61, 0, 0x11], [0xda, 0x55, 0x61, 0x62], [0, 0x3d], [0xd8, 0, 0xde, 0x3d], [0xd8, 0x3d, 0xd8]].map((piece) => halves.write(Buffer.from(piece))).concat(halves.end()));
for (const [name, options, data] of [['utf-8', {}, [0xef, 0xbb, 0xbf, 0x61, 0xe0, 0xa0, 0x62]], ['utf-16le', {}, [0x61, 0, 0x3d, 0xd8]], ['utf-16be', {}, [0, 0x61]], ['latin1', {}, [0x61, 0xe9]], ['utf-8', { fatal: true }, [0xff]], ['utf-8', { ignoreBOM: true }, [0xef, 0xbb, 0xbf]]]) failure(`text decoder ${name} ${data}`, () => [new TextDecoder(name, options).encoding, new TextDecoder(name, options).decode(new Uint8Array(data))]);
failure('no such encoding', () => new TextDecoder('nope'));
line('a text decoder', [new TextDecoder('latin1', { fatal: true }), { a: { b: { c: new TextDecoder() } } }]);
line('names', [Headers, Request, Response, Blob, TextDecoder, Proxy, structuredClone, module.constructor, require('crypto').KeyObject, require('async_hooks').AsyncLocalStorage, require('https').Agent, require('https').get, require('http').createServer].map((made) => made.name));
for (const encoding of [undefined, 'utf8']) failure('a directory is read', () => fs.readFileSync('/tmp', encoding));

// util
line('format', [util.format('%s %d %i %f %j %o %O %c %%', 'a', 1.5, 1.5, '1.5', { a: 1 }, [1], { b: { c: {} } }, 'css'), util.format('%s', Symbol('x')), util.format('a', 'b', { c: 1 }), util.format('%s', { toString: () => 'own' }), util.format('%d', '0x10'), util.format(-0)]);
class Example { #hidden = 1; constructor() { this.shown = [1, , 3]; } get got() { return 1; } static { this.made = true; } }
const circular = { name: 'x' };
circular.self = circular;
for (const value of [new Example(), Example, circular, new Map([[{ a: 1 }, new Set([1])]]), new Error('e').message, [undefined, null, -0, 1n], Symbol('s'), new Date(0), /x/gi, new Proxy({ a: 1 }, {}), function named() {}, async () => {}, class extends Example {}, Object.create(null), new (class Foo extends Map {})(), { __proto__: { a: 1 } }, new Uint8Array(3), new ArrayBuffer(4), Object(1), Object('s'), 'it\'s', 'a\nb', { 'a-b': 1, [Symbol('k')]: 2 }, new WeakMap(), Promise.resolve(4), (function () { return arguments; })(1, 2), Array(200).fill(1), 'x'.repeat(20), { get a() { return 1; }, set b(_) {} }, globalThis === global]) line('inspect', value);
line('inspect options', [util.inspect({ a: { b: { c: { d: 1 } } } }, { depth: 0 }), util.inspect({ b: 1, a: 2 }, { sorted: true }), util.inspect('a', { colors: true }), util.inspect({ a: 1n, b: 123456789.123 }, { numericSeparator: true }), util.inspect({ [util.inspect.custom]: () => 'custom' }), util.inspect(new Proxy({ a: 1 }, {}), { showProxy: true }), util.inspect([1, 2, 3], { maxArrayLength: 1 })]);
line('deep equal', [util.isDeepStrictEqual({ a: [1, new Set([2])] }, { a: [1, new Set([2])] }), util.isDeepStrictEqual([0], [-0]), util.isDeepStrictEqual(new Map([[{}, 1]]), new Map([[{}, 1]]))]);
failure('arguments', () => util.parseArgs({ args: ['-f', '--bar', 'b', 'c', '--no-x'], options: { foo: { type: 'boolean', short: 'f' }, bar: { type: 'string' }, x: { type: 'boolean' } }, allowPositionals: true, allowNegative: true }));
failure('arguments that are none', () => util.parseArgs({ args: ['--nope'], options: {} }));
line('util more', [util.inherits.length, util.types.isPromise(Promise.resolve()), util.types.isProxy(new Proxy({}, {})), util.types.isGeneratorFunction(function* () {}), util.types.isBoxedPrimitive(Object(1)), util.stripVTControlCharacters('\u001b[31mx\u001b[0m'), util.styleText('red', 'x'), util.toUSVString('\ud800'), util.getSystemErrorName(-2), [...util.getSystemErrorMap()].length > 50, new util.MIMEType('text/html; charset=utf-8').params.get('charset'), util.types.isExternal({}), util.isArray([])]);
const warned = [];
process.removeAllListeners('warning').on('warning', (warning) => warned.push([warning.name, warning.code, warning.message]));
util.deprecate(() => {}, 'old', 'DEP0')();
process.emitWarning('careful', { type: 'Custom', code: 'C1', detail: 'more' });

// assert
for (const [name, fn] of Object.entries({
  equal: () => assert.equal(1, 2), strict: () => assert.strictEqual('a\nb', 'a\nc'), deep: () => assert.deepStrictEqual({ a: 1, b: [1, 2] }, { a: 1, b: [1, 3] }), throws: () => assert.throws(() => {}), rejects: () => assert.throws(() => { throw new TypeError('x'); }, RangeError), match: () => assert.match('abc', /x/), fail: () => assert.fail(), error: () => assert.ifError(new Error('e')), not: () => assert.notStrictEqual(1, 1), loose: () => assert.deepEqual([1], ['1']), message: () => assert.strictEqual(1, 2, 'said'),
})) failure(`assert ${name}`, fn);

// events
const emitter = new events.EventEmitter({ captureRejections: true });
emitter.on('error', (error) => line('captured', error.message));
emitter.on('x', async () => { throw new Error('rejected'); });
emitter.emit('x');
emitter.prependListener('y', () => {}).once('y', () => {});
line('emitter', [emitter.eventNames(), emitter.listenerCount('y'), emitter.rawListeners('y').length, events.getEventListeners(emitter, 'y').length, emitter.getMaxListeners(), events.defaultMaxListeners]);
failure('nobody hears an error', () => new events.EventEmitter().emit('error', 5));
failure('no listener', () => emitter.on('x', 5));
const target = new EventTarget();
target.addEventListener('a', (event) => line('event', [event.type, event.cancelable, event.isTrusted, event instanceof CustomEvent && event.detail]), { once: true });
target.dispatchEvent(new CustomEvent('a', { detail: 7 }));
target.dispatchEvent(new Event('a'));
const any = AbortSignal.any([AbortSignal.abort('why'), new AbortController().signal]);
line('abort', [any.aborted, any.reason, AbortSignal.abort().reason.name]);
const channel = diagnostics.channel('c');
channel.subscribe((message, name) => line('channel', [message, name]));
channel.publish({ a: 1 });

// vm
const context = vm.createContext({ a: 1, list: [] });
line('vm', [vm.runInContext('var b = a + 1; function f(x) { return x * b; } f(21)', context), context.b, vm.runInContext('f(2)', context), vm.runInContext('typeof process', context), vm.runInNewContext('x + y', { x: 1, y: 2 }), vm.runInThisContext('typeof process'), new vm.Script('list.push(1); list.length').runInContext(context), vm.isContext(context), vm.compileFunction('return p', ['p'])(3), Object.keys(context)]);
failure('vm fails', () => vm.runInContext('nope', context));
failure('vm has no context', () => vm.runInContext('1', {}));
try {
  new vm.Script('var 1a');
} catch (error) {
  line('vm is no program', error instanceof SyntaxError);
}

// os, process
line('os', [os.EOL, os.type(), os.platform(), os.endianness(), os.constants.signals.SIGTERM, os.constants.errno.ENOENT, typeof os.totalmem(), os.devNull]);
failure('hrtime', () => process.hrtime(1));
failure('chdir', () => { try { process.chdir('/nope'); } catch (error) { return [error.code, error.syscall, error.dest]; } });
failure('env', () => { process.env.N = 1; process.env.U = undefined; return [process.env.N, process.env.U, delete process.env.N, 'N' in process.env]; });
failure('exit code', () => { process.exitCode = 'x'; });
failure('umask', () => process.umask('999'));
failure('kill', () => process.kill(process.pid, 'SIGNOPE'));
line('globals', [Object.keys(globalThis).sort(), typeof structuredClone, typeof MessageChannel, typeof BroadcastChannel, typeof performance.now()]);
const histogram = createHistogram();
for (let i = 1; i <= 1000; i++) histogram.record(i);
line('histogram', [histogram.min, histogram.max, histogram.mean, histogram.percentile(50), histogram.percentile(99), histogram.count, histogram.exceeds]);

// What takes time, one after the other.
const storage = new AsyncLocalStorage();
const steps = async () => {
  await timers.setTimeout(1);
  line('warnings', warned);
  await storage.run('kept', () => new Promise((resolve) => setTimeout(() => process.nextTick(() => Promise.resolve().then(() => resolve(line('storage', storage.getStore())))), 1)));
  line('bound', storage.run(5, () => AsyncResource.bind(() => storage.getStore()))());
  line('timers', [await timers.setTimeout(1, 'value'), await timers.setImmediate('now'), await timers.setTimeout(50, 0, { signal: AbortSignal.abort() }).catch((error) => [error.name, error.code])]);
  const order = [];
  await new Promise((resolve) => {
    setImmediate(() => { order.push('immediate'); queueMicrotask(() => order.push('after it')); });
    setImmediate(() => { order.push('next immediate'); resolve(); });
  });
  await new Promise((resolve) => setTimeout(() => {
    queueMicrotask(() => { order.push('microtask'); resolve(); });
    process.nextTick(() => order.push('tick'));
  }));
  line('order', order);
  const timed = [];
  await new Promise((resolve) => {
    for (const i of [1, 2]) setTimeout(() => { timed.push(i); Promise.resolve().then(() => timed.push(`job of ${i}`)); process.nextTick(() => timed.push(`tick of ${i}`)); }, 1);
    setTimeout(resolve, 5);
  });
  line('timers in order', timed);
  const { port1, port2 } = new MessageChannel();
  const message = events.once(port2, 'message');
  port1.postMessage({ a: new Date(0), b: new Map([[1, 2]]) });
  line('message', (await message)[0].data ?? (await message)[0]);
  port1.close();
  const reader = readline.createInterface({ input: stream.Readable.from(['a\nb', 'c\r\nd']) });
  const lines = [];
  for await (const text of reader) lines.push(text);
  line('lines', lines);
  const out = [];
  await stream.promises.pipeline(stream.Readable.from(['x', 'y']), new stream.Transform({ transform(chunk, _, done) { done(null, String(chunk).toUpperCase()); } }), async function* (source) { for await (const chunk of source) out.push(String(chunk)); });
  line('pipeline', out);
  line('operators', [await stream.Readable.from([1, 2, 3, 4]).filter((x) => x % 2 === 0).map((x) => x * 10).toArray(), await stream.Readable.from([1, 2]).reduce((a, b) => a + b)]);
  line('web', [await new Response(stream.Readable.toWeb(stream.Readable.from([Buffer.from('w'), Buffer.from('eb')]))).text(), await stream.Readable.fromWeb(new Blob(['blob']).stream()).toArray().then((all) => Buffer.concat(all).toString())]);
  const seen = [];
  const observer = new PerformanceObserver((list) => seen.push(...list.getEntries().map((entry) => [entry.name, entry.entryType])));
  observer.observe({ entryTypes: ['mark', 'measure'] });
  performance.mark('m');
  performance.measure('n', 'm');
  await timers.setTimeout(50);
  line('observed', seen);
  observer.disconnect();
  const on = [];
  const source = new events.EventEmitter();
  setImmediate(() => { source.emit('v', 1); source.emit('v', 2); });
  for await (const [value] of events.on(source, 'v')) if (on.push(value) === 2) break;
  line('events.on', on);
  console.group('group');
  console.table([{ a: 1, b: 'x' }, { a: 2, c: true }]);
  console.dir({ a: { b: { c: { d: 1 } } } }, { depth: 0 });
  console.groupEnd();
  console.count();
  console.count('x');
  console.assert(true, 'not said');
  console.log('%s is %d', 'one', 1);
};
steps();
