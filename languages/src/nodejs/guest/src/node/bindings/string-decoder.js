// Text that arrives in pieces. What a piece ends with and only the next one completes is kept in the decoder's state, which Node.js's
// string_decoder shows as `lastChar`, `lastNeed` and `lastTotal`.
import { ENCODINGS as encodings, slice } from './text.js';

const [START, END, MISSING, BUFFERED, ENCODING, SIZE] = [0, 4, 4, 5, 6, 7];
const [UTF8, BASE64, UTF16, BASE64URL] = [1, 2, 3, 7];

const keep = (state, from, at) => {
  for (let i = 0; i < from.length; i++) state[at + i] = from[i];
};
const kept = (state) => state.subarray(START, START + state[BUFFERED]);
const wait = (state, buffered, missing) => {
  state[BUFFERED] = buffered;
  state[MISSING] = missing;
};
const continues = (byte) => (byte & 0xc0) === 0x80;
const lengthBy = (first) => ((first & 0xe0) === 0xc0 ? 2 : (first & 0xf0) === 0xe0 ? 3 : (first & 0xf8) === 0xf0 ? 4 : 0);

// How many bytes at the end belong to what is not whole yet, and how many are missing to it.
function rest(encoding, bytes) {
  const { length } = bytes;
  if (encoding === UTF8) {
    if (bytes[length - 1] < 0x80) return [0, 0];
    for (let back = 1; back <= Math.min(4, length); back++) {
      const byte = bytes[length - back];
      if (continues(byte)) continue;
      const whole = lengthBy(byte);
      return back >= whole ? [0, 0] : [back, whole - back];
    }
    return [0, 0];
  }
  if (encoding === UTF16) {
    if (length % 2 === 1) return [1, 1];
    return (bytes[length - 1] & 0xfc) === 0xd8 ? [2, 2] : [0, 0];
  }
  const over = length % 3;
  return over > 0 ? [over, 3 - over] : [0, 0];
}

// The text that the first bytes of a piece complete; the others come after it.
function complete(state, encoding, bytes) {
  let found = Math.min(state[MISSING], bytes.length);
  if (encoding === UTF8) {
    // What does not continue the character begins another one: that one was cut off.
    for (let i = 0; i < found; i++) {
      if (continues(bytes[i])) continue;
      keep(state, bytes.subarray(0, i), state[BUFFERED]);
      wait(state, state[BUFFERED] + i, 0);
      bytes = bytes.subarray(i);
      found = 0;
      break;
    }
  }
  keep(state, bytes.subarray(0, found), state[BUFFERED]);
  wait(state, state[BUFFERED] + found, state[MISSING] - Math.min(found, state[MISSING]));
  bytes = bytes.subarray(found);
  if (state[MISSING] > 0) return ['', bytes];
  let text = slice(kept(state), encodings[encoding]);
  state[BUFFERED] = 0;
  const last = text.charCodeAt(text.length - 1);
  if (encoding === UTF16 && (last & 0xfc00) === 0xd800) {
    keep(state, [last & 255, last >> 8], START);
    wait(state, 2, 2);
    text = text.slice(0, -1);
  }
  return [text, bytes];
}

function decode(state, data) {
  const encoding = state[ENCODING];
  let bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (encoding !== UTF8 && encoding !== UTF16 && encoding !== BASE64 && encoding !== BASE64URL) return slice(bytes, encodings[encoding]);
  let before = '';
  // Of UTF-16 the first half of a pair may be complete, which waits for the second one.
  while (state[MISSING] > 0 && bytes.length > 0) {
    const [text, left] = complete(state, encoding, bytes);
    before += text;
    bytes = left;
  }
  if (bytes.length === 0) return before;
  const [buffered, missing] = rest(encoding, bytes);
  wait(state, buffered, missing);
  keep(state, bytes.subarray(bytes.length - buffered), START);
  return before + slice(buffered > 0 ? bytes.subarray(0, bytes.length - buffered) : bytes, encodings[encoding]);
}

function flush(state) {
  if (state[ENCODING] === UTF16 && state[BUFFERED] % 2 === 1) wait(state, state[BUFFERED] - 1, state[MISSING] - 1);
  const text = state[BUFFERED] === 0 ? '' : slice(kept(state), encodings[state[ENCODING]]);
  wait(state, 0, 0);
  return text;
}

export const stringDecoder = {
  encodings, decode, flush, kIncompleteCharactersStart: START, kIncompleteCharactersEnd: END, kMissingBytes: MISSING, kBufferedBytes: BUFFERED, kEncodingField: ENCODING, kNumFields: SIZE, kSize: SIZE,
};
