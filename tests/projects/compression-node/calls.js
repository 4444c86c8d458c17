// Calls of node:zlib, each with a line: the same here and in Node. What is packed is not shown, because encoders differ.
const zlib = require('node:zlib');
const { promisify } = require('node:util');
const { pipeline, Readable, Writable } = require('node:stream');
const { constants } = zlib;

const told = (value) => {
  if (Buffer.isBuffer(value)) return `${value.length}:${value.length > 60 ? `${value.subarray(0, 20)}…` : value.toString('latin1')}`;
  if (value instanceof Error) return `${value.name} ${value.code} ${value.errno} ${value.message}`;
  return JSON.stringify(value);
};
let count = 0;
const line = (name, value) => console.log(`${++count} ${name}: ${told(value)}`);
const call = (name, fn) => {
  let value;
  try {
    value = fn();
  } catch (error) {
    value = error;
  }
  line(name, value);
};
const from = (text) => Buffer.from(text, 'base64');
const text = Array.from({ length: 8000 }, (_, i) => `word ${(i * 7919) % 613} `).join('');
const PAIRS = [['gzip', 'gunzip'], ['deflate', 'inflate'], ['deflateRaw', 'inflateRaw'], ['gzip', 'unzip'], ['deflate', 'unzip'], ['brotliCompress', 'brotliDecompress']];
const sync = (verb, data, options) => zlib[`${verb}Sync`](data, options);
const GZIP = from('H4sIAAAAAAAAA8tIzcnJVyjPL8pJ0VHIAHEUAVAII6MTAAAA');
const ZLIB = zlib.deflateSync('hello world hello');
const RAW = zlib.deflateRawSync('hello world hello');

// Round trips.
for (const [packs, unpacks] of PAIRS) {
  call(`${packs} ${unpacks}`, () => sync(unpacks, sync(packs, text)));
  call(`${packs} ${unpacks} of nothing`, () => sync(unpacks, sync(packs, '')));
  call(`${packs} of views`, () => sync(unpacks, sync(packs, new Uint16Array([258, 772]))));
  call(`${packs} of an ArrayBuffer`, () => sync(unpacks, sync(packs, new Uint8Array([104, 105]).buffer)));
  call(`${packs} of a DataView`, () => sync(unpacks, sync(packs, new DataView(new Uint8Array([0, 104, 105]).buffer, 1))));
  for (const bad of [undefined, null, 5, true, {}, [], Symbol.iterator]) call(`${packs} of ${String(typeof bad)}`, () => (typeof bad === 'symbol' ? 0 : sync(packs, bad)));
}
call('the header', () => zlib.gzipSync('a').subarray(0, 4).toString('hex'));
call('the system', () => zlib.gzipSync('a')[9]);
call('levels', () => [0, 1, 6, 9, -1].map((level) => zlib.gunzipSync(zlib.gzipSync(text, { level })).length));
call('a level that stores', () => zlib.deflateRawSync(text, { level: 0 }).length > text.length);
call('strategies', () => [0, 1, 2, 3, 4].map((strategy) => zlib.inflateSync(zlib.deflateSync(text, { strategy })).length));
call('memory levels', () => [1, 5, 9].map((memLevel) => zlib.inflateSync(zlib.deflateSync(text, { memLevel })).length));
call('windows', () => [8, 9, 12, 15].map((windowBits) => zlib.inflateSync(zlib.deflateSync(text, { windowBits })).length));
call('windows of raw streams', () => [8, 9, 15].map((windowBits) => zlib.inflateRawSync(zlib.deflateRawSync(text, { windowBits })).length));
call('qualities', () => [0, 1, 4, 9, 11].map((quality) => zlib.brotliDecompressSync(zlib.brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: quality } })).length));
call('Brotli of a text', () => zlib.brotliDecompressSync(zlib.brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT, [constants.BROTLI_PARAM_SIZE_HINT]: text.length, [constants.BROTLI_PARAM_LGWIN]: 16, [constants.BROTLI_PARAM_LGBLOCK]: 18, [constants.BROTLI_PARAM_DISABLE_LITERAL_CONTEXT_MODELING]: true } })).length);

