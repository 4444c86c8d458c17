// Ciphers of node:crypto, by wasmrun:crypto/ciphers.
import stringDecoder from 'string_decoder';
import ciphers from 'wasmrun:crypto/ciphers@0.1.0';
import { bytes, chunk, coded, integer, mind, out, release, text, unsigned, view, wrongType } from './arguments.js';
import { Lazy } from './crypto-lazy.js';
import { badDecrypt, host, openssl, wrongLength } from './crypto-openssl.js';
import { secretOf } from './crypto-secret.js';

const badKey = () => coded(new RangeError('Invalid key length'), 'ERR_CRYPTO_INVALID_KEYLEN');
const badIv = () => coded(new TypeError('Invalid initialization vector'), 'ERR_CRYPTO_INVALID_IV');
const badTag = (length) => coded(new TypeError(`Invalid authentication tag length: ${length}`), 'ERR_CRYPTO_INVALID_AUTH_TAG');
const badState = (operation) => coded(new Error(operation ? `Invalid state for operation ${operation}` : 'Invalid state'), 'ERR_CRYPTO_INVALID_STATE');
const AUTHENTICATED = new Set(['gcm', 'poly1305']);
const TAGS = new Set([4, 8, 12, 13, 14, 15, 16]);
const NO_IV = new Uint8Array(0);

function Ciphered(encrypts, name, key, iv, options) {
  text(name, 'cipher');
  const secret = secretOf(key, options?.encoding);
  const vector = iv === null ? null : bytes(iv, 'iv');
  const kind = ciphers.find(name.toLowerCase());
  if (!kind) throw coded(new Error('Unknown cipher'), 'ERR_CRYPTO_UNKNOWN_CIPHER');
  if (secret.length !== kind.key) throw badKey();
  if (vector === null ? kind.iv !== 0 : kind.iv === 0 ? vector.length !== 0 : kind.mode === 'gcm' ? vector.length === 0 : vector.length !== kind.iv) throw badIv();
  let length = options?.authTagLength;
  if (length !== undefined) unsigned(length, 'options.authTagLength');
  this._authenticates = AUTHENTICATED.has(kind.mode);
  if (this._authenticates && length !== undefined && !(kind.mode === 'gcm' ? TAGS.has(length) : length >= 1 && length <= 16)) throw badTag(length);
  Lazy.call(this, options);
  this._tagLength = length;
  this._mode = kind.mode;
  this._encrypts = encrypts;
  this._cipher = mind(this, host(() => ciphers.Cipher.create(kind.name, encrypts, secret, vector ?? NO_IV, TAGS.has(length) ? length : 16), { unsupported: badIv, invalid: badIv }));
  this._state = 'open';
  this._tag = undefined;
}
Object.setPrototypeOf(Ciphered.prototype, Lazy.prototype);

// Characters may be cut anywhere.
function told(self, encoding, raw, last) {
  if (!encoding || encoding === 'buffer') return out(raw);
  self._decoder ??= new stringDecoder.StringDecoder(encoding);
  return last ? self._decoder.end(out(raw)) : self._decoder.write(out(raw));
}
Object.assign(Ciphered.prototype, {
  update(data, inputEncoding, outputEncoding) {
    const input = chunk(data, 'data', inputEncoding);
    if (this._state !== 'open') throw new Error('Trying to add data in unsupported state');
    if (this._mode === 'wrap') return told(this, outputEncoding, host(() => this._cipher.update(input), { other: () => openssl('03000082', 'digital envelope routines', 'invalid key length') }));
    this._begun = true;
    return told(this, outputEncoding, host(() => this._cipher.update(input), { other: () => new Error('Trying to add data in unsupported state') }));
  },
  final(outputEncoding) {
    if (this._state !== 'open') throw badState();
    this._state = 'over';
    const cipher = this._cipher;
    try {
      const last = host(() => cipher.finish(), this._authenticates ? { other: () => new Error('Unsupported state or unable to authenticate data') } : { mismatch: badDecrypt, length: wrongLength });
      if (this._encrypts && this._authenticates) this._tag = cipher.tag();
      return told(this, outputEncoding, last, true);
    } finally {
      release(cipher);
      this._cipher = null;
    }
  },
  setAutoPadding(wanted) {
    if (this._state !== 'open') throw badState('setAutoPadding');
    this._cipher.setPadding(wanted === undefined || !!wanted);
    return this;
  },
  setAAD(data, options) {
    const aad = bytes(data, 'buffer', options?.encoding);
    if (this._state !== 'open' || !this._authenticates || this._begun) throw badState('setAAD');
    host(() => this._cipher.authenticate(aad), { other: () => badState('setAAD') });
    return this;
  },
  _transform(data, encoding, done) {
    try {
      this.push(this.update(data, encoding));
    } catch (e) {
      return done(e);
    }
    done();
  },
  _flush(done) {
    try {
      this.push(this.final());
    } catch (e) {
      return done(e);
    }
    done();
  },
});

