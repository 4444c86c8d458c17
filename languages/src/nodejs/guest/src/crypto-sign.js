// Signatures of node:crypto. A message is kept until its end, and is signed in one call of the host.
import stream from 'stream';
import keys from 'wasmrun:crypto/keys@0.1.0';
import { buffer, bytes, callback, chunk, coded, integer, out, text, wrongType, wrongValue } from './arguments.js';
import { digestNamed, traits } from './crypto-hash.js';
import { RSA, privateOf, publicHalf } from './crypto-keys.js';
import { later } from './crypto-later.js';
import { host, invalidDigestOf, openssl } from './crypto-openssl.js';
import { materialOf } from './crypto-secret.js';

// By options of the program's: hash, padding, encoding.
function manner(key, hash, options, signs) {
  const encoding = options?.dsaEncoding;
  if (encoding !== undefined && encoding !== 'der' && encoding !== 'ieee-p1363') throw wrongValue('options.dsaEncoding', encoding);
  const kind = key.asymmetricKeyType;
  let padding = { tag: 'pkcs1' };
  if (kind === 'rsa') {
    const wanted = options?.padding ?? RSA.RSA_PKCS1_PADDING;
    if (typeof wanted !== 'number') throw wrongValue('options.padding', wanted);
    if (wanted === RSA.RSA_PKCS1_PSS_PADDING) padding = { tag: 'pss', val: salt(options.saltLength, hash, signs) };
    else if (wanted !== RSA.RSA_PKCS1_PADDING) throw openssl('1C8000A5', 'Provider routines', 'illegal or unsupported padding mode');
  }
  return [padding, encoding === 'ieee-p1363' ? 'p1363' : 'der'];
}
function salt(length, hash) {
  if (length === undefined || length === RSA.RSA_PSS_SALTLEN_AUTO) return null;
  if (length === RSA.RSA_PSS_SALTLEN_DIGEST) return hash.length;
  return integer(length, 'options.saltLength');
}
// Without a name: the key's own, or OpenSSL's usual one.
function hashFor(key, algorithm) {
  const isOwn = key.asymmetricKeyType === 'ed25519';
  if (algorithm === null || algorithm === undefined) return isOwn ? null : digestNamed('sha256');
  const hash = digestNamed(algorithm);
  if (isOwn) throw invalidDigestOf();
  return hash;
}
const cannot = () => openssl('03000096', 'digital envelope routines', 'operation not supported for this keytype');
const tooSmall = () => openssl('02000070', 'rsa routines', 'digest too big for rsa key');
function signed(key, algorithm, message) {
  const own = privateOf(key);
  const hash = hashFor(own, algorithm);
  return buffer(host(() => keys.sign(materialOf(own), hash?.name ?? null, ...manner(own, hash, key, true), message), { unsupported: cannot, length: tooSmall }));
}
function verified(key, algorithm, message, signature) {
  const own = publicHalf(key);
  const hash = hashFor(own, algorithm);
  return host(() => keys.verify(materialOf(own), hash?.name ?? null, ...manner(own, hash, key, false), message, signature), { unsupported: cannot });
}

class Signature extends stream.Writable {
  #parts = [];
  constructor(algorithm, options) {
    text(algorithm, 'algorithm');
    if (!traits(algorithm)) throw coded(new TypeError('Invalid digest'), 'ERR_CRYPTO_INVALID_DIGEST');
    super(options);
    this._algorithm = algorithm;
  }
  update(data, encoding) {
    const part = chunk(data, 'data', encoding);
    this.#parts.push(typeof data === 'string' ? part : part.slice());
    return this;
  }
  _write(data, encoding, done) {
    this.update(data, encoding);
    done();
  }
  _message() {
    const parts = this.#parts;
    return parts.length === 1 ? parts[0] : new Uint8Array(Buffer.concat(parts));
  }
}
export class Sign extends Signature {
  sign(key, encoding) {
    if (!key) throw coded(new Error('No key provided to sign'), 'ERR_CRYPTO_SIGN_KEY_REQUIRED');
    return out(signed(key, this._algorithm, this._message()), encoding);
  }
}
export class Verify extends Signature {
  verify(key, signature, encoding) {
    return verified(key, this._algorithm, this._message(), bytes(signature, 'signature', encoding));
  }
}
export const createSign = (algorithm, options) => new Sign(algorithm, options);
export const createVerify = (algorithm, options) => new Verify(algorithm, options);

export function sign(algorithm, data, key, done) {
  if (algorithm !== null && algorithm !== undefined) text(algorithm, 'algorithm');
  if (done !== undefined) callback(done);
  const message = bytes(data, 'data');
  if (!key) throw coded(new Error('No key provided to sign'), 'ERR_CRYPTO_SIGN_KEY_REQUIRED');
  if (done === undefined) return signed(key, algorithm, message);
  later(done, () => signed(key, algorithm, message));
}
export function verify(algorithm, data, key, signature, done) {
  if (algorithm !== null && algorithm !== undefined) text(algorithm, 'algorithm');
  if (done !== undefined) callback(done);
  const message = bytes(data, 'data');
  if (!ArrayBuffer.isView(signature) && !(signature instanceof ArrayBuffer)) throw wrongType('signature', 'an instance of Buffer, TypedArray, or DataView', signature);
  const given = bytes(signature, 'signature');
  if (done === undefined) return verified(key, algorithm, message, given);
  later(done, () => verified(key, algorithm, message, given));
}
