import { Blob } from '../../../fetch-types.js';
export { Blob };
export const isBlob = (value) => value instanceof Blob;
export const kHandle = Symbol('kHandle');
export const resolveObjectURL = () => undefined;
