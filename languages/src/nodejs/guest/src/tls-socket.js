// A connection with TLS on another one: what arrives there is fed to a session of the runtime, what is written is sealed by it. The
// other one is of node:net, or any Duplex (tls.connect({ socket }), STARTTLS).
import tls from 'wasmrun:tls/session@0.1.0';
import { buffer, text } from './arguments.js';
import { coded } from './http-headers.js';
import { isIP } from './addresses.js';
import { nextTick } from './loop.js';
import { Socket, connectArgs } from './net.js';
import { setTimeout, clearTimeout } from './timers.js';
import { swallow } from './sockets.js';
import { chain, checkServerIdentity, namesOf } from './tls-certificates.js';
import { names, openSession, protocolsOf, standardContext } from './tls-context.js';
import { chainCode, hungUp, ofWrite, sslError, verificationError } from './tls-errors.js';
import { hello } from './tls-hello.js';

const SLICE = 262144; // bytes that are sealed at once
const HANDSHAKE_MS = 120000;
const LINGER_MS = 1000; // for an alert to be taken

export class TLSSocket extends Socket {
  constructor(parent, options = {}) {
    super({ allowHalfOpen: parent ? parent.allowHalfOpen : options.allowHalfOpen, signal: options.signal });
    this._tlsOptions = options;
    this._isServer = !!options.isServer;
    this._server = options.server;
    this._parent = null;
    this._session = null;
    this._facts = null;
    this._held = null; // a write or an end that waits for the handshake
    this._first = null; // a client's first bytes, until it is known what they ask for
    this._isFull = false;
    this._isDelivering = false;
    this._isWanted = false;
    this._limit = null;
    this.encrypted = true;
    this.authorized = false;
    this.authorizationError = null;
    this.alpnProtocol = null;
    this.servername = null;
    this.secureConnecting = true;
    this._context = options.secureContext;
    if (!parent) return;
    this._adopt(parent);
    // Who makes one itself and says nothing more wants its handshake; on a stream, once something is written.
    if (!options._isStarted && (this._isServer || parent instanceof Socket)) nextTick(() => this._start());
  }

  // ---- the connection below

  _adopt(parent) {
    this._parent = parent;
    this.connecting = !!parent.connecting;
    parent.on('error', (e) => this._failed(e));
    parent.on('close', () => this._lost());
    if (this.connecting) parent.once('connect', () => this._connected());
  }

  connect(...args) {
    const [options, listener] = connectArgs(args);
    if (listener) this.once('connect', listener);
    const parent = new Socket({ allowHalfOpen: true });
    parent.connecting = true;
    this._adopt(parent);
    parent.on('lookup', (...found) => this.emit('lookup', ...found));
    parent.connect(options);
    this._start();
    return this;
  }

  _connected() {
    this.connecting = false;
    this.emit('connect');
    this.emit('ready');
  }

  // The handshake begins as soon as there is a connection.
  _start() {
    const parent = this._parent;
    if (this._isStarted || !parent || this.destroyed) return;
    this._isStarted = true;
    const begin = () => {
      if (this.destroyed) return;
      if (this._isServer) this._limit = setTimeout(() => this._failed(coded(Error, 'ERR_TLS_HANDSHAKE_TIMEOUT', 'TLS handshake timeout')), this._tlsOptions.handshakeTimeout ?? HANDSHAKE_MS).unref();
      if (this._isServer && this._server?._picks) this._first = Buffer.alloc(0);
      else if (!this._open()) return;
      const take = (chunk) => this._arrived(chunk);
      if (parent instanceof Socket) parent._lend(take);
      else {
        parent.on('data', (chunk) => take(typeof chunk === 'string' ? Buffer.from(chunk) : chunk) || parent.pause());
        parent.on('end', () => take(null));
      }
    };
    if (parent.connecting) parent.once('connect', begin);
    else begin();
  }

  _open(given = {}) {
    const { requestCert, rejectUnauthorized, ALPNProtocols } = this._tlsOptions;
    const isServer = this._isServer;
    const ask = !isServer || !requestCert ? 'no' : rejectUnauthorized === false ? 'optional' : 'required';
    try {
      const context = given.context ?? this._context ?? standardContext();
      const wanted = { server: isServer, ask, protocols: given.protocols ?? protocolsOf(ALPNProtocols), mayDoWithout: rejectUnauthorized === false };
      const name = this.servername && !isIP(this.servername) ? this.servername : undefined;
      this._session = openSession(context, wanted, name);
      if (!isServer) this._advance(this._session.feed(new Uint8Array(), false));
    } catch (e) {
      this._failed(sslError(e));
      return false;
    }
    return true;
  }

  // A server with several certificates, or with a word in what is spoken.
  _ask(chunk) {
    if (chunk === null) return this._cut();
    this._first = Buffer.concat([this._first, chunk]);
    const asked = hello(this._first);
    if (asked === null) return true;
    const records = this._first;
    this._first = null;
    this._server._pick(asked, this, (error, given) => {
      if (this.destroyed) return;
      if (error) return this._failed(error);
      if (this._open(given) && this._arrived(records)) this._resume();
    });
    return false;
  }

