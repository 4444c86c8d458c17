// node:https: node:http on connections of node:tls.
import { callable } from './callable.js';
import { Agent as HttpAgent } from './http-agent.js';
import { ClientRequest } from './http-client.js';
import { isAddress } from './http-options.js';
import { started, withRequests } from './http-server.js';
import { connect } from './tls.js';
import { Server as TlsServer } from './tls-server.js';

// What makes connections differ, so that none is used for a request that asks for another.
const DIFFERENCES = [
  'ca', 'cert', 'clientCertEngine', 'ciphers', 'key', 'pfx', 'rejectUnauthorized', 'servername', 'minVersion', 'maxVersion', 'secureProtocol', 'crl', 'honorCipherOrder', 'ecdhCurve', 'dhparam', 'secureOptions',
  'sessionIdContext', 'sigalgs', 'privateKeyIdentifier', 'privateKeyEngine',
];

// Callable without `new`, as Node's is.
export function Agent(options) {
  if (!new.target && !(this instanceof Agent)) return new Agent(options);
  HttpAgent.call(this, options);
  this.defaultPort = 443;
  this.protocol = 'https:';
  this.maxCachedSessions = this.options.maxCachedSessions ?? 100;
}
Object.setPrototypeOf(Agent, HttpAgent);
Agent.prototype = Object.create(HttpAgent.prototype, {
  constructor: { value: Agent, writable: true, configurable: true },
  createConnection: {
    value(port, host, options) {
      const all = [port, host, options].find((one) => one && typeof one === 'object') ?? {};
      const at = { ...(typeof port !== 'object' && { port }), ...(typeof host === 'string' && { host }) };
      return connect({ ...all, ...at });
    },
    writable: true, configurable: true,
  },
  getName: {
    value(options = {}) {
      const name = HttpAgent.prototype.getName.call(this, options);
      return `${name}:${DIFFERENCES.map((key) => (options[key] === undefined || options[key] === null || options[key] === '' ? '' : String(options[key]))).join(':')}:${options.checkServerIdentity ? 'own' : ''}`;
    },
    writable: true, configurable: true,
  },
});

let globalAgent = new Agent({ keepAlive: true, scheduling: 'lifo', timeout: 5000 });

export function request(...args) {
  const address = typeof args[0] === 'string' || isAddress(args[0]) ? args.shift() : undefined;
  const given = args[0] && typeof args[0] === 'object' ? args.shift() : {};
  const options = { ...given, _defaultAgent: globalAgent };
  return address === undefined ? new ClientRequest(options, args[0]) : new ClientRequest(address, options, args[0]);
}
export function get(...args) {
  const req = request(...args);
  req.end();
  return req;
}

const below = (options) => ({ ALPNProtocols: options?.ALPNCallback ? undefined : ['http/1.1'], ...options });
class ServerClass extends withRequests(TlsServer, 'secureConnection') {
  constructor(...args) {
    const [options, listener] = started(...args);
    super(below(options));
    this._begin(options, listener);
  }
  _begin(options, listener) {
    this._serve(options, listener);
    this.on('tlsClientError', (error, socket) => {
      if (!this.emit('clientError', error, socket)) socket.destroy(error);
    });
  }
}
export const Server = callable('Server', ServerClass, (self, args) => {
  const [options, listener] = started(...args);
  TlsServer.call(self, below(options));
  self._begin(options, listener);
});
export const createServer = (options, listener) => new Server(options, listener);

export default {
  Agent, Server, createServer, request, get,
  get globalAgent() { return globalAgent; },
  set globalAgent(agent) { globalAgent = agent; },
};
