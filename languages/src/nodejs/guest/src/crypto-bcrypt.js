// What `require` gives of the packages `bcryptjs` and `bcrypt`: the same functions, with the host's bcrypt. The first would take
// seconds for a password, the second is native code.
import deferred from 'wasmrun:crypto/deferred@0.1.0';
import derivation from 'wasmrun:crypto/derivation@0.1.0';
import { failure } from './arguments.js';
import { isEqual } from './crypto-hash.js';
import { awaited } from './crypto-later.js';
import { draw } from './crypto-random.js';
import { enter } from './loop.js';

const ALPHABET = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const moved = (text, from, to) => text.replace(/./g, (c) => to[from.indexOf(c)] ?? '!');
const encoded = (bytes) => moved(bytes.toBase64({ omitPadding: true }), BASE64, ALPHABET);
const decoded = (text) => new Uint8Array(Buffer.from(moved(text, ALPHABET, BASE64), 'base64'));
const USUAL = 10;
const bytesOf = (text) => (typeof text === 'string' ? Buffer.from(text) : new Uint8Array(text));
const refused = (reason) => new Error(reason === 'limit' ? 'wasmrun: bcrypt takes at most 20 rounds' : `wasmrun: ${reason}`);

// The version, rounds and salt of a text, in the words of bcryptjs.
function parsed(salt) {
  if (salt[0] !== '$' || salt[1] !== '2') throw Error(`Invalid salt version: ${salt.substring(0, 2)}`);
  const minor = salt[2];
  if (!['a', 'b', 'y'].includes(minor) || salt[3] !== '$') throw Error(`Invalid salt revision: ${salt.substring(2, 4)}`);
  if (salt[6] !== '$' || !/^\d\d$/.test(salt.substring(4, 6))) throw Error('Missing salt rounds');
  const rounds = Number(salt.substring(4, 6));
  const raw = decoded(salt.substring(7, 29));
  if (rounds < 4 || rounds > 31) throw Error(`Illegal number of rounds (4-31): ${rounds}`);
  if (raw.length !== 16) throw Error(`Illegal salt length: ${raw.length} != 16`);
  return { minor, rounds, raw };
}
const printed = ({ minor, rounds, raw }, hash) => `$2${minor}$${String(rounds).padStart(2, '0')}$${encoded(raw)}${encoded(hash)}`;
function hashedSync(password, salt) {
  const made = parsed(salt);
  try {
    return printed(made, derivation.bcrypt(bytesOf(password), made.raw, made.rounds));
  } catch (e) {
    throw refused(failure(e));
  }
}
async function hashed(password, salt) {
  const made = parsed(salt);
  return printed(made, await awaited(deferred.bcrypt(bytesOf(password), made.raw, made.rounds), refused));
}
const same = (one, other) => one.length === other.length && isEqual(Buffer.from(one), Buffer.from(other));
const salted = (minor, rounds) => `$2${minor}$${String(Math.min(31, Math.max(4, rounds))).padStart(2, '0')}$${encoded(draw(16))}`;

// To a callback, or as a promise.
function given(done, compute) {
  if (!done) return compute();
  if (typeof done !== 'function') throw Error(`Illegal callback: ${typeof done}`);
  compute().then(
    (value) => enter(() => done(null, value)),
    (error) => enter(() => done(error)),
  );
}
const promise = async (compute) => compute();

