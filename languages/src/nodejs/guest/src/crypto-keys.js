// Keys of two halves, by wasmrun:crypto/keys. A key object has the DER; the host keeps what it has read of the last ones.
import keys from 'wasmrun:crypto/keys@0.1.0';
import session from 'wasmrun:tls/session@0.1.0';
import { buffer, bytes, coded, object, view, wrongType, wrongValue } from './arguments.js';
import { badDecrypt, host, openssl, tooLarge, unreadable } from './crypto-openssl.js';
import { KeyObject, createSecretKey, materialOf } from './crypto-secret.js';

const RAW = 'of type string or an instance of ArrayBuffer, Buffer, TypedArray, or DataView';
const incompatible = (message) => coded(new Error(message), 'ERR_CRYPTO_INCOMPATIBLE_KEY_OPTIONS');
const wrongKey = (type, expected) => coded(new TypeError(`Invalid key object type ${type}, expected ${expected}.`), 'ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE');
const LOCKS = { 'aes-128-cbc': 16, aes128: 16, 'aes-256-cbc': 32, aes256: 32 };

class AsymmetricKeyObject extends KeyObject {
  #details;
  get _key() { return { private: this.type === 'private', der: materialOf(this) }; }
  get _details() { return (this.#details ??= keys.describe(this._key)); }
  get asymmetricKeyType() { return this._details.kind; }
  get asymmetricKeyDetails() {
    const { kind, bits, exponent, curve } = this._details;
    if (kind === 'rsa') return { modulusLength: bits, publicExponent: BigInt('0x' + exponent.toHex()) };
    return curve ? { namedCurve: curve } : {};
  }
  _jwk() {
    const made = {};
    for (const [name, part] of keys.parts(this._key)) made[name] = name === 'kty' || name === 'crv' ? buffer(part).toString() : buffer(part).toString('base64url');
    const { crv, d, x, kty } = made;
    return kty === 'OKP' && d !== undefined ? { crv, d, x, kty } : made; // Node's order
  }
  _write(options, types) {
    object(options, 'options');
    const { format, type } = options;
    if (format === 'jwk') {
      if (options.passphrase !== undefined || options.cipher !== undefined) throw incompatible('The selected key encoding jwk does not support encryption.');
      return this._jwk();
    }
    if (format !== 'pem' && format !== 'der') throw wrongValue('options.format', format);
    if (!types.includes(type)) throw wrongValue('options.type', type);
    const kind = this.asymmetricKeyType;
    if (type === 'pkcs1' && kind !== 'rsa') throw incompatible('The selected key encoding pkcs1 can only be used for RSA keys.');
    if (type === 'sec1' && kind !== 'ec') throw incompatible('The selected key encoding sec1 can only be used for EC keys.');
    let lock = null;
    if (this.type === 'private' && (options.cipher !== undefined || options.passphrase !== undefined)) {
      const { cipher, passphrase } = options;
      if (cipher === undefined || cipher === null) throw wrongValue('options.cipher', cipher);
      if (typeof cipher !== 'string') throw wrongValue('options.cipher', cipher);
      if (typeof passphrase !== 'string' && !view(passphrase)) throw wrongValue('options.passphrase', passphrase);
      const key = LOCKS[cipher.toLowerCase()];
      if (!key) throw coded(new Error('Unknown cipher'), 'ERR_CRYPTO_UNKNOWN_CIPHER');
      if (type !== 'pkcs8') throw incompatible(`The selected key encoding ${type} does not support encryption.`);
      lock = { key, password: bytes(passphrase, 'passphrase') };
    }
    const written = buffer(keys.write(this._key, type, format === 'pem', lock));
    return format === 'pem' ? written.toString() : written;
  }
}
export class PublicKeyObject extends AsymmetricKeyObject {
  constructor(der) { super('public', der); }
  export(options) { return this._write(options, ['pkcs1', 'spki']); }
}
export class PrivateKeyObject extends AsymmetricKeyObject {
  constructor(der) { super('private', der); }
  export(options) { return this._write(options, ['pkcs1', 'pkcs8', 'sec1']); }
}
const made = (key) => (key.private ? new PrivateKeyObject(key.der) : new PublicKeyObject(key.der));
export const publicOf = (key) => (key.type === 'public' ? key : new PublicKeyObject(keys.public(materialOf(key))));

const interrupted = () => openssl('07880109', 'common libcrypto routines', 'interrupted or cancelled');
const read = (data, form, password) => made(host(() => keys.read(data, form, password), { mismatch: badDecrypt, locked: interrupted, other: unreadable }));

const NEEDED = { RSA: ['n', 'e'], EC: ['x', 'y'], OKP: ['x'] };
const OF_RSA = ['d', 'p', 'q', 'dp', 'dq', 'qi'];
const CURVES = { EC: ['P-256', 'secp256k1', 'P-384', 'P-521'], OKP: ['Ed25519', 'Ed448', 'X25519', 'X448'] };
const listed = (names) => names.map((name) => `'${name}'`).join(', ');
const notOneOf = (name, names, value) => coded(new TypeError(`The property '${name}' must be one of: ${listed(names)}. Received ${typeof value === 'string' ? `'${value}'` : value}`), 'ERR_INVALID_ARG_VALUE');
function ofJwk(jwk, isPublic) {
  object(jwk, 'key.key');
  const { kty, crv } = jwk;
  if (!NEEDED[kty]) throw notOneOf('key.kty', ['RSA', 'EC', 'OKP'], kty);
  if (CURVES[kty] && !CURVES[kty].includes(crv)) throw notOneOf('key.crv', CURVES[kty], crv);
  const isPrivate = !isPublic && (kty === 'RSA' || jwk.d !== undefined || isPublic === false);
  const names = [...NEEDED[kty], ...(isPrivate ? (kty === 'RSA' ? OF_RSA : ['d']) : [])];
  const parts = names.map((name) => {
    if (typeof jwk[name] !== 'string') throw wrongType(`key.${name}`, 'of type string', jwk[name]);
    return [name, new Uint8Array(Buffer.from(jwk[name].replaceAll('-', '+').replaceAll('_', '/'), 'base64'))];
  });
  parts.push(['kty', new Uint8Array(Buffer.from(kty))]);
  if (CURVES[kty]) parts.push(['crv', new Uint8Array(Buffer.from(crv))]);
  const wrong = () => coded(new TypeError(kty === 'OKP' ? 'Invalid JWK data' : kty === 'EC' ? 'Invalid JWK EC key' : 'Invalid JWK RSA key'), 'ERR_CRYPTO_INVALID_JWK');
  return made(host(() => keys.assemble(parts), { other: wrong }));
}

const CERTIFICATE = '-----BEGIN CERTIFICATE-----';
// Of text or DER, with the options of createPublicKey and createPrivateKey.
function parsed(key, isPublic) {
  const options = typeof key === 'object' && key !== null && !view(key) ? key : { key };
  const { key: data, format = 'pem', type, passphrase, encoding } = options;
  if (format === 'jwk') return ofJwk(data, isPublic);
  const raw = typeof data === 'string' ? Buffer.from(data, encoding) : view(data);
  if (!raw) throw wrongType(options === key ? 'key.key' : 'key', RAW, data);
  if (format !== 'pem' && format !== 'der') throw wrongValue('options.format', format);
  let password = null;
  if (passphrase !== undefined && passphrase !== null) {
    if (typeof passphrase !== 'string' && !view(passphrase)) throw wrongValue('options.passphrase', passphrase);
    password = bytes(passphrase, 'passphrase');
  }
  if (format === 'pem') {
    if (isPublic && buffer(raw).includes(CERTIFICATE)) {
      const [der] = session.split(raw);
      if (!der) throw unreadable();
      return new PublicKeyObject(session.describe(der).publicKey);
    }
    return read(raw, null, password);
  }
  const types = isPublic ? ['pkcs1', 'spki', 'pkcs8', 'sec1'] : ['pkcs1', 'pkcs8', 'sec1'];
  if (!types.includes(type)) throw wrongValue('options.type', type);
  return read(raw, type, password);
}
const isHandled = (key) => key instanceof KeyObject || key?._keyObject;
export function createPrivateKey(key) {
  if (isHandled(key)) throw wrongType('key', RAW, key);
  if (typeof key !== 'string' && !view(key) && (typeof key !== 'object' || key === null)) throw wrongType('key', RAW, key);
  const found = parsed(key, false);
  if (found.type !== 'private') throw unreadable();
  return found;
}
export function createPublicKey(key) {
  const inner = isHandled(key) ? key : isHandled(key?.key) ? key.key : undefined;
  if (inner) {
    const own = inner._keyObject ?? inner;
    if (own.type !== 'private') throw wrongKey(own.type, 'private');
    return publicOf(own);
  }
  if (typeof key !== 'string' && !view(key) && (typeof key !== 'object' || key === null)) throw wrongType('key', RAW, key);
  return publicOf(parsed(key, true));
}

// What a function that signs, verifies, encrypts or decrypts is given as its key, or as options with one.
export function privateOf(key) {
  const own = handled(key);
  if (own) {
    if (own.type !== 'private') throw wrongKey(own.type, 'private');
    return own;
  }
  return createPrivateKey(key);
}
export function publicHalf(key) {
  const own = handled(key);
  if (own) {
    if (own.type === 'secret') throw wrongKey(own.type, 'private or public');
    return publicOf(own);
  }
  return createPublicKey(key);
}
function handled(key) {
  const own = isHandled(key) ? key : isHandled(key?.key) ? key.key : undefined;
  return own && (own._keyObject ?? own);
}

// publicEncrypt and privateDecrypt.
export const RSA = { RSA_PKCS1_PADDING: 1, RSA_NO_PADDING: 3, RSA_PKCS1_OAEP_PADDING: 4, RSA_X931_PADDING: 5, RSA_PKCS1_PSS_PADDING: 6, RSA_PSS_SALTLEN_DIGEST: -1, RSA_PSS_SALTLEN_MAX_SIGN: -2, RSA_PSS_SALTLEN_AUTO: -2 };
function padding(options, digestNamed) {
  const wanted = options?.padding ?? RSA.RSA_PKCS1_OAEP_PADDING;
  if (wanted === RSA.RSA_PKCS1_PADDING) return { tag: 'pkcs1' };
  if (wanted !== RSA.RSA_PKCS1_OAEP_PADDING) throw openssl('1C8000A5', 'Provider routines', 'illegal or unsupported padding mode');
  const label = options?.oaepLabel === undefined ? new Uint8Array(0) : bytes(options.oaepLabel, 'key.oaepLabel');
  return { tag: 'oaep', val: [digestNamed(options?.oaepHash ?? 'sha1').name, label] };
}
export const crypter = (digestNamed) => ({
  publicEncrypt(key, data) {
    const input = bytes(data, 'buffer', key?.encoding);
    const own = publicHalf(key);
    return buffer(host(() => keys.encrypt(materialOf(own), padding(key, digestNamed), input), { length: tooLarge }));
  },
  privateDecrypt(key, data) {
    const input = bytes(data, 'buffer', key?.encoding);
    const own = privateOf(key);
    const how = padding(key, digestNamed);
    // As Node since 20.11.1: who asks often enough learns the text.
    if (how.tag === 'pkcs1') throw coded(new TypeError('RSA_PKCS1_PADDING is no longer supported for private decryption, this can be reverted with --security-revert=CVE-2023-46809'), 'ERR_INVALID_ARG_VALUE');
    return buffer(host(() => keys.decrypt(materialOf(own), how, input), { other: () => openssl('02000079', 'rsa routines', 'oaep decoding error') }));
  },
});
export { createSecretKey };
