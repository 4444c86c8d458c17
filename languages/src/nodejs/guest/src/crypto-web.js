// WebCrypto (https://www.w3.org/TR/WebCryptoAPI/), on the functions of node:crypto.
import keys from 'wasmrun:crypto/keys@0.1.0';
import { buffer, view } from './arguments.js';
import { diffieHellman } from './crypto-agreement.js';
import { createCipheriv, createDecipheriv } from './crypto-cipher.js';
import { hkdfSync, pbkdf2 } from './crypto-derivation.js';
import { generateKeyPair } from './crypto-generate.js';
import { digestOf, hmacOf, isEqual } from './crypto-hash.js';
import { createPrivateKey, createPublicKey } from './crypto-keys.js';
import { draw } from './crypto-random.js';
import { createSecretKey, materialOf } from './crypto-secret.js';

const exception = (name, message) => (typeof DOMException === 'function' ? new DOMException(message, name) : Object.assign(new Error(message), { name }));
const unsupported = (what = 'Unrecognized algorithm name') => exception('NotSupportedError', what);
const badData = (why = 'Invalid keyData') => exception('DataError', why);
const badUse = (why) => exception('InvalidAccessError', why);
const failed = () => exception('OperationError', 'The operation failed for an operation-specific reason');

const HASHES = { 'SHA-1': ['sha1', 20, 512], 'SHA-256': ['sha256', 32, 512], 'SHA-384': ['sha384', 48, 1024], 'SHA-512': ['sha512', 64, 1024] };
const CURVES = new Set(['P-256', 'P-384', 'P-521']);
const NAMES = ['RSASSA-PKCS1-v1_5', 'RSA-PSS', 'RSA-OAEP', 'ECDSA', 'ECDH', 'Ed25519', 'X25519', 'HMAC', 'AES-CBC', 'AES-CTR', 'AES-GCM', 'AES-KW', 'HKDF', 'PBKDF2', ...Object.keys(HASHES)];
const USES = {
  'RSASSA-PKCS1-v1_5': [['verify'], ['sign']], 'RSA-PSS': [['verify'], ['sign']], ECDSA: [['verify'], ['sign']], Ed25519: [['verify'], ['sign']], 'RSA-OAEP': [['encrypt', 'wrapKey'], ['decrypt', 'unwrapKey']],
  ECDH: [[], ['deriveKey', 'deriveBits']], X25519: [[], ['deriveKey', 'deriveBits']],
};
const SECRET_USES = {
  HMAC: ['sign', 'verify'], 'AES-KW': ['wrapKey', 'unwrapKey'], HKDF: ['deriveKey', 'deriveBits'], PBKDF2: ['deriveKey', 'deriveBits'],
  'AES-CBC': ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey'], 'AES-CTR': ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey'], 'AES-GCM': ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey'],
};
const isRsa = (name) => name.startsWith('RSA');
const isAes = (name) => name.startsWith('AES');

// The algorithm that is asked for, by its right name.
function normal(algorithm) {
  const given = typeof algorithm === 'string' ? { name: algorithm } : algorithm;
  if (given === null || typeof given !== 'object' || given.name === undefined) throw new TypeError("Failed to normalize algorithm: 'name' is required");
  const name = NAMES.find((one) => one.toLowerCase() === String(given.name).toLowerCase());
  if (!name) throw unsupported();
  return { ...given, name };
}
const hashOf = (hash) => {
  const { name } = normal(hash);
  if (!HASHES[name]) throw unsupported();
  return name;
};
function data(value, name = 'data') {
  const found = view(value);
  if (!found) throw new TypeError(`Failed to execute on 'SubtleCrypto': ${name} is not instance of ArrayBuffer, Buffer, TypedArray, or DataView.`);
  return found.slice();
}
const whole = (raw) => (raw.byteLength === raw.buffer.byteLength && raw.byteOffset === 0 ? raw.buffer : raw.slice().buffer);
const bytesOf = (raw) => new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength);

