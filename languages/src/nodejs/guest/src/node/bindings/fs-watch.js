// Changes of files. WASI does not tell of them, so what is watched is looked at again and again.
import { list, normal, stat } from '../../files.js';
import { enter } from '../../loop.js';
import { fs } from './fs.js';

const EVERY_MS = 500;
const FIELDS = 18;

const look = (path) => {
  try {
    const { type, size, dataModificationTimestamp: time } = stat(path);
    return { type, mark: `${type} ${size} ${time?.seconds} ${time?.nanoseconds}` };
  } catch {
    return null;
  }
};
const entries = (path) => {
  try {
    return new Map(list(path).map(({ name }) => [name, look(`${path}/${name}`)?.mark]));
  } catch {
    return new Map();
  }
};

// For fs.watch.
export class FSEvent {
  #timer = null;
  initialized = false;
  start(path, isPersistent, isRecursive, encoding) {
    const place = normal(path);
    const first = look(place);
    if (first === null) return -2;
    let before = first.type === 'directory' ? entries(place) : first.mark;
    const tell = (event, name) => enter(() => this.onchange(0, event, encoding === 'buffer' ? Buffer.from(name) : name));
    this.#timer = globalThis.setInterval(() => {
      if (first.type !== 'directory') {
        const now = look(place);
        if (now?.mark === before) return;
        tell(now === null || before === undefined ? 'rename' : 'change', place.slice(place.lastIndexOf('/') + 1));
        before = now?.mark;
        return;
      }
      const now = entries(place);
      for (const [name, mark] of now) if (before.get(name) !== mark) tell(before.has(name) ? 'change' : 'rename', name);
      for (const name of before.keys()) if (!now.has(name)) tell('rename', name);
      before = now;
    }, EVERY_MS);
    if (!isPersistent) this.#timer.unref();
    this.initialized = true;
    return 0;
  }
  close() {
    globalThis.clearInterval(this.#timer);
    this.initialized = false;
  }
  ref() { this.#timer?.ref(); }
  unref() { this.#timer?.unref(); }
  getAsyncId() { return 0; }
}

// For fs.watchFile.
const none = (isBig) => (isBig ? new BigInt64Array(FIELDS) : new Float64Array(FIELDS));
export class StatWatcher {
  #timer = null; #isBig;
  constructor(isBig) { this.#isBig = isBig; }
  start(path, interval) {
    const ask = () => {
      try {
        return fs.stat(path, this.#isBig, undefined, false) ?? none(this.#isBig);
      } catch {
        return none(this.#isBig);
      }
    };
    // Access is no change.
    const key = (values) => [...values].filter((_, i) => i !== 10 && i !== 11).join();
    let before = ask();
    const join = (now) => {
      const Kind = this.#isBig ? BigInt64Array : Float64Array;
      const all = new Kind(FIELDS * 2);
      all.set(now);
      all.set(before, FIELDS);
      return all;
    };
    // Of a file that is not there it is told once.
    if (before.every((value) => !value)) globalThis.setImmediate(() => this.onchange(-2, join(before)));
    this.#timer = globalThis.setInterval(() => {
      const now = ask();
      if (key(now) === key(before)) return;
      const all = join(now);
      before = now;
      enter(() => this.onchange(now.every((value) => !value) ? -2 : 0, all));
    }, Math.max(1, interval));
    return 0;
  }
  close() { globalThis.clearInterval(this.#timer); }
  ref() { this.#timer?.ref(); }
  unref() { this.#timer?.unref(); }
  getAsyncId() { return 0; }
}
