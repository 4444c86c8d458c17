// A server whose connections have TLS.
import { callable } from './callable.js';
import { Server as NetServer } from './net.js';
import { wrongType } from './arguments.js';
import { coded } from './http-headers.js';
import { SecureContext, createSecureContext, protocolsOf } from './tls-context.js';
import { TLSSocket } from './tls-socket.js';

function checked(options, listener) {
  if (typeof options === 'function') return [{}, options];
  if (options !== undefined && (options === null || typeof options !== 'object')) throw wrongType('options', 'of type object', options);
  return [options ?? {}, listener];
}
const below = ({ allowHalfOpen, pauseOnConnect }) => ({ allowHalfOpen, pauseOnConnect });
class ServerClass extends NetServer {
  constructor(...args) {
    const [options, listener] = checked(...args);
    super(below(options));
    this._beginTls(options, listener);
  }
  _beginTls(options, listener) {
    this._tls = options;
    this._contexts = [];
    for (const name of ['SNICallback', 'ALPNCallback']) if (options[name] && typeof options[name] !== 'function') throw wrongType(`options.${name}`, 'of type function', options[name]);
    if (options.ALPNCallback && options.ALPNProtocols) throw coded(TypeError, 'ERR_TLS_ALPN_CALLBACK_WITH_PROTOCOLS', 'The ALPNCallback and ALPNProtocols TLS options are mutually exclusive');
    this.setSecureContext(options);
    if (listener) this.on('secureConnection', listener);
    this.on('connection', (socket) => secure(this, socket));
  }

  setSecureContext(options) { this._secureContext = createSecureContext(options); }

  // The last one that was added for a name is taken.
  addContext(name, context) {
    if (!name) throw coded(Error, 'ERR_TLS_REQUIRED_SERVER_NAME', '"servername" is required parameter for Server.addContext');
    const pattern = new RegExp(`^${name.replace(/([.^$+?\-\\[\]{}])/g, '\\$1').replaceAll('*', '[^.]*')}$`, 'i');
    this._contexts.unshift([pattern, context instanceof SecureContext ? context : createSecureContext(context)]);
  }

  get _picks() { return this._contexts.length > 0 || !!this._tls.SNICallback || !!this._tls.ALPNCallback; }

  // The context and the protocols for what a client asks for.
  _pick({ servername, protocols }, socket, done) {
    const given = {};
    const chosen = (error, context) => {
      if (error) return done(error);
      if (context !== null && context !== undefined) {
        const own = context.context ?? context;
        if (!(own instanceof SecureContext)) return done(coded(TypeError, 'ERR_TLS_INVALID_CONTEXT', 'context must be a SecureContext'));
        given.context = own;
      }
      done(null, given);
    };
    if (this._tls.ALPNCallback && protocols.length) {
      const answer = this._tls.ALPNCallback.call(socket, { servername: servername || false, protocols });
      // Of none, the handshake says so.
      if (answer === undefined) given.protocols = protocolsOf(['\0']);
      else if (!protocols.includes(answer)) return done(coded(TypeError, 'ERR_TLS_ALPN_CALLBACK_INVALID_RESULT', `ALPN callback returned a value (${answer}) that did not match any of the client's offered protocols (${protocols.join(', ')})`));
      else given.protocols = protocolsOf([answer]);
    }
    if (servername && this._tls.SNICallback) {
      let isTold = false;
      this._tls.SNICallback.call(socket, servername, (error, context) => {
        if (isTold) return;
        isTold = true;
        chosen(error, context);
      });
    } else chosen(null, servername ? this._contexts.find(([pattern]) => pattern.test(servername))?.[1] : null);
  }

  getTicketKeys() { return Buffer.alloc(48); }
  setTicketKeys() {}
}
export const Server = callable('Server', ServerClass, (self, args) => {
  const [options, listener] = checked(...args);
  NetServer.call(self, below(options));
  self._beginTls(options, listener);
});

function secure(server, socket) {
  const { requestCert, rejectUnauthorized, ALPNProtocols, handshakeTimeout } = server._tls;
  const over = new TLSSocket(socket, {
    isServer: true, server, secureContext: server._secureContext, requestCert: !!requestCert, rejectUnauthorized: rejectUnauthorized !== false, ALPNProtocols, handshakeTimeout, _isStarted: true,
  });
  // What its program does not hear of ends the connection, not the server.
  over.on('error', () => {});
  over._start();
}

export const createServer = (options, listener) => new Server(options, listener);