let makes = false;
export class CryptoKey {
  constructor(object, algorithm, usages, extractable) {
    if (!makes) throw Object.assign(new TypeError('Illegal constructor'), { code: 'ERR_ILLEGAL_CONSTRUCTOR' });
    Object.defineProperties(this, { _keyObject: { value: object }, _algorithm: { value: algorithm }, _usages: { value: usages }, _extractable: { value: extractable } });
  }
  get type() { return this._keyObject.type; }
  get extractable() { return this._extractable; }
  get algorithm() { return this._algorithm; }
  get usages() { return this._usages; }
  get [Symbol.toStringTag]() { return 'CryptoKey'; }
}
function made(object, algorithm, usages, extractable) {
  makes = true;
  try {
    return new CryptoKey(object, algorithm, [...new Set(usages)], extractable);
  } finally {
    makes = false;
  }
}
const syntax = (why) => exception('SyntaxError', why);
function allowed(usages, possible) {
  for (const usage of usages) if (!possible.includes(usage)) throw syntax(`Unsupported key usage for this key: ${usage}`);
}
const possible = (name, type) => SECRET_USES[name] ?? USES[name]?.[type === 'private' ? 1 : 0] ?? [];
function usable(key, algorithm, usage) {
  if (!(key instanceof CryptoKey)) throw new TypeError("Failed to execute on 'SubtleCrypto': key is not of type CryptoKey.");
  if (key.algorithm.name !== algorithm.name) throw badUse('Key algorithm mismatch');
  if (!key.usages.includes(usage)) throw badUse(`Unable to use this key to ${usage}`);
}

// What a key says of itself.
function described(algorithm, object) {
  const { name } = algorithm;
  if (isRsa(name)) {
    const { modulusLength, publicExponent } = object.asymmetricKeyDetails;
    const exponent = publicExponent.toString(16);
    return { name, modulusLength, publicExponent: Uint8Array.fromHex(exponent.length % 2 ? '0' + exponent : exponent), hash: { name: hashOf(algorithm.hash) } };
  }
  if (name === 'ECDSA' || name === 'ECDH') return { name, namedCurve: algorithm.namedCurve };
  const length = () => object.symmetricKeySize * 8;
  if (name === 'HMAC') return { name, hash: { name: hashOf(algorithm.hash) }, length: length() };
  return isAes(name) ? { name, length: length() } : { name };
}

const KINDS = { ECDSA: 'ec', ECDH: 'ec', Ed25519: 'ed25519', X25519: 'x25519' };
function fits(object, { name, namedCurve }) {
  const kind = isRsa(name) ? 'rsa' : KINDS[name];
  if (object.asymmetricKeyType !== kind) throw badData('Invalid key type');
  if (kind === 'ec' && object._jwk().crv !== namedCurve) throw badData('Named curve mismatch');
  return object;
}
const tryRead = (read) => {
  try {
    return read();
  } catch (e) {
    if (e instanceof TypeError && e.code !== 'ERR_CRYPTO_INVALID_JWK' && !/^ERR_INVALID_ARG/.test(e.code ?? '')) throw e;
    throw badData();
  }
};
const SIZES = { Ed25519: 32, X25519: 32 };
function ofRaw(algorithm, raw) {
  const web = (part) => buffer(part).toString('base64url');
  if (SIZES[algorithm.name]) {
    if (raw.length !== SIZES[algorithm.name]) throw badData();
    return createPublicKey({ key: { kty: 'OKP', crv: algorithm.name, x: web(raw) }, format: 'jwk' });
  }
  if (!CURVES.has(algorithm.namedCurve)) throw unsupported('Unrecognized namedCurve');
  const point = keys.point(algorithm.namedCurve, raw, false);
  const half = (point.length - 1) / 2;
  return createPublicKey({ key: { kty: 'EC', crv: algorithm.namedCurve, x: web(point.subarray(1, 1 + half)), y: web(point.subarray(1 + half)) }, format: 'jwk' });
}
function imported(format, given, algorithm, extractable, usages) {
  const { name } = algorithm;
  if (SECRET_USES[name]) {
    if (name === 'HKDF' || name === 'PBKDF2') {
      if (format !== 'raw') throw unsupported(`Unable to import ${name} key with format ${format}`);
      if (extractable) throw syntax('Cannot set extractable to true');
    }
    let raw;
    if (format === 'raw') raw = data(given, 'keyData');
    else if (format === 'jwk') {
      if (given?.kty !== 'oct' || typeof given.k !== 'string') throw badData();
      if (given.ext === false && extractable) throw badData('JWK "ext" parameter and extractable mismatch');
      raw = bytesOf(Buffer.from(given.k, 'base64url'));
    } else throw unsupported();
    if (isAes(name) && ![16, 24, 32].includes(raw.length)) throw badData('Invalid key length');
    if (name === 'HMAC' && raw.length === 0) throw badData('Zero-length key is not supported');
    return createSecretKey(raw);
  }
  if (!USES[name]) throw unsupported();
  if (format === 'raw') return tryRead(() => ofRaw(algorithm, data(given, 'keyData')));
  if (format === 'spki') return tryRead(() => createPublicKey({ key: data(given, 'keyData'), format: 'der', type: 'spki' }));
  if (format === 'pkcs8') return tryRead(() => createPrivateKey({ key: data(given, 'keyData'), format: 'der', type: 'pkcs8' }));
  if (format !== 'jwk') throw unsupported();
  if (given === null || typeof given !== 'object') throw badData();
  if (given.ext === false && extractable) throw badData('JWK "ext" parameter and extractable mismatch');
  return tryRead(() => (given.d === undefined ? createPublicKey : createPrivateKey)({ key: given, format: 'jwk' }));
}