// Options that are none.
const NUMBERS = ['level', 'windowBits', 'memLevel', 'strategy', 'chunkSize', 'flush', 'finishFlush', 'maxOutputLength'];
for (const name of NUMBERS) {
  for (const bad of ['x', -2, 99, Infinity, NaN, null]) {
    // The most of it is of each version.
    if (name === 'maxOutputLength' ? bad === 99 || bad === -2 : name === 'chunkSize' && bad === 99) continue;
    call(`${name} ${bad}`, () => zlib.inflateSync(zlib.deflateSync('abc', { [name]: bad })).length);
  }
}
call('gzip with a window of 8', () => zlib.gzipSync('a', { windowBits: 8 }));
call('inflate with a window of 0', () => zlib.inflateSync(ZLIB, { windowBits: 0 }));
call('inflate with a small window', () => zlib.inflateSync(ZLIB, { windowBits: 9 }));
call('deflate with a window of 0', () => zlib.deflateSync('a', { windowBits: 0 }));
for (const bad of [4, 'text', {}, null]) call(`dictionary ${told(bad)}`, () => zlib.deflateSync('a', { dictionary: bad }));
call('a parameter that is none', () => zlib.brotliCompressSync('a', { params: { 999: 1 } }));
call('a parameter that is no number', () => zlib.brotliCompressSync('a', { params: { x: 1 } }));
call('a parameter with a text', () => zlib.brotliCompressSync('a', { params: { 1: 'x' } }));
call('a quality of 99', () => zlib.brotliDecompressSync(zlib.brotliCompressSync('abc', { params: { 1: 99 } })));
call('flush of Brotli', () => zlib.brotliCompressSync('a', { flush: 4 }));

// Input that is none.
const changed = (bytes, place, byte) => {
  const other = Buffer.from(bytes);
  other[place < 0 ? other.length + place : place] = byte;
  return other;
};
for (const verb of ['gunzip', 'inflate', 'inflateRaw', 'unzip', 'brotliDecompress']) {
  call(`${verb} of nothing`, () => sync(verb, ''));
  call(`${verb} of a word`, () => sync(verb, 'something'));
  call(`${verb} of zeros`, () => sync(verb, Buffer.alloc(20)));
  call(`${verb} of 255`, () => sync(verb, Buffer.alloc(20, 255)));
  for (const length of [1, 2, 5, 12]) call(`${verb} of ${length} bytes`, () => sync(verb, (verb === 'gunzip' || verb === 'unzip' ? GZIP : verb === 'inflate' ? ZLIB : RAW).subarray(0, length)));
}
call('a wrong checksum', () => zlib.gunzipSync(changed(GZIP, -5, 1)));
call('a wrong length', () => zlib.gunzipSync(changed(GZIP, -1, 1)));
call('a method that is none', () => zlib.gunzipSync(changed(GZIP, 2, 7)));
call('flags that are none', () => zlib.gunzipSync(changed(GZIP, 3, 0xe0)));
call('zlib with a wrong checksum', () => zlib.inflateSync(changed(ZLIB, -1, 1)));
call('a window that is none', () => zlib.inflateSync(from('iJwDAAAAAAE=')));
call('lengths of a stored block', () => zlib.inflateRawSync(Buffer.from([1, 5, 0, 1, 2])));
call('a block that is none', () => zlib.inflateRawSync(Buffer.from([7, 0, 0])));
call('a distance that is none', () => zlib.inflateRawSync(Buffer.from([3, 2, 0])));
call('what is cut, with a flush', () => zlib.gunzipSync(GZIP.subarray(0, 20), { finishFlush: constants.Z_SYNC_FLUSH }));
call('Brotli that is cut, with a flush', () => zlib.brotliDecompressSync(zlib.brotliCompressSync(text).subarray(0, 900), { finishFlush: constants.BROTLI_OPERATION_FLUSH }).length > 0);

// Members, and what follows.
call('two members', () => zlib.gunzipSync(Buffer.concat([GZIP, GZIP])));
call('two members to unzip', () => zlib.unzipSync(Buffer.concat([GZIP, GZIP])));
call('zeros behind', () => zlib.gunzipSync(Buffer.concat([GZIP, Buffer.alloc(10)])));
call('a word behind', () => zlib.gunzipSync(Buffer.concat([GZIP, Buffer.from('word')])));
call('a half member behind', () => zlib.gunzipSync(Buffer.concat([GZIP, GZIP.subarray(0, 11)])));
call('a word behind zlib', () => zlib.inflateSync(Buffer.concat([ZLIB, Buffer.from('word')])));
call('a word behind raw', () => zlib.inflateRawSync(Buffer.concat([RAW, Buffer.from('word')])));
call('a word behind Brotli', () => zlib.brotliDecompressSync(Buffer.concat([zlib.brotliCompressSync('abc'), Buffer.from('word')])));

