// X509Certificate, by what wasmrun:tls/session says of a certificate.
import session from 'wasmrun:tls/session@0.1.0';
import { buffer, view, wrongType } from './arguments.js';
import { date, fingerprint } from './certificate-fields.js';
import { PublicKeyObject } from './crypto-keys.js';
import { host, unreadable } from './crypto-openssl.js';

const lines = (name) => name.map(({ short, value }) => `${short}=${value}`).join('\n');

export class X509Certificate {
  #der;
  #fields;
  constructor(data) {
    const raw = typeof data === 'string' ? Buffer.from(data) : view(data);
    if (!raw) throw wrongType('buffer', 'of type string or an instance of Buffer, TypedArray, or DataView', data);
    this.#der = session.split(raw)[0] ?? raw.slice();
    this.#fields = host(() => session.describe(this.#der), { other: unreadable });
  }
  get subject() { return lines(this.#fields.subject); }
  get issuer() { return lines(this.#fields.issuer); }
  get subjectAltName() { return this.#fields.alternatives.map(([kind, value]) => `${kind}:${value}`).join(', ') || undefined; }
  get serialNumber() { return this.#fields.serial; }
  get validFrom() { return date(this.#fields.notBefore); }
  get validTo() { return date(this.#fields.notAfter); }
  get fingerprint() { return fingerprint('sha1', this.#der); }
  get fingerprint256() { return fingerprint('sha256', this.#der); }
  get fingerprint512() { return fingerprint('sha512', this.#der); }
  get ca() { return this.#fields.authority; }
  get raw() { return buffer(this.#der.slice()); }
  get publicKey() { return new PublicKeyObject(this.#fields.publicKey); }
  toString() { return `-----BEGIN CERTIFICATE-----\n${buffer(this.#der).toString('base64').match(/.{1,64}/g).join('\n')}\n-----END CERTIFICATE-----\n`; }
  toJSON() { return this.toString(); }
}