const RSA_NAMES = { 'RSASSA-PKCS1-v1_5': 'RS', 'RSA-PSS': 'PS' };
function jwkName({ name, hash, length }) {
  const bits = hash?.name.slice(4);
  if (name === 'HMAC') return `HS${bits}`;
  if (RSA_NAMES[name]) return RSA_NAMES[name] + bits;
  if (name === 'RSA-OAEP') return bits === '1' ? 'RSA-OAEP' : `RSA-OAEP-${bits}`;
  return isAes(name) ? `A${length}${name.slice(4)}` : undefined;
}
function exported(format, key) {
  const object = key._keyObject;
  const { name } = key.algorithm;
  if (format === 'jwk') {
    const jwk = object.type === 'secret' ? object.export({ format: 'jwk' }) : object._jwk();
    const alg = jwkName(key.algorithm);
    return { key_ops: [...key.usages], ext: key.extractable, ...jwk, ...(alg && { alg }) };
  }
  if (format === 'raw' && object.type === 'secret') return whole(bytesOf(object.export()));
  if (format === 'raw' && object.type === 'public' && !isRsa(name)) {
    const { x, y } = object._jwk();
    const part = (text) => Buffer.from(text, 'base64url');
    return whole(bytesOf(y ? Buffer.concat([Buffer.of(4), part(x), part(y)]) : part(x)));
  }
  const type = { spki: 'public', pkcs8: 'private' }[format];
  if (!type || object.type !== type) throw badUse(`Unable to export a ${object.type} key as ${format}`);
  return whole(bytesOf(object.export({ format: 'der', type: format })));
}

// Signatures.
function paddingOf(algorithm) {
  return algorithm.name === 'RSA-PSS' ? { tag: 'pss', val: algorithm.saltLength ?? 0 } : { tag: 'pkcs1' };
}
const digestFor = (key, algorithm) => (key.algorithm.name === 'Ed25519' ? null : HASHES[key.algorithm.hash?.name ?? hashOf(algorithm.hash)][0]);
function cipherOf(encrypts, algorithm, key, input) {
  const { name } = algorithm;
  const secret = key._keyObject;
  const bits = secret.symmetricKeySize * 8;
  const make = encrypts ? createCipheriv : createDecipheriv;
  const vector = () => data(algorithm.iv, 'algorithm.iv');
  try {
    if (name === 'AES-CBC') {
      const cipher = make(`aes-${bits}-cbc`, secret, vector());
      return whole(bytesOf(Buffer.concat([cipher.update(input), cipher.final()])));
    }
    if (name === 'AES-CTR') {
      if (algorithm.length !== 128 && !(algorithm.length >= 1 && algorithm.length <= 128)) throw failed();
      const counter = data(algorithm.counter, 'algorithm.counter');
      return whole(bytesOf(make(`aes-${bits}-ctr`, secret, bounded(counter, algorithm.length, input.length)).update(input)));
    }
    const tagLength = (algorithm.tagLength ?? 128) / 8;
    if (![4, 8, 12, 13, 14, 15, 16].includes(tagLength)) throw failed();
    const cipher = make(`aes-${bits}-gcm`, secret, vector(), { authTagLength: tagLength });
    if (algorithm.additionalData !== undefined) cipher.setAAD(data(algorithm.additionalData, 'algorithm.additionalData'));
    if (encrypts) return whole(bytesOf(Buffer.concat([cipher.update(input), cipher.final(), cipher.getAuthTag()])));
    if (input.length < tagLength) throw failed();
    cipher.setAuthTag(input.subarray(input.length - tagLength));
    return whole(bytesOf(Buffer.concat([cipher.update(input.subarray(0, input.length - tagLength)), cipher.final()])));
  } catch (e) {
    if (e.name === 'OperationError' || (e instanceof TypeError && !e.code)) throw e;
    throw failed();
  }
}
// A counter of fewer bits begins again from zero, which this does not: such a text is refused.
function bounded(counter, length, size) {
  const value = BigInt('0x' + (counter.toHex() || '0')) & ((1n << BigInt(length)) - 1n);
  if (length < 128 && value + BigInt(Math.ceil(size / 16)) > 1n << BigInt(length)) throw failed();
  return counter;
}
const oaepOf = (algorithm, key) => ({ tag: 'oaep', val: [HASHES[key.algorithm.hash.name][0], algorithm.label === undefined ? new Uint8Array(0) : data(algorithm.label, 'algorithm.label')] });
function crypted(encrypts, algorithm, key, input) {
  if (algorithm.name !== 'RSA-OAEP') return cipherOf(encrypts, algorithm, key, input);
  try {
    return whole((encrypts ? keys.encrypt : keys.decrypt)(materialOf(key._keyObject), oaepOf(algorithm, key), input));
  } catch {
    throw failed();
  }
}
const WRAP_IV = new Uint8Array(8).fill(0xa6);
function wrapped(encrypts, key, input) {
  const make = encrypts ? createCipheriv : createDecipheriv;
  try {
    return whole(bytesOf(make(`aes${key._keyObject.symmetricKeySize * 8}-wrap`, key._keyObject, WRAP_IV).update(input)));
  } catch {
    throw failed();
  }
}