// Dictionaries.
const dictionary = Buffer.from('hello world');
const WITH = zlib.deflateSync('hello world hello', { dictionary });
call('a dictionary', () => zlib.inflateSync(WITH, { dictionary }));
call('no dictionary', () => zlib.inflateSync(WITH));
call('another dictionary', () => zlib.inflateSync(WITH, { dictionary: Buffer.from('other') }));
call('a raw dictionary', () => zlib.inflateRawSync(zlib.deflateRawSync('hello world', { dictionary }), { dictionary }));
call('gzip with a dictionary', () => zlib.gunzipSync(zlib.gzipSync('hello', { dictionary }), { dictionary }));

// Bounds.
call('too much', () => zlib.gunzipSync(zlib.gzipSync(text), { maxOutputLength: 100 }));
call('just enough', () => zlib.gunzipSync(GZIP, { maxOutputLength: 19 }));
call('too much of Brotli', () => zlib.brotliDecompressSync(zlib.brotliCompressSync(text), { maxOutputLength: 64 }));
call('a bomb', () => zlib.gunzipSync(zlib.gzipSync(Buffer.alloc(3e7)), { maxOutputLength: 1e6 }));
call('info', () => Object.keys(zlib.gzipSync('a', { info: true })).concat(zlib.gunzipSync(GZIP, { info: true }).engine.bytesWritten));

// Checksums, names.
call('crc32', () => zlib.crc32('hello'));
call('crc32 that goes on', () => zlib.crc32(Buffer.from('lo'), zlib.crc32('hel')));
call('crc32 of a view', () => zlib.crc32(new Uint16Array([1, 2])));
for (const [data, value] of [[4], [undefined], ['a', -1], ['a', 1.5], ['a', 'x'], ['a', 2 ** 32], [new ArrayBuffer(2)]]) call(`crc32 of ${told(data)} ${value}`, () => zlib.crc32(data, value));
call('codes', () => zlib.codes);
call('names', () => Object.keys(zlib).filter((name) => !/zstd/i.test(name)));
call('older names', () => [zlib.Z_BEST_SPEED, zlib.Z_FINISH, zlib.GZIP, zlib.BROTLI_PARAM_MODE]);
call('constants', () => Object.entries(constants).filter(([name]) => !/^ZSTD|VERNUM/.test(name)));
call('constants stay', () => { constants.Z_OK = 5; return constants.Z_OK; });
call('without new', () => ['Gzip', 'Gunzip', 'Deflate', 'Inflate', 'DeflateRaw', 'InflateRaw', 'Unzip', 'BrotliCompress', 'BrotliDecompress'].map((name) => zlib[name]() instanceof zlib[name]));
call('as streams', () => zlib.createGzip() instanceof require('node:stream').Transform);
call('by name', () => zlib.createGunzip().constructor.name);
call('in the old way', () => {
  function Own() { zlib.Gunzip.call(this); }
  require('node:util').inherits(Own, zlib.Gunzip);
  return [new Own() instanceof zlib.Gunzip, new Own()._processChunk(GZIP, constants.Z_FINISH).toString()];
});
class Own extends zlib.Gzip { constructor() { super({ level: 9 }); } }
call('in the new way', () => [new Own() instanceof zlib.Gzip, new Own()._level]);

