// A server's answer.
import { BAD_VALUE, coded, date, pairsOf } from './http-headers.js';
import { STATUS_CODES } from './http-names.js';
import { Outgoing } from './http-outgoing.js';

class Response extends Outgoing {
  _initFor(req, options) {
    this._init();
    this.req = req;
    if (req.method === 'HEAD') this._noBody = true;
    if (options?.keepAlive === false) this._close = true;
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
      const pairs = pairsOf(headers);
      for (const [k] of pairs) this._fields.delete(k.toLowerCase());
      for (const [k, v] of pairs) this.appendHeader(k, v);
    } else if (headers) for (const k of Object.keys(headers)) if (k) this.setHeader(k, headers[k]);

    let s = `HTTP/1.1 ${status} ${this.statusMessage}\r\n${this._lines()}`;
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
Object.assign(Response.prototype, { statusCode: 200, statusMessage: undefined, _noBody: false, _close: false, _last: false, _old: false });
Response.prototype._keepText = 'Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n';

// Callable without `new`, as Node's is: light-my-request and older packages inherit from it that way.
export function ServerResponse(req, options) {
  if (!new.target && !(this instanceof ServerResponse)) return new ServerResponse(req, options);
  Response.prototype._initFor.call(this, req, options);
}
ServerResponse.prototype = Response.prototype;
Object.defineProperty(ServerResponse.prototype, 'constructor', { value: ServerResponse, writable: true, configurable: true });
