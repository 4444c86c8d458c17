// Headers, Request and Response, which Hono and others build on. fetch itself is refused: there is no network to ask.
import * as streams from 'web-streams-polyfill';
import { decode, encode } from './encoding.js';

for (const name of ['ReadableStream', 'WritableStream', 'TransformStream', 'ByteLengthQueuingStrategy', 'CountQueuingStrategy', 'ReadableStreamDefaultReader', 'ReadableStreamDefaultController', 'ReadableByteStreamController', 'WritableStreamDefaultWriter']) {
  if (streams[name]) globalThis[name] = streams[name];
}
const { ReadableStream } = streams;

class Blob {
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
class File extends Blob {
  constructor(parts, name, options = {}) { super(parts, options); this.name = name; this.lastModified = options.lastModified ?? Date.now(); }
}
class FormData {
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
  #raw = null; #stream = null; #type = null; #used = false;
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
  get _bodyType() { return this.#type; }
  get body() { return this.#stream ?? (this.#raw === null ? null : (this.#stream = streamOf(this.#raw))); }
  get bodyUsed() { return this.#used || !!this.#stream?.locked; }
  async #take() {
    if (this.bodyUsed) throw new TypeError('Body is unusable: Body has already been read');
    if (this.#raw === null && !this.#stream) return new Uint8Array();
    this.#used = true;
    if (this.#raw !== null) return this.#raw;
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
    else if (from.#stream) [from.#stream, this.#stream] = from.#stream.tee();
  }
}
const fromIterable = (it) => {
  const i = it[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(c) { const r = await i.next(); r.done ? c.close() : c.enqueue(r.value); },
    async cancel() { await i.return?.(); },
  });
};
function multipart(form) {
  const mark = '----wasmrun' + Math.random().toString(36).slice(2), parts = [];
  for (const [k, v] of form) {
    parts.push(Buffer.from(`--${mark}\r\nContent-Disposition: form-data; name="${k}"${v instanceof Blob ? `; filename="${v.name ?? 'blob'}"\r\nContent-Type: ${v.type || 'application/octet-stream'}` : ''}\r\n\r\n`), v instanceof Blob ? Buffer.from(v._bytes) : Buffer.from(String(v)), Buffer.from('\r\n'));
  }
  parts.push(Buffer.from(`--${mark}--\r\n`));
  return [new Uint8Array(Buffer.concat(parts)), `multipart/form-data; boundary=${mark}`];
}

export class Request extends Body {
  constructor(input, init = {}) {
    super();
    const from = typeof input === 'object' && input !== null && 'headers' in input && 'method' in input ? input : null;
    this.url = from ? from.url : new URL(String(input)).href;
    this.method = String(init.method ?? from?.method ?? 'GET').toUpperCase();
    this.headers = new Headers(init.headers ?? from?.headers);
    this.signal = init.signal ?? from?.signal ?? new AbortController().signal;
    Object.assign(this, { mode: 'cors', credentials: 'same-origin', cache: 'default', redirect: init.redirect ?? 'follow', referrer: 'about:client', integrity: '', keepalive: false, destination: '', duplex: 'half' });
    if (init.body !== undefined && init.body !== null) {
      if (this.method === 'GET' || this.method === 'HEAD') throw new TypeError('Request with GET/HEAD method cannot have body.');
      this._setBody(init.body);
      if (this._bodyType && !this.headers.has('content-type')) this.headers.set('content-type', this._bodyType);
    } else if (from instanceof Body) this._copyBody(from);
    else if (from?.body) this._setBody(from.body);
  }
  clone() { return new Request(this); }
}
export class Response extends Body {
  constructor(body = null, init = {}) {
    super();
    this.status = init.status ?? 200;
    if (!(this.status >= 200 && this.status <= 599) && this.status !== 101) throw new RangeError('init["status"] must be in the range of 200 to 599, inclusive.');
    this.statusText = init.statusText ?? '';
    this.headers = new Headers(init.headers);
    this.type = 'default';
    this.url = '';
    this.redirected = false;
    if (body !== null && [101, 204, 205, 304].includes(this.status)) throw new TypeError('Response constructor: Invalid response status code ' + this.status);
    this._setBody(body);
    if (this._bodyType && !this.headers.has('content-type')) this.headers.set('content-type', this._bodyType);
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
  static error() { const r = new Response(); r.type = 'error'; r.status = 0; return r; }
}
Object.assign(globalThis, {
  Headers, Request, Response, Blob, File, FormData,
  async fetch(to) {
    throw new TypeError(`fetch ${to?.url ?? to}: this guest has no network but its own loopback interface; outgoing HTTP is not there`, { cause: Object.assign(new Error('no route out'), { code: 'ENETUNREACH' }) });
  },
});
