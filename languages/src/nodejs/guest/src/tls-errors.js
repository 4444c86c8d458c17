// What fails in TLS, as OpenSSL and Node say it.
import { openssl } from './crypto-openssl.js';
import { coded } from './http-headers.js';

// X509_V_ERR_* (X509_STORE_CTX_get_error(3)).
const VERIFICATION = {
  2: 'UNABLE_TO_GET_ISSUER_CERT', 7: 'CERT_SIGNATURE_FAILURE', 9: 'CERT_NOT_YET_VALID', 10: 'CERT_HAS_EXPIRED', 18: 'DEPTH_ZERO_SELF_SIGNED_CERT', 19: 'SELF_SIGNED_CERT_IN_CHAIN',
  20: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 21: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 22: 'CERT_CHAIN_TOO_LONG', 24: 'INVALID_CA', 25: 'PATH_LENGTH_EXCEEDED', 26: 'INVALID_PURPOSE',
  27: 'CERT_UNTRUSTED', 28: 'CERT_REJECTED', 62: 'HOSTNAME_MISMATCH',
};
const TEXTS = {
  2: 'unable to get issuer certificate', 7: 'certificate signature failure', 9: 'certificate is not yet valid', 10: 'certificate has expired', 18: 'self-signed certificate', 19: 'self-signed certificate in certificate chain',
  20: 'unable to get local issuer certificate', 21: 'unable to verify the first certificate', 22: 'certificate chain too long', 24: 'invalid CA certificate', 25: 'path length constraint exceeded', 26: 'unsuitable certificate purpose',
  27: 'certificate not trusted', 28: 'certificate rejected', 34: 'unhandled critical extension', 47: 'permitted subtree violation', 62: 'hostname mismatch', 66: 'EE certificate key too weak', 68: 'CA signature digest algorithm too weak',
};

// The libraries of what is no fault of a session, and the numbers of reasons: ERR_PACK(3).
const ELSEWHERE = {
  'no start line': ['0480006C', 'PEM routines'], 'bad base64 decode': ['04800064', 'PEM routines'], 'bad password read': ['04800068', 'PEM routines'],
  unsupported: ['1E08010C', 'DECODER routines'], 'bad decrypt': ['1C800064', 'Provider routines'], 'key values mismatch': ['05800074', 'x509 certificate routines'], 'not enough data': ['0680008E', 'asn1 encoding routines'],
};
const REASONS = {
  'bad signature': 123, 'http request': 156, 'certificate verify failed': 134, 'no certificate assigned': 177, 'no protocols available': 191, 'no shared cipher': 193, 'packet length too long': 198, 'peer did not return a certificate': 199,
  'no application protocol': 235, 'unexpected message': 244, 'unsupported protocol': 258, 'wrong version number': 267, 'decryption failed or bad record mac': 281, 'unexpected eof while reading': 294,
};

// The code of a chain as OpenSSL has it when its callback goes on, as Node's does.
export const chainCode = (code, peer) => (code === 20 && peer.length === 1 ? 21 : code);
export const verificationError = (code) => coded(Error, VERIFICATION[code] ?? 'UNSPECIFIED', TEXTS[code] ?? 'certificate verification error');

// Whether a client speaks HTTP without TLS.
const isHttp = (chunk) => /^(GET|POST|HEAD|PUT|CONNECT) /.test(String.fromCharCode(...chunk.subarray(0, 8)));

// Of the runtime's `failure`: thrown ones come wrapped. `first` is what a server's client has sent.
export function sslError(thrown, first) {
  const failure = thrown?.payload ?? thrown;
  if (typeof failure?.text !== 'string') return thrown instanceof Error ? thrown : new Error(String(thrown));
  const { alert, received } = failure;
  const text = first && failure.text === 'wrong version number' && isHttp(first) ? 'http request' : failure.text;
  const [number, library] = ELSEWHERE[text] ?? [(0x0a000000 + (received ? 1000 + alert : REASONS[text] ?? 0)).toString(16).toUpperCase().padStart(8, '0'), 'SSL routines'];
  return openssl(number, library, text);
}

// A write that waited for the handshake fails by its name.
export const ofWrite = (error) => Object.assign(coded(Error, 'EPROTO', `write EPROTO ${error.message}\n`), { errno: -71, syscall: 'write' });

export const hungUp = (isServer) => coded(Error, 'ECONNRESET', isServer ? 'socket hang up' : 'Client network socket disconnected before secure TLS connection was established');