function bcryptjs(version) {
  // Since 3.0 it writes $2b$.
  const minor = /^[012]\./.test(version) ? 'a' : 'b';
  const illegal = (...values) => Error(`Illegal arguments: ${values.map((value) => typeof value).join(', ')}`);
  const genSaltSync = (rounds = USUAL, length) => {
    if (typeof rounds !== 'number') throw illegal(rounds, length);
    return salted(minor, rounds);
  };
  const saltOf = (salt) => (typeof salt === 'number' ? genSaltSync(salt) : salt);
  const made = {
    genSaltSync,
    genSalt(rounds, length, done) {
      if (typeof length === 'function') [length, done] = [undefined, length];
      if (typeof rounds === 'function') [rounds, done] = [undefined, rounds];
      return given(done, () => promise(() => {
        if (rounds !== undefined && typeof rounds !== 'number') throw Error(`illegal arguments: ${typeof rounds}`);
        return genSaltSync(rounds);
      }));
    },
    hashSync(password, salt = USUAL) {
      const own = saltOf(salt);
      if (typeof password !== 'string' || typeof own !== 'string') throw illegal(password, own);
      return hashedSync(password, own);
    },
    hash(password, salt, done, progress) {
      return given(done, async () => {
        if (typeof password !== 'string' || (typeof salt !== 'string' && typeof salt !== 'number')) throw illegal(password, salt);
        const text = await hashed(password, saltOf(salt));
        progress?.(1);
        return text;
      });
    },
    compareSync(password, hash) {
      if (typeof password !== 'string' || typeof hash !== 'string') throw illegal(password, hash);
      return hash.length === 60 && same(hashedSync(password, hash.substring(0, 29)), hash);
    },
    compare(password, hash, done, progress) {
      return given(done, async () => {
        if (typeof password !== 'string' || typeof hash !== 'string') throw illegal(password, hash);
        if (hash.length !== 60) return false;
        const is = same(await hashed(password, hash.substring(0, 29)), hash);
        progress?.(1);
        return is;
      });
    },
    getRounds(hash) {
      if (typeof hash !== 'string') throw illegal(hash);
      return parseInt(hash.split('$')[2], 10);
    },
    getSalt(hash) {
      if (typeof hash !== 'string') throw illegal(hash);
      if (hash.length !== 60) throw Error(`Illegal hash length: ${hash.length} != 60`);
      return hash.substring(0, 29);
    },
    truncates(password) {
      if (typeof password !== 'string') throw illegal(password);
      return Buffer.byteLength(password) > 72;
    },
    encodeBase64: (bytes, length) => encoded(Uint8Array.from(bytes).subarray(0, length)),
    decodeBase64: (text, length) => [...decoded(text).subarray(0, length)],
    setRandomFallback() {},
  };
  return made;
}

// The native package, version 5 and later.
function bcrypt() {
  const isText = (value) => typeof value === 'string' || Buffer.isBuffer(value);
  const checkRounds = (rounds) => {
    if (typeof rounds !== 'number') throw Error('rounds must be a number');
  };
  const checkMinor = (minor) => {
    if (minor !== 'b' && minor !== 'a') throw Error('minor must be either "a" or "b"');
  };
  const genSaltSync = (rounds, minor) => {
    if (rounds) checkRounds(rounds);
    checkMinor(minor || 'b');
    return salted(minor || 'b', rounds || USUAL);
  };
  const saltFor = (data, salt) => {
    if (data === undefined || data === null || salt === undefined || salt === null) throw Error('data and salt arguments required');
    if (!isText(data) || (typeof salt !== 'string' && typeof salt !== 'number')) throw Error('data must be a string or Buffer and salt must either be a salt string or a number of rounds');
    const own = typeof salt === 'number' ? genSaltSync(salt) : salt;
    try {
      parsed(own);
    } catch {
      throw Error('Invalid salt. Salt must be in the form of: $Vers$log2(NumRounds)$saltvalue');
    }
    return own;
  };
  const checkBoth = (data, hash) => {
    if (data === undefined || data === null || hash === undefined || hash === null) throw Error('data and hash arguments required');
    if (!isText(data) || typeof hash !== 'string') throw Error('data must be a string or Buffer and hash must be a string');
  };
  const isHash = (hash) => hash.length === 60 && /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/.test(hash);
  return {
    genSaltSync,
    genSalt(rounds, minor, done) {
      const last = [rounds, minor, done].find((value) => typeof value === 'function');
      return given(last, () => promise(() => genSaltSync(typeof rounds === 'function' ? undefined : rounds, typeof minor === 'function' ? undefined : minor)));
    },
    hashSync: (data, salt) => hashedSync(data, saltFor(data, salt)),
    hash: (data, salt, done) => given(done, async () => hashed(data, saltFor(data, salt))),
    compareSync(data, hash) {
      checkBoth(data, hash);
      return isHash(hash) && same(hashedSync(data, hash.substring(0, 29)), hash);
    },
    compare: (data, hash, done) => given(done, async () => {
      checkBoth(data, hash);
      return isHash(hash) && same(await hashed(data, hash.substring(0, 29)), hash);
    }),
    getRounds(hash) {
      if (hash === undefined || hash === null) throw Error('hash argument required');
      if (typeof hash !== 'string') throw Error('hash must be a string');
      if (!isHash(hash)) throw Error('invalid hash provided');
      return Number(hash.substring(4, 6));
    },
  };
}

export const makers = { bcryptjs, bcrypt };
