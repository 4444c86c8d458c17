// Headers, Request and Response: what fetch takes and gives, and what Hono and others build on.
import streams from 'stream/web';
import { decode, encode } from './encoding.js';
import { expose } from './globals.js';

const { ReadableStream } = streams;

export class Blob {
  constructor(parts = [], options = {}) {
    const chunks = parts.map((p) => (p instanceof Blob ? p._bytes : typeof p === 'string' ? encode(p) : view(p)));
    this._bytes = new Uint8Array(Buffer.concat(chunks));
    this.type = String(options.type ?? '').toLowerCase();
  }
  get size() { return this._bytes.length; }
  async arrayBuffer() { return this._bytes.slice().buffer; }
  async bytes() { return this._bytes.slice(); }
  async text() { return decode(this._bytes); }
  slice(start, end, type) { return new Blob([this._bytes.slice(start, end)], { type }); }
  stream() { return streamOf(this._bytes); }
}
export class File extends Blob {
  constructor(parts, name, options = {}) { super(parts, options); this.name = name; this.lastModified = options.lastModified ?? Date.now(); }
}
export class FormData {
  #list = [];
  append(name, value, filename) { this.#list.push([name, value instanceof Blob && filename ? new File([value], filename, { type: value.type }) : value]); }
  set(name, value, filename) { this.delete(name); this.append(name, value, filename); }
  get(name) { return this.#list.find(([n]) => n === name)?.[1] ?? null; }
  getAll(name) { return this.#list.filter(([n]) => n === name).map(([, v]) => v); }
  has(name) { return this.#list.some(([n]) => n === name); }
  delete(name) { this.#list = this.#list.filter(([n]) => n !== name); }
  forEach(fn) { for (const [n, v] of this.#list) fn(v, n, this); }
  entries() { return this.#list[Symbol.iterator](); }
  *keys() { for (const [n] of this.#list) yield n; }
  *values() { for (const [, v] of this.#list) yield v; }
  [Symbol.iterator]() { return this.entries(); }
}

const view = (d) => (d instanceof ArrayBuffer ? new Uint8Array(d) : new Uint8Array(d.buffer, d.byteOffset, d.byteLength));
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

export class Headers {
  #map = new Map();
  constructor(init) {
    if (init === undefined || init === null) return;
    if (typeof init[Symbol.iterator] === 'function') for (const [k, v] of init) this.append(k, v);
    else for (const k of Object.keys(init)) this.append(k, init[k]);
  }
  static #key(name) {
    if (!NAME.test(name)) throw new TypeError(`Headers: "${name}" is an invalid header name.`);
    return String(name).toLowerCase();
  }
  append(name, value) {
    const k = Headers.#key(name), v = String(value).trim(), had = this.#map.get(k);
    if (/[\r\n\0]/.test(v)) throw new TypeError(`Headers: invalid value for "${name}"`);
    if (had) had.push(v);
    else this.#map.set(k, [v]);
  }
  set(name, value) { this.#map.delete(Headers.#key(name)); this.append(name, value); }
  get(name) { const v = this.#map.get(Headers.#key(name)); return v ? v.join(', ') : null; }
  has(name) { return this.#map.has(Headers.#key(name)); }
  delete(name) { this.#map.delete(Headers.#key(name)); }
  getSetCookie() { return [...(this.#map.get('set-cookie') ?? [])]; }
  forEach(fn, self) { for (const [k, v] of this) fn.call(self, v, k, this); }
  *entries() {
    for (const k of [...this.#map.keys()].sort()) {
      const v = this.#map.get(k);
      if (k === 'set-cookie') for (const one of v) yield [k, one];
      else yield [k, v.join(', ')];
    }
  }
  *keys() { for (const [k] of this) yield k; }
  *values() { for (const [, v] of this) yield v; }
  [Symbol.iterator]() { return this.entries(); }
  get [Symbol.toStringTag]() { return 'Headers'; }
}

const streamOf = (bytes) => new ReadableStream({ start(c) { if (bytes.length) c.enqueue(bytes); c.close(); } });

class Body {
  #raw = null; #stream = null; #intake = null; #type = null; #used = false;
  _setBody(init) {
    if (init === null || init === undefined) return;
    if (typeof init === 'string') { this.#raw = encode(init); this.#type = 'text/plain;charset=UTF-8'; }
    else if (init instanceof Blob) { this.#raw = init._bytes; this.#type = init.type || null; }
    else if (init instanceof URLSearchParams) { this.#raw = encode(String(init)); this.#type = 'application/x-www-form-urlencoded;charset=UTF-8'; }
    else if (init instanceof ArrayBuffer || ArrayBuffer.isView(init)) this.#raw = view(init).slice();
    else if (init instanceof FormData) [this.#raw, this.#type] = multipart(init);
    else if (typeof init.getReader === 'function') this.#stream = init;
    else if (init[Symbol.asyncIterator]) this.#stream = fromIterable(init);
    else { this.#raw = encode(String(init)); this.#type = 'text/plain;charset=UTF-8'; }
  }
  // What comes off the network: a web stream of it is made for who asks for one.
  _setIntake(intake) { this.#intake = intake; }
  get _bodyType() { return this.#type; }
  get body() { return (this.#stream ??= this.#intake ? streamOfIntake(this.#intake) : this.#raw === null ? null : streamOf(this.#raw)); }
  // The body for who sends it: bytes, a stream, or null.
  _giveBody() {
    if (this.bodyUsed) throw new TypeError('Body is unusable: Body has already been read');
    if (this.#raw === null && this.body === null) return null;
    this.#used = true;
    return this.#raw ?? this.body;
  }
  get bodyUsed() { return this.#used || !!this.#intake?.isTouched || !!this.#stream?.locked; }
  async #take() {
    if (this.bodyUsed) throw new TypeError('Body is unusable: Body has already been read');
    if (this.#raw === null && !this.#stream && !this.#intake) return new Uint8Array();
    this.#used = true;
    if (this.#raw !== null) return this.#raw;
    if (!this.#stream) return this.#intake.all();
    const parts = [];
    const reader = this.#stream.getReader();
    for (let r; !(r = await reader.read()).done; ) parts.push(typeof r.value === 'string' ? encode(r.value) : view(r.value));
    return new Uint8Array(Buffer.concat(parts));
  }
  async arrayBuffer() { return (await this.#take()).slice().buffer; }
  async bytes() { return (await this.#take()).slice(); }
  async text() { return new TextDecoder().decode(await this.#take()); }
  async json() { return JSON.parse(await this.text()); }
  async blob() { return new Blob([await this.#take()], { type: this.headers.get('content-type') ?? '' }); }
  async formData() {
    const type = this.headers.get('content-type') ?? '';
    const form = new FormData();
    const raw = await this.#take();
    if (/^application\/x-www-form-urlencoded/i.test(type)) for (const [k, v] of new URLSearchParams(decode(raw))) form.append(k, v);
    else {
      const mark = /boundary="?([^";]+)"?/i.exec(type)?.[1];
      if (!mark) throw new TypeError('Response.formData: not a form');
      const all = Buffer.from(raw), sep = Buffer.from('--' + mark);
      for (let at = all.indexOf(sep); at >= 0; ) {
        const start = at + sep.length + 2, next = all.indexOf(sep, start);
        if (next < 0) break;
        const part = all.subarray(start, next - 2), cut = part.indexOf('\r\n\r\n');
        const head = decode(part, 0, cut), data = part.subarray(cut + 4);
        const name = /\bname="([^"]*)"/i.exec(head)?.[1], file = /filename="([^"]*)"/i.exec(head)?.[1];
        form.append(name, file === undefined ? decode(data) : new File([data], file, { type: /content-type:\s*(.+)/i.exec(head)?.[1].trim() ?? '' }));
        at = next;
      }
    }
    return form;
  }
  _copyBody(from) {
    if (from.bodyUsed) throw new TypeError('Body has already been used');
    if (from.#raw !== null) this.#raw = from.#raw;
    else if (from.body) [from.#stream, this.#stream] = from.body.tee();
  }
}
const streamOfIntake = (intake) => new ReadableStream({
  async pull(c) {
    const chunk = await intake.read();
    if (chunk) c.enqueue(chunk);
    else c.close();
  },
  cancel(reason) { intake.cancel(reason); },
}, { highWaterMark: 0 });
const fromIterable = (it) => {
  const i = it[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(c) { const r = await i.next(); r.done ? c.close() : c.enqueue(r.value); },
    async cancel() { await i.return?.(); },
  });
};
const quoted = (name) => String(name).replace(/["\r\n]/g, encodeURIComponent);
function multipart(form) {
  const mark = '----wasmrun' + Math.random().toString(36).slice(2), parts = [];
  for (const [k, v] of form) {
    parts.push(Buffer.from(`--${mark}\r\nContent-Disposition: form-data; name="${quoted(k)}"${v instanceof Blob ? `; filename="${quoted(v.name ?? 'blob')}"\r\nContent-Type: ${v.type || 'application/octet-stream'}` : ''}\r\n\r\n`), v instanceof Blob ? Buffer.from(v._bytes) : Buffer.from(String(v)), Buffer.from('\r\n'));
  }
  parts.push(Buffer.from(`--${mark}--\r\n`));
  return [new Uint8Array(Buffer.concat(parts)), `multipart/form-data; boundary=${mark}`];
}

function addressOf(input) {
  try {
    return new URL(String(input)).href;
  } catch {
    throw new TypeError(`Failed to parse URL from ${input}`, { cause: Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL', input: String(input) }) });
  }
}

// What a request or response says of itself, for getters: classes on top of these have getters of the same names.
const FIELDS = Symbol('fields');
function hold(message, fields) {
  Object.defineProperty(message, FIELDS, { value: fields, writable: true, configurable: true });
  return message;
}
function show(Kind, names) {
  for (const name of names) Object.defineProperty(Kind.prototype, name, { get() { return this[FIELDS][name]; }, enumerable: true, configurable: true });
}

export class Request extends Body {
  constructor(input, init = {}) {
    super();
    const from = typeof input === 'object' && input !== null && 'headers' in input && 'method' in input ? input : null;
    const url = from ? from.url : addressOf(input);
    const method = String(init.method ?? from?.method ?? 'GET').toUpperCase();
    if (!NAME.test(method) || ['CONNECT', 'TRACE', 'TRACK'].includes(method)) throw new TypeError(`'${method}' HTTP method is unsupported.`);
    const headers = new Headers(init.headers ?? from?.headers);
    hold(this, {
      url, method, headers, signal: init.signal ?? from?.signal ?? new AbortController().signal, mode: init.mode ?? from?.mode ?? 'cors', credentials: init.credentials ?? from?.credentials ?? 'same-origin', cache: init.cache ?? from?.cache ?? 'default',
      redirect: init.redirect ?? from?.redirect ?? 'follow', referrer: 'about:client', referrerPolicy: init.referrerPolicy ?? '', integrity: init.integrity ?? '', keepalive: Boolean(init.keepalive), destination: '', duplex: 'half',
    });
    if (init.body !== undefined && init.body !== null) {
      if (method === 'GET' || method === 'HEAD') throw new TypeError('Request with GET/HEAD method cannot have body.');
      if (init.duplex === undefined && (typeof init.body.getReader === 'function' || (init.body[Symbol.asyncIterator] && !ArrayBuffer.isView(init.body)))) {
        throw new TypeError('RequestInit: duplex option is required when sending a body.');
      }
      this._setBody(init.body);
      if (this._bodyType && !headers.has('content-type')) headers.set('content-type', this._bodyType);
    } else if (from instanceof Body) this._copyBody(from);
    else if (from?.body) this._setBody(from.body);
  }
  clone() { return new Request(this); }
}
export class Response extends Body {
  constructor(body = null, init = {}) {
    super();
    const { status = 200 } = init;
    if (!(status >= 200 && status <= 599) && status !== 101) throw new RangeError('init["status"] must be in the range of 200 to 599, inclusive.');
    const headers = new Headers(init.headers);
    hold(this, { status, statusText: init.statusText ?? '', headers, type: 'default', url: '', redirected: false });
    if (body !== null && [101, 204, 205, 304].includes(status)) throw new TypeError('Response constructor: Invalid response status code ' + status);
    this._setBody(body);
    if (this._bodyType && !headers.has('content-type')) headers.set('content-type', this._bodyType);
  }
  get ok() { return this.status >= 200 && this.status < 300; }
  clone() {
    const r = new Response(null, this);
    r._copyBody(this);
    return r;
  }
  static json(data, init = {}) {
    const headers = new Headers(init.headers);
    if (!headers.has('content-type')) headers.set('content-type', 'application/json');
    return new Response(JSON.stringify(data), { ...init, headers });
  }
  static redirect(url, status = 302) { return new Response(null, { status, headers: { location: new URL(url).href } }); }
  // One that came: its status may be any.
  static _come(status, statusText, headers, url, redirected, type) {
    return hold(new Response(), { status, statusText, headers, url, redirected, type });
  }
  static error() { return hold(new Response(), { status: 0, statusText: '', headers: new Headers(), type: 'error', url: '', redirected: false }); }
}
show(Request, ['url', 'method', 'headers', 'signal', 'mode', 'credentials', 'cache', 'redirect', 'referrer', 'referrerPolicy', 'integrity', 'keepalive', 'destination', 'duplex']);
show(Response, ['status', 'statusText', 'headers', 'type', 'url', 'redirected']);
expose({ Headers, Request, Response, Blob, File, FormData });
