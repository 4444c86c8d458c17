// The runtime's streams (wasmrun:zlib/compression): what Node's native handles are in Node.
import compression from 'wasmrun:zlib/compression@0.1.0';
import { view } from '../arguments.js';
import { codes, constants, zstdError } from './constants.js';

const MOST = 1 << 20; // of one call
const PART = 1 << 16;
const { Z_BUF_ERROR, Z_FINISH, Z_MEM_ERROR, BROTLI_OPERATION_FINISH } = constants;

const fault = (text, code, errno) => Object.assign(new Error(text), { errno, code });
const unfinished = () => fault('unexpected end of file', 'Z_BUF_ERROR', Z_BUF_ERROR);
const FAULTS = {
  zlib: ({ number, text }) => fault(text, codes[number], number),
  brotliEncode: () => fault('Compression failed', 'ERR_BROTLI_COMPRESSION_FAILED', -2),
  brotliDecode: ({ number, text }) => fault('Decompression failed', `ERR_${text}`, number),
  zstd: ({ number, text }) => fault(text, zstdError(number), number),
};

function ask(fn) {
  try {
    return fn();
  } catch (e) {
    throw e?.payload ?? e;
  }
}

export class Handle {
  // `kind` is a row of FAULTS; `finish` the operation whose input has to be whole.
  constructor(tag, val, kind, finish) {
    this.kind = kind;
    this.finish = finish;
    this.coder = ask(() => compression.Coder.open({ tag, val }));
  }

  static inflate(windowBits, members, dictionary) { return new Handle('inflate', { windowBits: windowBits | 0, members, dictionary: view(dictionary) }, 'zlib', Z_FINISH); }
  static deflate({ level, windowBits, memoryLevel, strategy, dictionary }) {
    return new Handle('deflate', { level: level | 0, windowBits: windowBits | 0, memoryLevel: memoryLevel | 0, strategy: strategy | 0, dictionary: view(dictionary) }, 'zlib', Z_FINISH);
  }
  static brotliEncode(parameters) { return new Handle('brotli-encode', parameters, 'brotliEncode', -1); }
  static brotliDecode(parameters) { return new Handle('brotli-decode', parameters, 'brotliDecode', BROTLI_OPERATION_FINISH); }
  static zstd(compresses, parameters, dictionary, pledged) {
    return new Handle(compresses ? 'zstd-compress' : 'zstd-decompress', { parameters, dictionary: view(dictionary), pledged }, 'zstd', -1);
  }

  fault(failure) {
    if (failure instanceof Error) return failure;
    return failure.number === Z_MEM_ERROR ? fault(failure.text, 'Z_MEM_ERROR', Z_MEM_ERROR) : FAULTS[this.kind](failure);
  }
  call(fn) {
    try {
      return ask(fn);
    } catch (failure) {
      throw this.fault(failure);
    }
  }

  // Takes of the input from a place on. What comes: output, how far it has got, whether more is to come, whether that was all.
  push(input, from, operation, most) {
    let rest = input.length - from;
    // What is not taken is given once more: little of it where little comes out.
    const longest = Math.min(MOST, Math.max(PART, most));
    const isPart = rest > longest;
    if (isPart) rest = longest;
    const part = from === 0 && !isPart ? input : input.subarray(from, from + rest);
    const { output, taken, isEnd, isFull } = this.call(() => this.coder.push(view(part), isPart ? 0 : operation | 0, Math.min(most, MOST) | 0));
    const at = from + taken;
    const more = isFull || (isPart && !isEnd);
    if (!more && !isEnd && operation === this.finish) throw unfinished();
    return { output, at, more, isEnd };
  }

  reset() { this.call(() => this.coder.restart()); }
  params(level, strategy) { this.call(() => this.coder.tune(level | 0, strategy | 0)); }
  close() {
    this.coder?.[Symbol.dispose]();
    this.coder = null;
  }
}
