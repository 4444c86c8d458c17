// node:http, the server half. A connection's requests are handled one after the other, which keeps pipelined answers in
// their order.
import stream from 'readable-stream';
import { Server as NetServer, Socket } from './net.js';
import { nextTick, enter } from './loop.js';
import { add as addToEnding, remove as removeFromEnding, hasBegun } from './ending.js';
import { setTimeout, clearTimeout } from './timers.js';
import { latin1 } from './encoding.js';
import { STATUS_CODES, METHODS } from './http-names.js';

const { Readable } = stream;
const Legacy = stream.Stream;
export { STATUS_CODES, METHODS };
export let maxHeaderSize = 16384;
const MAX_WAITING = 65536; // bytes of the next requests that are kept while one is answered

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const BAD_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
const ONCE = new Set(['age', 'authorization', 'content-length', 'content-type', 'etag', 'expires', 'from', 'host', 'if-modified-since', 'if-unmodified-since',
  'last-modified', 'location', 'max-forwards', 'proxy-authorization', 'referer', 'retry-after', 'server', 'user-agent']);

const coded = (Type, code, text) => Object.assign(new Type(text), { code });
export function validateHeaderName(name) {
  if (typeof name !== 'string' || !TOKEN.test(name)) throw coded(TypeError, 'ERR_INVALID_HTTP_TOKEN', `Header name must be a valid HTTP token ["${name}"]`);
}
export function validateHeaderValue(name, value) {
  if (value === undefined) throw coded(TypeError, 'ERR_HTTP_INVALID_HEADER_VALUE', `Invalid value "${value}" for header "${name}"`);
  for (const v of Array.isArray(value) ? value : [value]) {
    if (BAD_VALUE.test(v)) throw coded(TypeError, 'ERR_INVALID_CHAR', `Invalid character in header content ["${name}"]`);
  }
}

let dateText = '', dateUntil = 0;
function date() {
  const now = Date.now();
  if (now >= dateUntil) {
    dateText = new Date(now).toUTCString();
    dateUntil = now - (now % 1000) + 1000;
  }
  return dateText;
}

export class IncomingMessage extends Readable {
  constructor(socket) {
    super({ autoDestroy: false, emitClose: false });
    this.socket = socket;
    this.httpVersion = '1.1';
    this.httpVersionMajor = 1;
    this.httpVersionMinor = 1;
    this.rawHeaders = [];
    this.rawTrailers = [];
    this.complete = false;
    this.aborted = false;
    this.upgrade = false;
    this.url = '';
    this.method = null;
    this.statusCode = null;
    this.statusMessage = null;
    this._headers = null;
    this._trailers = null;
    this._wants = null;
  }
  get connection() { return this.socket; }
  set connection(socket) { this.socket = socket; }
  get headers() { return (this._headers ??= gather(this.rawHeaders)); }
  set headers(h) { this._headers = h; }
  get trailers() { return (this._trailers ??= gather(this.rawTrailers)); }
  set trailers(t) { this._trailers = t; }
  get headersDistinct() { return distinct(this.rawHeaders); }
  get trailersDistinct() { return distinct(this.rawTrailers); }
  setTimeout(ms, fn) { this.socket?.setTimeout(ms, fn); return this; }
  _read() { this._wants?.(); }
  _destroy(error, done) {
    if (!this.readableEnded || !this.complete) {
      this.aborted = true;
      this.emit('aborted');
    }
    // A request that is given up takes its connection along, unless the answer is already on its way.
    if (this.socket && !this.socket.destroyed && this.aborted && error) this.socket.destroy(error);
    if (error && !this.listenerCount('error')) error = null;
    nextTick(() => {
      done(error);
      closeOnce(this);
    });
  }
}

function closeOnce(message) {
  if (message._closed) return;
  message._closed = true;
  message.emit('close');
}

function gather(raw) {
  const out = {};
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i].toLowerCase(), value = raw[i + 1], had = out[name];
    if (name === 'set-cookie') had ? had.push(value) : (out[name] = [value]);
    else if (had === undefined) out[name] = value;
    else if (!ONCE.has(name)) out[name] = had + (name === 'cookie' ? '; ' : ', ') + value;
  }
  return out;
}
function distinct(raw) {
  const out = Object.create(null);
  for (let i = 0; i < raw.length; i += 2) (out[raw[i].toLowerCase()] ??= []).push(raw[i + 1]);
  return out;
}

