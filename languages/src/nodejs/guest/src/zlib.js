// node:zlib, by the runtime's streams: as fast as Node's own, whose C this is not.
import compression from 'wasmrun:zlib/compression@0.1.0';
import { codes, constants } from './zlib/constants.js';
import { callback, unsigned, view, wrongType } from './arguments.js';
import { tooLarge } from './zlib/options.js';
import * as streams from './zlib/streams.js';

const KINDS = ['Deflate', 'Inflate', 'Gzip', 'Gunzip', 'DeflateRaw', 'InflateRaw', 'Unzip', 'BrotliCompress', 'BrotliDecompress', 'ZstdCompress', 'ZstdDecompress'];
const FUNCTIONS = ['Deflate', 'Gzip', 'DeflateRaw', 'Unzip', 'Inflate', 'Gunzip', 'InflateRaw', 'BrotliCompress', 'BrotliDecompress', 'ZstdCompress', 'ZstdDecompress']; // in Node's order
const MAKERS = ['Deflate', 'Inflate', 'DeflateRaw', 'InflateRaw', 'Gzip', 'Gunzip', 'Unzip', 'BrotliCompress', 'BrotliDecompress', 'ZstdCompress', 'ZstdDecompress'];
const verb = (name) => name[0].toLowerCase() + name.slice(1);

function crc32(data, value = 0) {
  if (typeof data !== 'string' && !ArrayBuffer.isView(data)) throw wrongType('data', 'of type string or an instance of Buffer, TypedArray, or DataView', data);
  unsigned(value, 'value');
  const bytes = view(typeof data === 'string' ? Buffer.from(data) : data);
  // The engine has numbers of 32 bits with a sign.
  return compression.crc32(value | 0, bytes) >>> 0;
}

function whole(engine, data) {
  const bytes = typeof data === 'string' ? Buffer.from(data) : view(data);
  if (!bytes) {
    engine.close();
    throw wrongType('buffer', 'of type string or an instance of Buffer, TypedArray, DataView, or ArrayBuffer', data);
  }
  const buffer = streams.processSync(engine, bytes, engine._finishFlushFlag);
  return engine._info ? { buffer, engine } : buffer;
}

function wholeLater(engine, data, done) {
  callback(done);
  const parts = [];
  let size = 0;
  engine.on('data', (chunk) => {
    if (size > engine._maxOutputLength) return;
    parts.push(chunk);
    size += chunk.length;
    if (size <= engine._maxOutputLength) return;
    engine.close();
    done(tooLarge(engine._maxOutputLength));
  });
  engine.on('error', (error) => {
    engine.removeAllListeners('end');
    done(error);
  });
  engine.on('end', () => {
    const buffer = parts.length === 1 ? parts[0] : Buffer.concat(parts, size);
    engine.close();
    done(null, engine._info ? { buffer, engine } : buffer);
  });
  const bytes = typeof data === 'string' ? data : view(data);
  if (bytes === undefined && data !== null) throw wrongType('chunk', 'of type string or an instance of Buffer, TypedArray, or DataView', data);
  engine.end(bytes ?? data);
}

const zlib = { crc32 };
for (const name of KINDS) zlib[name] = streams[name];
for (const name of FUNCTIONS) {
  const Kind = streams[name];
  zlib[verb(name)] = (data, options, done) => {
    if (typeof options === 'function') [options, done] = [{}, options];
    return wholeLater(new Kind(options), data, done);
  };
  zlib[`${verb(name)}Sync`] = (data, options) => whole(new Kind(options), data);
}
for (const name of MAKERS) zlib[`create${name}`] = (options) => new streams[name](options);
const fixed = (name, value) => Object.defineProperty(zlib, name, { enumerable: true, value });
fixed('constants', constants);
fixed('codes', codes);
// Older names of zlib's own.
for (const [name, value] of Object.entries(constants)) {
  if (!/^(BROTLI|ZSTD)_/.test(name)) Object.defineProperty(zlib, name, { value });
}
export default zlib;
