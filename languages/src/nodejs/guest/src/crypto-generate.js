// New keys.
import util from 'util';
import deferred from 'wasmrun:crypto/deferred@0.1.0';
import keys from 'wasmrun:crypto/keys@0.1.0';
import { callback, coded, integer, object, text, unsigned, wrongValue } from './arguments.js';
import { PrivateKeyObject, publicOf } from './crypto-keys.js';
import { awaited, later } from './crypto-later.js';
import { host, openssl } from './crypto-openssl.js';
import { draw } from './crypto-random.js';
import { SecretKeyObject } from './crypto-secret.js';
import { enter } from './loop.js';

const badCurve = () => coded(new TypeError('Invalid EC curve name'), 'ERR_CRYPTO_INVALID_CURVE');
const tooSmall = () => openssl('1C8000AB', 'Provider routines', 'key size too small');
const tooLong = () => coded(new RangeError('wasmrun: RSA keys have at most 4096 bits'), 'ERR_OUT_OF_RANGE');
// What the host is asked for, and its errors.
function wanted(type, options) {
  if (type === 'rsa') {
    object(options, 'options');
    const bits = unsigned(options.modulusLength, 'options.modulusLength');
    const exponent = options.publicExponent === undefined ? 65537 : unsigned(options.publicExponent, 'options.publicExponent');
    return [['rsa', bits, exponent], { invalid: bits < 512 ? tooSmall : () => openssl('02000065', 'rsa routines', 'bad e value'), limit: tooLong }];
  }
  if (type === 'ec') {
    object(options, 'options');
    const curve = text(options.namedCurve, 'options.namedCurve');
    if (options.paramEncoding !== undefined && options.paramEncoding !== 'named') throw wrongValue('options.paramEncoding', options.paramEncoding);
    return [[CURVES[curve] ?? '', 0, 0], { unsupported: badCurve }];
  }
  if (type === 'ed25519' || type === 'x25519') return [[type, 0, 0], {}];
  text(type, 'type');
  throw coded(new TypeError(`The argument 'type' must be a supported key type. Received '${type}'`), 'ERR_INVALID_ARG_VALUE');
}
const CURVES = { 'P-256': 'prime256v1', prime256v1: 'prime256v1', secp256r1: 'prime256v1', 'P-384': 'secp384r1', secp384r1: 'secp384r1', 'P-521': 'secp521r1', secp521r1: 'secp521r1', secp256k1: 'secp256k1' };
export const getCurves = () => ['prime256v1', 'secp256k1', 'secp384r1', 'secp521r1'];

function pair(der, options) {
  const privateKey = new PrivateKeyObject(der);
  const publicKey = publicOf(privateKey);
  return {
    publicKey: options?.publicKeyEncoding ? publicKey.export(options.publicKeyEncoding) : publicKey,
    privateKey: options?.privateKeyEncoding ? privateKey.export(options.privateKeyEncoding) : privateKey,
  };
}
export function generateKeyPairSync(type, options) {
  const [what, errors] = wanted(type, options);
  return pair(host(() => keys.generate(...what), errors), options);
}
const promised = (type, options) => {
  const [what, errors] = wanted(type, options);
  const fail = (reason) => (errors[reason] ?? (() => new Error(`wasmrun: ${reason}`)))();
  return awaited(deferred.generate(...what), fail).then((der) => pair(der, options));
};
export function generateKeyPair(type, options, done) {
  if (typeof options === 'function') [options, done] = [undefined, options];
  callback(done);
  promised(type, options).then(
    ({ publicKey, privateKey }) => enter(() => done(null, publicKey, privateKey)),
    (error) => enter(() => done(error)),
  );
}
for (const symbol of [util.promisify.custom, Symbol.for('nodejs.util.promisify.custom')]) Object.defineProperty(generateKeyPair, symbol, { value: promised });

function secret(type, options) {
  text(type, 'type');
  object(options, 'options');
  if (type !== 'hmac' && type !== 'aes') throw wrongValue('type', type, 'must be a supported key type');
  const { length } = options;
  if (type === 'hmac') integer(length, 'options.length', 8, 2147483647);
  else if (![128, 192, 256].includes(length)) throw coded(new TypeError(`The property 'options.length' must be one of: 128, 192, 256. Received ${length}`), 'ERR_INVALID_ARG_VALUE');
  return () => new SecretKeyObject(draw(length >> 3));
}
export const generateKeySync = (type, options) => secret(type, options)();
export function generateKey(type, options, done) {
  const make = secret(type, options);
  callback(done);
  later(done, make);
}
