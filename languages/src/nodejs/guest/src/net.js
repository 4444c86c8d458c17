// node:net over wasi:sockets 0.3.
import sockets from 'wasi:sockets/types@0.3.0';
import EventEmitter from 'events';
import { BlockList } from 'internal/blocklist';
import { SocketAddress } from 'internal/socketaddress';
import stream from 'stream';
import { codes } from 'internal/errors';
import { addAbortListener } from 'internal/events/abort_listener';
import { isIP, isIPv4, isIPv6 } from 'internal/net';
import { getTimerDuration } from 'internal/timers';
import { validateAbortSignal, validateFunction, validateInt32, validateNumber, validatePort, validateString } from 'internal/validators';
import { boolean, integer, wrongType, wrongValue } from './arguments.js';
import { callable } from './callable.js';
import { lookup } from './dns.js';
import { look as lookForEnding } from './ending.js';
import { enter, nextTick, ref, unref } from './loop.js';
import { failure, fromWasi, swallow, toWasi } from './sockets.js';
import { setTimeout, clearTimeout } from './timers.js';

const { Duplex } = stream;
const CHUNK = 65536;
const SLICE = 262144;

export { isIP, isIPv4, isIPv6 };

class SocketClass extends Duplex {
  constructor(options) {
    super(duplexOptions(options));
    this._beginSocket(options);
  }
  _beginSocket(options = {}) {
    if (typeof options === 'number') options = { fd: options };
    else if (options === null || typeof options !== 'object') options = {};
    if (options.fd !== undefined) validateInt32(options.fd, 'options.fd', 0);
    for (const name of ['objectMode', 'readableObjectMode', 'writableObjectMode']) if (options[name]) throw wrongValue(`options.${name}`, options[name], 'is not supported');
    this._conn = null;
    this._rx = this._tx = this._rxDone = this._txDone = null;
    this._reading = null;
    this._writing = null;
    this._sink = null; // takes bytes in place of 'data' (node:http): saves a trip through the stream
    this._timer = null;
    this._refed = true;
    this._isHeld = false;
    this.connecting = false;
    this.bytesRead = 0;
    this._sent = 0;
    this.server = null;
    this.timeout = 0;
    // Node's sockets end their own side when the other has ended.
    if (!options.allowHalfOpen) this.on('end', endToo);
  }

  _attach(conn) {
    this._conn = conn;
    const [rx, rxDone] = conn.receive();
    const pair = wit.Stream(wit.Stream.U8);
    this._rx = rx;
    this._rxDone = rxDone;
    this._tx = pair.writable;
    this._txDone = conn.send(pair.readable);
    const remote = swallow(() => fromWasi(conn.getRemoteAddress()));
    const local = swallow(() => fromWasi(conn.getLocalAddress()));
    this.remoteAddress = remote?.address;
    this.remotePort = remote?.port;
    this.remoteFamily = remote?.family;
    this.localAddress = local?.address;
    this.localPort = local?.port;
    this.localFamily = local?.family;
    return this;
  }

  _read() {
    // Who listens for data before there is a connection has asked for it by then.
    if (this.connecting) {
      this.once('connect', () => this._read());
      return;
    }
    if (this._reading || !this._rx) return;
    this._reading = this._rx.read(CHUNK).then(
      (bytes) => {
        this._reading = null;
        if (!this.destroyed) enter(received, this, bytes);
        this._hold();
      },
      (e) => {
        this._reading = null;
        if (!this.destroyed) enter(() => this.destroy(failure(e, 'read')));
        this._hold();
      },
    );
    this._hold();
  }

  // What is under way on it keeps the program alive, and no more than that, as with libuv's handles: one that nobody reads does not.
  _hold() {
    const isHeld = this._refed && (this._reading !== null || this._writing !== null);
    if (isHeld === this._isHeld) return;
    this._isHeld = isHeld;
    if (isHeld) ref();
    else unref();
  }

  _write(chunk, encoding, done) {
    if (this.connecting) {
      const gone = () => done(new codes.ERR_SOCKET_CLOSED_BEFORE_CONNECTION());
      this.once(GONE, gone);
      this.once('connect', () => {
        this.off(GONE, gone);
        this._write(chunk, encoding, done);
      });
      return;
    }
    if (!this._tx) return done(this._conn ? Object.assign(new Error('This socket has been ended by the other party'), { code: 'EPIPE' }) : new codes.ERR_SOCKET_CLOSED());
    this._touch();
    this._writing = this._sendAll(chunk).then(
      (n) => {
        this._writing = null;
        this._sent += n ?? 0;
        enter(done, n < chunk.length ? Object.assign(new Error('write EPIPE'), { code: 'EPIPE', errno: -32, syscall: 'write' }) : null);
        this._hold();
      },
      (e) => {
        this._writing = null;
        enter(done, failure(e, 'write'));
        this._hold();
      },
    );
    this._hold();
  }