async function derived(algorithm, key, length) {
  const { name } = algorithm;
  if (name === 'ECDH' || name === 'X25519') {
    const theirs = algorithm.public;
    if (!(theirs instanceof CryptoKey) || theirs.type !== 'public') throw badUse('algorithm.public must be a public key');
    if (theirs.algorithm.name !== name || theirs.algorithm.namedCurve !== key.algorithm.namedCurve) throw badUse('Named curve mismatch');
    let shared;
    try {
      shared = bytesOf(diffieHellman({ privateKey: key._keyObject, publicKey: theirs._keyObject }));
    } catch {
      throw failed();
    }
    if (length === null || length === undefined) return whole(shared);
    if (shared.length * 8 < length) throw failed();
    const cut = shared.slice(0, Math.ceil(length / 8));
    if (length % 8) cut[cut.length - 1] &= 0xff << (8 - (length % 8));
    return cut.buffer;
  }
  if (length === null || length === undefined) throw failed();
  if (length % 8) throw failed();
  const hash = HASHES[hashOf(algorithm.hash)][0];
  const salt = data(algorithm.salt, 'algorithm.salt');
  if (name === 'HKDF') {
    const info = data(algorithm.info, 'algorithm.info');
    try {
      return hkdfSync(hash, key._keyObject, salt, info, length / 8);
    } catch {
      throw failed();
    }
  }
  if (!(algorithm.iterations > 0)) throw failed();
  return new Promise((resolve, reject) => {
    pbkdf2(materialOf(key._keyObject), salt, algorithm.iterations, length / 8, hash, (error, bits) => (error ? reject(failed()) : resolve(whole(bytesOf(bits)))));
  });
}
function lengthOf({ name, length, hash }) {
  if (isAes(name)) {
    if (![128, 192, 256].includes(length)) throw failed();
    return length;
  }
  if (name === 'HMAC') return length ?? HASHES[hashOf(hash)][2];
  if (name === 'HKDF' || name === 'PBKDF2') return null;
  throw unsupported();
}

const pair = (type, options) => new Promise((resolve, reject) => {
  generateKeyPair(type, options, (error, publicKey, privateKey) => (error ? reject(failed()) : resolve({ publicKey, privateKey })));
});
async function generated(algorithm, extractable, usages) {
  const { name } = algorithm;
  if (isAes(name) || name === 'HMAC') {
    allowed(usages, SECRET_USES[name]);
    if (usages.length === 0) throw syntax('Usages cannot be empty when creating a key.');
    const object = createSecretKey(draw(Math.ceil(lengthOf(algorithm) / 8)));
    return made(object, described(algorithm, object), usages, extractable);
  }
  if (!USES[name]) throw unsupported();
  allowed(usages, USES[name].flat());
  if ((name === 'ECDSA' || name === 'ECDH') && !CURVES.has(algorithm.namedCurve)) throw unsupported('Unrecognized namedCurve');
  const exponent = isRsa(name) ? Number('0x' + data(algorithm.publicExponent, 'algorithm.publicExponent').toHex()) : 0;
  if (isRsa(name)) hashOf(algorithm.hash);
  const types = { ECDSA: 'ec', ECDH: 'ec', Ed25519: 'ed25519', X25519: 'x25519' };
  const { publicKey, privateKey } = await pair(types[name] ?? 'rsa', isRsa(name) ? { modulusLength: algorithm.modulusLength, publicExponent: exponent } : { namedCurve: algorithm.namedCurve });
  const own = usages.filter((usage) => USES[name][1].includes(usage));
  if (own.length === 0) throw syntax('Usages cannot be empty when creating a key.');
  return {
    publicKey: made(publicKey, described(algorithm, publicKey), usages.filter((usage) => USES[name][0].includes(usage)), true),
    privateKey: made(privateKey, described(algorithm, privateKey), own, extractable),
  };
}

