// A body as it comes: up to 64 KiB wait for who reads them, so a short one frees its connection although nobody does.
const LIMIT = 65536;

export class Intake {
  constructor(source, closed, cancelled) {
    this.source = source;
    this.closed = closed;
    this.cancelled = cancelled;
    this.parts = [];
    this.size = 0;
    this.limit = LIMIT;
    this.isFull = false;
    this.isOver = false;
    this.isTouched = false;
    this.error = null;
    this.waiting = null;
    source.on('data', (chunk) => {
      if (this.isOver) return;
      this.parts.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length));
      this.size += chunk.length;
      this.tell();
      if (this.size < this.limit) return;
      this.isFull = true;
      source.pause();
    });
    source.on('end', () => this.over(null));
    source.on('error', (e) => this.fail(new TypeError('terminated', { cause: e })));
    source.on('close', () => this.fail(new TypeError('terminated')));
  }

  over(error) {
    if (this.isOver) return;
    this.isOver = true;
    this.isFull = false;
    this.error = error;
    if (error) this.parts = [];
    this.closed();
    this.tell();
  }
  fail(error) { this.over(error); }
  cancel() {
    this.isTouched = true;
    if (this.isOver) return;
    this.over(null);
    this.parts = [];
    this.cancelled();
  }

  tell() {
    const { waiting } = this;
    this.waiting = null;
    waiting?.();
  }
  changed() { return new Promise((done) => { this.waiting = done; }); }

  // The next part, or null at the end.
  async read() {
    this.isTouched = true;
    while (this.parts.length === 0 && !this.isOver) await this.changed();
    if (this.error) throw this.error;
    const part = this.parts.shift() ?? null;
    this.size -= part?.length ?? 0;
    this.flow();
    return part;
  }

  flow() {
    if (!this.isFull || this.size >= this.limit) return;
    this.isFull = false;
    this.source.resume();
  }

  async all() {
    this.isTouched = true;
    this.limit = Infinity;
    this.flow();
    while (!this.isOver) await this.changed();
    if (this.error) throw this.error;
    const { parts } = this;
    this.parts = [];
    if (parts.length === 1) return parts[0];
    return new Uint8Array(Buffer.concat(parts));
  }
}
