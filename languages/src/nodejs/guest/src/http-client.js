// A request that goes out, and what comes of it.
import stream from 'stream';
import { connect } from './net.js';
import { latin1 } from './encoding.js';
import { nextTick } from './loop.js';
import { Agent } from './http-agent.js';
import { coded, maxHeaderSize, pairsOf, validateHeaderName, validateHeaderValue, wrongType } from './http-headers.js';
import { IncomingMessage } from './http-incoming.js';
import { Outgoing } from './http-outgoing.js';
import { ParseError, ResponseParser } from './http-parser.js';
import { optionsOf } from './http-options.js';

const Legacy = stream.Stream;
const PLAIN = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT']); // have no body, unless one is written

export const shared = { agent: new Agent({ keepAlive: true, scheduling: 'lifo', timeout: 5000 }) };

const hungUp = () => coded(Error, 'ECONNRESET', 'socket hang up');
const abortError = (signal) => Object.assign(new Error('The operation was aborted', { cause: signal.reason }), { name: 'AbortError', code: 'ABORT_ERR' });

class Request extends Outgoing {
  _initFor(to, given, listener) {
    this._init();
    const { options, listener: heard } = optionsOf(to, given, listener, shared.agent);
    Object.assign(this, {
      agent: options.agent, socketPath: options.socketPath, timeout: options.timeout, method: options.method, path: options.path, host: options.host,
      protocol: options.protocol, maxHeaderSize: options.maxHeaderSize, insecureHTTPParser: options.insecureHTTPParser,
      joinDuplicateHeaders: options.joinDuplicateHeaders, maxHeadersCount: null, reusedSocket: false, aborted: false, res: null, timeoutCb: null,
    });
    this._unique = options.uniqueHeaders?.length ? new Set(options.uniqueHeaders.flat().map((name) => String(name).toLowerCase())) : null;
    this._closed = false;
    this._ended = false;
    this._failed = false;
    this._waitingSize = 0;
    this._error = null;
    this._parser = null;
    this._last = !this.agent;
    this.useChunkedEncodingByDefault = !PLAIN.has(this.method);
    this.shouldKeepAlive = !!this.agent && (this.agent.keepAlive || Number.isFinite(this.agent.maxSockets));
    if (heard) this.once('response', heard);
    this._setFields(options);
    const { signal, ...rest } = options;
    if (signal) follow(this, signal);
    this._open(rest);
  }

  _setFields({ headers, auth, host, port, defaultPort, setHost }) {
    if (Array.isArray(headers)) return this._store(pairsOf(headers));
    if (headers && typeof headers[Symbol.iterator] === 'function') for (const [name, value] of headers) this.appendHeader(name, value);
    else if (headers) for (const name of Object.keys(headers)) this.setHeader(name, headers[name]);
    if (setHost && !this.getHeader('host')) {
      const name = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
      this.setHeader('Host', port && +port !== defaultPort ? `${name}:${port}` : name);
    }
    if (auth && !this.getHeader('authorization')) this.setHeader('Authorization', `Basic ${Buffer.from(auth).toString('base64')}`);
    if (this.getHeader('expect')) {
      this._store();
      this._flushHead();
    }
  }

  _open(options) {
    if (this.agent) return this.agent.addRequest(this, options);
    options = { ...options, path: options.socketPath };
    let isTold = false;
    const created = (error, socket) => {
      if (isTold) return;
      isTold = true;
      this.onSocket(socket, error);
    };
    const socket = options.createConnection ? options.createConnection(options, created) : connect(options);
    if (socket && typeof socket.then !== 'function') created(null, socket);
  }

  // ---- what goes out

  _implicitHeader() {
    if (this._head === null) this._store();
  }

