// A message that comes in: a server's request, a client's response.
import stream from 'readable-stream';
import { nextTick } from './loop.js';
import { distinct, gather } from './http-headers.js';

const { Readable } = stream;

export class IncomingMessage extends Readable {
  // A response closes itself behind its end; a request is closed by its server.
  constructor(socket, isResponse = false) {
    super({ autoDestroy: isResponse, emitClose: isResponse });
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
    this._isResponse = isResponse;
    this._dumped = false;
    this.joinDuplicateHeaders = false;
  }
  get connection() { return this.socket; }
  set connection(socket) { this.socket = socket; }
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

export function closeOnce(message) {
  if (message._closed) return;
  message._closed = true;
  message.emit('close');
}
