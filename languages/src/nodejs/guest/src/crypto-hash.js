// Hashes and HMAC of node:crypto, by wasmrun:crypto/hashing. What is short is one call of the host.
import hashing from 'wasmrun:crypto/hashing@0.1.0';
import { bytes, chunk, coded, failure, mind, out, release, text, unsigned, view, wrongType } from './arguments.js';
import { Lazy } from './crypto-lazy.js';
import { secretOf } from './crypto-secret.js';

const found = new Map();
const SIGNATURES = /^(?:id-rsassa-pkcs1-v1_5-with-)?(.+?)(?:withrsa(?:encryption)?)?$/;
// The hash of a name, or undefined.
export function traits(name) {
  let one = found.get(name);
  if (one === undefined) {
    const lower = name.toLowerCase();
    one = hashing.find(lower) ?? hashing.find(SIGNATURES.exec(lower)?.[1] ?? '') ?? null;
    if (found.size < 1000) found.set(name, one);
  }
  return one ?? undefined;
}
export const invalidDigest = (name) => coded(new TypeError(`Invalid digest: ${name}`), 'ERR_CRYPTO_INVALID_DIGEST');
export function digestNamed(name) {
  const one = traits(name);
  if (!one) throw invalidDigest(name);
  return one;
}

const MOST = 1 << 16; // bytes that wait here
// What was given and is not hashed yet; then a state of the host's.
class Data {
  parts = [];
  size = 0;
  state = null;
  constructor(begin) { this.begin = begin; }
  add(data, isOwn) {
    if (data.length === 0) return;
    if (this.state === null && this.size + data.length <= MOST) {
      this.parts.push(isOwn ? data : data.slice()); // the program may change it
      this.size += data.length;
      return;
    }
    if (this.state === null) {
      this.state = mind(this, this.begin());
      for (const part of this.parts) this.state.update(part);
      this.parts = [];
    }
    this.state.update(data);
  }
  copy() {
    const other = new Data(this.begin);
    other.parts = this.parts.slice();
    other.size = this.size;
    if (this.state !== null) other.state = mind(other, this.state.copy());
    return other;
  }
  // Of all of it: by `once` where it is here as a whole.
  finish(once) {
    if (this.state === null) return once(joined(this.parts, this.size));
    const digest = this.state.finish();
    release(this.state);
    this.state = null;
    return digest;
  }
}
function joined(parts, size) {
  if (parts.length === 1) return parts[0];
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const finalized = () => coded(new Error('Digest already called'), 'ERR_CRYPTO_HASH_FINALIZED');
function update(data, encoding) {
  if (this._ended) throw finalized();
  this._data.add(chunk(data, 'data', encoding), typeof data === 'string');
  return this;
}
const through = {
  _transform(data, encoding, done) {
    this._data.add(bytes(data, 'data', encoding), typeof data === 'string');
    done();
  },
  _flush(done) {
    this.push(this.digest());
    done();
  },
  update,
};

function refused(error) {
  return failure(error) === 'invalid'
    ? coded(new Error('error:030000B2:digital envelope routines::not XOF or invalid length'), 'ERR_OSSL_EVP_NOT_XOF_OR_INVALID_LENGTH')
    : new Error('Digest method not supported');
}
export function Hash(algorithm, options) {
  if (!new.target) return new Hash(algorithm, options);
  Lazy.call(this, options);
  if (algorithm instanceof Hash) {
    this._traits = algorithm._traits;
    this._length = algorithm._length;
    this._data = algorithm._data.copy();
  } else {
    this._traits = traits(text(algorithm, 'algorithm'));
    if (!this._traits) throw new Error('Digest method not supported');
    this._length = null;
  }
  if (options?.outputLength !== undefined) {
    const length = unsigned(options.outputLength, 'options.outputLength');
    if (length !== this._traits.length && !this._traits.extendable) throw refused('invalid');
    this._length = length;
  }
  this._ended = false;
  this._data ??= new Data(() => hashing.Hash.create(this._traits.name, this._length));
}
Object.setPrototypeOf(Hash.prototype, Lazy.prototype);
Object.setPrototypeOf(Hash, Lazy);
Object.assign(Hash.prototype, through, {
  digest(encoding) {
    if (this._ended) throw finalized();
    this._ended = true;
    return out(this._data.finish((data) => hashed(this._traits, data, this._length)), encoding);
  },
  copy(options) {
    if (this._ended) throw finalized();
    const copied = new Hash(this, options);
    if (options?.outputLength !== undefined && copied._data.state) throw refused('invalid');
    return copied;
  },
});
function hashed(one, data, length) {
  try {
    return hashing.digest(one.name, data, length);
  } catch (e) {
    throw refused(e);
  }
}

export function Hmac(algorithm, key, options) {
  if (!new.target) return new Hmac(algorithm, key, options);
  text(algorithm, 'hmac');
  const secret = secretOf(key, options?.encoding);
  Lazy.call(this, options);
  const one = digestNamed(algorithm);
  if (one.extendable) throw new Error('error:00000000:lib(0)::reason(0)'); // OpenSSL does not say why
  this._name = one.name;
  this._key = secret;
  this._ended = false;
  this._data = new Data(() => hashing.Hash.keyed(one.name, secret));
}
Object.setPrototypeOf(Hmac.prototype, Lazy.prototype);
Object.setPrototypeOf(Hmac, Lazy);
Object.assign(Hmac.prototype, through, {
  digest(encoding) {
    if (this._ended) return out(new Uint8Array(0), encoding);
    this._ended = true;
    return out(this._data.finish((data) => hashing.hmac(this._name, this._key, data)), encoding);
  },
});

export const createHash = (algorithm, options) => new Hash(algorithm, options);
export const createHmac = (algorithm, key, options) => new Hmac(algorithm, key, options);
export function hash(algorithm, input, encoding = 'hex') {
  text(algorithm, 'algorithm');
  const data = typeof input === 'string' ? Buffer.from(input) : ArrayBuffer.isView(input) ? view(input) : undefined;
  if (data === undefined) throw wrongType('input', 'of type string or an instance of Buffer, TypedArray, or DataView', input);
  if (encoding !== 'buffer' && !Buffer.isEncoding(text(encoding, 'outputEncoding'))) throw coded(new TypeError(`The argument 'outputEncoding' is invalid. Received '${encoding}'`), 'ERR_INVALID_ARG_VALUE');
  const one = traits(algorithm);
  if (!one) throw new Error(`Digest method ${algorithm} is not supported`);
  return out(hashed(one, data, null), encoding);
}
// At once, for our own use.
export const hmacOf = (name, key, data) => hashing.hmac(name, key, data);
export const digestOf = (name, data) => hashing.digest(name, data, null);
export const isEqual = (one, other) => hashing.equal(one, other);

const ALIASES = ['RSA-MD5', 'RSA-RIPEMD160', 'RSA-SHA1', 'RSA-SHA1-2', 'RSA-SHA224', 'RSA-SHA256', 'RSA-SHA3-224', 'RSA-SHA3-256', 'RSA-SHA3-384', 'RSA-SHA3-512', 'RSA-SHA384', 'RSA-SHA512', 'RSA-SHA512/224', 'RSA-SHA512/256', 'id-rsassa-pkcs1-v1_5-with-sha3-224', 'id-rsassa-pkcs1-v1_5-with-sha3-256', 'id-rsassa-pkcs1-v1_5-with-sha3-384', 'id-rsassa-pkcs1-v1_5-with-sha3-512', 'md5WithRSAEncryption', 'ripemd', 'ripemd160WithRSA', 'rmd160', 'sha1WithRSAEncryption', 'sha224WithRSAEncryption', 'sha256WithRSAEncryption', 'sha384WithRSAEncryption', 'sha512-224WithRSAEncryption', 'sha512-256WithRSAEncryption', 'sha512WithRSAEncryption', 'ssl3-md5', 'ssl3-sha1'];
export const getHashes = () => [...hashing.hashes().map((one) => one.name), ...ALIASES].sort();

export function timingSafeEqual(buf1, buf2) {
  const [a, b] = [view(buf1), view(buf2)];
  for (const [name, found] of [['buf1', a], ['buf2', b]]) if (!found) throw coded(new TypeError(`The "${name}" argument must be an instance of ArrayBuffer, Buffer, TypedArray, or DataView.`), 'ERR_INVALID_ARG_TYPE');
  if (a.length !== b.length) throw coded(new RangeError('Input buffers must have the same byte length'), 'ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH');
  return isEqual(a, b);
}
