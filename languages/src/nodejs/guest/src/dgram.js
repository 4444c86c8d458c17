// node:dgram over wasi:sockets 0.3.
import sockets from 'wasi:sockets/types@0.3.0';
import EventEmitter from 'events';
import { codes, ErrnoException } from 'internal/errors';
import { validateNumber } from 'internal/validators';
import { isIPv4 } from './addresses.js';
import { coded } from './coded.js';
import { lookup } from './dns.js';
import { enter, nextTick, ref, unref } from './loop.js';
import { failure, fromWasi, swallow, toWasi } from './sockets.js';

const notRunning = () => coded(new Error('Not running'), 'ERR_SOCKET_DGRAM_NOT_RUNNING');
const notConnected = () => coded(new Error('Not connected'), 'ERR_SOCKET_DGRAM_NOT_CONNECTED');
const isConnected = () => coded(new Error('Already connected'), 'ERR_SOCKET_DGRAM_IS_CONNECTED');
const wrongType = (name, what, value) => coded(new TypeError(`The "${name}" argument must be ${what}. Received ${typeof value}`), 'ERR_INVALID_ARG_TYPE');
const absent = (what) => coded(new Error(`${what} is not supported by wasmrun's Node.js`), 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM');

function checkPort(port, least = 1) {
  const number = +port;
  if (port === null || port === '' || typeof port === 'boolean' || !(Number.isInteger(number) && number >= least && number < 65536)) {
    throw coded(new RangeError(`Port should be >${least ? '' : '='} 0 and < 65536. Received ${port}.`), 'ERR_SOCKET_BAD_PORT');
  }
  return number;
}

function bytesOf(message) {
  const parts = Array.isArray(message) ? message : [message];
  const bytes = parts.map((part) => {
    if (typeof part === 'string') return Buffer.from(part);
    if (ArrayBuffer.isView(part)) return Buffer.from(part.buffer, part.byteOffset, part.byteLength);
    throw wrongType('msg', 'an instance of Buffer, TypedArray, DataView, string or Array', part);
  });
  return bytes.length === 1 ? bytes[0] : Buffer.concat(bytes);
}

function piece(bytes, offset, length) {
  if (!(offset >= 0 && offset <= bytes.length)) throw coded(new RangeError('"offset" is outside of buffer bounds'), 'ERR_BUFFER_OUT_OF_BOUNDS');
  if (!(length >= 0 && length <= bytes.length - offset)) throw coded(new RangeError('"length" is outside of buffer bounds'), 'ERR_BUFFER_OUT_OF_BOUNDS');
  return bytes.subarray(offset, offset + length);
}

// What wakes up a wait for datagrams at the socket's end: the handle cannot be dropped below it.
const WAKE = new Uint8Array(0);

export class Socket extends EventEmitter {
  constructor(options, listener) {
    super();
    const { type, signal, lookup: own } = typeof options === 'string' ? { type: options } : (options ?? {});
    if (type !== 'udp4' && type !== 'udp6') {
      throw coded(new TypeError('Bad socket type specified. Valid types are: udp4, udp6'), 'ERR_SOCKET_BAD_TYPE');
    }
    this.type = type;
    this._lookup = own ?? lookup;
    this._state = 'unbound'; // binding, bound, closed
    this._queue = []; // what waits for a look-up
    this._remote = null;
    this._refed = true;
    this._udp = sockets.UdpSocket.create(type === 'udp4' ? 'ipv4' : 'ipv6');
    if (listener) this.on('message', listener);
    signal?.addEventListener('abort', () => this._state !== 'closed' && this.close(), { once: true });
    if (signal?.aborted) nextTick(() => this._state !== 'closed' && this.close());
  }

  bind(...args) {
    const listener = typeof args.at(-1) === 'function' ? args.pop() : undefined;
    this._running();
    if (this._state !== 'unbound') throw coded(new Error('Socket is already bound'), 'ERR_SOCKET_ALREADY_BOUND');
    const [port, address] = typeof args[0] === 'object' && args[0] ? [args[0].port, args[0].address] : args;
    if (listener) this.once('listening', listener);
    const number = port == null ? 0 : checkPort(port, 0);
    this._state = 'binding';
    this._resolve(address || this._any(), (error, ip) => {
      if (this._state === 'closed') return;
      try {
        if (error) throw error;
        this._udp.bind(toWasi(ip, number));
      } catch (e) {
        this._state = 'unbound';
        this.emit('error', failure(e, 'bind', address || this._any(), number));
        return;
      }
      this._bound();
    });
    return this;
  }

  _any() { return this.type === 'udp4' ? '0.0.0.0' : '::'; }
  _own() { return this.type === 'udp4' ? '127.0.0.1' : '::1'; }

  _running() {
    if (this._state === 'closed') throw notRunning();
  }

  _bound() {
    this._state = 'bound';
    if (this._refed) ref();
    this._receive();
    this.emit('listening');
    for (const send of this._queue.splice(0)) send();
  }

  async _receive() {
    for (;;) {
      let came;
      try {
        came = await this._udp.receive();
      } catch (e) {
        if (this._state === 'closed') break;
        enter(() => this.emit('error', failure(e, 'recvmsg')));
        continue;
      }
      if (this._state === 'closed') break;
      const [data, from] = came;
      const { address, family, port } = fromWasi(from);
      if (this._remote && (this._remote.port !== port || this._remote.address !== address)) continue;
      const message = Buffer.from(data);
      enter(() => this.emit('message', message, { address, family, port, size: message.length }));
    }
    swallow(() => this._udp[Symbol.dispose]());
  }

  // An address of this socket's family.
  _resolve(host, done) {
    if (host === 'localhost' || !host) return nextTick(done, null, this._own());
    this._lookup(host, { family: this.type === 'udp4' ? 4 : 6 }, (error, address) => done(error, address));
  }

  connect(port, address, listener) {
    if (typeof address === 'function') [address, listener] = [undefined, address];
    this._running();
    const number = checkPort(port);
    if (this._remote || this._connecting) throw isConnected();
    if (listener) this.once('connect', listener);
    this._connecting = true;
    if (this._state === 'unbound') this.bind(0);
    this._resolve(address, (error, ip) => {
      this._connecting = false;
      if (this._state === 'closed') return;
      const done = () => {
        if (error) return this.emit(listener ? 'connect' : 'error', error);
        this._remote = { address: ip, family: isIPv4(ip) ? 'IPv4' : 'IPv6', port: number };
        this.emit('connect');
      };
      if (this._state === 'bound') done();
      else this._queue.push(done);
    });
  }

  disconnect() {
    this._running();
    if (!this._remote) throw notConnected();
    this._remote = null;
  }

  remoteAddress() {
    this._running();
    if (!this._remote) throw notConnected();
    return { ...this._remote };
  }

  // send(msg[, offset, length][, port][, address][, callback])
  send(message, ...args) {
    this._running();
    const done = typeof args.at(-1) === 'function' ? args.pop() : undefined;
    let bytes = bytesOf(message);
    const remote = this._remote;
    let [port, host] = args;
    // With an offset there is a length, too: for who is connected nothing else comes, otherwise a port comes after them.
    if (remote ? typeof args[1] === 'number' : args[2] || args[3]) {
      const [offset, length] = args.splice(0, 2);
      if (Array.isArray(message)) throw wrongType('buffer', 'an instance of Buffer, TypedArray, DataView or string', message);
      bytes = piece(bytes, offset, length);
      [port, host] = args;
      if (remote && (port || host)) throw isConnected();
    }
    if (remote) ({ port, address: host } = remote);
    else port = checkPort(port);
    // It is copied: the program may write over it.
    const datagram = Uint8Array.from(bytes);
    if (this._state === 'unbound') this.bind(0);
    this._resolve(host, (error, ip) => {
      const go = () => this._send(datagram, ip, port, done, error);
      if (this._state === 'binding') this._queue.push(go);
      else go();
    });
  }

  _send(datagram, ip, port, done, error) {
    const ended = (e) => {
      if (done) enter(() => done(e, e ? undefined : datagram.length));
      else if (e) enter(() => this.emit('error', e));
    };
    if (error) return ended(error);
    if (this._state === 'closed') return;
    ref();
    this._sending = (this._sending ?? 0) + 1;
    this._udp.send(datagram, toWasi(ip, port)).then(() => ended(null), (e) => ended(failure(e, 'send', ip, port))).then(() => {
      this._sending--;
      unref();
      this._release?.();
    });
  }

  close(listener) {
    this._running();
    if (listener) this.on('close', listener);
    const was = this._state;
    this._state = 'closed';
    this._queue.length = 0;
    this._end(was).then(() => {
      if (was === 'bound' && this._refed) unref();
      enter(() => this.emit('close'));
    });
    return this;
  }

  async _end(was) {
    // What was sent goes out first.
    if (this._sending) await new Promise((done) => { this._release = () => this._sending || done(); });
    if (was !== 'bound') return swallow(() => this._udp[Symbol.dispose]());
    const { port } = fromWasi(this._udp.getLocalAddress());
    const local = fromWasi(this._udp.getLocalAddress()).address;
    const to = local === this._any() ? this._own() : local;
    await this._udp.send(WAKE, toWasi(to, port)).catch(() => {});
  }

  async [Symbol.asyncDispose]() {
    if (this._state !== 'closed') await new Promise((done) => this.close(done));
  }

  address() {
    this._running();
    if (this._state !== 'bound') throw Object.assign(new Error('getsockname EBADF'), { code: 'EBADF', errno: -9, syscall: 'getsockname' });
    return fromWasi(this._udp.getLocalAddress());
  }

  ref() {
    if (!this._refed) {
      this._refed = true;
      if (this._state === 'bound') ref();
    }
    return this;
  }

  unref() {
    if (this._refed) {
      this._refed = false;
      if (this._state === 'bound') unref();
    }
    return this;
  }

  setTTL(hops) {
    validateNumber(hops, 'ttl');
    this._running();
    if (!(hops >= 1 && hops <= 255)) throw new ErrnoException(-22, 'setTTL');
    this._udp.setUnicastHopLimit(Math.trunc(hops));
    return hops;
  }
  getRecvBufferSize() { this._running(); return Number(this._udp.getReceiveBufferSize()); }
  getSendBufferSize() { this._running(); return Number(this._udp.getSendBufferSize()); }
  setRecvBufferSize(size) { this._setSize('uv_recv_buffer_size', size, (bytes) => this._udp.setReceiveBufferSize(bytes)); }
  setSendBufferSize(size) { this._setSize('uv_send_buffer_size', size, (bytes) => this._udp.setSendBufferSize(bytes)); }
  _setSize(syscall, size, set) {
    if (!Number.isInteger(size) || size < 0 || size > 4294967295) throw new codes.ERR_SOCKET_BAD_BUFFER_SIZE();
    this._running();
    try {
      set(Math.max(1, size));
    } catch (e) {
      throw failure(e, syscall);
    }
  }
  getSendQueueSize() { return 0; }
  getSendQueueCount() { return this._sending ?? 0; }
  // A guest's network has no broadcast and no groups.
  setBroadcast() { this._running(); }
  setMulticastTTL(hops) { return hops; }
  setMulticastLoopback(on) { return on; }
  setMulticastInterface() { throw absent('multicast'); }
  addMembership() { throw absent('multicast'); }
  dropMembership() { throw absent('multicast'); }
  addSourceSpecificMembership() { throw absent('multicast'); }
  dropSourceSpecificMembership() { throw absent('multicast'); }
}

export const createSocket = (options, listener) => new Socket(options, listener);