  _store(pairs) {
    const fields = pairs ?? [...this._fields.values()];
    let asked = null, coding = null, isSized = false, hasTrailer = false;
    for (const [name, value] of fields) {
      if (pairs) {
        validateHeaderName(name);
        validateHeaderValue(name, value);
      }
      switch (name.toLowerCase()) {
        case 'connection': asked = String(value).toLowerCase(); break;
        case 'transfer-encoding': coding = String(value); break;
        case 'content-length': isSized = true; break;
        case 'trailer': hasTrailer = true; break;
      }
    }
    let framing = '';
    const mayFrame = this.useChunkedEncodingByDefault || (this._left !== 0 && !this._isBare && !pairs && this.method !== 'CONNECT');
    if (coding !== null) this._chunked = /chunked\s*$/i.test(coding);
    else if (!isSized && mayFrame) {
      if (this._left !== null && !this._removedContLen && !hasTrailer && !this._trailer) framing = `Content-Length: ${this._left}\r\n`;
      else if (!this._removedTE) {
        framing = 'Transfer-Encoding: chunked\r\n';
        this._chunked = true;
      }
    }
    this.chunkedEncoding = this._chunked;
    let wish = '';
    if (asked !== null) this.shouldKeepAlive = !/(^|[\s,])close\b/.test(asked) && !!this.agent;
    else if (!this._removedConnection) wish = `Connection: ${this.shouldKeepAlive ? 'keep-alive' : 'close'}\r\n`;
    this._last = !this.shouldKeepAlive;
    this._head = `${this.method} ${this.path} HTTP/1.1\r\n${this._lines(fields)}${wish}${framing}\r\n`;
  }

  flushHeaders() {
    this._isBare = true; // no body is known of yet
    super.flushHeaders();
  }

  _put(data, encoding, done) {
    if (this.socket) return super._put(data, encoding, done);
    this._waitingSize += data.length;
    super._put(data, encoding, done);
    return this._waitingSize < this.writableHighWaterMark;
  }
  get writableLength() { return this.socket ? this.socket.writableLength : this._waitingSize; }

  _sendFailed() {} // the socket tells of it
  _fail(error) { if (!this.destroyed) this.emit('error', error); }
  _done() {
    if (this.shouldKeepAlive && this._ended) this._keep();
  }

  // ---- its connection

  onSocket(socket, error) { nextTick(begin, this, socket, error); }

  setNoDelay(noDelay) { this._withSocket((socket) => socket.setNoDelay?.(noDelay)); }
  setSocketKeepAlive(enable, delay) { this._withSocket((socket) => socket.setKeepAlive?.(enable, delay)); }
  _withSocket(fn) {
    const later = (socket) => (socket.connecting ? socket.once('connect', () => fn(socket)) : fn(socket));
    if (this.socket) later(this.socket);
    else this.once('socket', later);
  }
  clearTimeout(fn) { return this.setTimeout(0, fn); }
  setTimeout(ms, fn) {
    if (typeof ms !== 'number') throw wrongType('"msecs" argument', 'of type number', ms);
    if (this._ended) return this;
    if (fn) this.once('timeout', fn);
    this.timeout = ms;
    this._listenTimeout();
    this._withSocket((socket) => socket.setTimeout(ms));
    return this;
  }
  _listenTimeout() {
    if (this.timeoutCb || !this.socket) return;
    this.timeoutCb = timedOut;
    this.socket.once('timeout', timedOut);
  }

  abort() {
    if (this.aborted) return;
    this.aborted = true;
    this.destroy();
    nextTick(() => this.emit('abort'));
  }
  destroy(error) {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.errored = error ?? null;
    this._error = error;
    this.res?._dump();
    if (this.socket) this.socket.destroy(error);
    else nextTick(close, this, error);
    return this;
  }

  // ---- what comes in

  _took(chunk) {
    const { socket, _parser: parser } = this;
    let rest;
    try {
      rest = parser.feed(chunk);
    } catch (e) {
      if (!(e instanceof ParseError)) throw e;
      return this._broken(e, chunk);
    }
    if (!parser.done) return;
    if (this.upgradeOrConnect) return this._handOver(rest ?? Buffer.alloc(0));
    socket.removeListener('data', onData);
    socket.removeListener('end', onEnd);
    socket.resume?.(); // its end is to be seen
    if (!rest) return;
    // Bytes behind the message: whoever sends them and we do not agree on where it ended.
    let at = 0;
    while (rest[at] === 13 || rest[at] === 10) at++;
    if (at === rest.length) return;
    if (latin1(rest, at, at + 5) === 'HTTP/') return void socket.destroy();
    this._broken(parser.head.keeps ? new ParseError('HPE_INVALID_CONSTANT', 'Expected HTTP/, RTSP/ or ICE/') : new ParseError('HPE_CLOSED_CONNECTION', 'Data after `Connection: close`'), chunk);
  }

