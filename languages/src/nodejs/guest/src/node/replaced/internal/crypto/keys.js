import { KeyObject } from '../../../../crypto-secret.js';
export const isKeyObject = (value) => value instanceof KeyObject;
export const isCryptoKey = (value) => value?.[Symbol.toStringTag] === 'CryptoKey' && value._keyObject !== undefined;