class Outgoing extends Legacy {
  _init() {
    this._fields = new Map(); // lower-case name -> [name, value]
    this._head = null;
    this._chunked = false;
    this._bodyless = false;
    this._left = null;
    this._trailer = '';
    this._waiting = null; // what is written before there is a socket
    this._needDrain = false;
    this.socket = null;
    this._headerSent = false;
    this.finished = false;
    this.writableFinished = false;
    this.destroyed = false;
    this.closed = false;
    this.sendDate = true;
    this.shouldKeepAlive = true;
    this.useChunkedEncodingByDefault = true;
    this.chunkedEncoding = false;
    this.maxRequestsOnConnectionReached = false;
    this.strictContentLength = false;
    this._sent100 = false;
    this._removedConnection = this._removedContLen = this._removedTE = false;
    this._hasBody = true;
    this._defaultKeepAlive = true;
    this.errored = null;
  }
  get connection() { return this.socket; }
  get writable() { return !this.finished && !this.destroyed; }
  get writableEnded() { return this.finished; }
  get writableObjectMode() { return false; }
  get writableLength() { return this.socket?.writableLength ?? 0; }
  get writableHighWaterMark() { return this.socket?.writableHighWaterMark ?? 16384; }
  get writableCorked() { return 0; }
  get writableNeedDrain() { return !this.destroyed && !this.finished && this._needDrain; }
  get _header() { return this._head; }
  // Node counts a head as sent from when it is made: middleware that wraps write and end relies on it.
  get headersSent() { return this._head !== null; }
  get _headers() { return this.getHeaders(); }

  setHeader(name, value) {
    if (this._head !== null) throw coded(Error, 'ERR_HTTP_HEADERS_SENT', 'Cannot set headers after they are sent to the client');
    validateHeaderName(name);
    validateHeaderValue(name, value);
    this._fields.set(name.toLowerCase(), [name, value]);
    return this;
  }
  setHeaders(headers) {
    for (const [k, v] of headers) this.setHeader(k, v);
    return this;
  }
  appendHeader(name, value) {
    const had = this.getHeader(name);
    return this.setHeader(name, had === undefined ? value : [].concat(had, value));
  }
  getHeader(name) { return this._fields.get(String(name).toLowerCase())?.[1]; }
  hasHeader(name) { return this._fields.has(String(name).toLowerCase()); }
  removeHeader(name) {
    if (this._head !== null) throw coded(Error, 'ERR_HTTP_HEADERS_SENT', 'Cannot remove headers after they are sent to the client');
    name = name.toLowerCase();
    this._fields.delete(name);
    if (name === 'date') this.sendDate = false;
    if (name === 'connection') this._removedConnection = true;
    if (name === 'content-length') this._removedContLen = true;
    if (name === 'transfer-encoding') this._removedTE = true;
  }
  getHeaders() {
    const out = Object.create(null);
    for (const [k, [, v]] of this._fields) out[k] = v;
    return out;
  }
  getHeaderNames() { return [...this._fields.keys()]; }
  getRawHeaderNames() { return [...this._fields.values()].map(([n]) => n); }
  addTrailers(trailers) {
    for (const [k, v] of Array.isArray(trailers) ? trailers : Object.entries(trailers)) {
      validateHeaderName(k);
      validateHeaderValue(k, v);
      this._trailer += `${k}: ${v}\r\n`;
    }
  }
  cork() {}
  uncork() {}
  setTimeout(ms, fn) {
    if (fn) this.on('timeout', fn);
    if (this.socket) this.socket.setTimeout(ms);
    else this.once('socket', (s) => s.setTimeout(ms));
    return this;
  }
  flushHeaders() {
    if (this._head === null) this._implicitHeader();
    this._flushHead();
  }
  _flushHead() {
    if (this._headerSent) return;
    this._headerSent = true;
    this._put(this._head, 'latin1');
  }
  // What is written goes to the socket at once, or waits for one (light-my-request has its own idea of a socket).
  _put(data, encoding, done) {
    if (!this.socket) {
      (this._waiting ??= []).push([data, encoding, done]);
      return false;
    }
    if (this.socket.destroyed || !this.socket.writable) {
      if (done) nextTick(done, coded(Error, 'ERR_STREAM_DESTROYED', 'Cannot call write after a stream was destroyed'));
      return false;
    }
    return this.socket.write(data, encoding, done);
  }
  assignSocket(socket) {
    this.socket = socket;
    socket._httpMessage = this;
    this.emit('socket', socket);
    for (const [d, e, cb] of this._waiting ?? []) this._put(d, e, cb);
    this._waiting = null;
  }
  detachSocket(socket) {
    socket._httpMessage = null;
    this.socket = null;
  }