  _resume() {
    const parent = this._parent;
    if (parent instanceof Socket) parent._read();
    else parent?.resume();
  }

  // ---- what arrives; the answer is whether more is wanted

  _arrived(chunk) {
    if (this.destroyed || !this._parent) return false;
    if (this._first !== null) return this._ask(chunk);
    if (!this._session) return false;
    if (chunk === null) return this._cut();
    let progress;
    try {
      progress = this._session.feed(chunk, false);
    } catch (e) {
      this._refused(e, chunk);
      return false;
    }
    return this._advance(progress);
  }

  _advance({ plaintext, toSend, handshaking, closed }) {
    const isSent = !toSend.length || this._parent.write(buffer(toSend));
    if (!handshaking && this.secureConnecting) this._shaken();
    if (this.destroyed) return false;
    let goesOn = true;
    if (plaintext.length) goesOn = this._deliver(buffer(plaintext));
    if (closed && !this.destroyed) goesOn = this._over();
    // Who sends what has to be answered, and does not read, waits.
    if (goesOn && !isSent && !handshaking && !this._parent?.destroyed) {
      this._parent?.once('drain', () => this._resume());
      return false;
    }
    return goesOn;
  }

  _deliver(chunk) {
    this.bytesRead += chunk.length;
    this._touch();
    this._isDelivering = true;
    this._isWanted = false;
    let goesOn = true;
    try {
      goesOn = this._sink ? this._sink(chunk) !== false : this.push(chunk);
    } finally {
      this._isDelivering = false;
      this._isFull = !goesOn && !this._isWanted;
    }
    return !this._isFull;
  }

  _read() {
    if (this._isDelivering) this._isWanted = true;
    if (!this._isFull) return;
    this._isFull = false;
    this._resume();
  }

  // The peer has said that nothing more comes.
  _over() {
    if (this._isOver) return false;
    this._isOver = true;
    if (this._sink) this._sink(null);
    this.push(null);
    if (this._sink) this.resume();
    else this.read(0);
    return false;
  }

  // The connection ends without that; Node takes it for the same.
  _cut() {
    if (!this.secureConnecting) return this._over();
    this._failed(hungUp(this._isServer));
    return false;
  }

  _lost() {
    if (this.destroyed) return;
    if (this.secureConnecting) this._failed(hungUp(this._isServer));
    else if (this._isOver) this.destroy();
    else {
      this._over();
      nextTick(() => this.destroy());
    }
  }

  // The session has failed: the peer is told why before the connection goes.
  _refused(thrown, chunk) {
    const { toSend } = thrown?.payload ?? thrown;
    const parent = this._parent;
    const error = sslError(thrown, this._isServer && this.secureConnecting ? chunk : undefined);
    if (toSend?.length && !parent.destroyed && error.reason !== 'http request') {
      this._parent = null;
      const over = setTimeout(() => parent.destroy(), LINGER_MS).unref();
      parent.once('close', () => clearTimeout(over));
      parent.end(buffer(toSend), () => parent.destroy());
    }
    this._failed(this._held?.isWrite ? ofWrite(error) : error);
  }

  // A server hears of its clients' faults while there is no connection for its program.
  _failed(error) {
    if (this.destroyed) return;
    if (!this._isServer || !this._server || !this.secureConnecting) return void this.destroy(error);
    this.destroy();
    this._server.emit('tlsClientError', error, this);
  }

  // ---- the handshake is over

  _shaken() {
    clearTimeout(this._limit);
    const facts = (this._facts = this._session.facts());
    this.alpnProtocol = facts.protocol ? buffer(facts.protocol).toString('latin1') : false;
    const error = this._isServer ? this._verdictOfServer(facts) : this._verdict(facts);
    if (error) {
      this.authorizationError = error.code ?? error.message;
      if (this._tlsOptions.rejectUnauthorized !== false) return this._failed(this._isServer ? hungUp(true) : error);
    } else this.authorized = !this._isServer || !!this._tlsOptions.requestCert;
    this.secureConnecting = false;
    this.emit('secure');
    if (this.destroyed) return;
    if (this._isServer) this._server?.emit('secureConnection', this);
    else this.emit('secureConnect');
    const held = this._held;
    this._held = null;
    if (!this.destroyed) held?.();
  }

  _verdict(facts) {
    this.servername ||= false;
    if (facts.verification) return verificationError(chainCode(facts.verification, facts.peer));
    const { checkServerIdentity: own, host, socket } = this._tlsOptions;
    const name = this.servername || host || socket?._host || 'localhost';
    if (own) return own(name, this.getPeerCertificate(true));
    // The whole of a certificate costs hashes.
    const error = checkServerIdentity(name, namesOf(facts.peer[0]));
    return error && Object.assign(error, { cert: this.getPeerCertificate(true) });
  }

  _verdictOfServer(facts) {
    this.servername = facts.serverName ?? false;
    if (!this._tlsOptions.requestCert) return undefined;
    if (!facts.peer.length) return verificationError(2);
    return facts.verification ? verificationError(chainCode(facts.verification, facts.peer)) : undefined;
  }