  // The engine copies all that is left each time the host takes a part, so a large buffer goes in slices.
  async _sendAll(chunk) {
    const tx = this._tx;
    if (chunk.length <= SLICE) return tx.writeAll(chunk);
    let sent = 0;
    while (sent < chunk.length && this._conn) {
      const part = chunk.subarray(sent, sent + SLICE);
      const n = await tx.writeAll(part);
      sent += n;
      if (n < part.length) break;
      this._touch();
    }
    return sent;
  }

  _writev(chunks, done) {
    this._write(Buffer.concat(chunks.map((c) => c.chunk)), 'buffer', done);
  }

  _final(done) {
    if (this.connecting) {
      this.once('connect', () => this._final(done));
      return;
    }
    swallow(() => this._tx?.drop()); // the host sends FIN when it has sent the rest
    this._tx = null;
    done();
  }

  _destroy(error, done) {
    if (this.connecting) this.emit(GONE);
    clearTimeout(this._timer);
    this._timer = null;
    this._release().then(() => enter(done, error));
  }

  async _release() {
    const { _conn, _rx, _tx, _rxDone, _txDone } = this;
    if (!_conn) return;
    this._conn = null;
    // A handle may be dropped only when nothing is under way on it.
    if (this._reading) {
      swallow(() => _rx.cancelRead());
      await this._reading;
    }
    if (this._writing) {
      swallow(() => _tx.cancelWrite());
      await this._writing;
    }
    for (const end of [_rx, _tx, _rxDone, _txDone]) if (end) swallow(() => end.drop());
    this._rx = this._tx = this._rxDone = this._txDone = null;
    swallow(() => _conn[Symbol.dispose]());
    this._hold();
  }

  connect(...args) {
    const [options, listener] = connectArgs(args);
    checkConnect(options);
    if (listener !== null && listener !== undefined) this.once('connect', listener);
    if (options.path) {
      const error = Object.assign(new Error(`connect ENOENT ${options.path}: a guest has no Unix sockets`), { code: 'ENOENT', errno: -2, syscall: 'connect', address: options.path });
      nextTick(() => this.destroy(error));
      return this;
    }
    // Where that is, no look-up has to say.
    const isHere = (!options.host || options.host === 'localhost') && !options.lookup;
    const host = isHere ? '127.0.0.1' : (options.host ?? 'localhost');
    if (isHere) nextTick(() => this.emit('lookup', null, host, 4, 'localhost'));
    this.connecting = true;
    let isHeld = false;
    (async () => {
      let conn;
      try {
        let failed;
        // What looks a name up keeps the program itself, if it waits for something.
        const found = await this._addresses(host, options);
        ref();
        isHeld = true;
        for (const { address } of found) {
          conn = sockets.TcpSocket.create(isIPv4(address) ? 'ipv4' : 'ipv6');
          try {
            await conn.connect(toWasi(address, +options.port));
            failed = undefined;
            break;
          } catch (e) {
            failed = failure(e, 'connect', address, +options.port);
            conn[Symbol.dispose]();
            conn = undefined;
          }
        }
        if (failed) throw failed;
        this.connecting = false;
        if (this.destroyed) conn[Symbol.dispose]();
        else {
          this._attach(conn);
          enter(() => {
            this.emit('connect');
            this.emit('ready');
            this.read(0);
          });
        }
      } catch (e) {
        if (conn) swallow(() => conn[Symbol.dispose]());
        this.connecting = false;
        enter(() => this.destroy(failure(e, 'connect', host, +options.port)));
      }
      if (isHeld) unref();
    })();
    return this;
  }

  // Where a host is; by the program's own look-up, where it has one.
  _addresses(host, { lookup: own = lookup, family = 0, hints = 0 }) {
    if (isIP(host)) return [{ address: host, family: isIP(host) }];
    return new Promise((done, fail) => {
      own(host, { family, hints, all: true }, (error, found, of) => {
        const all = Array.isArray(found) ? found : [{ address: found, family: of }];
        this.emit('lookup', error, all[0]?.address, all[0]?.family, host);
        if (error) fail(error);
        else done(all);
      });
    });
  }

