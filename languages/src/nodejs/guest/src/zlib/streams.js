// The streams of node:zlib: functions, because programs call them without `new` and inherit from them in the old way.
import stream from 'stream';
import { constants } from './constants.js';
import { Handle } from './coder.js';
import { cannotBegin, dictionaryOf, parametersOf, ranged, tooLarge } from './options.js';
import { coded } from '../http-headers.js';
import { nextTick } from '../loop.js';
import { setImmediate } from '../timers.js';

const { Transform, finished } = stream;
const {
  DEFLATE, DEFLATERAW, GUNZIP, GZIP, INFLATE, INFLATERAW, UNZIP, BROTLI_DECODE, BROTLI_ENCODE, ZSTD_COMPRESS, ZSTD_DECOMPRESS, Z_BLOCK, Z_FINISH, Z_FULL_FLUSH, Z_NO_FLUSH, Z_PARTIAL_FLUSH, Z_SYNC_FLUSH,
} = constants;
const MOST_BYTES = 2 ** 32, MOST_PART = 1 << 20;
const kFlush = Symbol('kFlushFlag'), kError = Symbol('kError');
const flushes = Array.from({ length: 6 }, (_, kind) => Object.assign(Buffer.alloc(0), { [kFlush]: kind }));
const STRENGTH = [Z_NO_FLUSH, Z_BLOCK, Z_PARTIAL_FLUSH, Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_FINISH];
const stronger = (a, b) => (STRENGTH.indexOf(a) > STRENGTH.indexOf(b) ? a : b);
const inherit = (Kind, Parent) => {
  Object.setPrototypeOf(Kind.prototype, Parent.prototype);
  Object.setPrototypeOf(Kind, Parent);
};
const binary = (output) => Buffer.from(output.buffer, output.byteOffset, output.byteLength);

export function Base(options, mode, handle, { flush, finishFlush, fullFlush, most }) {
  let chunkSize = constants.Z_DEFAULT_CHUNK, maxOutputLength = MOST_BYTES;
  if (options) {
    chunkSize = ranged(options.chunkSize, 'options.chunkSize', constants.Z_MIN_CHUNK, Infinity, chunkSize);
    flush = ranged(options.flush, 'options.flush', 0, most, flush);
    finishFlush = ranged(options.finishFlush, 'options.finishFlush', 0, most, finishFlush);
    maxOutputLength = ranged(options.maxOutputLength, 'options.maxOutputLength', 1, MOST_BYTES, maxOutputLength);
    if (options.encoding || options.objectMode || options.writableObjectMode) options = { ...options, encoding: null, objectMode: false, writableObjectMode: false };
  }
  Transform.call(this, { autoDestroy: true, ...options });
  this[kError] = null;
  this.bytesWritten = 0;
  this._handle = handle;
  this._outOffset = 0;
  this._chunkSize = chunkSize;
  this._defaultFlushFlag = flush;
  this._finishFlushFlag = finishFlush;
  this._defaultFullFlushFlag = fullFlush;
  this._info = options && options.info;
  this._maxOutputLength = maxOutputLength;
  this._mode = mode;
}
inherit(Base, Transform);

Object.defineProperty(Base.prototype, '_closed', { configurable: true, enumerable: true, get() { return !this._handle; } });
Object.defineProperty(Base.prototype, 'bytesRead', { configurable: true, enumerable: true, get() { return this.bytesWritten; }, set(value) { this.bytesWritten = value; } });

Base.prototype.reset = function reset() {
  if (!this._handle) throw coded(Error, 'ERR_INTERNAL_ASSERTION', 'zlib binding closed');
  return this._handle.reset();
};
Base.prototype._flush = function (done) { this._transform(Buffer.alloc(0), '', done); };
Base.prototype._final = function (done) { done(); };
Base.prototype.flush = function (kind, done) {
  if (typeof kind === 'function' || (kind === undefined && !done)) {
    done = kind;
    kind = this._defaultFullFlushFlag;
  }
  if (this.writableFinished) {
    if (done) nextTick(done);
  } else if (this.writableEnded) {
    if (done) this.once('end', done);
  } else {
    this.write(flushes[kind], '', done);
  }
};
Base.prototype.close = function (done) {
  if (done) finished(this, done);
  this.destroy();
};
const release = (engine) => {
  engine._handle?.close();
  engine._handle = null;
};
Base.prototype._destroy = function (error, done) {
  release(this);
  done(error);
};
Base.prototype._transform = function (chunk, encoding, done) {
  let flag = this._defaultFlushFlag;
  if (typeof chunk[kFlush] === 'number') flag = chunk[kFlush];
  // The last chunk is the one with which nothing waits.
  if (this.writableEnded && this.writableLength === chunk.byteLength) flag = stronger(flag, this._finishFlushFlag);
  process(this, chunk, flag, done);
};
Base.prototype._processChunk = function (chunk, flag, done) {
  return typeof done === 'function' ? process(this, chunk, flag, done) : processSync(this, chunk, flag);
};