  _broken(error, chunk) {
    const { socket } = this;
    error.rawPacket = chunk;
    socket.removeListener('data', onData);
    socket.removeListener('end', onEnd);
    socket.destroy();
    this._failed = true;
    this.emit('error', error);
  }

  _begin(head) {
    const { socket, method } = this;
    const res = new IncomingMessage(socket, true);
    res.req = this;
    res.httpVersionMinor = head.minor;
    res.httpVersion = `1.${head.minor}`;
    res.statusCode = head.status;
    res.statusMessage = head.reason;
    res.rawHeaders = head.rawHeaders;
    res.joinDuplicateHeaders = this.joinDuplicateHeaders;
    if (method === 'CONNECT' || (head.status === 101 && head.upgrade)) {
      res.upgrade = true;
      this.res = res;
      this.upgradeOrConnect = true;
      return 'other';
    }
    if (head.status < 200 && head.status !== 101) {
      if (head.status === 100) this.emit('continue');
      const { statusCode, statusMessage, httpVersion, httpVersionMajor, httpVersionMinor, headers, rawHeaders } = res;
      this.emit('information', { statusCode, statusMessage, httpVersion, httpVersionMajor, httpVersionMinor, headers, rawHeaders });
      return 'next';
    }
    this.res = res;
    const isBare = method === 'HEAD' || head.status === 204 || head.status === 304 || head.status === 101;
    const hasEnd = head.hasEnd || (isBare && method !== 'HEAD');
    if (!head.keeps || !hasEnd) this.shouldKeepAlive = false;
    res._wants = () => socket.isPaused?.() && !this._closed && socket.resume();
    res.on('end', ended);
    if (this.aborted || !this.emit('response', res)) res._dump();
    return isBare ? 'none' : 'body';
  }
  _give(bytes) {
    const { res } = this;
    if (!res.destroyed && !res.push(bytes)) this.socket.pause?.();
  }
  _finish(trailers) {
    const { res } = this;
    res.rawTrailers = trailers;
    res.complete = true;
    if (!res.destroyed) res.push(null);
  }

  _handOver(head) {
    const { socket, res } = this;
    const event = this.method === 'CONNECT' ? 'connect' : 'upgrade';
    res.complete = true;
    res.push(null);
    for (const name of ['data', 'end', 'drain']) socket.removeListener(name, LISTENERS[name]);
    socket.removeListener('timeout', timedOut);
    socket.removeListener('timeout', responseTimedOut);
    if (!this.listenerCount(event)) return void socket.destroy();
    socket.emit('agentRemove');
    socket.removeListener('close', onClose);
    socket.removeListener('error', onError);
    socket._httpMessage = null;
    // Who takes it begins to read when it listens.
    if (socket._readableState) socket._readableState.flowing = null;
    this.emit(event, res, socket, head);
    this.destroyed = true;
    this._closed = true;
    this.emit('close');
  }

  // Its connection is free when the listeners of the response's end are through.
  _keep() {
    if (this.destroyed) return;
    this.destroyed = true;
    nextTick(() => {
      const { socket } = this;
      if (this._closed) return;
      this._closed = true;
      this.emit('close');
      release(socket);
      socket.emit('free');
    });
  }
}

// Callable without `new`, as Node's is.
export function ClientRequest(to, options, listener) {
  if (!new.target && !(this instanceof ClientRequest)) return new ClientRequest(to, options, listener);
  Legacy.call(this);
  Request.prototype._initFor.call(this, to, options, listener);
}
ClientRequest.prototype = Request.prototype;
Object.defineProperty(ClientRequest.prototype, 'constructor', { value: ClientRequest, writable: true, configurable: true });

