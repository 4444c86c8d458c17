// TextEncoder and TextDecoder, which QuickJS does not have. Both lean on native calls: loops over single characters are
// what costs in an interpreter.

const utf8 = (s) => unescape(encodeURIComponent(s.toWellFormed()));
// The only native way from characters to bytes: a loop takes 200 ns for each, this takes 2.
export const bytesOfLatin1 = (s) => Uint8Array.fromBase64(btoa(s));

// Eight words at a time: 4 ns for each byte, where a regular expression takes 12.
export function isAscii(bytes) {
  const { buffer, byteOffset, length } = bytes;
  let i = 0, seen = 0;
  if (length >= 64) {
    const skip = -byteOffset & 3;
    for (; i < skip; i++) seen |= bytes[i];
    const words = new Int32Array(buffer, byteOffset + skip, ((length - skip) >> 5) << 3);
    const n = words.length;
    for (let w = 0; w < n; w += 8) {
      if ((words[w] | words[w + 1] | words[w + 2] | words[w + 3] | words[w + 4] | words[w + 5] | words[w + 6] | words[w + 7]) & 0x80808080) return false;
    }
    i += n * 4;
  }
  for (; i < length; i++) seen |= bytes[i];
  return seen < 128;
}

export function encode(text) {
  try {
    const bytes = bytesOfLatin1(text);
    if (isAscii(bytes)) return bytes;
  } catch {
    // characters beyond Latin-1
  }
  return bytesOfLatin1(utf8(text));
}
export const utf8Length = (text) => encode(text).length;

export function latin1(bytes, start = 0, end = bytes.length) {
  const part = start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
  if (part.length <= 64) return String.fromCharCode.apply(null, part);
  return atob(toBase64.call(part));
}
const { toBase64 } = Uint8Array.prototype;

export function decode(bytes, start = 0, end = bytes.length) {
  const part = start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
  const raw = latin1(part);
  if (isAscii(part)) return raw;
  try {
    return decodeURIComponent(raw.replace(/[%\x80-\xff]/g, (c) => '%' + c.charCodeAt(0).toString(16)));
  } catch {
    return lossy(raw);
  }
}

// Each ill-formed sequence becomes U+FFFD, and one that is cut off a single one (https://encoding.spec.whatwg.org/#utf-8-decoder).
const PARTS = /[\x00-\x7f]+|([\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2})|\xe0[\xa0-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]|\xed[\x80-\x9f]|\xf0[\x90-\xbf][\x80-\xbf]?|[\xf1-\xf3][\x80-\xbf]{1,2}|\xf4[\x80-\x8f][\x80-\xbf]?|[\x80-\xff]/g;
const lossy = (raw) => raw.replace(PARTS, (part, whole) => (whole !== undefined ? decodeURIComponent(escape(whole)) : part < '\x80' ? part : '\ufffd'));

export class TextEncoder {
  get encoding() { return 'utf-8'; }
  encode(text = '') { return encode(String(text)); }
  encodeInto(text, target) {
    let written = 0, read = 0;
    for (const ch of String(text)) {
      const bytes = encode(ch);
      if (written + bytes.length > target.length) break;
      target.set(bytes, written);
      written += bytes.length;
      read += ch.length;
    }
    return { read, written };
  }
}
