// Secrets that two sides share: ECDH and diffieHellman() of node:crypto.
import keys from 'wasmrun:crypto/keys@0.1.0';
import { buffer, bytes, callback, coded, object, out, text, wrongValue } from './arguments.js';
import { generateKeyPairSync } from './crypto-generate.js';
import { createPrivateKey, createPublicKey } from './crypto-keys.js';
import { later } from './crypto-later.js';
import { host } from './crypto-openssl.js';
import { KeyObject, materialOf } from './crypto-secret.js';

const NAMES = { prime256v1: 'P-256', secp256r1: 'P-256', 'P-256': 'P-256', secp384r1: 'P-384', 'P-384': 'P-384', secp521r1: 'P-521', 'P-521': 'P-521', secp256k1: 'secp256k1' };
const badPoint = () => coded(new Error('Public key is not valid for specified curve'), 'ERR_CRYPTO_ECDH_INVALID_PUBLIC_KEY');
const web = (raw) => buffer(raw).toString('base64url');
export class ECDH {
  #curve;
  #private = null;
  constructor(curve) {
    text(curve, 'curve');
    this.#curve = NAMES[curve];
    if (!this.#curve) throw coded(new TypeError('Invalid EC curve name'), 'ERR_CRYPTO_INVALID_CURVE');
  }
  static convertKey(key, curve, inputEncoding, outputEncoding, format = 'uncompressed') {
    text(curve, 'curve');
    if (!NAMES[curve]) throw coded(new TypeError('Invalid EC curve name'), 'ERR_CRYPTO_INVALID_CURVE');
    return out(point(NAMES[curve], bytes(key, 'key', inputEncoding), format), outputEncoding);
  }
  generateKeys(encoding, format) {
    this.#private = generateKeyPairSync('ec', { namedCurve: this.#curve }).privateKey;
    return this.getPublicKey(encoding, format);
  }
  getPublicKey(encoding, format = 'uncompressed') {
    if (!this.#private) throw coded(new Error('Failed to get ECDH public key'), 'ERR_CRYPTO_OPERATION_FAILED');
    const { x, y } = this.#private._jwk();
    return out(point(this.#curve, new Uint8Array(Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])), format), encoding);
  }
  getPrivateKey(encoding) {
    if (!this.#private) throw coded(new Error('Failed to get ECDH private key'), 'ERR_CRYPTO_OPERATION_FAILED');
    const d = Buffer.from(this.#private._jwk().d, 'base64url');
    let zeros = 0;
    while (zeros < d.length - 1 && d[zeros] === 0) zeros++;
    return out(d.subarray(zeros), encoding);
  }
  setPrivateKey(key, encoding) {
    const d = bytes(key, 'privateKey', encoding);
    const wrong = () => coded(new RangeError('Private key is not valid for specified curve.'), 'ERR_CRYPTO_INVALID_KEYTYPE');
    this.#private = createPrivateKey({ key: buffer(host(() => sec1(this.#curve, d), { other: wrong })), format: 'der', type: 'pkcs8' });
  }
  setPublicKey() { throw coded(new Error('wasmrun: ECDH.setPublicKey is not there; it is deprecated in Node'), 'ERR_WASMRUN_NOT_THERE'); }
  computeSecret(other, inputEncoding, outputEncoding) {
    const given = bytes(other, 'otherPublicKey', inputEncoding);
    if (!this.#private) throw coded(new RangeError('Invalid key pair'), 'ERR_CRYPTO_INVALID_KEYPAIR');
    const whole = point(this.#curve, given, 'uncompressed');
    const half = (whole.length - 1) / 2;
    const jwk = { kty: 'EC', crv: this.#curve, x: web(whole.subarray(1, 1 + half)), y: web(whole.subarray(1 + half)) };
    const theirs = createPublicKey({ key: jwk, format: 'jwk' });
    return out(host(() => keys.agree(materialOf(this.#private), materialOf(theirs)), { other: badPoint }), outputEncoding);
  }
}
function point(curve, encoded, format) {
  if (format !== 'compressed' && format !== 'uncompressed' && format !== 'hybrid') throw coded(new TypeError(`Invalid ECDH format: ${format}`), 'ERR_CRYPTO_ECDH_INVALID_FORMAT');
  const found = host(() => keys.point(curve, encoded, format === 'compressed'), { other: badPoint });
  if (format === 'hybrid') found[0] = 6 | (found[found.length - 1] & 1);
  return found;
}
// A SEC 1 key without its point (RFC 5915); the host computes it, and refuses a number that is none of the curve's.
const OIDS = { 'P-256': '06082a8648ce3d030107', 'P-384': '06052b81040022', 'P-521': '06052b81040023', secp256k1: '06052b8104000a' };
const SIZES = { 'P-256': 32, 'P-384': 48, 'P-521': 66, secp256k1: 32 };
function sec1(curve, d) {
  if (d.length > SIZES[curve]) throw 'invalid';
  const padded = Buffer.concat([Buffer.alloc(SIZES[curve] - d.length), d]);
  const oid = Buffer.from(OIDS[curve], 'hex');
  const body = Buffer.concat([Buffer.of(2, 1, 1, 4, padded.length), padded, Buffer.of(0xa0, oid.length), oid]);
  return keys.read(new Uint8Array(Buffer.concat([Buffer.of(0x30, body.length), body])), 'sec1', null).der;
}
export const createECDH = (curve) => new ECDH(curve);

export function diffieHellman(options, done) {
  object(options, 'options');
  if (done !== undefined) callback(done);
  const { privateKey, publicKey } = options;
  if (!(privateKey instanceof KeyObject)) throw wrongValue('options.privateKey', privateKey);
  if (!(publicKey instanceof KeyObject)) throw wrongValue('options.publicKey', publicKey);
  if (privateKey.type !== 'private') throw coded(new TypeError(`Invalid key object type ${privateKey.type}, expected private.`), 'ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE');
  if (publicKey.type === 'secret') throw coded(new TypeError('Invalid key object type secret, expected private or public.'), 'ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE');
  const theirs = publicKey.type === 'private' ? createPublicKey(publicKey) : publicKey;
  const [one, two] = [privateKey.asymmetricKeyType, theirs.asymmetricKeyType];
  if (one !== two || (one !== 'ec' && one !== 'x25519')) throw coded(new Error(`Incompatible key types for Diffie-Hellman: ${one} and ${two}`), 'ERR_CRYPTO_INCOMPATIBLE_KEY');
  const compute = () => buffer(host(() => keys.agree(materialOf(privateKey), materialOf(theirs)), { other: () => coded(new Error('Deriving bits failed'), 'ERR_CRYPTO_OPERATION_FAILED') }));
  if (done === undefined) return compute();
  later(done, compute);
}
