// Errors as OpenSSL has them, for what the host refuses.
import { failure } from './crypto-arguments.js';

const PREFIXES = { 'digital envelope routines': 'EVP_', 'rsa routines': 'RSA_', 'asn1 encoding routines': 'ASN1_', 'common libcrypto routines': 'CRYPTO_' };
export function openssl(number, library, reason) {
  const code = `ERR_OSSL_${PREFIXES[library] ?? ''}${reason.toUpperCase().replaceAll(' ', '_')}`;
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
