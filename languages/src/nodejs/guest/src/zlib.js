// node:zlib by pako: gzip, deflate, raw deflate. Brotli's functions are not defined: packages look whether they are, and
// do without.
import stream from 'readable-stream';
import * as pako from 'pako';
import { setImmediate } from './timers.js';

const { Transform } = stream;
const buf = (u) => Buffer.from(u.buffer, u.byteOffset, u.byteLength);
const bytes = (d) => (typeof d === 'string' ? Buffer.from(d) : d instanceof ArrayBuffer ? new Uint8Array(d) : new Uint8Array(d.buffer, d.byteOffset, d.byteLength));
const coded = (e) => Object.assign(e instanceof Error ? e : new Error(String(e)), { code: 'Z_DATA_ERROR', errno: -3 });

class Codec extends Transform {
  constructor(engine) {
    super();
    this._engine = engine;
    engine.onData = (chunk) => this.push(buf(chunk));
    this._flushNow = 0;
  }
  _run(chunk, mode, done) {
    let bad = null;
    try {
      this._engine.push(chunk, mode);
      if (this._engine.err) bad = coded(this._engine.msg || 'incorrect data');
    } catch (e) {
      bad = coded(e);
    }
    done(bad);
  }
  _transform(chunk, encoding, done) { this._run(chunk, 0, done); }
  _flush(done) { this._run(new Uint8Array(), 4, done); }
  flush(kind, done) {
    if (typeof kind === 'function') done = kind;
    this.write(Buffer.alloc(0), () => this._run(new Uint8Array(), 2, () => done?.()));
  }
  close(done) { if (done) this.once('close', done); this.destroy(); }
  params(level, strategy, done) { done?.(); }
}
const make = (Engine, preset) => class extends Codec {
  constructor(options) { super(new Engine({ ...(options?.level !== undefined && options.level >= 0 && { level: options.level }), ...preset })); }
};
const KINDS = {
  Gzip: [pako.Deflate, { gzip: true }, 'gzip'], Gunzip: [pako.Inflate, {}, 'gunzip'], Deflate: [pako.Deflate, {}, 'deflate'], Inflate: [pako.Inflate, {}, 'inflate'],
  DeflateRaw: [pako.Deflate, { raw: true }, 'deflateRaw'], InflateRaw: [pako.Inflate, { raw: true }, 'inflateRaw'], Unzip: [pako.Inflate, {}, 'unzip'],
};
const zlib = {};
for (const [name, [Engine, preset, verb]] of Object.entries(KINDS)) {
  const Kind = (zlib[name] = make(Engine, preset));
  zlib['create' + name] = (options) => new Kind(options);
  const once = (zlib[verb + 'Sync'] = (data, options) => {
    const engine = new Engine({ ...(options?.level >= 0 && { level: options.level }), ...preset });
    engine.push(bytes(data), true);
    if (engine.err) throw coded(engine.msg || 'incorrect header check');
    return buf(engine.result);
  });
  zlib[verb] = (data, options, done) => {
    if (typeof options === 'function') [options, done] = [{}, options];
    setImmediate(() => {
      let out;
      try {
        out = once(data, options);
      } catch (e) {
        return done(e);
      }
      done(null, out);
    });
  };
}
zlib.constants = { Z_NO_FLUSH: 0, Z_PARTIAL_FLUSH: 1, Z_SYNC_FLUSH: 2, Z_FULL_FLUSH: 3, Z_FINISH: 4, Z_OK: 0, Z_BEST_SPEED: 1, Z_BEST_COMPRESSION: 9, Z_DEFAULT_COMPRESSION: -1, Z_DEFAULT_STRATEGY: 0, Z_DEFAULT_WINDOWBITS: 15, Z_DEFAULT_MEMLEVEL: 8, Z_DEFAULT_CHUNK: 16384,
  BROTLI_OPERATION_PROCESS: 0, BROTLI_OPERATION_FLUSH: 1, BROTLI_OPERATION_FINISH: 2, BROTLI_PARAM_QUALITY: 1, BROTLI_DEFAULT_QUALITY: 11, BROTLI_MIN_QUALITY: 0, BROTLI_MAX_QUALITY: 11 };
Object.assign(zlib, zlib.constants);
export default zlib;
