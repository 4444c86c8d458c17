// node:crypto, by wasmrun:crypto: the host computes.
import { createECDH, diffieHellman, ECDH } from './crypto-agreement.js';
import { notThere } from './arguments.js';
import { X509Certificate } from './crypto-certificate.js';
import { Cipheriv, createCipheriv, createDecipheriv, Decipheriv, getCipherInfo, getCiphers } from './crypto-cipher.js';
import { hkdf, hkdfSync, pbkdf2, pbkdf2Sync, scrypt, scryptSync } from './crypto-derivation.js';
import { generateKey, generateKeyPair, generateKeyPairSync, generateKeySync, getCurves } from './crypto-generate.js';
import { createHash, createHmac, digestNamed, getHashes, Hash, hash, Hmac, timingSafeEqual } from './crypto-hash.js';
import { createPrivateKey, createPublicKey, crypter, RSA } from './crypto-keys.js';
import { getRandomValues, randomBytes, randomFill, randomFillSync, randomInt, randomUUID } from './crypto-random.js';
import { expose } from './globals.js';
import { createSecretKey, KeyObject } from './crypto-secret.js';
import { createSign, createVerify, Sign, sign, Verify, verify } from './crypto-sign.js';
import { Crypto, CryptoKey, subtle, SubtleCrypto } from './crypto-web.js';

const webcrypto = Object.assign(Object.create(Crypto.prototype), { subtle, getRandomValues, randomUUID });
webcrypto.CryptoKey = CryptoKey;
expose({ crypto: webcrypto, Crypto, CryptoKey, SubtleCrypto });
const constants = {
  ...RSA, POINT_CONVERSION_COMPRESSED: 2, POINT_CONVERSION_UNCOMPRESSED: 4, POINT_CONVERSION_HYBRID: 6,
  TLS1_VERSION: 769, TLS1_1_VERSION: 770, TLS1_2_VERSION: 771, TLS1_3_VERSION: 772,
  SSL_OP_ALL: 2147485776, SSL_OP_NO_SSLv2: 0, SSL_OP_NO_SSLv3: 33554432, SSL_OP_NO_TICKET: 16384, SSL_OP_NO_TLSv1: 67108864, SSL_OP_NO_TLSv1_1: 268435456, SSL_OP_NO_TLSv1_2: 134217728, SSL_OP_NO_TLSv1_3: 536870912,
  SSL_OP_CIPHER_SERVER_PREFERENCE: 4194304, SSL_OP_LEGACY_SERVER_CONNECT: 4,
};
const missing = {};
for (const name of ['createDiffieHellman', 'createDiffieHellmanGroup', 'getDiffieHellman', 'privateEncrypt', 'publicDecrypt', 'generatePrime', 'generatePrimeSync', 'checkPrime', 'checkPrimeSync']) missing[name] = () => { throw notThere(`crypto.${name}`); };
export default {
  Cipheriv, Decipheriv, ECDH, Hash, Hmac, KeyObject, Sign, Verify, X509Certificate,
  createCipheriv, createDecipheriv, createECDH, createHash, createHmac, createPrivateKey, createPublicKey, createSecretKey, createSign, createVerify,
  diffieHellman, generateKey, generateKeyPair, generateKeyPairSync, generateKeySync, getCipherInfo, getCiphers, getCurves, getFips: () => 0, getHashes, getRandomValues,
  hash, hkdf, hkdfSync, pbkdf2, pbkdf2Sync, prng: randomBytes, pseudoRandomBytes: randomBytes, rng: randomBytes, randomBytes, randomFill, randomFillSync, randomInt, randomUUID,
  scrypt, scryptSync, secureHeapUsed: () => ({ total: 0, used: 0, utilization: 0, min: 2 }), setFips() {}, sign, subtle, timingSafeEqual, verify, webcrypto, constants,
  ...crypter(digestNamed), ...missing,
};