export function processSync(engine, chunk, flag) {
  const parts = [], handle = engine._handle, most = Math.max(MOST_PART, engine._chunkSize);
  let at = 0, size = 0;
  try {
    for (let more = true; more; ) {
      let output;
      ({ output, at, more } = handle.push(chunk, at, flag, most));
      if (output.length === 0) continue;
      parts.push(binary(output));
      size += output.length;
      if (size > engine._maxOutputLength) throw tooLarge(engine._maxOutputLength);
    }
    engine.bytesWritten = at;
  } finally {
    release(engine);
  }
  return parts.length === 0 ? Buffer.alloc(0) : parts.length === 1 ? parts[0] : Buffer.concat(parts);
}

// In Node a thread works meanwhile; here it is a later turn of the loop, with a chunk in each.
function process(engine, chunk, flag, done) {
  if (!engine._handle) return nextTick(done);
  step(engine, chunk, 0, flag, done);
}
function step(engine, chunk, from, flag, done) {
  setImmediate(() => {
    if (engine.destroyed || !engine._handle) return done();
    let pushed;
    try {
      pushed = engine._handle.push(chunk, from, flag, engine._chunkSize - engine._outOffset);
    } catch (error) {
      engine.destroy(error);
      engine[kError] = error;
      return;
    }
    const { output, at, more } = pushed;
    engine.bytesWritten += at - from;
    // In the chunks that Node's buffer would have given.
    engine._outOffset = (engine._outOffset + output.length) % engine._chunkSize;
    const isWanted = output.length === 0 || engine.push(binary(output));
    if (engine.destroyed) return done();
    if (more) {
      if (isWanted) return step(engine, chunk, at, flag, done);
      const read = engine._read;
      engine._read = (size) => {
        engine._read = read;
        step(engine, chunk, at, flag, done);
        engine._read(size);
      };
      return;
    }
    // With room for more, what is left over belongs to nobody: the end of what was compressed.
    if (at < chunk.byteLength) engine.push(null);
    done();
  });
}
const ZLIB = { flush: Z_NO_FLUSH, finishFlush: Z_FINISH, fullFlush: Z_FULL_FLUSH, most: Z_BLOCK };
const HEADERS = { [GZIP]: 16, [GUNZIP]: 16, [UNZIP]: 32 };

function Zlib(options, mode) {
  let windowBits = constants.Z_DEFAULT_WINDOWBITS, level = constants.Z_DEFAULT_COMPRESSION, memoryLevel = constants.Z_DEFAULT_MEMLEVEL, strategy = 0, dictionary;
  if (options) {
    const asHeaderSays = mode === INFLATE || mode === GUNZIP || mode === UNZIP;
    if ((options.windowBits == null || options.windowBits === 0) && asHeaderSays) windowBits = 0;
    else windowBits = ranged(options.windowBits, 'options.windowBits', constants.Z_MIN_WINDOWBITS + (mode === GZIP ? 1 : 0), constants.Z_MAX_WINDOWBITS, windowBits);
    level = ranged(options.level, 'options.level', constants.Z_MIN_LEVEL, constants.Z_MAX_LEVEL, level);
    memoryLevel = ranged(options.memLevel, 'options.memLevel', constants.Z_MIN_MEMLEVEL, constants.Z_MAX_MEMLEVEL, memoryLevel);
    strategy = ranged(options.strategy, 'options.strategy', 0, constants.Z_FIXED, strategy);
    dictionary = dictionaryOf(options);
  }
  const compresses = mode === DEFLATE || mode === GZIP || mode === DEFLATERAW;
  let bits = windowBits + (HEADERS[mode] ?? 0);
  if (mode === DEFLATERAW || mode === INFLATERAW) bits = -windowBits;
  // gzip has none.
  if (mode === GZIP) dictionary = undefined;
  const handle = compresses ? Handle.deflate({ level, windowBits: bits, memoryLevel, strategy, dictionary }) : Handle.inflate(bits, mode === GUNZIP || mode === UNZIP, dictionary);
  this._level = level;
  this._strategy = strategy;
  try {
    Base.call(this, options, mode, handle, ZLIB);
  } catch (e) {
    handle.close();
    throw e;
  }
}
inherit(Zlib, Base);

Zlib.prototype.params = function params(level, strategy, done) {
  ranged(level, 'level', constants.Z_MIN_LEVEL, constants.Z_MAX_LEVEL);
  ranged(strategy, 'strategy', 0, constants.Z_FIXED);
  if (this._level === level && this._strategy === strategy) return void nextTick(done);
  this.flush(Z_SYNC_FLUSH, () => {
    if (!this._handle) return;
    try {
      this._handle.params(level, strategy);
    } catch (error) {
      return void this.destroy(error);
    }
    this._level = level;
    this._strategy = strategy;
    done?.();
  });
};