  write(chunk, encoding, done) {
    if (typeof encoding === 'function') [encoding, done] = [undefined, encoding];
    if (this.finished) {
      const e = coded(Error, 'ERR_STREAM_WRITE_AFTER_END', 'write after end');
      nextTick(() => {
        done?.(e);
        this._fail(e);
      });
      return false;
    }
    if (this.destroyed) {
      if (done) nextTick(done, coded(Error, 'ERR_STREAM_DESTROYED', 'Cannot call write after a stream was destroyed'));
      return false;
    }
    chunk = body(chunk, encoding);
    if (this._head === null) this._implicitHeader();
    if (this._bodyless) {
      this._flushHead();
      if (done) nextTick(done);
      return true;
    }
    if (chunk.length === 0) {
      if (done) nextTick(done);
      return true;
    }
    let ok;
    if (this._chunked) ok = this._send([Buffer.from(chunk.length.toString(16) + '\r\n', 'latin1'), chunk, CRLF], done);
    else ok = this._send([chunk], done);
    if (!ok) this._needDrain = true;
    return ok;
  }

  // One packet where it can be: the head goes along with the first of the body.
  _send(parts, done) {
    if (!this._headerSent) {
      this._headerSent = true;
      parts.unshift(Buffer.from(this._head, 'latin1'));
    }
    return this._put(parts.length === 1 ? parts[0] : Buffer.concat(parts), undefined, done);
  }

  end(chunk, encoding, done) {
    if (typeof chunk === 'function') [chunk, done] = [undefined, chunk];
    else if (typeof encoding === 'function') [encoding, done] = [undefined, encoding];
    if (this.finished) {
      if (done) {
        if (this.writableFinished) nextTick(done, coded(Error, 'ERR_STREAM_ALREADY_FINISHED', 'Cannot call end after a stream was finished'));
        else this.once('finish', done);
      }
      return this;
    }
    if (done) this.once('finish', done);
    const parts = [];
    if (chunk !== undefined && chunk !== null) {
      chunk = body(chunk, encoding);
      if (this._head === null) {
        this._left = chunk.length;
        this._implicitHeader();
      }
      if (!this._bodyless && chunk.length) {
        if (this._chunked) parts.push(Buffer.from(chunk.length.toString(16) + '\r\n', 'latin1'), chunk, CRLF);
        else parts.push(chunk);
      }
    } else if (this._head === null) {
      this._left = 0;
      this._implicitHeader();
    }
    if (this._chunked && !this._bodyless) parts.push(Buffer.from(`0\r\n${this._trailer}\r\n`, 'latin1'));
    this.finished = true;
    const finish = (e) => {
      if (e) return this._fail(e);
      this.writableFinished = true;
      this.emit('finish');
      this._done();
    };
    if (parts.length === 0 && this._headerSent) nextTick(finish);
    else this._send(parts, finish);
    return this;
  }
  _done() {}
  _fail(e) {
    if (this.destroyed) return;
    if (this.listenerCount('error')) this.emit('error', e);
    this.destroy();
  }
  destroy(error) {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.errored = error ?? null;
    if (this.socket) this.socket.destroy(error);
    return this;
  }
}

const CRLF = Buffer.from('\r\n');
function body(chunk, encoding) {
  if (typeof chunk === 'string') return Buffer.from(chunk, encoding);
  if (chunk instanceof Uint8Array) return chunk;
  throw coded(TypeError, 'ERR_INVALID_ARG_TYPE', 'The "chunk" argument must be of type string or an instance of Buffer or Uint8Array. Received ' + (chunk === null ? 'null' : typeof chunk));
}

