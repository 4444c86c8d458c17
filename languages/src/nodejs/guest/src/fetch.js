// fetch, by the client of node:http.
import { Agent } from './http-agent.js';
import { request } from './http-client.js';
import { Agent as SecureAgent, request as secureRequest } from './https.js';
import { coded } from './http-headers.js';
import { expose } from './globals.js';
import { Headers, Request, Response } from './fetch-types.js';
import { Intake } from './fetch-intake.js';
import stream from 'stream';
import zlib from './zlib.js';

export { Headers, Request, Response };
const { PassThrough } = stream;
const agents = { 'http:': new Agent({ keepAlive: true, timeout: 4000 }), 'https:': new SecureAgent({ keepAlive: true, timeout: 4000 }) };
const WAIT_MS = 300000; // for the head of a response, and for each part of its body
const MAX_REDIRECTS = 20;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const BODYLESS = new Set([101, 204, 205, 304]);
const AGAIN = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']); // the same twice as once
const OURS = new Set(['connection', 'content-length', 'expect', 'keep-alive', 'transfer-encoding', 'upgrade']); // the client's own to say
const DEFAULTS = { accept: '*/*', 'accept-language': '*', 'sec-fetch-mode': 'cors', 'user-agent': 'node', 'accept-encoding': 'gzip, deflate' };
const OF_BODY = ['content-encoding', 'content-language', 'content-location', 'content-type', 'content-length'];
const OF_ORIGIN = ['authorization', 'proxy-authorization', 'cookie', 'host'];

const failed = (cause) => new TypeError('fetch failed', { cause });
const noScheme = () => new Error('URL scheme must be a HTTP(S) scheme');
const isKnown = ({ protocol }) => Object.hasOwn(agents, protocol);

class Exchange {
  constructor(request, done, fail) {
    this.url = new URL(request.url);
    this.method = request.method;
    this.headers = new Headers(request.headers);
    this.mode = request.redirect;
    this.signal = request.signal;
    this.body = request._giveBody();
    this.redirects = 0;
    this.again = false;
    this.isCross = false;
    this.req = null;
    this.intake = null;
    this.done = done;
    this.fail = (error) => {
      this.forget();
      fail(error);
    };
    this.onAbort = () => this.abort();
    this.signal?.addEventListener('abort', this.onAbort);
    this.start();
  }

  forget() { this.signal?.removeEventListener('abort', this.onAbort); }

  abort() {
    const { reason } = this.signal;
    this.fail(reason);
    this.intake?.fail(reason);
    this.stop(reason);
    const { req } = this;
    this.req = null;
    req?.destroy();
  }
  // A body that is still being sent is given up.
  stop(reason) {
    if (this.reader) this.reader.cancel(reason).catch(() => {});
    else if (this.body?.locked === false) this.body.cancel(reason).catch(() => {});
    this.reader = null;
  }

  start() {
    const { url } = this;
    if (!isKnown(url)) return this.fail(failed(noScheme()));
    const headers = { __proto__: null };
    for (const [name, value] of this.headers) if (!OURS.has(name)) headers[name] = value;
    for (const name of Object.keys(DEFAULTS)) headers[name] ??= DEFAULTS[name];
    if (headers.range) headers['accept-encoding'] = this.headers.get('accept-encoding') ?? 'identity';
    const { hostname } = url;
    let req;
    try {
      const open = url.protocol === 'https:' ? secureRequest : request;
      req = open({
        protocol: url.protocol, hostname: hostname.startsWith('[') ? hostname.slice(1, -1) : hostname, port: url.port || agents[url.protocol].defaultPort, path: url.pathname + url.search, method: this.method, headers,
        agent: this.again ? false : agents[url.protocol], timeout: WAIT_MS,
      });
    } catch (e) {
      return this.fail(e);
    }
    this.req = req;
    req.on('error', (e) => this.broke(req, e));
    req.on('timeout', () => {
      if (this.intake?.isFull) return; // it is the reader that is slow
      req.destroy(this.intake ? coded(Error, 'UND_ERR_BODY_TIMEOUT', 'Body Timeout Error') : coded(Error, 'UND_ERR_HEADERS_TIMEOUT', 'Headers Timeout Error'));
    });
    req.on('upgrade', (res, socket) => {
      socket.destroy();
      this.broke(req, new Error('bad upgrade'));
    });
    req.on('response', (res) => this.answered(req, res));
    if (this.body === null) req.end();
    else if (this.body instanceof Uint8Array) req.end(this.body);
    else this.send(req, this.body);
  }

