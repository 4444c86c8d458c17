// Reads one response off a connection, wherever its bytes are split. Strict: what two readers could take for two messages
// is an error.
import { latin1 } from './encoding.js';
import { BAD_VALUE, TOKEN } from './http-headers.js';

const MAX_SIZE_LINE = 16384; // a chunk's size and its extensions
const MAX_PAIRS = 2000;

export class ParseError extends Error {
  constructor(code, reason) {
    super(`Parse Error: ${reason}`);
    this.code = code;
    this.reason = reason;
  }
}
const bad = (code, reason) => { throw new ParseError(code, reason); };
const badStart = () => bad('HPE_INVALID_CONSTANT', 'Expected HTTP/, RTSP/ or ICE/');
const START = 'HTTP/';

const STATUS = 0, FIELDS = 1, FIXED = 2, REST = 3, SIZE = 4, CHUNK = 5, CHUNK_END = 6, TRAILER = 7, DONE = 8;

export class ResponseParser {
  // `owner` takes the parts: _begin(head) says what follows ('body', 'none', 'next', 'other'), _give(bytes), _finish(trailers).
  constructor(owner, { maxHeaderSize, maxPairs }) {
    this.owner = owner;
    this.limit = maxHeaderSize;
    this.maxPairs = maxPairs ?? MAX_PAIRS;
    this.state = STATUS;
    this.held = null; // parts of a line that has no end yet
    this.heldSize = 0;
    this.used = 0;
    this.left = 0;
    this.head = null;
    this.trailers = [];
  }
  get done() { return this.state === DONE; }
  get begun() { return this.state !== STATUS || this.heldSize > 0; }

