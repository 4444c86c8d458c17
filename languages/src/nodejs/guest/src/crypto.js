// node:crypto: hashes (by @noble/hashes), random numbers of the host. No ciphers, keys or TLS.
import random from 'wasi:random/random@0.2.12';
import stream from 'readable-stream';
import { sha1, md5, ripemd160 } from '@noble/hashes/legacy.js';
import { sha224, sha256, sha384, sha512, sha512_256 } from '@noble/hashes/sha2.js';
import { sha3_256, sha3_384, sha3_512 } from '@noble/hashes/sha3.js';
import { hmac } from '@noble/hashes/hmac.js';
import { pbkdf2 as noblePbkdf2 } from '@noble/hashes/pbkdf2.js';
import { scrypt as nobleScrypt } from '@noble/hashes/scrypt.js';
import { hkdf as nobleHkdf } from '@noble/hashes/hkdf.js';
import { setImmediate } from './timers.js';

const { Transform } = stream;
const HASHES = { sha1, md5, ripemd160, rmd160: ripemd160, sha224, sha256, sha384, sha512, 'sha512-256': sha512_256, 'sha3-256': sha3_256, 'sha3-384': sha3_384, 'sha3-512': sha3_512 };
const hashOf = (name) => {
  const found = HASHES[String(name).toLowerCase().replace(/^rsa-/, '')] ?? HASHES[String(name).toLowerCase().replace('-', '')];
  if (!found) throw Object.assign(new Error('Digest method not supported'), { code: 'ERR_CRYPTO_INVALID_DIGEST' });
  return found;
};
const bytes = (data, encoding) => {
  if (typeof data === 'string') return new Uint8Array(Buffer.from(data, encoding));
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data?._secret) return data._secret;
  throw Object.assign(new TypeError('The "data" argument must be of type string or an instance of Buffer, TypedArray, or DataView.'), { code: 'ERR_INVALID_ARG_TYPE' });
};
const out = (raw, encoding) => {
  const b = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  return encoding && encoding !== 'buffer' ? b.toString(encoding) : b;
};

class Digest extends Transform {
  constructor(state) { super(); this._state = state; this._ended = false; }
  update(data, encoding) {
    if (this._ended) throw Object.assign(new Error('Digest already called'), { code: 'ERR_CRYPTO_HASH_FINALIZED' });
    this._state.update(bytes(data, encoding));
    return this;
  }
  digest(encoding) {
    if (this._ended) throw Object.assign(new Error('Digest already called'), { code: 'ERR_CRYPTO_HASH_FINALIZED' });
    this._ended = true;
    return out(this._state.digest(), encoding);
  }
  copy() { return new this.constructor(this._state.clone()); }
  _transform(chunk, encoding, done) { this.update(chunk, encoding); done(); }
  _flush(done) { this.push(this.digest()); done(); }
}
export class Hash extends Digest {}
export class Hmac extends Digest {}
// Secret keys only. jsonwebtoken and others ask of every key whether it is one of these.
export class KeyObject {
  constructor(type, secret) { this.type = type; this._secret = secret; }
  get symmetricKeySize() { return this._secret.length; }
  export(options) { return options?.format === 'jwk' ? { kty: 'oct', k: out(this._secret, 'base64url') } : out(this._secret); }
  equals(other) { return other?.type === this.type && timingEqual(this._secret, other._secret); }
}

export const createHash = (name) => new Hash(hashOf(name).create());
export const createHmac = (name, key) => new Hmac(hmac.create(hashOf(name), bytes(key)));
export const hash = (name, data, encoding = 'hex') => createHash(name).update(data).digest(encoding);
export const getHashes = () => Object.keys(HASHES);
export const createSecretKey = (key, encoding) => new KeyObject('secret', bytes(key, encoding).slice());