// Many requests use one socket one after the other: its listeners are these, and find theirs by it.
const LISTENERS = { error: onError, data: onData, end: onEnd, close: onClose, drain: onDrain };

function begin(req, socket, error) {
  if (error || req.destroyed) {
    if (socket && !error && req.agent && !socket.destroyed) socket.emit('free');
    else socket?.destroy(error);
    req.destroyed = true;
    return close(req, error ?? req._error);
  }
  req.socket = socket;
  req._parser = new ResponseParser(req, { maxHeaderSize: req.maxHeaderSize || maxHeaderSize, maxPairs: req.maxHeadersCount });
  socket._httpMessage = req;
  for (const name of Object.keys(LISTENERS)) socket.on(name, LISTENERS[name]);
  socket.on('timeout', responseTimedOut);
  if (req.timeout !== undefined) {
    req._listenTimeout();
    if (!req.agent && (socket.timeout ?? 0) !== req.timeout) socket.setTimeout?.(req.timeout);
  } else if (req.agent?.options?.timeout) req._listenTimeout();
  req.emit('socket', socket);
  const waiting = req._waiting ?? [];
  req._waiting = null;
  req._waitingSize = 0;
  let ok = true;
  for (const [data, encoding, done] of waiting) ok = req._put(data, encoding, done);
  if (ok && req._needDrain && !req.finished) {
    req._needDrain = false;
    req.emit('drain');
  }
}

function release(socket) {
  for (const name of Object.keys(LISTENERS)) socket.removeListener(name, LISTENERS[name]);
  socket.removeListener('timeout', timedOut);
  socket.removeListener('timeout', responseTimedOut);
}

function close(req, error) {
  if (req._closed) return;
  req._closed = true;
  if (!error && !req.aborted) error = hungUp();
  if (error) req.emit('error', error);
  req.emit('close');
}

function onData(chunk) { this._httpMessage?._took(chunk); }
function onDrain() {
  const req = this._httpMessage;
  if (!req?._needDrain || req.finished) return;
  req._needDrain = false;
  req.emit('drain');
}
function onEnd() {
  const req = this._httpMessage;
  if (!req) return;
  if (!req.res && !req._failed) {
    req._failed = true;
    req.emit('error', hungUp());
  }
  req._parser.end();
  this.end();
}
function onError(error) {
  const req = this._httpMessage;
  if (!req) return;
  req._failed = true;
  this.removeListener('data', onData);
  this.removeListener('end', onEnd);
  req.emit('error', error);
}
function onClose() {
  const req = this._httpMessage;
  if (!req) return;
  const { res } = req;
  req.destroyed = true;
  release(this);
  if (req._closed) return;
  req._closed = true;
  if (res) {
    if (!res.complete && !res.destroyed) res.destroy(coded(Error, 'ECONNRESET', 'aborted'));
  } else if (!req._failed) {
    req._failed = true;
    req.emit('error', hungUp());
  }
  req.emit('close');
}
function timedOut() { this._httpMessage?.emit('timeout'); }
function responseTimedOut() { this._httpMessage?.res?.emit('timeout'); }

// The response is read to its end.
function ended() {
  const { req } = this;
  const { socket } = req;
  socket.removeListener('timeout', timedOut);
  socket.removeListener('timeout', responseTimedOut);
  req._ended = true;
  if (!req.shouldKeepAlive) {
    if (!socket.writable) return;
    if (typeof socket.destroySoon === 'function') socket.destroySoon();
    else socket.end();
  } else if (req.writableFinished && !this.aborted) req._keep();
}

function follow(req, signal) {
  if (typeof signal !== 'object' || !('aborted' in signal)) throw wrongType('"options.signal" property', 'an instance of AbortSignal', signal);
  const abort = () => req.destroy(abortError(signal));
  if (signal.aborted) return abort();
  signal.addEventListener('abort', abort);
  req.once('close', () => signal.removeEventListener('abort', abort));
}

export const request = (to, options, listener) => new ClientRequest(to, options, listener);
export function get(to, options, listener) {
  const req = request(to, options, listener);
  req.end();
  return req;
}
