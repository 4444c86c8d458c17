// Calls of node:crypto whose answers and errors are the same at every run.
const c = require('crypto');
const made = require('./keys.json');

const show = (value) => {
  if (value instanceof ArrayBuffer) return Buffer.from(value).toString('hex');
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex');
  if (typeof value === 'object' && value !== null) return JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? `${v}n` : v));
  return String(value);
};
const t = (call) => {
  try {
    console.log(show(call()));
  } catch (e) {
    console.log(e.name, e.code, '|', e.message);
  }
};
const key = Buffer.alloc(32, 1), iv = Buffer.alloc(16, 2), message = Buffer.from('a message');
const large = Buffer.alloc(300000, 'abc');

// Hashes.
for (const name of ['md5', 'sha1', 'SHA224', 'sha256', 'sha384', 'sha512', 'sha512-256', 'sha512-224', 'sha3-224', 'sha3-256', 'sha3-384', 'sha3-512', 'ripemd160', 'rmd160', 'RSA-SHA256', 'RSA-SHA512/256', 'sha512WithRSAEncryption', 'blake2b512', 'blake2s256', 'shake128', 'shake256', 'nope', 'RSA-SHAKE128']) {
  t(() => c.createHash(name).update('abc').digest('hex'));
  t(() => c.createHmac(name, 'key').update('abc').digest('base64url'));
}
t(() => c.createHash());
t(() => c.createHash('sha256', { outputLength: 20 }));
t(() => c.createHash('shake128', { outputLength: 50 }).update(large).digest('hex'));
t(() => c.createHash('shake128', { outputLength: 5 }).copy({ outputLength: 7 }).digest('hex'));
t(() => c.createHash('shake128', { outputLength: 0 }).digest('hex'));
t(() => c.createHash('shake128', { outputLength: -1 }).digest('hex'));
for (const wrong of [5, undefined, null, {}, [], new ArrayBuffer(2), Symbol('a'), () => 1]) t(() => c.createHash('sha1').update(wrong));
t(() => c.createHash('sha1').update('größe', 'latin1').digest('hex'));
t(() => c.createHash('sha1').update('00ff', 'hex').digest('latin1'));
t(() => c.createHash('sha1').update(new Uint16Array([1, 256])).digest());
t(() => c.createHash('sha1').update(new DataView(new ArrayBuffer(3))).digest());
for (const after of ['update', 'digest', 'copy']) t(() => { const h = c.createHash('sha1'); h.digest(); h[after]('x'); });
t(() => c.createHmac('sha1'));
t(() => c.createHmac(5, 'k'));
t(() => c.createHmac('sha1', c.createSecretKey(key)).update('x').digest('hex'));
t(() => { const h = c.createHmac('sha1', 'k'); h.digest(); return `${h.digest('hex')}|${h.digest().length}`; });
t(() => { const h = c.createHmac('sha1', 'k'); h.digest(); h.update('k'); });
t(() => { const h = c.createHash('sha256'); for (let i = 0; i < 5; i++) h.update(large); const k = h.copy(); k.update('x'); return h.digest('hex') + k.digest('hex'); });
t(() => { const h = c.createHmac('sha512', 'key'); for (let i = 0; i < 5; i++) h.update(large); return h.digest('base64'); });
t(() => { const changed = Buffer.from('abc'); const h = c.createHash('sha1').update(changed); changed.fill(0); return h.digest('hex'); });
t(() => c.hash('sha1', 'abc'));
t(() => c.hash('sha1', large, 'base64'));
t(() => c.hash('nope', 'abc'));
t(() => c.hash('sha1', 5));
t(() => c.timingSafeEqual(Buffer.from('a'), Buffer.from('ab')));
t(() => c.timingSafeEqual('a', Buffer.from('ab')));
t(() => c.timingSafeEqual(Buffer.from('ab'), 'x'));
t(() => c.timingSafeEqual(Buffer.from('ab'), Buffer.from('ab')));
t(() => ['sha256', 'RSA-SHA256', 'sha3-512', 'blake2b512'].every((name) => c.getHashes().includes(name)));

