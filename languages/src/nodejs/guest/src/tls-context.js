// What sessions have in common: certificates, keys, roots, versions. A context is plain settings; what the runtime has of it is made
// when a session needs it, and kept for the next with the same settings.
import tls from 'wasmrun:tls/session@0.1.0';
import { buffer, bytes as bytesOf, wrongType } from './arguments.js';
import { coded } from './http-headers.js';
import fs from 'fs';
import process from './process.js';
import { sslError } from './tls-errors.js';

const VERSIONS = { 'TLSv1': 0x0301, 'TLSv1.1': 0x0302, 'TLSv1.2': 0x0303, 'TLSv1.3': 0x0304 };
export const names = { 0x0303: 'TLSv1.2', 0x0304: 'TLSv1.3' };
const METHODS = { TLSv1_method: 'TLSv1', TLSv1_1_method: 'TLSv1.1', TLSv1_2_method: 'TLSv1.2' };
export const defaults = { min: 'TLSv1.2', max: 'TLSv1.3' };
// Of the names of DEFAULT_CIPHERS, those that there are.
export const CIPHERS = [
  'tls_aes_256_gcm_sha384', 'tls_chacha20_poly1305_sha256', 'tls_aes_128_gcm_sha256', 'ecdhe-ecdsa-aes256-gcm-sha384', 'ecdhe-ecdsa-aes128-gcm-sha256', 'ecdhe-ecdsa-chacha20-poly1305',
  'ecdhe-rsa-aes256-gcm-sha384', 'ecdhe-rsa-aes128-gcm-sha256', 'ecdhe-rsa-chacha20-poly1305',
];

const bytes = (value, name) => bytesOf(value, name, undefined, 'of type string or an instance of Buffer, TypedArray, or DataView');
const list = (value) => (value === undefined || value === null ? [] : Array.isArray(value) ? value : [value]);

function version(name, standard) {
  if (name === undefined || name === null) return VERSIONS[standard];
  if (!Object.hasOwn(VERSIONS, name)) throw coded(TypeError, 'ERR_TLS_INVALID_PROTOCOL_VERSION', `${typeof name === 'string' ? `'${name}'` : String(name)} is not a valid ${standard === defaults.min ? 'minimum' : 'maximum'} TLS protocol version`);
  return VERSIONS[name];
}

function versions({ minVersion, maxVersion, secureProtocol }) {
  if (!secureProtocol) return [version(minVersion, defaults.min), version(maxVersion, defaults.max)];
  if (minVersion || maxVersion) throw coded(TypeError, 'ERR_TLS_PROTOCOL_VERSION_CONFLICT', `TLS protocol version '${minVersion ?? maxVersion}' conflicts with secureProtocol '${secureProtocol}'`);
  const only = METHODS[secureProtocol.replace(/_(client|server)_method$/, '_method')];
  if (only) return [VERSIONS[only], VERSIONS[only]];
  if (/^(TLS|SSLv23)(_client|_server)?_method$/.test(secureProtocol)) return [VERSIONS[defaults.min], VERSIONS[defaults.max]];
  throw coded(TypeError, 'ERR_TLS_INVALID_PROTOCOL_METHOD', `Unknown method: ${secureProtocol}`);
}

// The first certificate and key; rustls has one of each.
function identity({ key, cert, passphrase, pfx }) {
  if (list(pfx).length) throw coded(Error, 'ERR_WASMRUN_NOT_THERE', 'pfx is not there under WebAssembly: give `cert` and `key` in PEM (openssl pkcs12 -in FILE -nodes)');
  const [first] = list(cert);
  let [own] = list(key);
  if (first === undefined || own === undefined) return undefined;
  let password = passphrase;
  if (own.pem !== undefined) [own, password] = [own.pem, own.passphrase ?? passphrase];
  const made = { certificates: bytes(first, 'options.cert'), key: bytes(own, 'options.key'), password: password === undefined || password === null ? undefined : bytes(password, 'options.passphrase') };
  try {
    tls.check(made);
  } catch (e) {
    const { text } = e?.payload ?? e;
    // Of a key, OpenSSL's decoder says it otherwise.
    throw sslError(text === 'no start line' && tls.split(made.certificates).length ? { ...e.payload, text: 'unsupported' } : e);
  }
  return made;
}