export class SubtleCrypto {
  async digest(algorithm, input) {
    const { name } = normal(algorithm);
    if (!HASHES[name]) throw unsupported();
    return whole(digestOf(HASHES[name][0], data(input)));
  }
  async generateKey(algorithm, extractable, usages) { return generated(normal(algorithm), !!extractable, [...usages]); }
  async importKey(format, keyData, algorithm, extractable, usages) {
    const how = normal(algorithm);
    const object = imported(format, keyData, how, !!extractable, [...usages]);
    if (object.type !== 'secret') fits(object, how);
    allowed(usages, possible(how.name, object.type));
    if (usages.length === 0 && object.type !== 'public') throw syntax('Usages cannot be empty when importing a ' + object.type + ' key.');
    return made(object, described(how, object), usages, !!extractable);
  }
  async exportKey(format, key) {
    if (!(key instanceof CryptoKey)) throw new TypeError("Failed to execute 'exportKey' on 'SubtleCrypto': key is not of type CryptoKey.");
    if (!key.extractable) throw exception('InvalidAccessException', 'key is not extractable'); // Node's own name of it
    return exported(format, key);
  }
  async sign(algorithm, key, input) {
    const how = normal(algorithm);
    usable(key, how, 'sign');
    const message = data(input);
    if (how.name === 'HMAC') return whole(hmacOf(digestFor(key, how), materialOf(key._keyObject), message));
    try {
      return whole(keys.sign(materialOf(key._keyObject), digestFor(key, how), paddingOf(how), 'p1363', message));
    } catch (e) {
      throw e.name === 'NotSupportedError' ? e : failed();
    }
  }
  async verify(algorithm, key, signature, input) {
    const how = normal(algorithm);
    usable(key, how, 'verify');
    const [given, message] = [data(signature, 'signature'), data(input)];
    if (how.name === 'HMAC') {
      const own = hmacOf(digestFor(key, how), materialOf(key._keyObject), message);
      return own.length === given.length && isEqual(own, given);
    }
    return keys.verify(materialOf(key._keyObject), digestFor(key, how), paddingOf(how), 'p1363', message, given);
  }
  async encrypt(algorithm, key, input) {
    const how = normal(algorithm);
    usable(key, how, 'encrypt');
    return crypted(true, how, key, data(input));
  }
  async decrypt(algorithm, key, input) {
    const how = normal(algorithm);
    usable(key, how, 'decrypt');
    return crypted(false, how, key, data(input));
  }
  async deriveBits(algorithm, key, length) {
    const how = normal(algorithm);
    usable(key, how, 'deriveBits');
    return derived(how, key, length);
  }
  async deriveKey(algorithm, key, derivedKeyType, extractable, usages) {
    const how = normal(algorithm), type = normal(derivedKeyType);
    usable(key, how, 'deriveKey');
    return this.importKey('raw', await derived(how, key, lengthOf(type)), type, extractable, usages);
  }
  async wrapKey(format, key, wrappingKey, algorithm) {
    const how = normal(algorithm);
    usable(wrappingKey, how, 'wrapKey');
    const out = await this.exportKey(format, key);
    const input = format === 'jwk' ? bytesOf(Buffer.from(JSON.stringify(out))) : new Uint8Array(out);
    return how.name === 'AES-KW' ? wrapped(true, wrappingKey, input) : crypted(true, how, wrappingKey, input);
  }
  async unwrapKey(format, wrappedKey, unwrappingKey, unwrapAlgorithm, unwrappedKeyAlgorithm, extractable, usages) {
    const how = normal(unwrapAlgorithm);
    usable(unwrappingKey, how, 'unwrapKey');
    const input = data(wrappedKey, 'wrappedKey');
    const raw = how.name === 'AES-KW' ? wrapped(false, unwrappingKey, input) : crypted(false, how, unwrappingKey, input);
    let given = raw;
    if (format === 'jwk') {
      try {
        given = JSON.parse(Buffer.from(raw).toString());
      } catch {
        throw badData('Invalid wrapped JWK key');
      }
    }
    return this.importKey(format, given, unwrappedKeyAlgorithm, extractable, usages);
  }
  get [Symbol.toStringTag]() { return 'SubtleCrypto'; }
}
export class Crypto {
  get [Symbol.toStringTag]() { return 'Crypto'; }
}
export const subtle = new SubtleCrypto();
