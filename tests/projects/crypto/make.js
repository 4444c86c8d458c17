// Under Node.js: keys and what they have signed, for calls.js.
const c = require('crypto');
const fs = require('fs');

const PASSWORD = 'secret';
const made = {};
const kinds = {
  rsa: ['rsa', { modulusLength: 2048 }], 'prime256v1': ['ec', { namedCurve: 'prime256v1' }], secp384r1: ['ec', { namedCurve: 'secp384r1' }],
  secp521r1: ['ec', { namedCurve: 'secp521r1' }], secp256k1: ['ec', { namedCurve: 'secp256k1' }], ed25519: ['ed25519'], x25519: ['x25519'],
};
for (const [name, [type, options]] of Object.entries(kinds)) {
  const { publicKey, privateKey } = c.generateKeyPairSync(type, options);
  const one = (made[name] = {
    pkcs8: privateKey.export({ type: 'pkcs8', format: 'pem' }), spki: publicKey.export({ type: 'spki', format: 'pem' }), jwk: privateKey.export({ format: 'jwk' }),
    locked: privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: PASSWORD }),
  });
  const message = Buffer.from('a message');
  if (type === 'rsa') {
    one.pkcs1 = privateKey.export({ type: 'pkcs1', format: 'pem' });
    one.locked1 = privateKey.export({ type: 'pkcs1', format: 'pem', cipher: 'aes-128-cbc', passphrase: PASSWORD });
    one.signature = c.sign('sha256', message, { key: privateKey, padding: c.constants.RSA_PKCS1_PSS_PADDING }).toString('hex');
    one.encrypted = c.publicEncrypt({ key: publicKey, oaepHash: 'sha256', oaepLabel: Buffer.from('label') }, message).toString('hex');
  } else if (type === 'ec') {
    one.sec1 = privateKey.export({ type: 'sec1', format: 'pem' });
    one.signature = c.sign('sha512', message, privateKey).toString('hex');
    one.flat = c.sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('hex');
  }
  if (type === 'ec' || type === 'x25519') one.other = c.generateKeyPairSync(type, options).publicKey.export({ type: 'spki', format: 'pem' });
}
fs.writeFileSync(__dirname + '/keys.json', JSON.stringify(made));
