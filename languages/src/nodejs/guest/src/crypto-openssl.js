// Errors as OpenSSL has them, for what the host refuses.
import { failure } from './arguments.js';

const PREFIXES = {
  'digital envelope routines': 'OSSL_EVP_', 'rsa routines': 'OSSL_RSA_', 'asn1 encoding routines': 'OSSL_ASN1_', 'common libcrypto routines': 'OSSL_CRYPTO_', 'PEM routines': 'OSSL_PEM_',
  'x509 certificate routines': 'OSSL_X509_', 'SSL routines': 'SSL_',
};
export function openssl(number, library, reason) {
  const code = `ERR_${PREFIXES[library] ?? 'OSSL_'}${reason.toUpperCase().replace(/[^A-Z0-9]+/g, '_')}`;
  return Object.assign(new Error(`error:${number}:${library}::${reason}`), { library, reason, code });
}
export const unreadable = () => openssl('1E08010C', 'DECODER routines', 'unsupported');
export const badDecrypt = () => openssl('1C800064', 'Provider routines', 'bad decrypt');
export const wrongLength = () => openssl('1C80006B', 'Provider routines', 'wrong final block length');
export const invalidDigestOf = () => openssl('1C80007A', 'Provider routines', 'invalid digest');
export const tooLarge = () => openssl('0200006E', 'rsa routines', 'data too large for key size');

// What the host gives, or what `errors` has for its failure.
export function host(compute, errors) {
  try {
    return compute();
  } catch (e) {
    const reason = failure(e);
    throw (errors[reason] ?? errors.other ?? (() => new Error(`wasmrun: ${reason}`)))();
  }
}
