// Connections that are kept from one request to the next, and how many there may be.
import EventEmitter from 'events';
import { isIP } from './addresses.js';
import { connect } from './net.js';
import { coded, wrongType } from './http-headers.js';

const BUFFER_MS = 1000; // a kept connection goes this much before its server says that it will

// Callable without `new`, as Node's is: older packages inherit from it that way.
export function Agent(options) {
  if (!new.target && !(this instanceof Agent)) return new Agent(options);
  EventEmitter.call(this);
  this.defaultPort = 80;
  this.protocol = 'http:';
  this.options = { __proto__: null, noDelay: true, ...options, path: null };
  this.requests = { __proto__: null };
  this.sockets = { __proto__: null };
  this.freeSockets = { __proto__: null };
  this.keepAliveMsecs = this.options.keepAliveMsecs || 1000;
  this.keepAlive = this.options.keepAlive || false;
  this.maxSockets = this.options.maxSockets || Agent.defaultMaxSockets;
  this.maxFreeSockets = this.options.maxFreeSockets || 256;
  this.scheduling = this.options.scheduling || 'lifo';
  this.maxTotalSockets = this.options.maxTotalSockets ?? Infinity;
  this.agentKeepAliveTimeoutBuffer = this.options.agentKeepAliveTimeoutBuffer ?? BUFFER_MS;
  this.totalSocketCount = 0;
  if (this.scheduling !== 'lifo' && this.scheduling !== 'fifo') throw coded(TypeError, 'ERR_INVALID_ARG_VALUE', `The argument 'scheduling' must be one of: 'fifo', 'lifo'. Received '${this.scheduling}'`);
  if (typeof this.maxTotalSockets !== 'number') throw wrongType('"maxTotalSockets" argument', 'of type number', this.maxTotalSockets);
  if (!(this.maxTotalSockets >= 1)) throw coded(RangeError, 'ERR_OUT_OF_RANGE', `The value of "maxTotalSockets" is out of range. It must be >= 1. Received ${this.maxTotalSockets}`);
  this.on('free', freed);
}
Object.setPrototypeOf(Agent, EventEmitter);
Agent.defaultMaxSockets = Infinity;

class Pool extends EventEmitter {
  createConnection(options) { return connect(options); }

  getName(options = {}) {
    let name = `${options.host || 'localhost'}:${options.port || ''}:${options.localAddress || ''}`;
    if (options.family === 4 || options.family === 6) name += `:${options.family}`;
    if (options.socketPath) name += `:${options.socketPath}`;
    return name;
  }

  addRequest(req, options, port, localAddress) {
    if (typeof options === 'string') options = { host: options, port, localAddress };
    options = withOwn(this, options, req);
    const name = this.getName(options);
    const free = this.freeSockets[name];
    let socket;
    while (!socket && free?.length) {
      socket = this.scheduling === 'fifo' ? free.shift() : free.pop();
      // Bytes that nobody asked for would pass for the next answer.
      if (socket.destroyed || socket.bytesRead !== socket._freedAt) socket = void socket.destroy();
    }
    if (free?.length === 0) delete this.freeSockets[name];
    if (socket) {
      this.reuseSocket(socket, req);
      (this.sockets[name] ??= []).push(socket);
      give(this, req, socket);
    } else if (count(this, name) < this.maxSockets && this.totalSocketCount < this.maxTotalSockets) open(this, req, options);
    else {
      req._options = options;
      (this.requests[name] ??= []).push(req);
      // A free one of another host makes room.
      if (this.totalSocketCount >= this.maxTotalSockets) Object.values(this.freeSockets)[0]?.[0]?.destroy();
    }
  }

  createSocket(req, options, done) {
    options = withOwn(this, options, req);
    const name = this.getName(options);
    options._agentKey = name;
    options.encoding = null;
    if (this.keepAlive) {
      options.keepAlive = true;
      options.keepAliveInitialDelay = this.keepAliveMsecs;
    }
    let isTold = false;
    const created = (error, socket) => {
      if (isTold) return;
      isTold = true;
      if (error) return done(error);
      (this.sockets[name] ??= []).push(socket);
      this.totalSocketCount++;
      watch(this, socket, options);
      done(null, socket);
    };
    const socket = this.createConnection(options, created);
    if (socket && typeof socket.then !== 'function') created(null, socket);
  }

  removeSocket(socket, options) {
    const name = this.getName(options);
    for (const set of socket.writable ? [this.sockets] : [this.sockets, this.freeSockets]) {
      const at = set[name]?.indexOf(socket) ?? -1;
      if (at < 0) continue;
      set[name].splice(at, 1);
      if (set[name].length === 0) delete set[name];
    }
    next(this, name);
  }