// Certificates that the program's environment adds to those of the machine.
let extra;
function extraRoots() {
  if (extra === undefined) {
    extra = [];
    const path = process.env.NODE_EXTRA_CA_CERTS;
    try {
      if (path) extra.push(fs.readFileSync(path));
    } catch (e) {
      process.emitWarning(`Ignoring extra certs from \`${path}\`, load failed: ${e.message}`);
    }
  }
  return extra;
}

export class SecureContext {
  constructor(options = {}) {
    if (options === null || typeof options !== 'object') throw wrongType('options', 'of type object', options);
    const [minimum, maximum] = versions(options);
    const isOwn = options.ca !== undefined && options.ca !== null;
    const roots = isOwn ? list(options.ca).map((one) => bytes(one, 'options.ca')) : extraRoots();
    this._settings = {
      // A text without any certificate is no reason to fail (SSL_CTX_load_verify_locations(3) is not what reads it).
      roots: roots.filter((one) => tls.split(one).length), systemRoots: !isOwn, identity: identity(options), minimum, maximum,
    };
    this._key = JSON.stringify([minimum, maximum, isOwn, ...this._settings.roots.map(text), ...(this._settings.identity ? Object.values(this._settings.identity).map(text) : [])]);
    this.context = this;
  }
}
const text = (part) => (part === undefined ? '' : buffer(part).toString('latin1'));
export const createSecureContext = (options) => new SecureContext(options);

let standard;
export const standardContext = () => (standard ??= createSecureContext());

// What the runtime has of contexts. Clients with the same settings resume each other's sessions.
const KEPT = 64;
const made = new Map();
const NO_STORE = 'this machine has no trust store';

export function configOf(context, { server, ask = 'no', protocols = [], mayDoWithout = false }) {
  const key = `${server} ${ask} ${protocols.map((one) => `${one.length}:${text(one)}`).join()} ${context._key}`;
  let config = made.get(key);
  if (config) made.delete(key);
  else {
    // Node looks at the verdict itself when the handshake is over, so nothing refuses here.
    const settings = { ...context._settings, server, ask, protocols, verify: 'none' };
    try {
      config = tls.Config.create(settings);
    } catch (e) {
      const isStore = settings.systemRoots && (e?.payload ?? e)?.text?.startsWith(NO_STORE);
      if (!isStore || (!mayDoWithout && !settings.roots.length && !server)) throw sslError(e);
      config = tls.Config.create({ ...settings, systemRoots: false });
    }
    if (made.size >= KEPT) {
      const [oldest, unused] = made.entries().next().value;
      made.delete(oldest);
      unused[Symbol.dispose]();
    }
  }
  made.set(key, config);
  return config;
}

export function openSession(context, wanted, name) {
  const config = configOf(context, wanted);
  try {
    return tls.Session.open(config, name || undefined);
  } catch (e) {
    throw sslError(e);
  }
}

// `['h2', 'http/1.1']`, or the wire's form: each with its length before it (RFC 7301, 3.1).
export function protocolsOf(value) {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.map((one) => {
    const name = bytes(one, 'options.ALPNProtocols');
    if (name.length > 255) throw coded(RangeError, 'ERR_OUT_OF_RANGE', `The byte length of the protocol at index ${value.indexOf(one)} exceeds the maximum length. It must be <= 255. Received ${name.length}`);
    return name;
  });
  const wire = bytes(value, 'options.ALPNProtocols'), found = [];
  for (let at = 0; at < wire.length; at += 1 + wire[at]) found.push(wire.slice(at + 1, at + 1 + wire[at]));
  return found;
}
