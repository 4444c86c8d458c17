// A message that goes out: a server's response, a client's request.
import stream from 'stream';
import { nextTick } from './loop.js';
import { bytesOfLatin1 } from './encoding.js';
import { coded, validateHeaderName, validateHeaderValue, wrongType } from './http-headers.js';

const Legacy = stream.Stream;
const CRLF = Buffer.from('\r\n');

export class Outgoing extends Legacy {
  _init() {
    this._fields = new Map(); // lower-case name -> [name, value]
  }
  get connection() { return this.socket; }
  set connection(socket) { this.socket = socket; }
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
  // The fields as they go out.
  _lines(fields = this._fields.values()) {
    let s = '';
    for (const [name, value] of fields) {
      if (Array.isArray(value)) {
        const low = name.toLowerCase();
        if (low === 'cookie' || this._unique?.has(low)) s += `${name}: ${value.join('; ')}\r\n`;
        else for (const v of value) s += `${name}: ${v}\r\n`;
      } else s += `${name}: ${value}\r\n`;
    }
    return s;
  }
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
    chunk = body(chunk, encoding);
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
      // A short text goes with its head in one piece: what is made for it costs more than its bytes.
      if (this._head === null && isPlain(chunk, encoding)) {
        this._left = chunk.length;
        this._implicitHeader();
        if (!this._chunked && !this._headerSent && !this._bodyless) {
          this.finished = this._headerSent = true;
          this._put(Object.setPrototypeOf(bytesOfLatin1(this._head + chunk), Buffer.prototype), undefined, (e) => this._finished(e));
          return this;
        }
      }
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
    const finish = (e) => this._finished(e);
    if (parts.length === 0 && this._headerSent) nextTick(finish);
    else this._send(parts, finish);
    return this;
  }
  _finished(e) {
    if (e) return this._sendFailed(e);
    this.writableFinished = true;
    this.emit('finish');
    this._done();
  }
  _done() {}
  _sendFailed(e) { this._fail(e); }
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

// What most messages have in common is not written into each.
Object.assign(Outgoing.prototype, {
  _head: null, _chunked: false, _bodyless: false,
  _left: null, // bytes of a body that end() alone gave
  _unique: null, // names whose values become one line
  _trailer: '',
  _waiting: null, // what is written before there is a socket
  _needDrain: false, socket: null, _headerSent: false, finished: false, writableFinished: false, destroyed: false, closed: false, sendDate: true, shouldKeepAlive: true, useChunkedEncodingByDefault: true,
  chunkedEncoding: false, maxRequestsOnConnectionReached: false, strictContentLength: false, _sent100: false, _removedConnection: false, _removedContLen: false, _removedTE: false, _hasBody: true,
  _defaultKeepAlive: true, errored: null, _closed: false,
});

// Of bytes as many as characters.
const isPlain = (chunk, encoding) => typeof chunk === 'string' && chunk.length <= 4096 && (encoding === undefined || encoding === 'utf8' || encoding === 'utf-8') && !/[^\x00-\x7f]/.test(chunk);

function body(chunk, encoding) {
  if (typeof chunk === 'string') return Buffer.from(chunk, encoding);
  if (chunk instanceof Uint8Array) return chunk;
  if (chunk === null) throw coded(TypeError, 'ERR_STREAM_NULL_VALUES', 'May not write null values to stream');
  throw wrongType('"chunk" argument', 'of type string or an instance of Buffer or Uint8Array', chunk);
}

export function OutgoingMessage() {
  Legacy.call(this);
  Outgoing.prototype._init.call(this);
}
OutgoingMessage.prototype = Outgoing.prototype;