  _touch() {
    if (this._timer) this._timer.refresh();
  }

  setTimeout(ms, listener) {
    if (this.destroyed) return this;
    ms = getTimerDuration(ms, 'msecs');
    if (listener !== undefined) validateFunction(listener, 'callback');
    this.timeout = ms;
    clearTimeout(this._timer);
    if (listener !== undefined) {
      if (ms === 0) this.removeListener('timeout', listener);
      else this.once('timeout', listener);
    }
    this._timer = ms > 0 && !this.destroyed ? setTimeout(() => this.emit('timeout'), ms).unref() : null;
    return this;
  }

  // From now on its bytes are somebody else's, who also ends this side; `null` is their end. What `sink` answers is whether it
  // goes on: if not, it asks by `_read`.
  _lend(sink) {
    this.removeListener('end', endToo);
    const waiting = this.read();
    this._sink = sink;
    if (this.readableEnded) sink(null);
    else if (waiting === null || sink(waiting) !== false) this._read();
  }

  setNoDelay() { return this; } // the host sets it on every socket
  setKeepAlive() { return this; }
  ref() { this._refed = true; this._hold(); return this; }
  unref() { this._refed = false; this._hold(); return this; }
  address() { return this._conn ? { address: this.localAddress, family: this.localFamily, port: this.localPort } : {}; }
  destroySoon() {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }
  resetAndDestroy() { return this.destroy(); }
  get pending() { return !this._conn; }
  get readyState() {
    if (this.connecting) return 'opening';
    return this.readable ? (this.writable ? 'open' : 'readOnly') : this.writable ? 'writeOnly' : 'closed';
  }
  get bufferSize() { return this.writableLength; }
  // What has been handed over, and what waits for it.
  get bytesWritten() { return this._sent + this.writableLength; }
  // A program that looks for the handle wants to know whether there is a connection.
  get _handle() { return this._conn === null ? null : HANDLE; }
}
const GONE = Symbol('gone before it was connected');
const HANDLE = Object.freeze({ fd: -1, getAsyncId: () => 0, hasRef: () => true, ref() {}, unref() {} });
function checkConnect(options) {
  if (options.path !== undefined && options.path !== null) return validateString(options.path, 'options.path');
  if (options.port === undefined || options.port === null) throw new codes.ERR_MISSING_ARGS(['options', 'port', 'path']);
  if (typeof options.port !== 'number' && typeof options.port !== 'string') throw wrongType('options.port', 'of type number or string', options.port);
  validatePort(options.port);
  if (options.localAddress && !isIP(options.localAddress)) throw new codes.ERR_INVALID_IP_ADDRESS(options.localAddress);
  if (options.localPort) validateNumber(options.localPort, 'options.localPort');
  if (options.lookup !== undefined && options.lookup !== null) validateFunction(options.lookup, 'options.lookup');
  if (options.autoSelectFamily !== undefined && options.autoSelectFamily !== null) boolean(options.autoSelectFamily, 'options.autoSelectFamily');
  if (options.autoSelectFamilyAttemptTimeout !== undefined && options.autoSelectFamilyAttemptTimeout !== null) validateInt32(options.autoSelectFamilyAttemptTimeout, 'options.autoSelectFamilyAttemptTimeout', 1);
  return undefined;
}
const duplexOptions = (options = {}) => ({ allowHalfOpen: !!options.allowHalfOpen, autoDestroy: true, emitClose: true, decodeStrings: true, signal: options.signal });
export const Socket = callable('Socket', SocketClass, (self, [options]) => {
  Duplex.call(self, duplexOptions(options));
  self._beginSocket(options);
});

function endToo() {
  if (!this.writableEnded) this.end();
}

function received(socket, bytes) {
  if (!bytes || bytes.length === 0) return ended(socket);
  socket.bytesRead += bytes.length;
  socket._touch();
  // What was read sits in the 64 KiB that were offered, which the engine's collector does not count: small ones are copied out.
  const chunk = Object.setPrototypeOf(bytes.length < CHUNK / 2 ? bytes.slice() : bytes, Buffer.prototype);
  if (socket._sink) {
    // What a program throws in there does not stop the connection: its end would never be seen.
    let goesOn = true;
    try {
      goesOn = socket._sink(chunk) !== false;
    } finally {
      if (goesOn) socket._read();
    }
  } else if (socket.push(chunk)) {
    socket._read();
  }
}

