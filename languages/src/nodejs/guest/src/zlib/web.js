// CompressionStream and DecompressionStream (https://compression.spec.whatwg.org), by the same handles as node:zlib.
import { constants } from './constants.js';
import { Handle } from './coder.js';
import { view, wrongType } from '../arguments.js';
import { coded } from '../http-headers.js';

const MOST = 65536;
const settings = (windowBits) => ({ level: constants.Z_DEFAULT_COMPRESSION, windowBits, memoryLevel: constants.Z_DEFAULT_MEMLEVEL, strategy: constants.Z_DEFAULT_STRATEGY });
const FORMATS = {
  __proto__: null,
  gzip: [() => Handle.deflate(settings(31)), () => Handle.inflate(31, false), constants.Z_FINISH],
  deflate: [() => Handle.deflate(settings(15)), () => Handle.inflate(15, false), constants.Z_FINISH],
  'deflate-raw': [() => Handle.deflate(settings(-15)), () => Handle.inflate(-15, false), constants.Z_FINISH],
  brotli: [() => Handle.brotliEncode([]), () => Handle.brotliDecode([]), constants.BROTLI_OPERATION_FINISH],
};

function pair(kind, format, compresses) {
  const row = FORMATS[format];
  if (!row) throw coded(TypeError, 'ERR_INVALID_ARG_VALUE', `Failed to construct '${kind}': 1st argument '${format}' is not a valid enum value of type CompressionFormat.`);
  const finish = row[2];
  const handle = row[compresses ? 0 : 1]();
  let isEnd = false;
  const fail = (error) => {
    handle.close();
    throw error;
  };
  const run = (chunk, operation, controller) => {
    if (isEnd && chunk.length) fail(coded(TypeError, 'ERR_TRAILING_JUNK_AFTER_STREAM_END', 'Trailing junk found after the end of the compressed stream'));
    if (isEnd) return;
    try {
      for (let at = 0, more = true; more; ) {
        let output;
        ({ output, at, more, isEnd } = handle.push(chunk, at, operation, MOST));
        if (output.length) controller.enqueue(output);
        if (isEnd && at < chunk.length) return run(chunk.subarray(at), operation, controller);
      }
    } catch (cause) {
      if (cause.code?.startsWith('ERR_TRAILING')) throw cause;
      fail(Object.assign(new TypeError(cause.message, { cause }), { code: cause.code }));
    }
  };
  const stream = new TransformStream({
    transform(chunk, controller) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : view(chunk);
      if (!bytes) fail(wrongType('chunk', 'of type string or an instance of Buffer, TypedArray, or DataView', chunk));
      if (bytes.length) run(bytes, 0, controller);
    },
    flush(controller) {
      run(Buffer.alloc(0), finish, controller);
      handle.close();
    },
    cancel() { handle.close(); },
  });
  return stream;
}

const named = (Kind, name) => {
  Object.defineProperty(Kind.prototype, Symbol.toStringTag, { configurable: true, value: name });
  for (const part of ['readable', 'writable']) Object.defineProperty(Kind.prototype, part, { ...Object.getOwnPropertyDescriptor(Kind.prototype, part), enumerable: true });
  Object.defineProperty(globalThis, name, { configurable: true, writable: true, value: Kind });
};

export class CompressionStream {
  #stream;
  constructor(format) { this.#stream = pair('CompressionStream', format, true); }
  get readable() { return this.#stream.readable; }
  get writable() { return this.#stream.writable; }
}
export class DecompressionStream {
  #stream;
  constructor(format) { this.#stream = pair('DecompressionStream', format, false); }
  get readable() { return this.#stream.readable; }
  get writable() { return this.#stream.writable; }
}
named(CompressionStream, 'CompressionStream');
named(DecompressionStream, 'DecompressionStream');