// Later.
const later = (name, fn) => () => new Promise((done) => {
  const lines = [];
  const end = (...values) => {
    line(name, [...lines, ...values.map((value) => (Buffer.isBuffer(value) || value instanceof Error ? told(value) : value ?? null))]);
    done();
  };
  try {
    fn(end, (...values) => lines.push(...values));
  } catch (error) {
    end(error);
  }
});
const packed = (level) => zlib.gzipSync(text, { level });
const LATER = [
  ...PAIRS.map(([packs, unpacks]) => later(`${packs} ${unpacks}, called back`, (end) => zlib[packs](text, (error, bytes) => zlib[unpacks](bytes, (error, whole) => end(error, whole.length, whole.toString() === text))))),
  later('with options', (end) => zlib.gzip(text, { level: 0 }, (error, bytes) => end(error, bytes.length > text.length))),
  later('promised', (end) => promisify(zlib.gunzip)(GZIP).then(end, end)),
  later('promised, and broken', (end) => promisify(zlib.gunzip)('x').then(end, end)),
  later('without a callback', (end) => zlib.gzip('a')),
  later('of a number', (end) => zlib.gzip(5, end)),
  later('too much, called back', (end) => zlib.gunzip(packed(1), { maxOutputLength: 1000 }, end)),
  later('info, called back', (end) => zlib.gunzip(GZIP, { info: true }, (error, { buffer, engine }) => end(buffer, engine.bytesWritten, engine instanceof zlib.Gunzip))),
  later('broken options', (end) => zlib.gzip('a', { level: 77 }, end)),
  later('cut', (end) => zlib.inflate(ZLIB.subarray(0, 8), end)),
  later('many at once', (end) => Promise.all(Array.from({ length: 50 }, (_, i) => promisify(zlib.deflate)(`number ${i}`).then(promisify(zlib.inflate)))).then((all) => end(all.length, all[49]))),
  later('chunks', (end, note) => {
    const gunzip = zlib.createGunzip();
    gunzip.on('data', (chunk) => note(chunk.length)).on('end', () => end(gunzip._closed)).end(packed(9));
  }),
  later('chunks of 1000', (end, note) => zlib.createGunzip({ chunkSize: 1000 }).on('data', (chunk) => note(chunk.length)).on('end', end).end(zlib.gzipSync(text.slice(0, 4500)))),
  later('a byte at a time', (end) => {
    const parts = [], gunzip = zlib.createGunzip();
    gunzip.on('data', (chunk) => parts.push(chunk)).on('end', () => end(Buffer.concat(parts)));
    for (const byte of GZIP) gunzip.write(Buffer.from([byte]));
    gunzip.end();
  }),
  later('members of several writes', (end) => {
    const parts = [], gunzip = zlib.createGunzip();
    gunzip.on('data', (chunk) => parts.push(chunk)).on('end', () => end(Buffer.concat(parts)));
    for (let i = 0; i < 3; i++) gunzip.write(GZIP);
    gunzip.end();
  }),
  later('a word behind, as a stream', (end, note) => zlib.createInflate().on('data', (chunk) => note(told(chunk))).on('end', () => end('end')).on('error', end).end(Buffer.concat([ZLIB, Buffer.from('word')]))),
  later('an error and its end', (end, note) => zlib.createGunzip().on('error', (error) => note(told(error))).on('close', () => end('closed')).on('end', () => note('end')).on('data', () => note('data')).end('x')),
  later('an error behind good bytes', (end, note) => {
    let size = 0;
    zlib.createGunzip().on('data', (chunk) => { size += chunk.length; }).on('error', (error) => end(size > 16000, told(error))).end(changed(packed(9), -6, 1));
  }),
  later('cut, as a stream', (end) => zlib.createBrotliDecompress().on('error', end).on('end', () => end('end')).resume().end(zlib.brotliCompressSync(text).subarray(0, 60))),
  later('flush', (end, note) => {
    const gzip = zlib.createGzip();
    const parts = [];
    gzip.on('data', (chunk) => parts.push(chunk));
    gzip.write('hello ');
    gzip.flush(() => {
      note(zlib.gunzipSync(Buffer.concat(parts), { finishFlush: constants.Z_SYNC_FLUSH }).toString());
      gzip.write('world');
      gzip.flush(constants.Z_SYNC_FLUSH, () => {
        note(zlib.gunzipSync(Buffer.concat(parts), { finishFlush: constants.Z_SYNC_FLUSH }).toString());
        gzip.on('end', () => end(zlib.gunzipSync(Buffer.concat(parts))));
        gzip.end();
      });
    });
  }),
  later('flush of Brotli', (end, note) => {
    const brotli = zlib.createBrotliCompress();
    const parts = [];
    brotli.on('data', (chunk) => parts.push(chunk));
    brotli.write('hello ');
    brotli.flush(() => {
      note(zlib.brotliDecompressSync(Buffer.concat(parts), { finishFlush: constants.BROTLI_OPERATION_FLUSH }).toString());
      brotli.on('end', () => end(zlib.brotliDecompressSync(Buffer.concat(parts))));
      brotli.end('world');
    });
  }),
  later('flush after the end', (end) => {
    const gzip = zlib.createGzip();
    gzip.resume().end('a');
    gzip.flush(() => end('flushed'));
  }),
  later('flushed by itself', (end) => {
    const gzip = zlib.createGzip({ flush: constants.Z_SYNC_FLUSH });
    gzip.once('data', (chunk) => gzip.once('data', (more) => end(zlib.gunzipSync(Buffer.concat([chunk, more]), { finishFlush: constants.Z_SYNC_FLUSH }))));
    gzip.write('first');
    setTimeout(() => gzip.write('second'), 20);
  }),
  later('params', (end, note) => {
    const deflate = zlib.createDeflate({ level: 0 });
    const parts = [];
    deflate.on('data', (chunk) => parts.push(chunk));
    deflate.write(text);
    deflate.params(9, constants.Z_DEFAULT_STRATEGY, (error) => {
      const stored = Buffer.concat(parts).length;
      note(error ?? null, stored > text.length, deflate._level);
      deflate.on('end', () => {
        const all = Buffer.concat(parts);
        end(all.length < stored * 1.5, zlib.inflateSync(all).length);
      });
      deflate.end(text);
    });
  }),
  later('params as they are', (end) => zlib.createGzip().params(-1, 0, () => end('same'))),
  later('params that are none', (end) => zlib.createGzip().params(99, 0, end)),
  later('a strategy that is none', (end) => zlib.createGzip().params(1, 9, end)),
  later('reset', (end, note) => {
    const gunzip = zlib.createGunzip();
    const parts = [];
    gunzip.on('data', (chunk) => parts.push(chunk));
    gunzip.write(GZIP.subarray(0, 12), () => {
      gunzip.reset();
      gunzip.end(GZIP);
    });
    gunzip.on('end', () => end(Buffer.concat(parts)));
    gunzip.on('error', end);
  }),
  later('reset when closed', (end) => {
    const gzip = zlib.createGzip();
    gzip.close(() => {
      try {
        gzip.reset();
      } catch (error) {
        end(error.name);
      }
    });
  }),
  later('close', (end, note) => {
    const gzip = zlib.createGzip();
    gzip.on('close', () => note('close')).close(() => end(gzip._closed, gzip.destroyed));
  }),
  later('closed twice', (end) => {
    const gzip = zlib.createGzip();
    gzip.close();
    gzip.close(() => end(gzip._handle));
  }),
  later('a write when closed', (end) => {
    const gzip = zlib.createGzip();
    gzip.close();
    gzip.write('a', end);
  }),
  later('closed while it works', (end) => {
    const gzip = zlib.createGzip();
    gzip.write(text);
    gzip.close(() => end('closed'));
  }),
  later('a pipeline', (end) => {
    const parts = [];
    const sink = new Writable({ write(chunk, encoding, done) { parts.push(chunk); done(); } });
    pipeline(Readable.from([text, text]), zlib.createGzip(), zlib.createGunzip(), sink, (error) => end(error, Buffer.concat(parts).length));
  }),
  later('a broken pipeline', (end) => pipeline(Readable.from(['x']), zlib.createGunzip(), new Writable({ write(chunk, encoding, done) { done(); } }), end)),
  later('slow readers', (end) => {
    let size = 0;
    const slow = new Writable({ highWaterMark: 1, write(chunk, encoding, done) { size += chunk.length; setImmediate(done); } });
    pipeline(Readable.from([packed(9)]), zlib.createGunzip(), slow, (error) => end(error, size));
  }),
  later('iterated', async (end) => {
    let size = 0;
    const gunzip = zlib.createGunzip();
    gunzip.end(packed(1));
    for await (const chunk of gunzip) size += chunk.length;
    end(size);
  }),
  later('with an encoding', (end) => zlib.createGunzip({ encoding: 'utf8' }).on('data', (chunk) => end(typeof chunk)).end(GZIP)),
  later('in object mode', (end) => zlib.createGunzip({ objectMode: true }).on('data', (chunk) => end(chunk)).end(GZIP)),
  later('bytes written', (end, note) => {
    const gzip = zlib.createGzip();
    gzip.resume().on('end', () => end(gzip.bytesWritten));
    gzip.write('12345', () => { note(gzip.bytesWritten); gzip.end('678'); });
  }),
];
(async () => {
  for (const run of LATER) await run();
  console.log(`${count} calls`);
})();
