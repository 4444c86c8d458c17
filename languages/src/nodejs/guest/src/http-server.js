// The server. A connection's requests are handled one after the other, which keeps pipelined answers in their order.
import { callable } from './callable.js';
import { Server as NetServer } from './net.js';
import { nextTick } from './loop.js';
import { add as addToEnding, remove as removeFromEnding, hasBegun } from './ending.js';
import { Deadline } from './http-deadline.js';
import { latin1 } from './encoding.js';
import { BAD_VALUE, coded, lowerCase, maxHeaderSize } from './http-headers.js';
import { IncomingMessage, closeOnce } from './http-incoming.js';
import { METHODS, STATUS_CODES } from './http-names.js';
import { ServerResponse } from './http-response.js';

const MAX_WAITING = 65536; // bytes of the next requests that are kept while one is answered

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
    this.idle = new Deadline();
    this.ifLate = () => this.late();
    this.limit(server.headersTimeout || 60000);
    socket._sink = (chunk) => this.data(chunk);
    this.listeners = {
      error: (e) => {
        if (!this.server.emit('clientError', e, socket)) socket.destroy(e);
      },
      drain: () => {
        if (this.res?._needDrain) {
          this.res._needDrain = false;
          this.res.emit('drain');
        }
      },
      timeout: () => {
        const heard = this.req?.emit('timeout', socket) | this.res?.emit('timeout', socket) | server.emit('timeout', socket);
        if (!heard) socket.destroy();
      },
      close: () => this.closed(),
    };
    for (const name of Object.keys(this.listeners)) socket.on(name, this.listeners[name]);
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
    this.idle.end();
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
  limit(ms, late = this.ifLate) { this.idle.set(ms, late); }

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
    // Halves of a line's end are none (RFC 9112, 2.2), and other controls are in no line of a head (RFC 9110, 5.5).
    if (BAD_CHARACTER.test(text) || text.split('\n').length !== lines.length || text.split('\r').length !== lines.length) {
      throw new Refusal(400, 'HPE_INVALID_HEADER_TOKEN', 'Parse Error: Invalid header value char');
    }
    const start = lines[0], first = start.indexOf(' '), last = start.lastIndexOf(' ');
    const method = start.slice(0, first), target = start.slice(first + 1, last), version = start.slice(last + 1);
    if (version !== 'HTTP/1.1' && version !== 'HTTP/1.0') {
      if (first > 0 && last > first && /^HTTP\/\d\.\d$/.test(version)) throw new Refusal(505, 'HPE_INVALID_VERSION', 'Parse Error: Invalid HTTP version');
      throw new Refusal(400, 'HPE_INVALID_CONSTANT', 'Parse Error: Invalid request line');
    }
    if (first < 1 || target === '' || BAD_TARGET.test(target)) throw new Refusal(400, 'HPE_INVALID_CONSTANT', 'Parse Error: Invalid request line');
    if (!KNOWN.has(method)) throw new Refusal(400, 'HPE_INVALID_METHOD', 'Parse Error: Invalid method encountered');
    const { server, socket } = this;
    const req = new server._Incoming(socket);
    req.method = method;
    req.url = target;
    if (version === 'HTTP/1.0') {
      req.httpVersionMinor = 0;
      req.httpVersion = '1.0';
    }
    const raw = req.rawHeaders;
    let length = null, coding = null, expect = '', wish = '', upgrade = '', hosts = 0;
    for (let i = 1; i < lines.length; i++) {
      const line = lines[i], at = line.indexOf(':');
      const name = line.slice(0, at), lower = at < 1 ? undefined : lowerCase(name);
      if (lower === undefined) throw new Refusal(400, 'HPE_INVALID_HEADER_TOKEN', 'Parse Error: Invalid header token');
      const value = line.slice(at + 1).trim();
      raw.push(name, value);
      switch (lower) {
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
    this.idle.clear();
    const words = wish === '' ? NONE : wish.split(',').map((w) => w.trim());
    if ((upgrade && words.includes('upgrade') && server.listenerCount('upgrade')) || req.method === 'CONNECT') return this.handOver(req);

    const res = new server._Response(req, words.includes('close') ? CLOSES : KEEPS);
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
      if (req._isPlain) req._isBare = true;
      else req.push(null);
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
    this.idle.clear();
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
    if (req._isStream && !req.readableEnded) req.resume();
    if (req._events === undefined) req._closed = true;
    else nextTick(closeOnce, req);
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
    // Its own alone: net's server counts with one.
    for (const name of Object.keys(this.listeners)) socket.removeListener(name, this.listeners[name]);
    this.idle.end();
    const head = this.buf ?? Buffer.alloc(0);
    this.buf = null;
    if (!server.emit(event, req, socket, head)) socket.destroy();
    else nextTick(() => socket.read(0));
  }
}

// Of a trailer.
function field(line) {
  const at = line.indexOf(':');
  const name = at < 0 ? '' : line.slice(0, at);
  if (lowerCase(name) === undefined) throw new Refusal(400, 'HPE_INVALID_HEADER_TOKEN', 'Parse Error: Invalid header token');
  const value = line.slice(at + 1).trim();
  if (BAD_VALUE.test(value)) throw new Refusal(400, 'HPE_INVALID_HEADER_TOKEN', 'Parse Error: Invalid header value char');
  return [name, value];
}
const BAD_CHARACTER = /[^\t\r\n\x20-\x7e\x80-\xff]/;
const BAD_TARGET = /[\x00-\x20\x7f]/;
const NONE = [], KEEPS = { keepAlive: true }, CLOSES = { keepAlive: false };
const KNOWN = new Set(METHODS);

// A server of requests, above one that gives its connections by `event`.
export const withRequests = (Below, event) => class extends Below {
  _serve(options, listener) {
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
    this.on(event, (socket) => this._connections.add(new Connection(this, socket)));
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
};

// A listener may stand alone.
export const started = (options, listener) => (typeof options === 'function' ? [{}, options] : [options ?? {}, listener]);
class ServerClass extends withRequests(NetServer, 'connection') {
  constructor(options, listener) {
    super({ allowHalfOpen: true });
    this._serve(...started(options, listener));
  }
}
export const Server = callable('Server', ServerClass, (self, [options, listener]) => {
  NetServer.call(self, { allowHalfOpen: true });
  self._serve(...started(options, listener));
});

export const createServer = (options, listener) => new Server(options, listener);