  // ---- what leaves

  _write(chunk, encoding, done) {
    this._start();
    if (this.secureConnecting) {
      this._held = Object.assign(() => this._write(chunk, encoding, done), { isWrite: true });
      return;
    }
    this._touch();
    this._seal(chunk, 0, done);
  }

  _seal(chunk, at, done) {
    if (!this._parent || this._parent.destroyed) return done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE', errno: -32, syscall: 'write' }));
    const part = chunk.length <= SLICE ? chunk : chunk.subarray(at, at + SLICE);
    let sealed;
    try {
      sealed = this._session.seal(part);
    } catch (e) {
      return done(sslError(e));
    }
    this._sent += part.length;
    const next = at + part.length;
    this._parent.write(buffer(sealed), (error) => {
      if (error || next >= chunk.length || this.destroyed) return done(error);
      this._touch();
      this._seal(chunk, next, done);
    });
  }

  _final(done) {
    if (this.secureConnecting && !this.destroyed) {
      this._held = () => this._final(done);
      return;
    }
    const parent = this._parent;
    if (!parent || parent.destroyed || !this._session) return done();
    parent.end(buffer(this._session.close()), () => done());
  }

  _destroy(error, done) {
    clearTimeout(this._timer);
    clearTimeout(this._limit);
    this._timer = this._held = this._first = null;
    const parent = this._parent;
    this._parent = null;
    const session = this._session;
    this._session = null;
    if (session) swallow(() => session[Symbol.dispose]());
    if (parent && !parent.destroyed) parent.destroy();
    done(error);
  }

  // ---- what is known of it

  _of(ask) { return this._facts ? ask(this._facts) : null; }
  getProtocol() { return this._of((facts) => names[facts.version] ?? 'unknown'); }
  getCipher() {
    return this._of(({ suite }) => ({ name: suite, standardName: STANDARD[suite] ?? suite, version: suite.startsWith('TLS_') ? 'TLSv1.3' : 'TLSv1.2' }));
  }
  getPeerCertificate(detailed) { return this._parent ? this._of((facts) => chain(facts.peer, detailed, this._roots())) ?? {} : null; }
  _roots() { return (this._context ?? standardContext())._settings.roots; }
  getCertificate() {
    const own = (this._context ?? standardContext())._settings.identity;
    const first = own && tls.split(own.certificates)[0];
    return first ? chain([first], false) : {};
  }
  isSessionReused() { return this._facts?.resumed ?? false; }
  getSession() { return undefined; } // the runtime keeps sessions, by name
  setSession() {}
  getTLSTicket() { return undefined; }
  getFinished() { return undefined; }
  getPeerFinished() { return undefined; }
  getEphemeralKeyInfo() { return this._isServer ? null : this._facts ? { type: 'ECDH' } : {}; }
  getSharedSigalgs() { return []; }
  exportKeyingMaterial(length, label, context) {
    if (!this._session || this.secureConnecting) throw coded(Error, 'ERR_TLS_INVALID_STATE', 'TLS socket connection must be securely established');
    text(label, 'label');
    try {
      return buffer(this._session.derive(label, context === undefined ? undefined : new Uint8Array(context), length));
    } catch (e) {
      throw sslError(e);
    }
  }
  setServername(name) {
    text(name, 'name');
    if (this._isServer) throw coded(Error, 'ERR_TLS_SNI_FROM_SERVER', 'Cannot issue SNI from a TLS server-side socket');
    this.servername = name;
  }
  setMaxSendFragment() { return false; }
  disableRenegotiation() {}
  renegotiate(options, done) {
    const error = coded(Error, 'ERR_TLS_RENEGOTIATION_DISABLED', 'TLS session renegotiation disabled for this socket');
    if (done) nextTick(done, error);
    return false;
  }
  enableTrace() {}

  setNoDelay(on) { this._parent?.setNoDelay?.(on); return this; }
  setKeepAlive(...args) { this._parent?.setKeepAlive?.(...args); return this; }
  ref() { this._parent?.ref?.(); return this; }
  unref() { this._parent?.unref?.(); return this; }
  address() { return this._parent?.address?.() ?? {}; }
  get pending() { return this.connecting || !this._parent; }
  get remoteAddress() { return this._parent?.remoteAddress; }
  get remotePort() { return this._parent?.remotePort; }
  get remoteFamily() { return this._parent?.remoteFamily; }
  get localAddress() { return this._parent?.localAddress; }
  get localPort() { return this._parent?.localPort; }
  get localFamily() { return this._parent?.localFamily; }
  get _handle() { return this._parent ? { _parentWrap: this } : null; }
}

// Names of RFC 5246 and RFC 8446 of what OpenSSL calls otherwise.
const STANDARD = {
  'ECDHE-ECDSA-AES256-GCM-SHA384': 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', 'ECDHE-ECDSA-AES128-GCM-SHA256': 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-CHACHA20-POLY1305': 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-RSA-AES256-GCM-SHA384': 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
  'ECDHE-RSA-AES128-GCM-SHA256': 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'ECDHE-RSA-CHACHA20-POLY1305': 'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
};