// One call to the host for many small wishes.
let pool = new Uint8Array(), used = 0;
function draw(n) {
  if (n > 1024) return Uint8Array.from(random.getRandomBytes(n));
  if (used + n > pool.length) {
    pool = Uint8Array.from(random.getRandomBytes(4096));
    used = 0;
  }
  return pool.slice(used, (used += n));
}
const later = (done, fn) => {
  setImmediate(() => {
    let value;
    try {
      value = fn();
    } catch (e) {
      return done(e);
    }
    done(null, value);
  });
};
export const randomBytes = (n, done) => (done ? later(done, () => out(draw(n))) : out(draw(n)));
export const pseudoRandomBytes = randomBytes;
export function randomFillSync(target, offset = 0, size) {
  const view = ArrayBuffer.isView(target) ? new Uint8Array(target.buffer, target.byteOffset, target.byteLength) : new Uint8Array(target);
  view.set(draw(size ?? view.length - offset), offset);
  return target;
}
export const randomFill = (target, ...rest) => {
  const done = rest.pop();
  later(done, () => randomFillSync(target, ...rest));
};
export function randomInt(min, max, done) {
  if (max === undefined || typeof max === 'function') [min, max, done] = [0, min, max];
  const pick = () => {
    const range = max - min, limit = 2 ** 48 - (2 ** 48 % range);
    for (;;) {
      const n = Buffer.from(draw(6)).readUIntBE(0, 6);
      if (n < limit) return min + (n % range);
    }
  };
  return done ? later(done, pick) : pick();
}
export function randomUUID() {
  const b = draw(16);
  b[6] = (b[6] & 15) | 64;
  b[8] = (b[8] & 63) | 128;
  const h = Buffer.from(b).toString('hex');
  return `${h.slice(0, 8)}-${h.slice(8, 12)}-${h.slice(12, 16)}-${h.slice(16, 20)}-${h.slice(20)}`;
}
export function timingSafeEqual(a, b) {
  a = bytes(a);
  b = bytes(b);
  if (a.length !== b.length) throw Object.assign(new RangeError('Input buffers must have the same byte length'), { code: 'ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH' });
  return timingEqual(a, b);
}
function timingEqual(a, b) {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a[i] ^ b[i];
  return difference === 0;
}
export const pbkdf2Sync = (password, salt, c, dkLen, name) => out(noblePbkdf2(hashOf(name), bytes(password), bytes(salt), { c, dkLen }));
export const pbkdf2 = (...args) => { const done = args.pop(); later(done, () => pbkdf2Sync(...args)); };
export const scryptSync = (password, salt, dkLen, o = {}) => out(nobleScrypt(bytes(password), bytes(salt), { N: o.N ?? o.cost ?? 16384, r: o.r ?? o.blockSize ?? 8, p: o.p ?? o.parallelization ?? 1, dkLen, maxmem: 2 ** 31 }));
export const scrypt = (...args) => { const done = args.pop(); later(done, () => scryptSync(...args)); };
export const hkdfSync = (name, key, salt, info, n) => nobleHkdf(hashOf(name), bytes(key), bytes(salt), bytes(info), n).slice().buffer;
export const hkdf = (...args) => { const done = args.pop(); later(done, () => hkdfSync(...args)); };

const absent = (name) => () => { throw Object.assign(new Error(`crypto.${name} is not there under WebAssembly yet`), { code: 'ERR_WASMRUN_NOT_THERE' }); };
export const subtle = {
  async digest(algorithm, data) { return hashOf(algorithm.name ?? algorithm)(bytes(data)).slice().buffer; },
};
for (const name of ['encrypt', 'decrypt', 'sign', 'verify', 'importKey', 'exportKey', 'generateKey', 'deriveKey', 'deriveBits']) subtle[name] = async () => absent('subtle.' + name)();
export const getRandomValues = (target) => randomFillSync(target);
export const webcrypto = { subtle, getRandomValues, randomUUID };
globalThis.crypto = webcrypto;
const missing = {};
for (const name of ['createCipheriv', 'createDecipheriv', 'createSign', 'createVerify', 'createPublicKey', 'createPrivateKey', 'generateKeyPair', 'generateKeyPairSync', 'sign', 'verify', 'createECDH', 'createDiffieHellman', 'publicEncrypt', 'privateDecrypt']) missing[name] = absent(name);
export default {
  Hash, Hmac, KeyObject, createHash, createHmac, hash, getHashes, createSecretKey, randomBytes, pseudoRandomBytes, randomFill, randomFillSync, randomInt, randomUUID, timingSafeEqual, pbkdf2, pbkdf2Sync, scrypt, scryptSync, hkdf, hkdfSync,
  subtle, getRandomValues, webcrypto, getCiphers: () => [], getCurves: () => [], constants: {}, ...missing,
};