// Keys from passwords and keys.
t(() => c.pbkdf2Sync('a', 'b', 1000, 40, 'sha512'));
t(() => c.pbkdf2Sync(key, iv, 1, 0, 'sha3-256'));
for (const wrong of [[1, 'b', 1, 10, 'sha1'], ['a', 1, 1, 10, 'sha1'], ['a', 'b', 0, 10, 'sha1'], ['a', 'b', 1.5, 10, 'sha1'], ['a', 'b', '1', 10, 'sha1'], ['a', 'b', 1, -1, 'sha1'], ['a', 'b', 1, 10], ['a', 'b', 1, 10, 'nope'], ['a', 'b', 1, 10, null]]) t(() => c.pbkdf2Sync(...wrong));
t(() => c.pbkdf2('a', 'b', 1, 10, 'sha1'));
t(() => c.scryptSync('a', 'b', 20));
t(() => c.scryptSync('a', 'b', 20, { cost: 1024, blockSize: 4, parallelization: 2 }));
for (const wrong of [{ N: 3 }, { N: 1 << 20 }, { N: 16, cost: 16 }, { N: 'x' }, { N: -1 }, { maxmem: 'x' }, { N: 1024, maxmem: 1000 }, 5]) t(() => c.scryptSync('a', 'b', 10, wrong));
t(() => c.scryptSync('a', 'b', -1));
t(() => c.scryptSync('a', 'b', 0).length);
t(() => c.hkdfSync('sha256', 'key', 'salt', 'info', 50));
for (const wrong of [['nope', 'a', 'b', 'c', 5], ['sha1', 'a', 'b', 'c', 50000], ['sha1', 5, 'b', 'c', 5], ['sha1', 'a', 5, 'c', 5], ['sha1', 'a', 'b', 'c', -5]]) t(() => c.hkdfSync(...wrong));

// Random numbers.
for (const wrong of [-1, '1', 2 ** 31, null]) t(() => c.randomBytes(wrong));
t(() => [c.randomBytes(0).length, c.randomBytes(70000).length, c.randomUUID().length]);
for (const wrong of [[0], [5, 1], [1.5], [0, 2 ** 50], ['1']]) t(() => c.randomInt(...wrong));
t(() => { const n = c.randomInt(3, 5); return n === 3 || n === 4; });
t(() => c.randomFillSync(5));
t(() => c.getRandomValues(new Uint8Array(5)).length);

