// Packages that sign, encrypt and hash; what they print is the same at every run.
const c = require('crypto');
const jwt = require('jsonwebtoken');
const jose = require('jose');
const bcrypt = require('bcryptjs');

const say = (...all) => console.log(...all);
const failing = async (name, call) => say(name, await Promise.resolve().then(call).then(() => 'taken', (e) => e.code ?? e.message));
(async () => {
  const rsa = c.generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ec = c.generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = (key) => key.export({ type: key.type === 'public' ? 'spki' : 'pkcs8', format: 'pem' });
  for (const [algorithm, privateKey, publicKey] of [['HS256', 'secret', 'secret'], ['HS512', 'secret', 'secret'], ['RS256', pem(rsa.privateKey), pem(rsa.publicKey)], ['PS384', rsa.privateKey, rsa.publicKey], ['ES256', pem(ec.privateKey), pem(ec.publicKey)]]) {
    const token = jwt.sign({ name: 'somebody' }, privateKey, { algorithm, noTimestamp: true });
    say(algorithm, jwt.verify(token, publicKey, { algorithms: [algorithm] }));
    await failing(algorithm, () => jwt.verify(token.slice(0, -8) + 'AAAAAAAA', publicKey));
  }
  say(jwt.sign({ a: 1 }, 'secret', { noTimestamp: true }));
  for (const alg of ['HS256', 'RS256', 'PS256', 'RS512', 'ES256', 'ES384', 'ES512', 'EdDSA']) {
    const pair = alg.startsWith('HS') ? null : await jose.generateKeyPair(alg, { extractable: true });
    const [privateKey, publicKey] = pair ? [pair.privateKey, pair.publicKey] : [Buffer.alloc(32, 7), Buffer.alloc(32, 7)];
    const token = await new jose.SignJWT({ name: 'somebody' }).setProtectedHeader({ alg }).setIssuedAt(1).setExpirationTime('99y').sign(privateKey);
    const { payload, protectedHeader } = await jose.jwtVerify(token, publicKey);
    say(alg, payload.name, protectedHeader);
    if (pair) {
      const jwk = await jose.exportJWK(publicKey);
      say(alg, jwk.kty, jwk.crv, (await jose.jwtVerify(token, await jose.importJWK(jwk, alg))).payload.name);
    }
    await failing(alg, () => jose.jwtVerify(token.slice(0, -8) + 'AAAAAAAA', publicKey));
  }
  for (const [alg, enc] of [['dir', 'A256GCM'], ['A128KW', 'A128CBC-HS256'], ['A256GCMKW', 'A192GCM'], ['PBES2-HS256+A128KW', 'A128GCM'], ['RSA-OAEP-256', 'A256GCM'], ['ECDH-ES', 'A128GCM'], ['ECDH-ES+A128KW', 'A256CBC-HS512']]) {
    const secret = { dir: Buffer.alloc(32, 1), A128KW: Buffer.alloc(16, 1), A256GCMKW: Buffer.alloc(32, 1), 'PBES2-HS256+A128KW': Buffer.from('a password') }[alg];
    const [to, from] = secret ? [secret, secret] : alg.startsWith('RSA') ? [rsa.publicKey, rsa.privateKey] : [ec.publicKey, ec.privateKey];
    const sealed = await new jose.CompactEncrypt(Buffer.from('a text')).setProtectedHeader({ alg, enc }).encrypt(to);
    const { plaintext } = await jose.compactDecrypt(sealed, from, { keyManagementAlgorithms: [alg] });
    say(alg, enc, Buffer.from(plaintext).toString());
    await failing(alg, () => jose.compactDecrypt(sealed.slice(0, -8) + 'AAAAAAAA', from, { keyManagementAlgorithms: [alg] }));
  }
  say(bcrypt.hashSync('secret', '$2b$04$abcdefghijklmnopqrstuu'), bcrypt.hashSync('größe', '$2a$05$abcdefghijklmnopqrstuu'));
  say(bcrypt.compareSync('a'.repeat(80), bcrypt.hashSync('a'.repeat(72), '$2b$04$abcdefghijklmnopqrstuu')), bcrypt.truncates('a'.repeat(73)));
  const hash = await bcrypt.hash('secret', 4);
  say(hash.slice(0, 7), hash.length, await bcrypt.compare('secret', hash), await bcrypt.compare('guess', hash), bcrypt.getRounds(hash), bcrypt.getSalt(hash) === hash.slice(0, 29));
  say(await new Promise((done) => bcrypt.compare('secret', hash, (error, is) => done([error, is]))), await bcrypt.compare('secret', 'short'));
  for (const wrong of [[5, 4], ['a', {}], ['a', '$3b$04$abcdefghijklmnopqrstuu'], ['a', '$2x$04$abcdefghijklmnopqrstuu'], ['a', '$2b$04$abc'], ['a', '$2b$99$abcdefghijklmnopqrstuu']]) await failing('bcryptjs', () => bcrypt.hashSync(...wrong));
  say((await bcrypt.genSalt(5)).slice(0, 7), bcrypt.genSaltSync().slice(0, 7), bcrypt.genSaltSync(1).slice(0, 7));
})();