  keepSocketAlive(socket) {
    socket.setKeepAlive?.(true, this.keepAliveMsecs);
    socket.unref?.();
    let ms = this.options.timeout || 0;
    const hint = /(?:^|[\s,;])timeout=(\d+)/i.exec(socket._httpMessage?.res?.headers['keep-alive'] ?? '')?.[1];
    if (hint !== undefined) {
      const said = +hint * 1000 - this.agentKeepAliveTimeoutBuffer;
      if (said <= 0) return false;
      ms = Math.min(said, ms || Infinity, 2147483647);
    }
    if (socket.timeout !== ms) socket.setTimeout?.(ms);
    return true;
  }

  reuseSocket(socket, req) {
    socket.removeListener('error', dropped);
    req.reusedSocket = true;
    socket.ref?.();
  }

  destroy() {
    for (const set of [this.freeSockets, this.sockets]) for (const list of Object.values(set)) for (const socket of [...list]) socket.destroy();
  }
}
Agent.prototype = Pool.prototype;
Object.defineProperty(Agent.prototype, 'constructor', { value: Agent, writable: true, configurable: true });

function withOwn(agent, options, req) {
  const all = { __proto__: null, ...options, ...agent.options };
  if (all.socketPath) all.path = all.socketPath;
  if (!all.servername && all.servername !== '') all.servername = serverName(all, req);
  return all;
}

// The name that TLS asks for: the one of the Host header, where there is one. An address is none.
function serverName({ host }, req) {
  const asked = req?.getHeader?.('host');
  const name = typeof asked !== 'string' || !asked ? host : asked.startsWith('[') ? asked.slice(1, asked.indexOf(']')) : asked.split(':', 1)[0];
  return isIP(name) ? '' : name;
}

const count = (agent, name) => (agent.sockets[name]?.length ?? 0) + (agent.freeSockets[name]?.length ?? 0);

function open(agent, req, options) {
  agent.createSocket(req, options, (error, socket) => {
    if (error) req.onSocket(null, error);
    else give(agent, req, socket);
  });
}

function give(agent, req, socket) {
  const ms = req.timeout ?? agent.options.timeout ?? 0;
  req.onSocket(socket);
  if ((socket.timeout ?? 0) !== ms) socket.setTimeout?.(ms);
}

// A request that waits, now that there is room: one of the same host before others.
function next(agent, name) {
  for (const key of [name, ...Object.keys(agent.requests)]) {
    const list = agent.requests[key];
    while (list?.length && list[0].destroyed) list.shift();
    if (list?.length && (count(agent, key) >= agent.maxSockets || agent.totalSocketCount >= agent.maxTotalSockets)) continue;
    const req = list?.shift();
    if (list?.length === 0) delete agent.requests[key];
    if (!req) continue;
    const options = req._options;
    req._options = null;
    return open(agent, req, options);
  }
}

// A request is done with its connection.
function freed(socket, options) {
  const name = this.getName(options);
  if (!socket.writable || socket.destroyed) return void socket.destroy();
  const waiting = this.requests[name];
  while (waiting?.length && waiting[0].destroyed) waiting.shift();
  if (waiting?.length) {
    const req = waiting.shift();
    req._options = null;
    req.reusedSocket = true;
    give(this, req, socket);
    if (waiting.length === 0) delete this.requests[name];
    return;
  }
  if (waiting) delete this.requests[name];
  const req = socket._httpMessage;
  const free = this.freeSockets[name] ?? [];
  const isWanted = Object.keys(this.requests).length > 0 && this.totalSocketCount >= this.maxTotalSockets;
  if (!req?.shouldKeepAlive || !this.keepAlive || isWanted || count(this, name) > this.maxSockets || free.length >= this.maxFreeSockets || !this.keepSocketAlive(socket)) {
    return void socket.destroy();
  }
  this.freeSockets[name] = free;
  free.push(socket);
  socket._httpMessage = null;
  socket._freedAt = socket.bytesRead;
  socket.on('error', dropped);
  this.removeSocket(socket, options);
}
function dropped() { this.destroy(); }

function watch(agent, socket, options) {
  const onFree = () => agent.emit('free', socket, options);
  const onClose = () => {
    agent.totalSocketCount--;
    agent.removeSocket(socket, options);
  };
  const onTimeout = () => {
    if (Object.values(agent.freeSockets).some((list) => list.includes(socket))) socket.destroy();
  };
  const onRemove = () => {
    agent.totalSocketCount--;
    agent.removeSocket(socket, options);
    socket.removeListener('free', onFree);
    socket.removeListener('close', onClose);
    socket.removeListener('timeout', onTimeout);
    socket.removeListener('agentRemove', onRemove);
  };
  socket.on('free', onFree);
  socket.on('close', onClose);
  socket.on('timeout', onTimeout);
  socket.on('agentRemove', onRemove);
  if (agent.options.timeout) socket.setTimeout?.(agent.options.timeout);
}