const BROTLI = { flush: constants.BROTLI_OPERATION_PROCESS, finishFlush: constants.BROTLI_OPERATION_FINISH, fullFlush: constants.BROTLI_OPERATION_FLUSH, most: constants.BROTLI_OPERATION_EMIT_METADATA };
const ZSTD = { flush: constants.ZSTD_e_continue, finishFlush: constants.ZSTD_e_end, fullFlush: constants.ZSTD_e_flush, most: constants.ZSTD_e_end };

function begin(open, text) {
  try {
    return open();
  } catch (failure) {
    throw failure.number === constants.Z_MEM_ERROR ? coded(Error, 'Z_MEM_ERROR', failure.text) : cannotBegin(text);
  }
}
function held(engine, options, mode, handle, usual) {
  try {
    Base.call(engine, options, mode, handle, usual);
  } catch (e) {
    handle.close();
    throw e;
  }
}

function Brotli(options, mode) {
  const parameters = parametersOf(options, constants.BROTLI_PARAM_NDIRECT, (name) => coded(RangeError, 'ERR_BROTLI_INVALID_PARAM', `${name} is not a valid Brotli parameter`));
  const unsigned = parameters.map(([name, value]) => [name, value >>> 0]);
  held(this, options, mode, begin(() => (mode === BROTLI_ENCODE ? Handle.brotliEncode(unsigned) : Handle.brotliDecode(unsigned))), BROTLI);
}
inherit(Brotli, Base);

function Zstd(options, mode) {
  const compresses = mode === ZSTD_COMPRESS;
  const highest = compresses ? constants.ZSTD_c_overlapLog : constants.ZSTD_d_windowLogMax;
  const parameters = parametersOf(options, highest, (name) => coded(RangeError, 'ERR_ZSTD_INVALID_PARAM', `${name} is not a valid zstd parameter`));
  const { pledgedSrcSize } = options ?? {};
  if (pledgedSrcSize < 0) throw coded(TypeError, 'ERR_INVALID_ARG_VALUE', 'pledgedSrcSize may not be negative');
  const pledged = compresses && Number.isSafeInteger(pledgedSrcSize) ? pledgedSrcSize : undefined;
  const signed = parameters.map(([name, value]) => [name, value | 0]);
  held(this, options, mode, begin(() => Handle.zstd(compresses, signed, dictionaryOf(options), pledged), 'Setting parameter failed'), ZSTD);
}
inherit(Zstd, Base);

// `{ windowBits: 8 }` is none that a raw stream can have.
const rawly = (options) => (options && options.windowBits === 8 ? { ...options, windowBits: 9 } : options);

export function Deflate(options) { return this instanceof Deflate ? void Zlib.call(this, options, DEFLATE) : new Deflate(options); }
export function Inflate(options) { return this instanceof Inflate ? void Zlib.call(this, options, INFLATE) : new Inflate(options); }
export function Gzip(options) { return this instanceof Gzip ? void Zlib.call(this, options, GZIP) : new Gzip(options); }
export function Gunzip(options) { return this instanceof Gunzip ? void Zlib.call(this, options, GUNZIP) : new Gunzip(options); }
export function DeflateRaw(options) { return this instanceof DeflateRaw ? void Zlib.call(this, rawly(options), DEFLATERAW) : new DeflateRaw(options); }
export function InflateRaw(options) { return this instanceof InflateRaw ? void Zlib.call(this, options, INFLATERAW) : new InflateRaw(options); }
export function Unzip(options) { return this instanceof Unzip ? void Zlib.call(this, options, UNZIP) : new Unzip(options); }
export function BrotliCompress(options) { return this instanceof BrotliCompress ? void Brotli.call(this, options, BROTLI_ENCODE) : new BrotliCompress(options); }
export function BrotliDecompress(options) { return this instanceof BrotliDecompress ? void Brotli.call(this, options, BROTLI_DECODE) : new BrotliDecompress(options); }
export function ZstdCompress(options) { return this instanceof ZstdCompress ? void Zstd.call(this, options, ZSTD_COMPRESS) : new ZstdCompress(options); }
export function ZstdDecompress(options) { return this instanceof ZstdDecompress ? void Zstd.call(this, options, ZSTD_DECOMPRESS) : new ZstdDecompress(options); }
for (const Kind of [Deflate, Inflate, Gzip, Gunzip, DeflateRaw, InflateRaw, Unzip]) inherit(Kind, Zlib);
for (const Kind of [BrotliCompress, BrotliDecompress]) inherit(Kind, Brotli);
for (const Kind of [ZstdCompress, ZstdDecompress]) inherit(Kind, Zstd);
