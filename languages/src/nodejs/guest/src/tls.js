// node:tls, by sessions of the runtime (rustls): TLS 1.2 and 1.3.
import { isIP } from './addresses.js';
import process from './process.js';
import { checkServerIdentity } from './tls-certificates.js';
import { CIPHERS, SecureContext, createSecureContext, defaults, protocolsOf } from './tls-context.js';
import { Server, createServer } from './tls-server.js';
import { TLSSocket } from './tls-socket.js';

// (options), (port, host, options) and what lies between, each with a listener behind it.
function argsOf(args) {
  const listener = typeof args[args.length - 1] === 'function' ? args[args.length - 1] : undefined;
  const given = args.find((one) => one && typeof one === 'object') ?? {};
  if (args[0] && typeof args[0] === 'object') return [{ ...given }, listener];
  if (typeof args[0] === 'string' && isNaN(args[0])) return [{ ...given, path: args[0] }, listener];
  return [{ ...given, port: args[0], ...(typeof args[1] === 'string' && { host: args[1] }) }, listener];
}

let isWarned = false;
function mayReject() {
  if (process.env.NODE_TLS_REJECT_UNAUTHORIZED !== '0') return true;
  if (!isWarned) process.emitWarning("Setting the NODE_TLS_REJECT_UNAUTHORIZED environment variable to '0' makes TLS connections and HTTPS requests insecure by disabling certificate verification.");
  isWarned = true;
  return false;
}

export function connect(...args) {
  const [given, listener] = argsOf(args);
  const options = { ...given, rejectUnauthorized: given.rejectUnauthorized ?? mayReject() };
  const socket = new TLSSocket(options.socket, { ...options, isServer: false, secureContext: options.secureContext ?? createSecureContext(options), _isStarted: true });
  if (listener) socket.once('secureConnect', listener);
  if (options.servername) socket.setServername(options.servername);
  if (options.socket) socket._start();
  else {
    if (options.timeout) socket.setTimeout(options.timeout);
    socket.connect(options);
  }
  return socket;
}

export { TLSSocket, Server, SecureContext, createServer, createSecureContext, checkServerIdentity, isIP };
export default {
  connect, createServer, createSecureContext, TLSSocket, Server, SecureContext, checkServerIdentity, getCiphers: () => [...CIPHERS].sort(),
  rootCertificates: Object.freeze([]), DEFAULT_ECDH_CURVE: 'auto', DEFAULT_CIPHERS: CIPHERS.map((name) => name.toUpperCase()).join(':'),
  CLIENT_RENEG_LIMIT: 3, CLIENT_RENEG_WINDOW: 600,
  get DEFAULT_MIN_VERSION() { return defaults.min; }, set DEFAULT_MIN_VERSION(name) { defaults.min = name; },
  get DEFAULT_MAX_VERSION() { return defaults.max; }, set DEFAULT_MAX_VERSION(name) { defaults.max = name; },
  convertALPNProtocols(protocols, out) {
    const all = protocolsOf(protocols).map((name) => Buffer.concat([Buffer.of(name.length), name]));
    if (all.length) out.ALPNProtocols = Buffer.concat(all);
  },
};
