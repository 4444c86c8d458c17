// KeyObject and secret keys. Those of two halves are in crypto-keys.js.
import { buffer, bytes, coded, object, out, view, wrongType, wrongValue } from './arguments.js';
import hashing from 'wasmrun:crypto/hashing@0.1.0';

const material = new WeakMap();

// jsonwebtoken and others ask of every key whether it is one of these.
export class KeyObject {
  constructor(type, handle) {
    if (type !== 'secret' && type !== 'public' && type !== 'private') throw wrongValue('type', type);
    if (typeof handle !== 'object' || handle === null) throw wrongType('handle', 'of type object', handle);
    material.set(this, { type, handle });
  }
  get type() { return material.get(this).type; }
  static from(key) {
    if (!key?._keyObject) throw wrongType('key', 'an instance of CryptoKey', key);
    return key._keyObject;
  }
  equals(other) {
    if (!(other instanceof KeyObject)) throw wrongType('otherKeyObject', 'an instance of KeyObject', other);
    if (other.type !== this.type) return false;
    const [one, two] = [materialOf(this), materialOf(other)];
    return one.length === two.length && hashing.equal(one, two);
  }
  get [Symbol.toStringTag]() { return 'KeyObject'; }
}
// The bytes of a secret key, or the DER of another.
export const materialOf = (key) => material.get(key).handle;

export class SecretKeyObject extends KeyObject {
  constructor(secret) { super('secret', secret); }
  get symmetricKeySize() { return materialOf(this).length; }
  export(options) {
    if (options !== undefined) {
      object(options, 'options');
      if (options.format !== undefined && options.format !== 'buffer' && options.format !== 'jwk') throw wrongValue('options.format', options.format);
      if (options.format === 'jwk') return { kty: 'oct', k: out(materialOf(this), 'base64url') };
    }
    return buffer(materialOf(this).slice());
  }
}
export const createSecretKey = (key, encoding) => {
  if (typeof key !== 'string' && !view(key)) throw wrongType('key', 'an instance of ArrayBuffer, Buffer, TypedArray, or DataView', key);
  return new SecretKeyObject(bytes(key, 'key', encoding).slice());
};

const KINDS = 'of type string or an instance of ArrayBuffer, Buffer, TypedArray, DataView, KeyObject, or CryptoKey';
// The bytes of what is given as a secret key.
export function secretOf(key, encoding, name = 'key') {
  const object = key?._keyObject ?? key;
  if (object instanceof KeyObject) {
    if (object.type !== 'secret') throw coded(new TypeError(`Invalid key object type ${object.type}, expected secret.`), 'ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE');
    return materialOf(object);
  }
  if (typeof key === 'string') return bytes(key, name, encoding);
  const found = view(key);
  if (!found) throw wrongType(name, KINDS, key);
  return found.slice();
}