class Response extends Outgoing {
  _initFor(req, options) {
    this._init();
    this.req = req;
    this.statusCode = 200;
    this.statusMessage = undefined;
    this._noBody = req.method === 'HEAD';
    this._close = options?.keepAlive === false;
    if (req.httpVersionMajor < 1 || (req.httpVersionMajor === 1 && req.httpVersionMinor < 1)) {
      this._old = true;
      this.useChunkedEncodingByDefault = false;
      this.shouldKeepAlive = false;
    }
  }
  writeContinue(done) {
    this._sent100 = true;
    this._put('HTTP/1.1 100 Continue\r\n\r\n', 'latin1', done);
  }
  writeProcessing(done) { this._put('HTTP/1.1 102 Processing\r\n\r\n', 'latin1', done); }
  writeEarlyHints(hints, done) {
    let s = 'HTTP/1.1 103 Early Hints\r\n';
    for (const [k, v] of Object.entries(hints)) for (const one of [].concat(v)) s += `${k}: ${one}\r\n`;
    this._put(s + '\r\n', 'latin1', done);
  }
  _implicitHeader() { this.writeHead(this.statusCode); }
  writeHeader(...args) { return this.writeHead(...args); }

  writeHead(status, reason, headers) {
    if (this._head !== null) throw coded(Error, 'ERR_HTTP_HEADERS_SENT', 'Cannot write headers after they are sent to the client');
    status |= 0;
    if (status < 100 || status > 999) throw coded(RangeError, 'ERR_HTTP_INVALID_STATUS_CODE', `Invalid status code: ${status}`);
    if (typeof reason === 'string') this.statusMessage = reason;
    else {
      this.statusMessage ||= STATUS_CODES[status] || 'unknown';
      headers ??= reason;
    }
    this.statusCode = status;
    if (BAD_VALUE.test(this.statusMessage)) throw coded(TypeError, 'ERR_INVALID_CHAR', 'Invalid character in statusMessage');
    if (Array.isArray(headers)) {
      const pairs = Array.isArray(headers[0]) ? headers : headers.map((v, i) => (i % 2 ? null : [v, headers[i + 1]])).filter(Boolean);
      for (const [k] of pairs) this._fields.delete(k.toLowerCase());
      for (const [k, v] of pairs) this.appendHeader(k, v);
    } else if (headers) for (const k of Object.keys(headers)) if (k) this.setHeader(k, headers[k]);

    let s = `HTTP/1.1 ${status} ${this.statusMessage}\r\n`;
    for (const [low, [name, value]] of this._fields) {
      if (Array.isArray(value)) {
        if (low === 'cookie') s += `${name}: ${value.join('; ')}\r\n`;
        else for (const v of value) s += `${name}: ${v}\r\n`;
      } else s += `${name}: ${value}\r\n`;
    }
    const has = (name) => this._fields.has(name);
    if (this.sendDate && !has('date')) s += `Date: ${date()}\r\n`;
    const empty = status === 204 || status === 304 || status < 200;
    this._bodyless = this._noBody || empty;
    this._hasBody = !this._bodyless;
    const framed = has('content-length') || has('transfer-encoding');
    const asked = has('connection') ? String(this.getHeader('connection')).toLowerCase() : '';
    let last = !this.shouldKeepAlive || this._close || asked.includes('close');
    let framing = '';
    if (has('transfer-encoding')) this._chunked = /chunked/i.test(this.getHeader('transfer-encoding'));
    else if (!framed && !empty) {
      if (this._left !== null && !this._removedContLen && !this._trailer && !has('trailer')) {
        if (!this._noBody || this._left) framing = `Content-Length: ${this._left}\r\n`;
      } else if (this.useChunkedEncodingByDefault && !this._removedTE) {
        framing = 'Transfer-Encoding: chunked\r\n';
        this._chunked = true;
      } else if (!this._noBody) last = true;
    }
    this.chunkedEncoding = this._chunked;
    if (!asked && !this._removedConnection) {
      s += last ? 'Connection: close\r\n' : this._keepText;
    }
    this._last = last;
    this._head = s + framing + '\r\n';
    return this;
  }
  _done() { this._onDone?.(); }
}
Response.prototype._keepText = 'Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n';

// Callable without `new`, as Node's is: light-my-request and older packages inherit from it that way.
export function ServerResponse(req, options) {
  if (!new.target && !(this instanceof ServerResponse)) return new ServerResponse(req, options);
  Legacy.call(this);
  Response.prototype._initFor.call(this, req, options);
}
ServerResponse.prototype = Response.prototype;
Object.defineProperty(ServerResponse.prototype, 'constructor', { value: ServerResponse, writable: true, configurable: true });
export function OutgoingMessage() {
  Legacy.call(this);
  Outgoing.prototype._init.call(this);
}
OutgoingMessage.prototype = Outgoing.prototype;