// The stream ends for a FIN and for a reset alike; the future beside it says which.
function ended(socket) {
  const done = socket._rxDone;
  socket._reading = done.read().then(
    (result) => (result?.tag === 'err' ? result.val : null),
    () => null,
  ).then((e) => {
    socket._reading = null;
    if (socket.destroyed) return socket._hold();
    enter(() => {
      if (e) return socket.destroy(failure(e, 'read'));
      socket._rx?.drop();
      socket._rx = null;
      if (socket._sink) socket._sink(null);
      socket.push(null);
      if (socket._sink) socket.resume();
      // Who reads nothing hears of the end, too.
      else if (socket.readableLength === 0) socket.read(0);
    });
    socket._hold();
  });
}

export function connectArgs(args) {
  if (Array.isArray(args[0])) args = args[0];
  if (args.length === 0 || args[0] === undefined || args[0] === null) return [{}, args.find((arg) => typeof arg === 'function')];
  const listener = typeof args[args.length - 1] === 'function' ? args[args.length - 1] : undefined;
  if (typeof args[0] === 'object' && args[0]) return [args[0], listener];
  if (typeof args[0] === 'string' && isNaN(args[0])) return [{ path: args[0] }, listener];
  return [{ port: args[0], host: typeof args[1] === 'string' ? args[1] : undefined }, listener];
}

class ServerClass extends EventEmitter {
  constructor(options, listener) {
    super();
    this._beginServer(options, listener);
  }
  _beginServer(options, listener) {
    if (typeof options === 'function') [options, listener] = [{}, options];
    else if (options !== undefined && options !== null && typeof options !== 'object') throw wrongType('options', 'of type object', options);
    this._options = options ?? {};
    this._ears = [];
    this._open = 0;
    this._refed = true;
    this.listening = false;
    this.maxConnections = undefined;
    if (listener) this.on('connection', listener);
  }

  listen(...args) {
    if (this.listening || this._starting) throw Object.assign(new Error('Listen method has been called more than once without closing.'), { code: 'ERR_SERVER_ALREADY_LISTEN' });
    const listener = typeof args[args.length - 1] === 'function' ? args.pop() : undefined;
    let options = args[0];
    if (options === null || typeof options !== 'object') {
      if (typeof options === 'string' && options !== '' && !/^\d+$/.test(options)) return this._noPath(options);
      options = { port: options, host: typeof args[1] === 'string' ? args[1] : undefined };
    } else if (options.path) return this._noPath(options.path);
    const port = options.port === undefined || options.port === null ? 0 : validatePort(options.port, 'options.port');
    if (options.signal !== undefined) {
      validateAbortSignal(options.signal, 'options.signal');
      const stop = () => this.close();
      if (options.signal.aborted) nextTick(stop);
      else addAbortListener(options.signal, stop);
    }
    if (listener) this.once('listening', listener);
    this._starting = true;
    let error = null;
    try {
      this._bind(port, options.host, options.ipv6Only);
    } catch (e) {
      error = e;
    }
    nextTick(() => {
      this._starting = false;
      if (error) return this.emit('error', error);
      if (this.listening) this.emit('listening');
    });
    return this;
  }

  _noPath(path) {
    const error = Object.assign(new Error(`listen EACCES: a guest has no Unix sockets ${path}`), { code: 'EACCES', errno: -13, syscall: 'listen', address: path, port: -1 });
    nextTick(() => this.emit('error', error));
    return this;
  }