  async send(req, stream) {
    try {
      this.reader = stream.getReader();
      for (let part; !(part = await this.reader.read()).done; ) {
        if (req.destroyed || req !== this.req) return this.stop();
        if (!(part.value instanceof Uint8Array)) throw new TypeError('Received non-Uint8Array chunk');
        if (!req.write(part.value)) await drained(req);
        if (!this.reader) return;
      }
      if (!this.reader) return;
      this.reader = null;
      req.end();
    } catch (e) {
      this.stop(e);
      if (req === this.req) req.destroy(e);
    }
  }

  broke(req, error) {
    if (req !== this.req) return;
    if (this.intake) return this.intake.fail(new TypeError('terminated', { cause: error }));
    const isStale = req.reusedSocket && !req._parser?.begun && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
    if (isStale && !this.again && AGAIN.has(this.method) && (this.body === null || this.body instanceof Uint8Array)) {
      this.again = true;
      return this.start();
    }
    this.req = null;
    this.stop(error);
    this.fail(failed(error));
  }

  answered(req, res) {
    if (req !== this.req) return void res.destroy();
    const { statusCode: status } = res;
    if (REDIRECTS.has(status) && this.mode !== 'manual' && res.headers.location !== undefined) return this.redirect(res);
    const headers = new Headers();
    for (let i = 0; i < res.rawHeaders.length; i += 2) headers.append(res.rawHeaders[i], res.rawHeaders[i + 1]);
    const url = new URL(this.url);
    url.hash = '';
    const response = Response._come(status, res.statusMessage, headers, url.href, this.redirects > 0, this.isCross ? 'cors' : 'basic');
    if (this.method === 'HEAD' || BODYLESS.has(status)) {
      res.resume();
      res.on('close', () => this.forget());
    } else {
      this.intake = new Intake(decoded(res), () => this.forget(), () => {
        this.req = null;
        req.destroy();
      });
      res.on('error', (e) => this.broke(req, e));
      response._setIntake(this.intake);
    }
    this.done(response);
  }

  redirect(res) {
    const refuse = (text) => {
      const { req } = this;
      this.req = null;
      this.fail(failed(text instanceof Error ? text : new Error(text)));
      this.stop();
      req.destroy();
    };
    const { statusCode: status } = res;
    if (this.mode === 'error') return refuse('unexpected redirect');
    let to;
    try {
      to = new URL(res.headers.location, this.url);
    } catch (e) {
      return refuse(e);
    }
    if (!isKnown(to)) return refuse(noScheme());
    if (this.redirects++ >= MAX_REDIRECTS) return refuse('redirect count exceeded');
    if (to.username || to.password) return refuse('a redirect must not carry credentials');
    const isStream = this.body !== null && !(this.body instanceof Uint8Array);
    if (status !== 303 && isStream) return refuse('a stream cannot be sent again');
    if ((status < 303 && this.method === 'POST') || (status === 303 && this.method !== 'GET' && this.method !== 'HEAD')) {
      this.stop();
      this.method = 'GET';
      this.body = null;
      for (const name of OF_BODY) this.headers.delete(name);
    }
    if (to.origin !== this.url.origin) {
      this.isCross = true;
      for (const name of OF_ORIGIN) this.headers.delete(name);
    }
    if (!to.hash) to.hash = this.url.hash;
    this.url = to;
    this.again = false;
    this.req = null;
    discard(res);
    this.start();
  }
}