  // What is behind the message stays: it comes back.
  feed(bytes) {
    let at = 0;
    while (at < bytes.length && this.state !== DONE) {
      switch (this.state) {
        case FIXED:
        case CHUNK: {
          const end = Math.min(bytes.length, at + this.left);
          const part = at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end);
          this.left -= end - at;
          at = end;
          this.owner._give(part);
          if (this.left === 0) {
            if (this.state === CHUNK) this.state = CHUNK_END;
            else this.finish();
          }
          break;
        }
        case REST:
          this.owner._give(at ? bytes.subarray(at) : bytes);
          at = bytes.length;
          break;
        default:
          at = this.line(bytes, at);
      }
    }
    return at < bytes.length ? bytes.subarray(at) : null;
  }

  // The connection's end ends a message that has no other.
  end() {
    if (this.state === REST) this.finish();
  }

  finish() {
    this.state = DONE;
    this.owner._finish(this.trailers);
  }

  // Takes a line, or holds what there is of it.
  line(bytes, at) {
    const lf = bytes.indexOf(10, at);
    const end = lf < 0 ? bytes.length : lf + 1;
    const size = end - at;
    if (this.state === SIZE || this.state === CHUNK_END) {
      if (this.heldSize + size > MAX_SIZE_LINE) bad('HPE_CHUNK_EXTENSIONS_OVERFLOW', 'Chunk extensions overflow');
    } else if ((this.used += size) > this.limit) bad('HPE_HEADER_OVERFLOW', 'Header overflow');
    let part = at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end);
    if (lf < 0) {
      (this.held ??= []).push(part);
      this.heldSize += size;
      // What can no longer become one is told at once: such a peer may wait for us.
      if (this.state === STATUS && this.heldSize <= 16) this.early();
      if (this.state === CHUNK_END && this.heldSize > 1) bad('HPE_STRICT', 'Expected LF after chunk data');
      return end;
    }
    if (this.held) {
      this.held.push(part);
      part = Buffer.concat(this.held);
      this.held = null;
      this.heldSize = 0;
    }
    const text = latin1(part, 0, part.length - 1);
    this.take(text.endsWith('\r') ? text.slice(0, -1) : text, text.endsWith('\r'));
    return end;
  }

  early() {
    const text = latin1(Buffer.concat(this.held)).replace(/^[\r\n]+/, '');
    const n = Math.min(text.length, START.length);
    if (text.slice(0, n) !== START.slice(0, n)) badStart();
  }

  take(text, hasCr) {
    switch (this.state) {
      case STATUS:
        if (text === '') return; // blank lines in front of a message
        return this.status(text, hasCr);
      case FIELDS:
        if (text === '' && hasCr) return this.begin();
        return this.field(text, hasCr, this.head.rawHeaders);
      case SIZE: {
        const [, hex, rest] = /^([0-9a-f]*)(.*)$/is.exec(text);
        if (hex === '' || (rest !== '' && !/^;[^\x00-\x08\x0a-\x1f\x7f]*$/.test(rest))) bad('HPE_INVALID_CHUNK_SIZE', 'Invalid character in chunk size');
        if (!hasCr) bad('HPE_CR_EXPECTED', `Missing expected CR after chunk ${rest ? 'extension value' : 'size'}`);
        if (hex.length > 13) bad('HPE_INVALID_CHUNK_SIZE', 'Chunk size overflow');
        this.left = parseInt(hex, 16);
        this.used = 0;
        this.state = this.left ? CHUNK : TRAILER;
        return;
      }
      case CHUNK_END:
        if (text !== '' || !hasCr) bad('HPE_STRICT', 'Expected LF after chunk data');
        this.state = SIZE;
        return;
      default:
        if (text === '' && hasCr) return this.finish();
        this.field(text, hasCr, this.trailers);
    }
  }

  status(text, hasCr) {
    if (!text.startsWith(START)) badStart();
    const version = /^HTTP\/1\.([01])(?= |$)/.exec(text);
    if (!version) bad('HPE_INVALID_VERSION', 'Invalid HTTP version');
    const status = /^([1-9]\d\d)(?: (.*))?$/s.exec(text.slice(9));
    if (!status) bad('HPE_INVALID_STATUS', 'Invalid status code');
    if (!hasCr) bad('HPE_CR_EXPECTED', 'Missing expected CR after response line');
    if (text.includes('\r')) bad('HPE_LF_EXPECTED', 'Missing expected LF after response line');
    this.head = { minor: +version[1], status: +status[1], reason: status[2] ?? '', rawHeaders: [], length: null, coding: null, wish: '', upgrade: false, keeps: false };
    this.state = FIELDS;
  }

  field(text, hasCr, into) {
    if (/^[ \t]/.test(text) && into === this.head.rawHeaders && into.length === 0) bad('HPE_UNEXPECTED_SPACE', 'Unexpected space after start line');
    if (text === '' || /^[ \t]/.test(text)) bad('HPE_INVALID_HEADER_TOKEN', text === '' ? 'Invalid header field char' : 'Unexpected whitespace after header value');
    const colon = text.indexOf(':');
    const name = text.slice(0, Math.max(0, colon));
    if (!TOKEN.test(name)) bad('HPE_INVALID_HEADER_TOKEN', 'Invalid header token');
    if (!hasCr) bad('HPE_CR_EXPECTED', 'Missing expected CR after header value');
    if (text.includes('\r')) bad('HPE_LF_EXPECTED', 'Missing expected LF after header value');
    const value = text.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '');
    if (BAD_VALUE.test(value)) bad('HPE_INVALID_HEADER_TOKEN', 'Invalid header value char');
    if (into === this.head.rawHeaders) this.note(name.toLowerCase(), value);
    if (this.maxPairs <= 0 || into.length < this.maxPairs * 2) into.push(name, value);
  }

  // What says where the message ends, and what comes of the connection.
  note(name, value) {
    const { head } = this;
    switch (name) {
      case 'content-length':
        if (head.coding !== null) bad('HPE_INVALID_CONTENT_LENGTH', "Content-Length can't be present with Transfer-Encoding");
        if (head.length !== null) bad('HPE_UNEXPECTED_CONTENT_LENGTH', 'Duplicate Content-Length');
        if (value === '') bad('HPE_INVALID_CONTENT_LENGTH', 'Empty Content-Length');
        if (!/^\d+$/.test(value)) bad('HPE_INVALID_CONTENT_LENGTH', 'Invalid character in Content-Length');
        head.length = +value;
        if (!Number.isSafeInteger(head.length)) bad('HPE_INVALID_CONTENT_LENGTH', 'Content-Length overflow');
        break;
      case 'transfer-encoding':
        if (head.length !== null) bad('HPE_INVALID_TRANSFER_ENCODING', "Transfer-Encoding can't be present with Content-Length");
        head.coding = head.coding === null ? value : `${head.coding}, ${value}`;
        break;
      case 'connection': head.wish += `,${value.toLowerCase()}`; break;
      case 'upgrade': head.upgrade = true; break;
    }
  }

  begin() {
    const { head, owner } = this;
    const words = head.wish.split(',').map((w) => w.trim());
    const codings = head.coding === null ? [] : head.coding.toLowerCase().split(',').map((w) => w.trim());
    if (codings.indexOf('chunked') !== codings.lastIndexOf('chunked')) bad('HPE_INVALID_TRANSFER_ENCODING', 'Invalid Transfer-Encoding');
    const isChunked = codings.at(-1) === 'chunked';
    head.upgrade &&= words.includes('upgrade');
    head.hasEnd = isChunked || head.length !== null;
    // An old server that chunks knows not what it says.
    head.keeps = head.minor === 1 ? !words.includes('close') : words.includes('keep-alive') && head.coding === null;
    this.used = 0;
    const next = owner._begin(head);
    if (this.state === DONE) return;
    if (next === 'next') this.state = STATUS;
    else if (next === 'other') this.state = DONE;
    else if (next === 'none' || (head.coding === null && head.length === 0)) this.finish();
    else if (isChunked) this.state = SIZE;
    else if (head.coding === null && head.length !== null) {
      this.left = head.length;
      this.state = FIXED;
    } else this.state = REST;
  }
}