  // In WASI `::` takes IPv6 only, so what Node does with one socket takes two.
  _bind(port, host, only6) {
    const both = host === undefined || host === '' || (host === '::' && !only6);
    const addresses = both ? ['0.0.0.0', '::'] : host === 'localhost' ? ['127.0.0.1', '::1'] : [host];
    if (!both && host !== 'localhost' && !isIP(host)) throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname: host });
    const ears = [];
    for (const address of addresses) {
      let ear;
      try {
        ear = sockets.TcpSocket.create(isIPv4(address) ? 'ipv4' : 'ipv6');
        ear.bind(toWasi(address, port));
        const at = fromWasi(ear.getLocalAddress());
        ears.push({ ear, accepts: ear.listen(), at });
        port = at.port;
      } catch (e) {
        if (ear) swallow(() => ear[Symbol.dispose]());
        if (ears.length && e?.payload?.tag !== 'address-in-use') continue; // a system without IPv6
        for (const other of ears) {
          swallow(() => other.accepts.drop());
          swallow(() => other.ear[Symbol.dispose]());
        }
        throw failure(e, 'listen', address, port);
      }
    }
    this._ears = ears;
    this._address = both && ears.length > 1 ? { address: '::', family: 'IPv6', port } : ears[0].at;
    this.listening = true;
    if (this._refed) ref();
    for (const e of ears) e.done = this._accept(e);
  }

  async _accept(e) {
    for (;;) {
      let got;
      try {
        e.pending = e.accepts.next();
        got = await e.pending;
      } catch {
        break;
      }
      if (got?.value && this.listening) enter(accepted, this, got.value);
      else if (got?.value) swallow(() => got.value[Symbol.dispose]());
      if (!got || got.done || !this.listening) break;
    }
    swallow(() => e.accepts.drop());
    swallow(() => e.ear[Symbol.dispose]());
  }

  address() { return this.listening ? this._address : null; }

  close(done) {
    if (done) {
      if (this.listening) this.once('close', done);
      else this.once('close', () => done(Object.assign(new Error('Server is not running.'), { code: 'ERR_SERVER_NOT_RUNNING' })));
    }
    if (this.listening) {
      this.listening = false;
      for (const e of this._ears) swallow(() => e.accepts.cancelRead());
      if (this._refed) unref();
      this._ears = [];
    }
    this._maybeClosed();
    return this;
  }

  _maybeClosed() {
    if (!this.listening && this._open === 0) nextTick(() => this.emit('close'));
  }

  [EventEmitter.captureRejectionSymbol](error, event, socket) {
    if (event === 'connection') socket.destroy(error);
    else this.emit('error', error);
  }
  getConnections(done) { nextTick(done, null, this._open); return this; }
  get connections() { return this._open; }
  ref() { if (!this._refed) { this._refed = true; if (this.listening) ref(); } return this; }
  unref() { if (this._refed) { this._refed = false; if (this.listening) unref(); } return this; }
  [Symbol.asyncDispose]() { return new Promise((resolve) => this.close(() => resolve())); }
}
export const Server = callable('Server', ServerClass, (self, args) => {
  EventEmitter.call(self);
  self._beginServer(...args);
});

function accepted(server, conn) {
  if (server.maxConnections && server._open >= server.maxConnections) {
    const local = swallow(() => fromWasi(conn.getLocalAddress())), remote = swallow(() => fromWasi(conn.getRemoteAddress()));
    swallow(() => conn[Symbol.dispose]());
    return server.emit('drop', { localAddress: local?.address, localPort: local?.port, localFamily: local?.family, remoteAddress: remote?.address, remotePort: remote?.port, remoteFamily: remote?.family });
  }
  let socket;
  try {
    socket = new Socket({ allowHalfOpen: server._options.allowHalfOpen })._attach(conn);
  } catch {
    swallow(() => conn[Symbol.dispose]()); // gone before it was taken
    return;
  }
  // One that is none tells of the end.
  if (socket.remoteAddress === undefined && lookForEnding()) return socket.destroy();
  socket.server = server;
  server._open++;
  socket.once('close', () => {
    server._open--;
    if (!server.listening) server._maybeClosed();
  });
  server.emit('connection', socket);
  if (!server._options.pauseOnConnect) socket.read(0);
}

export const createServer = (options, listener) => new Server(options, listener);
export const connect = (...args) => {
  const [options, listener] = connectArgs(args);
  return new Socket(options).connect(options, listener);
};
export const createConnection = connect;
export const Stream = Socket;
let selects = true, attemptMs = 250;
export const getDefaultAutoSelectFamily = () => selects;
export const setDefaultAutoSelectFamily = (value) => { selects = boolean(value, 'value'); };
export const getDefaultAutoSelectFamilyAttemptTimeout = () => attemptMs;
export const setDefaultAutoSelectFamilyAttemptTimeout = (value) => { attemptMs = Math.max(10, integer(value, 'value', 1)); };
export default { Socket, Stream, Server, BlockList, SocketAddress, createServer, connect, createConnection, isIP, isIPv4, isIPv6, getDefaultAutoSelectFamily, setDefaultAutoSelectFamily, getDefaultAutoSelectFamilyAttemptTimeout, setDefaultAutoSelectFamilyAttemptTimeout };
