import { encodingName } from '../../../text-decoder.js';
export const getEncodingFromLabel = encodingName;
export const { TextEncoder, TextDecoder } = globalThis;
export const encodings = new Map();