// A short body is read to its end, for its connection; a long one costs the connection.
function discard(res) {
  let size = 0;
  res.on('error', () => {});
  res.on('data', (chunk) => {
    if ((size += chunk.length) > 65536) res.destroy();
  });
}

const drained = (req) => new Promise((done) => {
  const over = () => {
    req.removeListener('drain', over);
    req.removeListener('close', over);
    done();
  };
  req.on('drain', over);
  req.on('close', over);
});

// What Content-Encoding says was done last is undone first. One that is not known leaves the body as it is. What is cut off
// gives what there is, as in browsers.
const { Z_SYNC_FLUSH, BROTLI_OPERATION_FLUSH } = zlib.constants;
const cut = { flush: Z_SYNC_FLUSH, finishFlush: Z_SYNC_FLUSH };
const DECODERS = {
  __proto__: null,
  gzip: (body) => body.pipe(zlib.createGunzip(cut)),
  'x-gzip': (body) => body.pipe(zlib.createGunzip(cut)),
  deflate: inflated,
  br: (body) => body.pipe(zlib.createBrotliDecompress({ flush: BROTLI_OPERATION_FLUSH, finishFlush: BROTLI_OPERATION_FLUSH })),
  zstd: (body) => body.pipe(zlib.createZstdDecompress()),
};
function decoded(res) {
  const codings = (res.headers['content-encoding'] ?? '').toLowerCase().split(',').map((c) => c.trim()).filter(Boolean);
  if (codings.length > 5 || !codings.every((c) => DECODERS[c])) return res;
  let body = res;
  for (const coding of codings.reverse()) {
    const next = DECODERS[coding](body);
    body.on('error', (e) => next.destroy(e));
    next.on('error', () => res.destroy());
    body = next;
  }
  return body;
}
// Some servers say deflate and send no header of zlib's.
function inflated(body) {
  const out = new PassThrough();
  let inflate = null;
  body.on('data', (chunk) => {
    if (!inflate) {
      inflate = (chunk[0] & 15) === 8 ? zlib.createInflate(cut) : zlib.createInflateRaw(cut);
      inflate.on('error', (e) => out.destroy(e));
      out.on('close', () => inflate.destroy());
      inflate.pipe(out);
    }
    if (inflate.write(chunk)) return;
    body.pause();
    inflate.once('drain', () => body.resume());
  });
  body.on('end', () => (inflate ?? out).end());
  return out;
}

// `data:text/plain;base64,…`
function ofData(href) {
  const [, meta, text] = /^data:([^,]*),(.*)$/s.exec(href.replace(/#.*$/s, '')) ?? [];
  if (text === undefined) throw failed(new Error('invalid URL'));
  const isBase64 = /;\s*base64\s*$/i.test(meta);
  const bytes = isBase64 ? Buffer.from(decodeURIComponent(text), 'base64') : Buffer.from(text.replace(/%([0-9a-f]{2})|[^\x00-\x7f]/gi, (all, hex) => (hex ? String.fromCharCode(parseInt(hex, 16)) : Buffer.from(all).toString('latin1'))), 'latin1');
  const type = meta.replace(/;\s*base64\s*$/i, '') || 'text/plain;charset=US-ASCII';
  return Object.assign(new Response(bytes, { headers: { 'content-type': type.startsWith(';') ? `text/plain${type}` : type } }), { url: href, type: 'basic' });
}

// Not an async function: of those, QuickJS reports no rejection that is left alone.
export function fetch(input, init) {
  return new Promise((done, fail) => {
    const request = new Request(input, init);
    if (request.signal?.aborted) return fail(request.signal.reason);
    const url = new URL(request.url);
    if (url.username || url.password) throw new TypeError(`Request cannot be constructed from a URL that includes credentials: ${request.url}`);
    if (url.protocol === 'data:') return done(ofData(request.url));
    new Exchange(request, done, fail);
  });
}
expose({ fetch });