export function Cipheriv(name, key, iv, options) {
  if (!new.target) return new Cipheriv(name, key, iv, options);
  Ciphered.call(this, true, name, key, iv, options);
}
Object.setPrototypeOf(Cipheriv.prototype, Ciphered.prototype);
Object.setPrototypeOf(Cipheriv, Lazy);
Cipheriv.prototype.getAuthTag = function () {
  if (!this._tag) throw badState('getAuthTag');
  return out(this._tag.slice());
};
export function Decipheriv(name, key, iv, options) {
  if (!new.target) return new Decipheriv(name, key, iv, options);
  Ciphered.call(this, false, name, key, iv, options);
}
Object.setPrototypeOf(Decipheriv.prototype, Ciphered.prototype);
Object.setPrototypeOf(Decipheriv, Lazy);
Decipheriv.prototype.setAuthTag = function (tag, encoding) {
  const given = typeof tag === 'string' ? bytes(tag, 'buffer', encoding) : view(tag);
  if (!given) throw wrongType('buffer', 'of type string or an instance of ArrayBuffer, Buffer, TypedArray, or DataView', tag);
  if (!this._authenticates || this._state !== 'open' || this._tag) throw badState('setAuthTag');
  if (this._tagLength !== undefined ? given.length !== this._tagLength : this._mode === 'gcm' ? !TAGS.has(given.length) : given.length !== 16) throw badTag(given.length);
  this._tag = given;
  this._cipher.expect(given);
  return this;
};
export const createCipheriv = (name, key, iv, options) => new Cipheriv(name, key, iv, options);
export const createDecipheriv = (name, key, iv, options) => new Decipheriv(name, key, iv, options);

const ALIASES = ['aes-128-gcm', 'aes-192-gcm', 'aes-256-gcm', 'aes128', 'aes128-wrap', 'aes192', 'aes192-wrap', 'aes256', 'aes256-wrap'];
export const getCiphers = () => [...ciphers.ciphers().map((kind) => kind.name), ...ALIASES].sort();
export function getCipherInfo(nameOrNid, options) {
  if (typeof nameOrNid !== 'string' && typeof nameOrNid !== 'number') throw wrongType('nameOrNid', 'of type string or number', nameOrNid);
  const kind = typeof nameOrNid === 'number' ? ciphers.ciphers().find((one) => one.nid === integer(nameOrNid, 'nameOrNid')) : ciphers.find(nameOrNid.toLowerCase());
  if (!kind) return undefined;
  const { keyLength, ivLength } = options ?? {};
  if (keyLength !== undefined && keyLength !== kind.key) return undefined;
  if (ivLength !== undefined && ivLength !== kind.iv && !(kind.mode === 'gcm' && ivLength > 0)) return undefined;
  const info = { mode: kind.mode === 'poly1305' ? 'stream' : kind.mode, name: kind.name, nid: kind.nid };
  const block = { cbc: 16, ecb: 16, wrap: 8, ctr: 1, gcm: 1 }[kind.mode];
  if (block !== undefined) info.blockSize = block;
  if (kind.iv) info.ivLength = ivLength ?? kind.iv;
  info.keyLength = kind.key;
  return info;
}