// Ciphers.
const ciphered = (name, k, v, options) => { const e = c.createCipheriv(name, k, v, options); return e.update('some text', 'utf8', 'hex') + e.update(message, undefined, 'hex') + e.final('hex'); };
for (const name of ['aes-128-cbc', 'aes-192-cbc', 'aes-256-cbc', 'aes256', 'aes-128-ctr', 'AES-256-CTR', 'aes-128-ecb', 'aes-256-ecb']) t(() => ciphered(name, key.subarray(0, name.includes('128') ? 16 : name.includes('192') ? 24 : 32), name.includes('ecb') ? null : iv));
for (const length of [8, 12, 16, 60]) t(() => { const e = c.createCipheriv('aes-256-gcm', key, Buffer.alloc(length, 3)); e.setAAD(message); return e.update(large).subarray(0, 20).toString('hex') + e.final('hex') + e.getAuthTag().toString('hex'); });
t(() => { const e = c.createCipheriv('aes-128-gcm', key.subarray(16), iv, { authTagLength: 12 }); return e.update('ab', 'utf8', 'base64') + e.final('base64') + e.getAuthTag().toString('hex'); });
t(() => { const e = c.createCipheriv('chacha20-poly1305', key, iv.subarray(4), { authTagLength: 16 }); e.setAAD(message, { plaintextLength: 3 }); return e.update('abc', 'utf8', 'hex') + e.final('hex') + e.getAuthTag().toString('hex'); });
t(() => { const d = c.createDecipheriv('aes-256-cbc', key, iv); return d.update(ciphered('aes-256-cbc', key, iv), 'hex', 'utf8') + d.final('utf8'); });
t(() => { const e = c.createCipheriv('aes-256-cbc', key, iv); e.setAutoPadding(false); return e.update(Buffer.alloc(32), undefined, 'hex') + e.final('hex'); });
const gcm = (change) => { const e = c.createCipheriv('aes-256-gcm', key, iv); const sealed = Buffer.concat([e.update('größe'), e.final()]); const d = c.createDecipheriv('aes-256-gcm', key, iv); change(d, e.getAuthTag()); return d.update(sealed, undefined, 'utf8') + d.final('utf8'); };
t(() => gcm((d, tag) => d.setAuthTag(tag)));
t(() => gcm((d, tag) => d.setAuthTag(tag.subarray(0, 12))));
t(() => gcm((d, tag) => d.setAuthTag(tag.fill(1))));
t(() => gcm(() => {}));
t(() => gcm((d) => d.setAuthTag(Buffer.alloc(3))));
t(() => gcm((d) => d.setAuthTag(5)));
t(() => gcm((d, tag) => { d.setAuthTag(tag); d.setAuthTag(tag); }));
for (const wrong of [['nope', key, iv], ['aes-256-cbc', key.subarray(1), iv], ['aes-256-cbc', key, iv.subarray(1)], ['aes-256-cbc', key, null], [5, key, iv], ['aes-256-cbc', 5, iv], ['aes-256-cbc', key, 5], ['aes-256-gcm', key, iv, { authTagLength: 5 }]]) t(() => c.createCipheriv(...wrong));
for (const size of [0, 16, 17]) t(() => { const d = c.createDecipheriv('aes-256-cbc', key, iv); d.update(Buffer.alloc(size)); return d.final(); });
t(() => { const e = c.createCipheriv('aes-256-cbc', key, iv); e.setAutoPadding(false); e.update(Buffer.alloc(17)); return e.final(); });
for (const after of ['update', 'final', 'setAutoPadding']) t(() => { const e = c.createCipheriv('aes-256-cbc', key, iv); e.final(); e[after]('x'); });
t(() => c.createCipheriv('aes-256-gcm', key, iv).getAuthTag());
t(() => c.createCipheriv('aes-256-cbc', key, iv).setAAD(iv));
t(() => c.createCipheriv('aes-256-cbc', key, iv).update(5));
t(() => c.createCipheriv('aes128-wrap', key.subarray(16), Buffer.alloc(8, 0xa6)).update(key));
for (const name of ['aes-256-cbc', 'aes-256-gcm', 427, 'nope', 'aes-128-ecb', 'aes128-wrap', 'chacha20-poly1305', 'aes-128-ctr']) t(() => c.getCipherInfo(name));
t(() => c.getCipherInfo('aes-128-gcm', { ivLength: 20 }));

