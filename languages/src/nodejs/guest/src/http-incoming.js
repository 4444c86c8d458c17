// A message that comes in: a server's request, a client's response.
import stream from 'stream';
import { nextTick } from './loop.js';
import { distinct, gather } from './http-headers.js';

const { Readable } = stream;

class Incoming extends Readable {
  get connection() { return this.socket; }
  set connection(socket) { this.socket = socket; }
  get rawTrailers() { return (this._rawTrailers ??= []); }
  set rawTrailers(list) { this._rawTrailers = list; }
  get headers() { return (this._headers ??= gather(this.rawHeaders, this.joinDuplicateHeaders)); }
  set headers(h) { this._headers = h; }
  get trailers() { return (this._trailers ??= gather(this.rawTrailers, this.joinDuplicateHeaders)); }
  set trailers(t) { this._trailers = t; }
  get headersDistinct() { return distinct(this.rawHeaders); }
  get trailersDistinct() { return distinct(this.rawTrailers); }
  setTimeout(ms, fn) {
    if (!this._isResponse) this.socket?.setTimeout(ms, fn);
    else {
      if (fn) this.on('timeout', fn);
      this.socket?.setTimeout(ms);
    }
    return this;
  }
  _read() { this._wants?.(); }

  // Few look at what has no body: a stream is made of a message when somebody first asks it for something of a stream.
  get _readableState() {
    if (this._isPlain) {
      this._isPlain = false;
      // A response closes itself behind its end; a request is closed by its server.
      Readable.call(this, { autoDestroy: this._isResponse, emitClose: this._isResponse });
      if (this._isBare) this.push(null);
    }
    return this._state;
  }
  set _readableState(state) { this._state = state; }
  get _isStream() { return this._state !== undefined; }
  // Nobody reads it any more: what still comes is passed over.
  _dump() {
    if (this._dumped) return;
    this._dumped = true;
    this.removeAllListeners('data');
    this.resume();
  }
  _destroy(error, done) {
    if (!this.readableEnded || !this.complete) {
      this.aborted = true;
      this.emit('aborted');
    }
    // A request that is given up takes its connection along, unless the answer is already on its way; a response always.
    if (this.socket && !this.socket.destroyed && this.aborted && (error || this._isResponse)) this.socket.destroy(error);
    if (error && !this.listenerCount('error')) error = null;
    nextTick(() => {
      done(error);
      if (!this._isResponse) closeOnce(this);
    });
  }
}

// What most messages have in common is not written into each.
Object.assign(Incoming.prototype, {
  httpVersion: '1.1', httpVersionMajor: 1, httpVersionMinor: 1, complete: false, aborted: false, upgrade: false, url: '', method: null, statusCode: null, statusMessage: null, joinDuplicateHeaders: false,
  _headers: null, _trailers: null, _rawTrailers: null, _wants: null, _dumped: false, _isBare: false, _isPlain: false, _isResponse: false, _closed: false, _state: undefined,
});

// Callable without `new`, as Node's is.
export function IncomingMessage(socket, isResponse = false) {
  if (!new.target && !(this instanceof IncomingMessage)) return new IncomingMessage(socket, isResponse);
  this._isPlain = true;
  this.socket = socket;
  this.rawHeaders = [];
  if (isResponse) this._isResponse = true;
}
Object.setPrototypeOf(IncomingMessage, Readable);
IncomingMessage.prototype = Incoming.prototype;
Object.defineProperty(Incoming.prototype, 'constructor', { value: IncomingMessage, writable: true, configurable: true });

export function closeOnce(message) {
  if (message._closed) return;
  message._closed = true;
  message.emit('close');
}
