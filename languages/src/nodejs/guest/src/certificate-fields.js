// Fields of certificates as OpenSSL prints them.
import { digestOf } from './crypto-hash.js';

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

// As ASN1_TIME_print(3), of seconds since 1970.
export function date(seconds) {
  const at = new Date(Number(seconds) * 1000);
  const two = (n) => String(n).padStart(2, '0');
  return `${MONTHS[at.getUTCMonth()]} ${String(at.getUTCDate()).padStart(2)} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())} ${at.getUTCFullYear()} GMT`;
}

// `AB:CD:…`
export const fingerprint = (hash, der) => digestOf(hash, der).toHex().toUpperCase().match(/../g).join(':');