// Keys.
for (const [name, one] of Object.entries(made)) {
  const privateKey = c.createPrivateKey(one.pkcs8), publicKey = c.createPublicKey(one.spki);
  t(() => [name, privateKey.type, privateKey.asymmetricKeyType, publicKey.asymmetricKeyDetails]);
  t(() => privateKey.export({ type: 'pkcs8', format: 'pem' }) === one.pkcs8);
  t(() => publicKey.export({ type: 'spki', format: 'der' }));
  t(() => privateKey.export({ format: 'jwk' }));
  t(() => c.createPublicKey(privateKey).export({ format: 'jwk' }));
  t(() => c.createPublicKey(one.pkcs8).equals(publicKey));
  t(() => c.createPrivateKey({ key: one.jwk, format: 'jwk' }).equals(privateKey));
  t(() => c.createPrivateKey({ key: one.locked, passphrase: 'secret' }).equals(privateKey));
  t(() => c.createPrivateKey({ key: one.locked, passphrase: 'wrong' }));
  t(() => c.createPrivateKey(one.locked));
  for (const form of ['pkcs1', 'sec1']) {
    t(() => privateKey.export({ type: form, format: 'pem' }));
    if (one[form]) t(() => c.createPrivateKey(one[form]).equals(privateKey));
  }
  if (one.locked1) t(() => c.createPrivateKey({ key: one.locked1, passphrase: 'secret' }).equals(privateKey));
  t(() => { const pem = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'x' }); return c.createPrivateKey({ key: pem, passphrase: 'x' }).equals(privateKey); });
  if (one.other) t(() => c.diffieHellman({ privateKey, publicKey: c.createPublicKey(one.other) }));
  if (one.signature) t(() => c.verify(name === 'rsa' ? 'sha256' : 'sha512', message, name === 'rsa' ? { key: publicKey, padding: 6 } : publicKey, Buffer.from(one.signature, 'hex')));
  if (one.flat) t(() => c.verify('sha256', message, { key: publicKey, dsaEncoding: 'ieee-p1363' }, Buffer.from(one.flat, 'hex')));
  if (one.flat) t(() => c.createVerify('sha256').update('a message').verify({ key: one.spki, dsaEncoding: 'ieee-p1363' }, one.flat, 'hex'));
  if (one.flat) t(() => { const s = c.createSign('sha384').update(message).sign(privateKey); return [c.createVerify('SHA384').update(message).verify(publicKey, s), c.createVerify('SHA384').update('x').verify(publicKey, s)]; });
  if (one.flat) t(() => c.sign('sha1', message, { key: privateKey, dsaEncoding: 'ieee-p1363' }).length);
}
const rsa = c.createPrivateKey(made.rsa.pkcs8), rsaPublic = c.createPublicKey(made.rsa.spki), ec = c.createPrivateKey(made.prime256v1.pkcs8), ed = c.createPrivateKey(made.ed25519.pkcs8);
for (const name of ['md5', 'sha1', 'sha224', 'RSA-SHA256', 'sha384', 'sha512', 'sha3-256', 'ripemd160', null]) t(() => c.sign(name, message, rsa));
for (const name of ['RSA-SHA1', 'RSA-SHA256', 'sha512']) t(() => c.createSign(name).update('a ').update(message.subarray(2)).sign(made.rsa.pkcs1, 'base64'));
t(() => c.sign(null, message, ed));
t(() => c.verify(null, message, ed, c.sign(null, message, ed)));
t(() => c.verify(undefined, Buffer.from('x'), ed, c.sign(null, message, ed)));
t(() => c.sign('sha256', message, ed));
t(() => c.sign('sha256', message, { key: rsa, padding: 6, saltLength: 32 }).length);
for (const saltLength of [-1, -2, 0, 20]) t(() => c.verify('sha1', message, { key: rsaPublic, padding: 6 }, c.sign('sha1', message, { key: rsa, padding: 6, saltLength })));
t(() => c.verify('sha1', message, { key: rsaPublic, padding: 6, saltLength: 5 }, c.sign('sha1', message, { key: rsa, padding: 6, saltLength: 6 })));
t(() => c.privateDecrypt({ key: rsa, oaepHash: 'sha256', oaepLabel: Buffer.from('label') }, Buffer.from(made.rsa.encrypted, 'hex')));
t(() => c.privateDecrypt(rsa, c.publicEncrypt(rsaPublic, message)));
t(() => c.privateDecrypt(rsa, c.publicEncrypt(made.rsa.pkcs8, message)));
t(() => c.publicEncrypt({ key: rsaPublic, padding: 1 }, message).length);
t(() => c.publicEncrypt(rsaPublic, Buffer.alloc(300)));
t(() => c.privateDecrypt(rsa, Buffer.alloc(20)));
t(() => c.privateDecrypt(rsa, Buffer.alloc(256, 1)));
t(() => c.privateDecrypt({ key: rsa, padding: 1 }, Buffer.alloc(256, 1)));
for (const wrong of ['nope', 5, undefined, { key: 'x', format: 'der' }, { key: Buffer.from('x'), format: 'der' }, { key: { kty: 'RSA' }, format: 'jwk' }, { key: { kty: 'nope' }, format: 'jwk' }, rsaPublic]) t(() => c.createPrivateKey(wrong));
for (const wrong of ['nope', rsaPublic, c.createSecretKey(key), { key: { kty: 'EC', crv: 'P-1', x: 'a', y: 'b' }, format: 'jwk' }, { key: { kty: 'EC', crv: 'P-256', x: 'a', y: 'b' }, format: 'jwk' }]) t(() => c.createPublicKey(wrong));
for (const wrong of [undefined, {}, { format: 'pem' }, { type: 'spki', format: 'pem' }, { type: 'sec1', format: 'pem' }, { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc' }, { type: 'pkcs8', format: 'pem', cipher: 'nope', passphrase: 'x' }]) t(() => rsa.export(wrong));
t(() => ec.export({ type: 'pkcs1', format: 'pem' }));
t(() => rsaPublic.export({ type: 'pkcs1', format: 'pem' }));
for (const wrong of [['nope', 'x', rsa], ['sha256', 'x', rsaPublic], ['sha256', 5, rsa], ['sha256', message, 'nope'], [5, message, rsa]]) t(() => c.sign(...wrong));
t(() => c.verify('sha256', message, rsaPublic, Buffer.from('y')));
t(() => c.verify('sha256', message, rsaPublic, 'y'));
t(() => c.createSign('nope'));
t(() => c.createSign('RSA-SHA256').update('x').sign());
t(() => c.createSign('RSA-SHA256').update('x').sign({ key: ec, dsaEncoding: 'nope' }));
for (const wrong of [['nope'], ['rsa'], ['rsa', {}], ['ec', { namedCurve: 'nope' }], ['ec', {}]]) t(() => c.generateKeyPairSync(...wrong));
t(() => { const pair = c.generateKeyPairSync('rsa', { modulusLength: 1024, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } }); return c.verify('sha256', message, pair.publicKey, c.sign('sha256', message, pair.privateKey)); });
t(() => c.createSecretKey(key).export({ format: 'jwk' }));
t(() => [c.createSecretKey('ab', 'hex').symmetricKeySize, c.createSecretKey(key).type, c.createSecretKey(key).equals(c.createSecretKey(key))]);
t(() => c.createSecretKey(5));
t(() => c.generateKeySync('aes', { length: 256 }).export().length);
t(() => c.createECDH('nope'));
t(() => { const e = c.createECDH('secp256k1'); e.setPrivateKey(key); return e.getPublicKey('hex') + e.getPublicKey('hex', 'compressed') + e.getPublicKey('hex', 'hybrid') + e.getPrivateKey('hex'); });
t(() => { const one = c.createECDH('prime256v1'), two = c.createECDH('prime256v1'); one.generateKeys(); return one.computeSecret(two.generateKeys('hex', 'compressed'), 'hex', 'hex') === two.computeSecret(one.getPublicKey(), null, 'hex'); });
t(() => c.createECDH('secp256k1').getPublicKey());
t(() => c.createECDH('secp256k1').computeSecret(Buffer.alloc(5)));
t(() => { const e = c.createECDH('secp256k1'); e.generateKeys(); return e.computeSecret(Buffer.alloc(5)); });
t(() => c.createECDH('secp256k1').setPrivateKey(Buffer.alloc(32)));
t(() => c.diffieHellman({ privateKey: rsa, publicKey: rsaPublic }));
t(() => c.diffieHellman({}));
t(() => c.diffieHellman({ privateKey: ec, publicKey: c.createPublicKey(made.x25519.spki) }));

// Streams and callbacks, one after the other.
const streamed = (made, parts) => new Promise((resolve) => { const all = []; made.on('data', (part) => all.push(Buffer.from(part))).on('end', () => resolve(Buffer.concat(all))).on('error', (e) => resolve(Buffer.from(e.message))); for (const part of parts) made.write(part); made.end(); });
(async () => {
  t(await streamed(c.createHash('sha1'), ['ab', 'c']).then((all) => () => all));
  t(await streamed(c.createHmac('sha1', 'k'), [large, message]).then((all) => () => all));
  t(await streamed(c.createCipheriv('aes-256-cbc', key, iv), ['ab', message]).then((all) => () => all));
  t(await streamed(c.createDecipheriv('aes-256-cbc', key, iv), [Buffer.alloc(17)]).then((all) => () => all));
  const called = (name, ...all) => new Promise((resolve) => c[name](...all, (error, value) => resolve(() => { if (error) throw error; return value; })));
  t(await called('pbkdf2', 'a', 'b', 1000, 10, 'sha1'));
  t(await called('scrypt', 'a', 'b', 10));
  t(await called('scrypt', 'a', 'b', 10, { N: 32 }));
  t(await called('hkdf', 'sha1', 'a', 'b', 'c', 10));
  t(await called('sign', 'sha256', message, rsa));
  const pair = await require('util').promisify(c.generateKeyPair)('ec', { namedCurve: 'P-384' });
  t(() => c.verify('sha384', message, pair.publicKey, c.sign('sha384', message, pair.privateKey)));
})();
