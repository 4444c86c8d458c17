// WebCrypto; what it prints is the same at every run.
const { subtle } = crypto;
const bytes = (text) => new TextEncoder().encode(text);
const hex = (raw) => Buffer.from(raw).toString('hex');
const t = async (name, call) => {
  try {
    const value = await call();
    console.log(name, value instanceof ArrayBuffer ? hex(value) : typeof value === 'object' ? JSON.stringify(value) : value);
  } catch (e) {
    console.log(name, e.name);
  }
};
const raw = new Uint8Array(32).fill(1), iv = new Uint8Array(16).fill(2), text = bytes('a message'), hash = 'SHA-256';
const secret = (name, usages, more, key = raw) => subtle.importKey('raw', key, { name, ...more }, true, usages);

(async () => {
  for (const name of ['SHA-1', 'sha-256', 'SHA-384', 'SHA-512', 'MD5']) await t(name, () => subtle.digest(name, text));
  await t('digest', () => subtle.digest({ name: 'SHA-256' }, 'text'));
  const mac = await secret('HMAC', ['sign', 'verify'], { hash });
  await t('hmac', () => subtle.sign('HMAC', mac, text));
  await t('hmac', async () => subtle.verify('HMAC', mac, await subtle.sign('HMAC', mac, text), text));
  await t('hmac', async () => subtle.verify('HMAC', mac, new Uint8Array(32), text));
  await t('hmac', () => subtle.exportKey('jwk', mac));
  await t('hmac', () => mac.algorithm);
  for (const name of ['AES-CBC', 'AES-CTR', 'AES-GCM']) {
    const key = await secret(name, ['encrypt', 'decrypt']);
    const how = { name, iv, counter: iv, length: 64, additionalData: bytes('more') };
    await t(name, () => subtle.encrypt(how, key, text));
    await t(name, async () => Buffer.from(await subtle.decrypt(how, key, await subtle.encrypt(how, key, text))).toString());
    await t(name, () => subtle.decrypt(how, key, new Uint8Array(31)));
    await t(name, () => subtle.exportKey('jwk', key));
  }
  const wrapping = await secret('AES-KW', ['wrapKey', 'unwrapKey']);
  await t('AES-KW', () => subtle.wrapKey('raw', mac, wrapping, 'AES-KW'));
  await t('AES-KW', async () => hex(await subtle.exportKey('raw', await subtle.unwrapKey('raw', await subtle.wrapKey('raw', mac, wrapping, 'AES-KW'), wrapping, 'AES-KW', { name: 'HMAC', hash }, true, ['sign']))));
  for (const [name, more] of [['PBKDF2', { salt: iv, iterations: 1000, hash }], ['HKDF', { salt: iv, info: text, hash: 'SHA-512' }]]) {
    const key = await subtle.importKey('raw', raw, name, false, ['deriveBits', 'deriveKey']);
    await t(name, () => subtle.deriveBits({ name, ...more }, key, 256));
    await t(name, () => subtle.deriveBits({ name, ...more }, key, 5));
    await t(name, async () => hex(await subtle.exportKey('raw', await subtle.deriveKey({ name, ...more }, key, { name: 'AES-GCM', length: 128 }, true, ['encrypt']))));
    await t(name, () => subtle.exportKey('raw', key));
  }
  for (const how of [{ name: 'RSASSA-PKCS1-v1_5', hash }, { name: 'RSA-PSS', hash, saltLength: 20 }, { name: 'ECDSA', namedCurve: 'P-256', hash }, { name: 'ECDSA', namedCurve: 'P-384', hash }, { name: 'ECDSA', namedCurve: 'P-521', hash }, { name: 'Ed25519' }]) {
    const all = { ...how, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
    const { privateKey, publicKey } = await subtle.generateKey(all, true, ['sign', 'verify']);
    const signature = await subtle.sign(how, privateKey, text);
    await t(how.name, () => [signature.byteLength, privateKey.type, privateKey.usages, publicKey.usages, publicKey.extractable, publicKey.algorithm]);
    await t(how.name, () => subtle.verify(how, publicKey, signature, text));
    await t(how.name, () => subtle.verify(how, publicKey, signature, bytes('another')));
    await t(how.name, () => subtle.sign(how, publicKey, text));
    for (const format of ['spki', 'jwk', 'raw']) await t(how.name + format, async () => subtle.verify(how, await subtle.importKey(format, await subtle.exportKey(format, publicKey), all, true, ['verify']), signature, text));
    for (const format of ['pkcs8', 'jwk']) await t(how.name + format, async () => subtle.verify(how, publicKey, await subtle.sign(how, await subtle.importKey(format, await subtle.exportKey(format, privateKey), all, true, ['sign']), text), text));
  }
  const oaep = { name: 'RSA-OAEP', hash, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
  const pair = await subtle.generateKey(oaep, true, ['encrypt', 'decrypt']);
  await t('RSA-OAEP', async () => Buffer.from(await subtle.decrypt('RSA-OAEP', pair.privateKey, await subtle.encrypt('RSA-OAEP', pair.publicKey, text))).toString());
  await t('RSA-OAEP', () => subtle.decrypt('RSA-OAEP', pair.privateKey, new Uint8Array(256)));
  await t('RSA-OAEP', async () => (await subtle.exportKey('jwk', pair.publicKey)).alg);
  for (const name of ['ECDH', 'X25519']) {
    const how = { name, namedCurve: 'P-256' };
    const [one, two] = [await subtle.generateKey(how, true, ['deriveBits']), await subtle.generateKey(how, true, ['deriveBits'])];
    const bits = (own, theirs) => subtle.deriveBits({ name, public: theirs.publicKey }, own.privateKey, 256);
    await t(name, async () => hex(await bits(one, two)) === hex(await bits(two, one)));
    await t(name, async () => (await subtle.exportKey('raw', one.publicKey)).byteLength);
  }
  await t('wrong', () => subtle.importKey('raw', raw, 'nope', true, []));
  await t('wrong', () => subtle.importKey('raw', raw, 'AES-CBC', true, ['sign']));
  await t('wrong', () => subtle.importKey('raw', raw.subarray(1), 'AES-CBC', true, ['encrypt']));
  await t('wrong', () => subtle.importKey('spki', raw, { name: 'ECDSA', namedCurve: 'P-256' }, true, ['verify']));
  await t('wrong', () => subtle.importKey('jwk', { kty: 'EC' }, { name: 'ECDSA', namedCurve: 'P-256' }, true, ['verify']));
  await t('wrong', async () => subtle.encrypt({ name: 'AES-CBC', iv }, mac, text));
  await t('key', () => [mac instanceof CryptoKey, Object.prototype.toString.call(mac), String(crypto)]);
})();