// ---- one connection

class Refusal extends Error {
  constructor(status, code, text) {
    super(text);
    this.status = status;
    this.code = code;
  }
}

const HEAD = 0, FIXED = 1, SIZE = 2, CHUNK = 3, CHUNK_END = 4, TRAILER = 5, WAIT = 6;

class Connection {
  constructor(server, socket) {
    this.server = server;
    this.socket = socket;
    this.buf = null;
    this.state = HEAD;
    this.left = 0;
    this.req = null;
    this.res = null;
    this.held = false;
    this.gone = false;
    this.answered = 0;
    this.limit(server.headersTimeout || 60000);
    socket._sink = (chunk) => this.data(chunk);
    socket.on('error', (e) => {
      if (!this.server.emit('clientError', e, socket)) socket.destroy(e);
    });
    socket.on('drain', () => {
      if (this.res?._needDrain) {
        this.res._needDrain = false;
        this.res.emit('drain');
      }
    });
    socket.on('timeout', () => {
      const heard = this.req?.emit('timeout', socket) | this.res?.emit('timeout', socket) | server.emit('timeout', socket);
      if (!heard) socket.destroy();
    });
    socket.on('close', () => this.closed());
    if (server.timeout) socket.setTimeout(server.timeout);
  }

  late() {
    if (this.res) return;
    if (this.buf?.length || !this.answered) {
      const e = coded(Error, 'ERR_HTTP_REQUEST_TIMEOUT', 'Request timeout');
      this.refuse(Object.assign(e, { status: 408 }));
    } else this.socket.destroySoon();
  }

  closed() {
    clearTimeout(this.idle);
    this.server._connections.delete(this);
    this.abort();
  }

  // The client is gone: whoever works on its request is told.
  abort() {
    const { req, res } = this;
    if (this.gone) return;
    this.gone = true;
    if (req && !req._closed) {
      if (!req.complete || (res && !res.writableFinished)) {
        req.aborted = true;
        req.emit('aborted');
        if (!req.complete && req.listenerCount('error')) req.destroy(coded(Error, 'ECONNRESET', 'aborted'));
        else req.destroyed || req.destroy();
      }
      closeOnce(req);
    }
    if (res) {
      res.destroyed = true;
      res.closed = true;
      closeOnce(res);
    }
  }

  // How long the client may take from now for what is next.
  limit(ms, late = () => this.late()) {
    clearTimeout(this.idle);
    this.idle = setTimeout(late, ms).unref();
  }

  data(chunk) {
    if (chunk === null) {
      if (this.res && !this.res.writableFinished) this.abort();
      this.socket.end();
      return true;
    }
    const begins = !this.buf?.length;
    this.buf = begins ? chunk : Buffer.concat([this.buf, chunk]);
    if (begins && this.state === HEAD) {
      this.limit(this.server.headersTimeout);
    }
    try {
      this.parse();
    } catch (e) {
      if (e instanceof Refusal) this.refuse(e);
      else throw e;
    }
    this.held = (this.state === WAIT && this.buf !== null && this.buf.length > MAX_WAITING) || this.full;
    return !this.held;
  }

  go() {
    if (this.held && !this.gone) {
      this.held = false;
      this.socket._read();
    }
  }

