// Calls of node:zlib's zstd, which Node has since 22.15 and 23.8, each with a line.
const zlib = require('node:zlib');
const { constants } = zlib;
const told = (value) => (value instanceof Error ? `${value.name} ${value.code} ${value.errno} ${value.message}` : Buffer.isBuffer(value) ? `${value.length}:${value.subarray(0, 20)}` : JSON.stringify(value));
const call = (name, fn) => {
  let value;
  try {
    value = fn();
  } catch (error) {
    value = error;
  }
  console.log(`${name}: ${told(value)}`);
};
const text = Array.from({ length: 8000 }, (_, i) => `word ${(i * 7919) % 613} `).join('');
const packed = zlib.zstdCompressSync(text);
const with_ = (params, more) => () => zlib.zstdDecompressSync(zlib.zstdCompressSync(text, { params, ...more })).length;

call('round', () => zlib.zstdDecompressSync(packed).toString() === text);
call('nothing', () => zlib.zstdDecompressSync(zlib.zstdCompressSync('')));
for (const level of [-5, 1, 3, 9, 19, 22, 99]) call(`level ${level}`, with_({ [constants.ZSTD_c_compressionLevel]: level }));
call('checksum', with_({ [constants.ZSTD_c_checksumFlag]: true, [constants.ZSTD_c_contentSizeFlag]: 0 }));
call('window', with_({ [constants.ZSTD_c_windowLog]: 15, [constants.ZSTD_c_strategy]: constants.ZSTD_btultra }));
call('long distances', with_({ [constants.ZSTD_c_enableLongDistanceMatching]: 1 }));
call('workers', with_({ [constants.ZSTD_c_nbWorkers]: 0 }));
call('pledged', with_({}, { pledgedSrcSize: text.length }));
call('pledged less than nothing', with_({}, { pledgedSrcSize: -1 }));
call('a window that is none', with_({ [constants.ZSTD_c_windowLog]: 99 }));
call('a parameter that is none', with_({ 999: 1 }));
call('a parameter that is no number', with_({ x: 1 }));
call('a parameter with a text', with_({ 100: 'x' }));
call('flush', with_({}, { flush: 5 }));
call('a word', () => zlib.zstdDecompressSync('something'));
call('two frames', () => zlib.zstdDecompressSync(Buffer.concat([packed, packed])).length);
call('a word behind', () => zlib.zstdDecompressSync(Buffer.concat([packed, Buffer.from('word')])).length);
call('too much', () => zlib.zstdDecompressSync(packed, { maxOutputLength: 100 }));
call('broken', () => { const bytes = zlib.zstdCompressSync(text, { params: { 201: 1 } }); bytes[bytes.length - 1] ^= 1; return zlib.zstdDecompressSync(bytes); });
call('names', () => Object.keys(zlib).filter((name) => /zstd/i.test(name)));
call('constants', () => Object.entries(constants).filter(([name]) => name.startsWith('ZSTD')));
(async () => {
  await new Promise((done) => zlib.zstdCompress(text, (error, bytes) => zlib.zstdDecompress(bytes, (error, whole) => done(call('called back', () => [error, whole.length])))));
  const stream = zlib.createZstdCompress(), parts = [];
  stream.on('data', (part) => parts.push(part));
  stream.write('hello ');
  await new Promise((done) => stream.flush(done));
  const head = Buffer.concat(parts).length;
  stream.end('world');
  await new Promise((done) => stream.on('end', done));
  call('flushed', () => [head > 5, zlib.zstdDecompressSync(Buffer.concat(parts)).toString()]);
  const sizes = [];
  for await (const part of zlib.createZstdDecompress().end(packed)) sizes.push(part.length);
  call('chunks', () => sizes);
  await new Promise((done) => zlib.createZstdDecompress().on('error', (error) => done(call('an error', () => error))).end('something'));
})();
