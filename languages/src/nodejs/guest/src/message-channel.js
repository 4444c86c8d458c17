// MessageChannel and BroadcastChannel within the one thread (https://html.spec.whatwg.org/multipage/web-messaging.html).
import { Event, NodeEventTarget, kNewListener, kRemoveListener } from 'internal/event_target';
import { enter, ref, turn, unref } from './loop.js';
import { structuredClone } from './structured-clone.js';

class MessageEvent extends Event {
  #init;
  constructor(type, init = {}) {
    super(type, init);
    this.#init = init;
  }
  get data() { return this.#init.data ?? null; }
  get origin() { return this.#init.origin ?? ''; }
  get lastEventId() { return this.#init.lastEventId ?? ''; }
  get source() { return this.#init.source ?? null; }
  get ports() { return this.#init.ports ?? []; }
}
export { MessageEvent };

const OURS = Symbol('ours');
// Listeners for messages keep the program alive, as long as the port is open.
class Port extends NodeEventTarget {
  #peers = () => [];
  #queue = [];
  #isStarted = false;
  #isOpen = true;
  #wants = 0;
  #isRef = true;
  #counts = false;
  #handler = null;
  #onClose = () => {};
  static connect(port, peers, onClose = () => {}) {
    port.#peers = peers;
    port.#onClose = onClose;
  }
  static isOpen(port) { return port.#isOpen; }
  static deliver(port, data) {
    if (!port.#isOpen) return;
    port.#queue.push(data);
    if (port.#isStarted) port.#wake();
  }
  static take(port) { return port.#queue.shift(); }
  static isEmpty(port) { return port.#queue.length === 0; }
  #wake() {
    turn().then(() => {
      if (!this.#isOpen || !this.#isStarted || this.#queue.length === 0) return;
      const data = this.#queue.shift();
      if (this.#queue.length > 0) this.#wake();
      enter(() => this.dispatchEvent(new MessageEvent('message', { data })));
    });
  }
  #count() {
    const counts = this.#isOpen && this.#isRef && this.#wants > 0;
    if (counts === this.#counts) return;
    this.#counts = counts;
    if (counts) ref();
    else unref();
  }
  [kNewListener](size, type, ...rest) {
    super[kNewListener](size, type, ...rest);
    if (type !== 'message') return;
    this.#wants = size;
    this.start();
    this.#count();
  }
  [kRemoveListener](size, type, ...rest) {
    super[kRemoveListener](size, type, ...rest);
    if (type !== 'message') return;
    this.#wants = size;
    this.#count();
  }
  get onmessage() { return this.#handler; }
  set onmessage(handler) {
    if (this.#handler) this.removeEventListener('message', this.#handler);
    this.#handler = typeof handler === 'function' ? handler : null;
    if (this.#handler) this.addEventListener('message', this.#handler);
  }
  postMessage(value, options) {
    const data = structuredClone(value, Array.isArray(options) ? { transfer: options } : options);
    if (this.#isOpen) for (const peer of this.#peers()) Port.deliver(peer, data);
  }
  start() {
    if (this.#isStarted) return;
    this.#isStarted = true;
    if (this.#queue.length > 0) this.#wake();
  }
  close(callback) {
    if (typeof callback === 'function') this.once('close', callback);
    if (!this.#isOpen) return;
    const peers = this.#peers();
    // What was sent before arrives before.
    turn().then(() => this.#end());
    this.#onClose(peers);
  }
  #end() {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#count();
    enter(() => this.dispatchEvent(new Event('close')));
  }
  static end(port) { port.#end(); }
  ref() {
    this.#isRef = true;
    this.#count();
  }
  unref() {
    this.#isRef = false;
    this.#count();
  }
  hasRef() { return this.#counts; }
}

export class MessagePort extends Port {
  constructor(ours) {
    if (ours !== OURS) throw Object.assign(new TypeError('Illegal constructor'), { code: 'ERR_CONSTRUCT_CALL_INVALID' });
    super();
  }
}
export class MessageChannel {
  constructor() {
    this.port1 = new MessagePort(OURS);
    this.port2 = new MessagePort(OURS);
    const end = (peers) => turn().then(() => peers.forEach((peer) => Port.end(peer)));
    Port.connect(this.port1, () => [this.port2], end);
    Port.connect(this.port2, () => [this.port1], end);
  }
}
export function receiveMessageOnPort(port) {
  if (!(port instanceof Port)) throw Object.assign(new TypeError('The "port" argument must be a MessagePort instance'), { code: 'ERR_INVALID_ARG_TYPE' });
  return Port.isEmpty(port) ? undefined : { message: Port.take(port) };
}

const broadcasts = new Map();
export class BroadcastChannel extends Port {
  #name;
  constructor(name) {
    if (arguments.length === 0) throw Object.assign(new TypeError('The "name" argument must be specified'), { code: 'ERR_MISSING_ARGS' });
    super();
    this.#name = `${name}`;
    if (!broadcasts.has(this.#name)) broadcasts.set(this.#name, new Set());
    const all = broadcasts.get(this.#name).add(this);
    Port.connect(this, () => [...all].filter((one) => one !== this), () => all.delete(this));
    this.start();
  }
  get name() { return this.#name; }
  postMessage(value) {
    if (!Port.isOpen(this)) throw new DOMException('BroadcastChannel is closed.', 'InvalidStateError');
    super.postMessage(value);
  }
}
for (const Kind of [MessagePort, MessageChannel, BroadcastChannel, MessageEvent]) Object.defineProperty(Kind.prototype, Symbol.toStringTag, { configurable: true, value: Kind.name });