  refuse(e) {
    this.state = WAIT;
    this.buf = null;
    if (this.server.listenerCount('clientError')) {
      this.server.emit('clientError', e, this.socket);
      return;
    }
    if (this.socket.writable && !this.res?._headerSent) {
      const status = e.status ?? 400;
      this.socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n\r\n`, 'latin1');
    }
    this.socket.destroySoon();
  }

  parse() {
    while (!this.gone) {
      const { buf } = this;
      if (!buf || (buf.length === 0 && this.state !== HEAD)) return;
      switch (this.state) {
        case HEAD: {
          let skip = 0;
          while (skip < buf.length && (buf[skip] === 13 || buf[skip] === 10)) skip++;
          // Blank lines before a request are passed over (RFC 9112, 2.2), and not kept.
          if (skip > 1024) throw new Refusal(400, 'HPE_INVALID_METHOD', 'Parse Error: Invalid method encountered');
          if (skip === buf.length) {
            this.buf = null;
            return;
          }
          const text = latin1(buf, skip, Math.min(buf.length, skip + maxHeaderSize + 4));
          const end = text.indexOf('\r\n\r\n');
          if (end < 0) {
            if (text.length > maxHeaderSize) throw new Refusal(431, 'HPE_HEADER_OVERFLOW', 'Parse Error: Header overflow');
            if (text.length && !/^[A-Z-]{1,20}( |$)/.test(text.slice(0, 21))) throw new Refusal(400, 'HPE_INVALID_METHOD', 'Parse Error: Invalid method encountered');
            return;
          }
          if (end > maxHeaderSize) throw new Refusal(431, 'HPE_HEADER_OVERFLOW', 'Parse Error: Header overflow');
          this.buf = buf.subarray(skip + end + 4);
          this.begin(text.slice(0, end));
          break;
        }
        case FIXED: {
          const n = Math.min(this.left, buf.length);
          this.left -= n;
          this.buf = buf.subarray(n);
          this.give(n === buf.length ? buf : buf.subarray(0, n));
          if (this.left === 0) this.finishBody();
          else return;
          break;
        }
        case SIZE: {
          const line = this.line(1024);
          if (line === null) return;
          const hex = line.split(';', 1)[0].trimEnd();
          if (!/^[0-9a-f]{1,12}$/i.test(hex)) throw new Refusal(400, 'HPE_INVALID_CHUNK_SIZE', 'Parse Error: Invalid character in chunk size');
          this.left = parseInt(hex, 16);
          this.state = this.left ? CHUNK : TRAILER;
          break;
        }
        case CHUNK: {
          const n = Math.min(this.left, buf.length);
          this.left -= n;
          this.buf = buf.subarray(n);
          this.give(buf.subarray(0, n));
          if (this.left === 0) this.state = CHUNK_END;
          break;
        }
        case CHUNK_END:
          if (buf.length < 2) return;
          if (buf[0] !== 13 || buf[1] !== 10) throw new Refusal(400, 'HPE_STRICT', 'Parse Error: Expected LF after chunk data');
          this.buf = buf.subarray(2);
          this.state = SIZE;
          break;
        case TRAILER: {
          const line = this.line(maxHeaderSize);
          if (line === null) return;
          if (line === '') this.finishBody();
          else {
            const [k, v] = field(line);
            this.req.rawTrailers.push(k, v);
            if (this.req.rawTrailers.length > 200) throw new Refusal(431, 'HPE_HEADER_OVERFLOW', 'Parse Error: Header overflow');
          }
          break;
        }
        default:
          return;
      }
    }
  }

  line(max) {
    const at = this.buf.indexOf(10);
    if (at < 0) {
      if (this.buf.length > max) throw new Refusal(400, 'HPE_INVALID_CHUNK_SIZE', 'Parse Error: line too long');
      return null;
    }
    if (at === 0 || this.buf[at - 1] !== 13) throw new Refusal(400, 'HPE_STRICT', 'Parse Error: Missing CR');
    const text = latin1(this.buf, 0, at - 1);
    this.buf = this.buf.subarray(at + 1);
    return text;
  }

  begin(text) {
    const lines = text.split('\r\n');
    const start = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([^\s\x00-\x20\x7f]+) HTTP\/(\d)\.(\d)$/.exec(lines[0]);
    if (!start) throw new Refusal(400, 'HPE_INVALID_CONSTANT', 'Parse Error: Invalid request line');
    if (!KNOWN.has(start[1])) throw new Refusal(400, 'HPE_INVALID_METHOD', 'Parse Error: Invalid method encountered');
    if (start[3] !== '1') throw new Refusal(505, 'HPE_INVALID_VERSION', 'Parse Error: Invalid HTTP version');
    const { server, socket } = this;
    const req = new server._Incoming(socket);
    req.method = start[1];
    req.url = start[2];
    req.httpVersionMinor = +start[4];
    req.httpVersion = `1.${start[4]}`;
    const raw = req.rawHeaders;
    let length = null, coding = null, expect = '', wish = '', upgrade = '', hosts = 0;
    for (let i = 1; i < lines.length; i++) {
      const [name, value] = field(lines[i]);
      raw.push(name, value);
      switch (name.toLowerCase()) {
        case 'content-length':
          if (!/^\d{1,15}$/.test(value) || (length !== null && length !== +value)) throw new Refusal(400, 'HPE_INVALID_CONTENT_LENGTH', 'Parse Error: Invalid Content-Length');
          length = +value;
          break;
        case 'transfer-encoding': coding = coding === null ? value : `${coding}, ${value}`; break;
        case 'expect': expect = value.toLowerCase(); break;
        case 'connection': wish += ',' + value.toLowerCase(); break;
        case 'upgrade': upgrade = value; break;
        case 'host': hosts++; break;
      }
    }
    // Framing that two parties could read differently is how requests are smuggled: refused.
    if (coding !== null && (length !== null || !/(^|,\s*)chunked$/i.test(coding) || req.httpVersionMinor === 0)) throw new Refusal(400, 'HPE_INVALID_TRANSFER_ENCODING', 'Parse Error: Invalid Transfer-Encoding');
    if (hosts > 1 || (hosts === 0 && req.httpVersionMinor > 0 && server.requireHostHeader)) throw new Refusal(400, 'HPE_MISSING_HOST', 'Parse Error: Missing Host header');

    this.req = req;
    clearTimeout(this.idle);
    const words = wish.split(',').map((w) => w.trim());
    if ((upgrade && words.includes('upgrade') && server.listenerCount('upgrade')) || req.method === 'CONNECT') return this.handOver(req);

    const res = new server._Response(req, { keepAlive: !words.includes('close') });
    this.res = res;
    if (req.httpVersionMinor === 0 && words.includes('keep-alive')) res.shouldKeepAlive = true;
    const max = server.maxRequestsPerSocket;
    if (max > 0 && ++this.answered >= max) res._close = true;
    if (max <= 0) this.answered++;
    res._keepText = server._keepText;
    res.assignSocket(socket);
    res._onDone = () => this.answeredOne(req, res);

    const hasBody = coding !== null || length > 0;
    if (hasBody && server.requestTimeout > 0) this.limit(server.requestTimeout, () => this.refuse({ status: 408 }));
    if (hasBody) {
      this.left = length ?? 0;
      this.state = coding !== null ? SIZE : FIXED;
      req._wants = () => {
        this.full = false;
        this.go();
      };
      if (expect === '100-continue' && req.httpVersionMinor > 0) {
        if (server.listenerCount('checkContinue')) return server.emit('checkContinue', req, res);
        res.writeContinue();
      }
    } else {
      req.complete = true;
      this.state = WAIT;
      req.push(null);
    }
    if (expect && expect !== '100-continue') {
      if (!server.emit('checkExpectation', req, res)) {
        res.writeHead(417);
        res.end();
      }
      return;
    }
    server.emit('request', req, res);
  }

  give(bytes) {
    if (this.req._dumped || this.req.destroyed) return;
    if (!this.req.push(bytes)) this.full = true;
  }

  finishBody() {
    clearTimeout(this.idle);
    this.req.complete = true;
    this.full = false;
    this.req.push(null);
    if (this.res?.writableFinished) this.next();
    else this.state = WAIT;
  }

  answeredOne(req, res) {
    res.detachSocket(this.socket);
    res.destroyed = true;
    res.closed = true;
    closeOnce(res);
    if (res._last || this.gone) {
      this.socket.destroySoon();
      return;
    }
    // A body that nobody read still has to be taken from the wire.
    if (!req.complete) {
      req._dumped = true;
      this.full = false;
      req.resume();
      this.go();
    } else this.next();
    if (!req.readableEnded) req.resume();
    nextTick(closeOnce, req);
  }

  next() {
    this.req = this.res = null;
    this.state = HEAD;
    this.limit(this.buf?.length ? this.server.headersTimeout : this.server.keepAliveTimeout || 60000);
    if (!this.server.listening || hasBegun()) return this.socket.destroySoon();
    if (this.buf?.length) {
      try {
        this.parse();
      } catch (e) {
        if (e instanceof Refusal) this.refuse(e);
        else throw e;
      }
    }
    this.go();
  }

  handOver(req) {
    const { socket, server } = this;
    const event = req.method === 'CONNECT' ? 'connect' : 'upgrade';
    req.upgrade = true;
    req.complete = true;
    req.push(null);
    socket._sink = null;
    this.state = WAIT;
    this.req = null;
    server._connections.delete(this);
    for (const e of ['error', 'drain', 'timeout', 'close']) socket.removeAllListeners(e);
    const head = this.buf ?? Buffer.alloc(0);
    this.buf = null;
    if (!server.emit(event, req, socket, head)) socket.destroy();
    else nextTick(() => socket.read(0));
  }
}

function field(line) {
  const at = line.indexOf(':');
  const name = at < 0 ? '' : line.slice(0, at);
  if (!TOKEN.test(name)) throw new Refusal(400, 'HPE_INVALID_HEADER_TOKEN', 'Parse Error: Invalid header token');
  const value = line.slice(at + 1).trim();
  if (BAD_VALUE.test(value)) throw new Refusal(400, 'HPE_INVALID_HEADER_TOKEN', 'Parse Error: Invalid header value char');
  return [name, value];
}
const KNOWN = new Set(METHODS);

export class Server extends NetServer {
  constructor(options, listener) {
    if (typeof options === 'function') [options, listener] = [{}, options];
    options ??= {};
    super({ allowHalfOpen: true });
    this._Incoming = options.IncomingMessage ?? IncomingMessage;
    this._Response = options.ServerResponse ?? ServerResponse;
    this._connections = new Set();
    this.timeout = 0;
    this.keepAliveTimeout = options.keepAliveTimeout ?? 5000;
    this.headersTimeout = options.headersTimeout ?? 60000;
    this.requestTimeout = options.requestTimeout ?? 300000;
    this.maxHeadersCount = null;
    this.maxRequestsPerSocket = 0;
    this.requireHostHeader = options.requireHostHeader ?? true;
    if (listener) this.on('request', listener);
    this.on('listening', () => addToEnding(this));
    this.on('close', () => removeFromEnding(this));
    this.on('connection', (socket) => this._connections.add(new Connection(this, socket)));
  }
  get _keepText() {
    return `Connection: keep-alive\r\n${this.keepAliveTimeout ? `Keep-Alive: timeout=${Math.floor(this.keepAliveTimeout / 1000)}\r\n` : ''}`;
  }
  setTimeout(ms, fn) {
    this.timeout = ms;
    if (fn) this.on('timeout', fn);
    return this;
  }
  close(done) {
    super.close(done);
    this.closeIdleConnections();
    return this;
  }
  closeAllConnections() { for (const c of this._connections) c.socket.destroy(); }
  closeIdleConnections() { for (const c of this._connections) if (!c.res && !c.buf?.length) c.socket.destroy(); }
}

// A request that goes nowhere: who made it hears so as of any other that fails.
export class ClientRequest extends Outgoing {
  constructor(to, options, listener) {
    super();
    this._init();
    if (typeof options === 'function') listener = options;
    if (listener) this.once('response', listener);
    nextTick(() => this.destroy(coded(Error, 'ENETUNREACH', 'http.request: this guest has no network but its own loopback interface; outgoing HTTP is not there')));
  }
  _implicitHeader() {}
  write(chunk, encoding, done) { if (typeof encoding === 'function') done = encoding; if (done) nextTick(done); return true; }
  end(chunk, encoding, done) { this.finished = true; return this; }
  abort() { this.destroy(); }
  flushHeaders() {}
  setNoDelay() {}
  setSocketKeepAlive() {}
  destroy(error) {
    if (this.destroyed) return this;
    this.destroyed = true;
    nextTick(() => {
      if (error) this.emit('error', error);
      closeOnce(this);
    });
    return this;
  }
}
const request = (...args) => new ClientRequest(...args);
const get = (...args) => request(...args).end();
export class Agent { constructor(options = {}) { this.options = options; this.maxSockets = Infinity; this.sockets = {}; this.requests = {}; this.freeSockets = {}; } destroy() {} }
export const globalAgent = new Agent();
export const createServer = (options, listener) => new Server(options, listener);
export const setMaxIdleHTTPParsers = () => {};
export default {
  Server, IncomingMessage, ServerResponse, OutgoingMessage, Agent, ClientRequest, globalAgent, createServer, request, get,
  STATUS_CODES, METHODS, maxHeaderSize, validateHeaderName, validateHeaderValue, setMaxIdleHTTPParsers,
};
