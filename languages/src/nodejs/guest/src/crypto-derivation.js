// Keys from passwords and from keys. The host computes them; with a callback it does so while the program goes on.
import deferred from 'wasmrun:crypto/deferred@0.1.0';
import derivation from 'wasmrun:crypto/derivation@0.1.0';
import { buffer, bytes, callback, coded, failure, integer, outOfRange, text, unsigned, view, wrongType } from './arguments.js';
import { digestNamed, invalidDigest } from './crypto-hash.js';
import { awaited, later, tell } from './crypto-later.js';
import { KeyObject } from './crypto-secret.js';

const tooMuch = () => coded(new Error('wasmrun: this key would take too much time or memory'), 'ERR_OUT_OF_RANGE');
function sync(compute, fail) {
  try {
    return buffer(compute());
  } catch (e) {
    throw fail(failure(e));
  }
}

function pbkdf2Arguments(password, salt, iterations, keylen, digest) {
  text(digest, 'digest');
  const [p, s] = [bytes(password, 'password'), bytes(salt, 'salt')];
  integer(iterations, 'iterations', 1);
  integer(keylen, 'keylen');
  const { name, extendable } = digestNamed(digest);
  if (extendable) throw invalidDigest(digest);
  return [name, p, s, iterations, keylen];
}
export const pbkdf2Sync = (password, salt, iterations, keylen, digest) => {
  const all = pbkdf2Arguments(password, salt, iterations, keylen, digest);
  return sync(() => derivation.pbkdf2(...all), tooMuch);
};
export function pbkdf2(password, salt, iterations, keylen, digest, done) {
  if (typeof digest === 'function') [digest, done] = [undefined, digest];
  const all = pbkdf2Arguments(password, salt, iterations, keylen, digest);
  callback(done);
  tell(awaited(deferred.pbkdf2(...all), tooMuch).then(buffer), done);
}

const SCRYPT = { cost: ['N', 16384], blockSize: ['r', 8], parallelization: ['p', 1] };
const MEMORY = 32 << 20;
const memory = 'error:030000AC:digital envelope routines::memory limit exceeded';
const badScrypt = (reason) => coded(new RangeError(reason ? `Invalid scrypt params: ${reason}` : 'Invalid scrypt params'), 'ERR_CRYPTO_INVALID_SCRYPT_PARAMS');
const refusedScrypt = (reason) => badScrypt(reason === 'limit' && memory);
function scryptArguments(password, salt, keylen, options) {
  const [p, s] = [bytes(password, 'password'), bytes(salt, 'salt')];
  integer(keylen, 'keylen');
  const numbers = [];
  let most = MEMORY;
  for (const [long, [short, usual]] of Object.entries(SCRYPT)) {
    const has = [options?.[short], options?.[long]];
    if (has[0] !== undefined && has[1] !== undefined) throw coded(new Error('Invalid scrypt parameter'), 'ERR_CRYPTO_SCRYPT_INVALID_PARAMETER');
    const at = has[0] !== undefined ? 0 : 1;
    numbers.push(has[at] === undefined ? usual : unsigned(has[at], at === 0 ? short : long) || usual);
  }
  if (options?.maxmem !== undefined) {
    if (typeof options.maxmem !== 'number') throw wrongType('maxmem', 'of type number', options.maxmem);
    if (!Number.isInteger(options.maxmem) || options.maxmem < 0) throw outOfRange('maxmem', '>= 0 && <= 9007199254740991', options.maxmem);
    most = options.maxmem || MEMORY;
  }
  const [n, r, parallel] = numbers;
  if (n < 2 || (n & (n - 1)) !== 0) throw badScrypt();
  if (128 * r * (n + parallel + 2) > most) throw badScrypt(memory);
  return [p, s, n, r, parallel, keylen];
}
export const scryptSync = (password, salt, keylen, options) => {
  const all = scryptArguments(password, salt, keylen, options);
  return sync(() => derivation.scrypt(...all), refusedScrypt);
};
export function scrypt(password, salt, keylen, options, done) {
  if (typeof options === 'function') [options, done] = [undefined, options];
  const all = scryptArguments(password, salt, keylen, options);
  callback(done);
  tell(awaited(deferred.scrypt(...all), refusedScrypt).then(buffer), done);
}

const OTHERS = 'of type string or an instance of ArrayBuffer, TypedArray, DataView, or Buffer';
const IKM = 'of type string or an instance of SecretKeyObject, ArrayBuffer, TypedArray, DataView, or Buffer';
function hkdfArguments(digest, ikm, salt, info, keylen) {
  text(digest, 'digest');
  const key = ikm instanceof KeyObject ? ikm.export() : typeof ikm === 'string' ? Buffer.from(ikm) : view(ikm);
  if (!key) throw wrongType('ikm', IKM, ikm);
  const [s, i] = [bytes(salt, 'salt', undefined, OTHERS), bytes(info, 'info', undefined, OTHERS)];
  integer(keylen, 'length', 0, 2 ** 32);
  if (i.length > 1024) throw coded(new RangeError(`The value of "info" is out of range. It must be must not contain more than 1024 bytes. Received ${i.length}`), 'ERR_OUT_OF_RANGE');
  const { name, length, extendable } = digestNamed(digest);
  if (extendable) throw invalidDigest(digest);
  if (keylen > 255 * length) throw coded(new RangeError('Invalid key length'), 'ERR_CRYPTO_INVALID_KEYLEN');
  return [name, key, s, i, keylen];
}
const whole = (raw) => (raw.byteLength === raw.buffer.byteLength ? raw.buffer : raw.slice().buffer);
export const hkdfSync = (...all) => whole(derivation.hkdf(...hkdfArguments(...all)));
export function hkdf(digest, ikm, salt, info, keylen, done) {
  const all = hkdfArguments(digest, ikm, salt, info, keylen);
  callback(done);
  later(done, () => whole(derivation.hkdf(...all)));
}
