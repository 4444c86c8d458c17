// node:fs over the directories that the guest was given. WASI 0.2's calls are synchronous; the callback and promise forms
// are made from the synchronous one.
import preopens from 'wasi:filesystem/preopens@0.2.12';
import stream from 'readable-stream';
import EventEmitter from 'events';
import process, { writeErr } from './process.js';
import { setImmediate, setTimeout } from './timers.js';
import { decode, encode } from './encoding.js';

const { Readable, Writable } = stream;
const CODES = {
  'no-entry': ['ENOENT', 'no such file or directory', 2], access: ['EACCES', 'permission denied', 13], exist: ['EEXIST', 'file already exists', 17],
  'is-directory': ['EISDIR', 'illegal operation on a directory', 21], 'not-directory': ['ENOTDIR', 'not a directory', 20], 'not-empty': ['ENOTEMPTY', 'directory not empty', 39],
  'not-permitted': ['EPERM', 'operation not permitted', 1], 'read-only': ['EROFS', 'read-only file system', 30], loop: ['ELOOP', 'too many symbolic links', 40],
  'bad-descriptor': ['EBADF', 'bad file descriptor', 9], invalid: ['EINVAL', 'invalid argument', 22], 'insufficient-space': ['ENOSPC', 'no space left on device', 28],
  'name-too-long': ['ENAMETOOLONG', 'name too long', 36], 'cross-device': ['EXDEV', 'cross-device link not permitted', 18], busy: ['EBUSY', 'resource busy', 16], unsupported: ['ENOTSUP', 'operation not supported', 95],
};
function failure(e, syscall, path) {
  const tag = typeof e === 'string' ? e : e?.payload; // an enum's case
  if (!tag) return e instanceof Error ? e : new Error(String(e));
  const [code, text, errno] = CODES[tag] ?? ['EIO', tag, 5];
  if (code === 'EPERM' || code === 'EROFS') sayReadOnly(path);
  return Object.assign(new Error(`${code}: ${text}, ${syscall}${path === undefined ? '' : ` '${path}'`}`), { errno: -errno, code, syscall, ...(path !== undefined && { path }) });
}

// The project's folder.
let project = null;
export function setProject(folder) { project = folder; }

// All that a program gets is an EPERM; it is said once.
function sayReadOnly(path) {
  if (!project || path === undefined || !normal(path).startsWith(`${project}/`)) return;
  writeErr(`hint: the program writes ${normal(path).slice(project.length + 1)}, and its folder is read-only in the guest: `
    + `\`--dir ${project}::${project}\` lets it, and files that need not last go to /tmp\n`);
  project = null;
}

let roots;
export function normal(path) {
  if (path instanceof URL || (path && typeof path === 'object' && path.href)) path = decodeURIComponent(path.pathname);
  else if (path instanceof Uint8Array) path = decode(path);
  if (typeof path !== 'string') throw Object.assign(new TypeError(`The "path" argument must be of type string or an instance of Buffer or URL. Received ${path === null ? 'null' : typeof path}`), { code: 'ERR_INVALID_ARG_TYPE' });
  if (path.includes('\0')) throw Object.assign(new TypeError('The argument \'path\' must be a string without null bytes'), { code: 'ERR_INVALID_ARG_VALUE' });
  if (path[0] !== '/') path = process.cwd() + '/' + path;
  const out = [];
  for (const part of path.split('/')) {
    if (part === '..') out.pop();
    else if (part && part !== '.') out.push(part);
  }
  return '/' + out.join('/');
}

// The pre-opened directory that holds a path, and what is left of the path.
function locate(path, syscall) {
  roots ??= given();
  const full = normal(path);
  for (const [dir, name] of roots) if ((full + '/').startsWith(name)) return [dir, full.slice(name.length) || '.'];
  throw failure('no-entry', syscall, path);
}
function given() {
  return preopens.getDirectories().map(([dir, name]) => [dir, ('/' + name.replace(/^\.?\/*/, '')).replace(/\/$/, '') + '/']).sort((a, b) => b[1].length - a[1].length);
}

// Whether a directory was given to the guest, or has one below that was: no listing of its parent has it.
export function isGiven(path) {
  roots ??= given();
  return roots.some(([, name]) => name.startsWith(`${path}/`));
}

const FOLLOW = { symlinkFollow: true };
const swallow = (fn) => { try { fn(); } catch { /* nothing to do about it */ } };

function attempt(syscall, path, fn) {
  const [dir, rest] = locate(path, syscall);
  try {
    return fn(dir, rest);
  } catch (e) {
    throw failure(e, syscall, typeof path === 'string' ? path : normal(path));
  }
}
const openAt = (path, open, flags) => attempt('open', path, (dir, rest) => dir.openAt(FOLLOW, rest, open, flags));

const time = (t) => (t ? Number(t.seconds) * 1000 + t.nanoseconds / 1e6 : 0);
const MODES = { 'regular-file': 0o100644, directory: 0o40755, 'symbolic-link': 0o120777, 'character-device': 0o20666, 'block-device': 0o60666, fifo: 0o10666, socket: 0o140777 };
export class Stats {
  constructor(s) {
    this._type = s.type;
    this.dev = 1; this.ino = 0; this.uid = 0; this.gid = 0; this.rdev = 0; this.blksize = 4096;
    this.mode = MODES[s.type] ?? 0;
    this.nlink = Number(s.linkCount);
    this.size = Number(s.size);
    this.blocks = Math.ceil(this.size / 512);
    this.atimeMs = time(s.dataAccessTimestamp);
    this.mtimeMs = time(s.dataModificationTimestamp);
    this.ctimeMs = time(s.statusChangeTimestamp);
    this.birthtimeMs = this.ctimeMs;
    for (const k of ['atime', 'mtime', 'ctime', 'birthtime']) this[k] = new Date(this[k + 'Ms']);
  }
  isFile() { return this._type === 'regular-file'; }
  isDirectory() { return this._type === 'directory'; }
  isSymbolicLink() { return this._type === 'symbolic-link'; }
  isFIFO() { return this._type === 'fifo'; }
  isSocket() { return this._type === 'socket'; }
  isBlockDevice() { return this._type === 'block-device'; }
  isCharacterDevice() { return this._type === 'character-device'; }
}
export class Dirent {
  constructor(name, type, parent) { this.name = name; this._type = type; this.parentPath = this.path = parent; }
}
for (const k of ['isFile', 'isDirectory', 'isSymbolicLink', 'isFIFO', 'isSocket', 'isBlockDevice', 'isCharacterDevice']) Dirent.prototype[k] = Stats.prototype[k];

const handles = new Map();
let nextFd = 20;
const handle = (fd) => handles.get(fd) ?? (() => { throw failure('bad-descriptor', 'fd'); })();
const text = (bytes, options) => {
  const encoding = typeof options === 'string' ? options : options?.encoding;
  if (!encoding || encoding === 'buffer') return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return /^utf-?8$/i.test(encoding) ? decode(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(encoding);
};
const bytesOf = (data, options) => (typeof data === 'string' ? (/^utf-?8$/i.test((typeof options === 'string' ? options : options?.encoding) ?? 'utf8') ? encode(data) : Buffer.from(data, options.encoding ?? options)) : ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : encode(String(data)));

function readAll(descriptor) {
  const parts = [];
  let size = 0;
  for (;;) {
    const [bytes, end] = descriptor.read(1 << 20, size);
    if (bytes.length) {
      const part = bytes instanceof Uint8Array ? bytes : Uint8Array.from(bytes);
      parts.push(part);
      size += part.length;
    }
    if (end || !bytes.length) break;
  }
  if (parts.length === 1) return parts[0];
  const out = new Uint8Array(size);
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

const FLAGS = {
  r: [{}, { read: true }], 'r+': [{}, { read: true, write: true }], w: [{ create: true, truncate: true }, { write: true }], 'w+': [{ create: true, truncate: true }, { read: true, write: true }],
  wx: [{ create: true, exclusive: true }, { write: true }], a: [{ create: true }, { write: true }], 'a+': [{ create: true }, { read: true, write: true }],
};

export const sync = {
  open(path, flags = 'r') {
    const [open, mode] = FLAGS[flags === 0 ? 'r' : flags] ?? FLAGS.r;
    const descriptor = openAt(path, open, mode);
    const fd = nextFd++;
    const append = String(flags)[0] === 'a';
    handles.set(fd, { descriptor, at: append ? Number(descriptor.stat().size) : 0 });
    return fd;
  },
  close(fd) {
    handle(fd).descriptor[Symbol.dispose]();
    handles.delete(fd);
  },
  read(fd, buffer, offset, length, position) {
    if (offset !== null && typeof offset === 'object') ({ offset = 0, length, position } = offset);
    offset ??= 0;
    length ??= buffer.byteLength - offset;
    const h = handle(fd);
    const [bytes] = h.descriptor.read(length, Number(position ?? h.at));
    new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength).set(bytes, offset);
    if (position === null || position === undefined) h.at += bytes.length;
    return bytes.length;
  },
  write(fd, data, offset, length, position) {
    if (fd === 1 || fd === 2) {
      process[fd === 1 ? 'stdout' : 'stderr'].write(data);
      return data.length;
    }
    const h = handle(fd);
    let bytes = bytesOf(data);
    if (typeof data !== 'string') bytes = bytes.subarray(offset ?? 0, (offset ?? 0) + (length ?? bytes.length));
    else position = offset;
    let n = 0;
    try {
      while (n < bytes.length) n += Number(h.descriptor.write(bytes.subarray(n), Number(position ?? h.at) + n));
    } catch (e) {
      throw failure(e, 'write');
    }
    if (position === null || position === undefined) h.at += n;
    return n;
  },
  fstat: (fd) => new Stats(handle(fd).descriptor.stat()),
  fsync() {},
  fdatasync() {},
  readFile(path, options) {
    if (typeof path === 'number') return text(readAll(handle(path).descriptor), options);
    const descriptor = openAt(path, {}, { read: true });
    try {
      return text(readAll(descriptor), options);
    } catch (e) {
      throw failure(e, 'read');
    } finally {
      swallow(() => descriptor[Symbol.dispose]());
    }
  },
  writeFile(path, data, options) {
    const fd = typeof path === 'number' ? path : sync.open(path, (typeof options === 'object' && options?.flag) || 'w');
    try {
      sync.write(fd, bytesOf(data, options));
    } finally {
      if (fd !== path) sync.close(fd);
    }
  },
  appendFile: (path, data, options) => sync.writeFile(path, data, { ...(typeof options === 'string' ? { encoding: options } : options), flag: 'a' }),
  stat(path, options) {
    try {
      return new Stats(attempt('stat', path, (dir, rest) => dir.statAt(FOLLOW, rest)));
    } catch (e) {
      if (options?.throwIfNoEntry === false && e.code === 'ENOENT') return undefined;
      throw e;
    }
  },
  lstat: (path) => new Stats(attempt('lstat', path, (dir, rest) => dir.statAt({ symlinkFollow: false }, rest))),
  access(path, mode) {
    if ((mode & 2) && attempt('access', path, (dir) => dir.getFlags()).mutateDirectory === false) throw failure('read-only', 'access', path);
    sync.stat(path);
  },
  readdir(path, options) {
    const list = [];
    const walk = (at, prefix) => {
      attempt('scandir', at, (dir, rest) => {
        const d = dir.openAt(FOLLOW, rest, { directory: true }, { read: true });
        const entries = d.readDirectory();
        const subs = [];
        for (let e; (e = entries.readDirectoryEntry()); ) {
          if (e.name === '.' || e.name === '..') continue;
          list.push(options?.withFileTypes ? new Dirent(e.name, e.type, at) : prefix + e.name);
          if (options?.recursive && e.type === 'directory') subs.push(e.name);
        }
        swallow(() => entries[Symbol.dispose]());
        swallow(() => d[Symbol.dispose]());
        for (const s of subs) walk(`${at}/${s}`, `${prefix}${s}/`);
      });
    };
    walk(typeof path === 'string' ? path : normal(path), '');
    return options?.withFileTypes ? list : list.sort();
  },
  mkdir(path, options) {
    if (!options?.recursive) return attempt('mkdir', path, (dir, rest) => dir.createDirectoryAt(rest));
    const parts = normal(path).split('/').slice(1);
    for (let i = 1; i <= parts.length; i++) {
      const at = '/' + parts.slice(0, i).join('/');
      try {
        attempt('mkdir', at, (dir, rest) => dir.createDirectoryAt(rest));
      } catch (e) {
        if (i === parts.length && !sync.exists(at)) throw e;
      }
    }
  },
  rmdir: (path) => attempt('rmdir', path, (dir, rest) => dir.removeDirectoryAt(rest)),
  unlink: (path) => attempt('unlink', path, (dir, rest) => dir.unlinkFileAt(rest)),
  rm(path, options) {
    let s;
    try {
      s = sync.lstat(path);
    } catch (e) {
      if (options?.force) return;
      throw e;
    }
    if (!s.isDirectory()) return sync.unlink(path);
    if (!options?.recursive) throw failure('is-directory', 'rm', path);
    for (const name of sync.readdir(path)) sync.rm(`${normal(path)}/${name}`, options);
    sync.rmdir(path);
  },
  rename(from, to) {
    const [toDir, toRest] = locate(to, 'rename');
    attempt('rename', from, (dir, rest) => dir.renameAt(rest, toDir, toRest));
  },
  copyFile: (from, to) => sync.writeFile(to, sync.readFile(from)),
  readlink: (path) => attempt('readlink', path, (dir, rest) => dir.readlinkAt(rest)),
  symlink: (target, path) => attempt('symlink', path, (dir, rest) => dir.symlinkAt(target, rest)),
  realpath(path) {
    sync.stat(path);
    let real = '', left = normal(path).split('/').slice(1);
    for (let links = 0; left.length; ) {
      const at = `${real}/${left.shift()}`;
      let target = null;
      try {
        target = sync.readlink(at);
      } catch {
        // not a link, or above all that was given to the guest
      }
      if (target === null) real = at;
      else if (++links > 40) throw failure('loop', 'realpath', path);
      else {
        left = [...normal(target[0] === '/' ? target : `${real}/${target}`).split('/').slice(1), ...left];
        real = '';
      }
    }
    return real || '/';
  },
  truncate(path, size = 0) {
    const d = openAt(path, {}, { write: true });
    try {
      d.setSize(size);
    } finally {
      swallow(() => d[Symbol.dispose]());
    }
  },
  mkdtemp(prefix) {
    const path = prefix + Math.random().toString(36).slice(2, 8).padEnd(6, '0');
    sync.mkdir(path);
    return path;
  },
  exists(path) {
    try {
      sync.stat(path);
      return true;
    } catch {
      return false;
    }
  },
  utimes() {}, futimes() {}, chmod() {}, fchmod() {}, chown() {}, lchown() {},
};

const fs = { Stats, Dirent };
const promises = {};
for (const [name, fn] of Object.entries(sync)) {
  fs[name + 'Sync'] = fn;
  promises[name] = async (...args) => fn(...args);
  fs[name] = (...args) => {
    const done = args.pop();
    if (typeof done !== 'function') throw Object.assign(new TypeError(`The "cb" argument must be of type function. Received ${typeof done}`), { code: 'ERR_INVALID_ARG_TYPE' });
    setImmediate(() => {
      let value;
      try {
        value = fn(...args);
      } catch (e) {
        return done(e);
      }
      if (name === 'read' || name === 'write') done(null, value, args[1]);
      else done(null, value);
    });
  };
}
fs.exists = (path, done) => setImmediate(() => done(sync.exists(path)));
fs.realpath.native = fs.realpath;
fs.realpathSync.native = fs.realpathSync;
promises.constants = fs.constants = { F_OK: 0, R_OK: 4, W_OK: 2, X_OK: 1, O_RDONLY: 0, O_WRONLY: 1, O_RDWR: 2, O_CREAT: 64, O_EXCL: 128, O_TRUNC: 512, O_APPEND: 1024, S_IFMT: 61440, S_IFREG: 32768, S_IFDIR: 16384, S_IFLNK: 40960, COPYFILE_EXCL: 1 };
Object.assign(fs, { F_OK: 0, R_OK: 4, W_OK: 2, X_OK: 1 });

class FileHandle extends EventEmitter {
  constructor(fd) { super(); this.fd = fd; }
  async read(b, ...rest) { return { bytesRead: sync.read(this.fd, b, ...rest), buffer: b }; }
  async write(d, ...rest) { return { bytesWritten: sync.write(this.fd, d, ...rest), buffer: d }; }
  async readFile(o) { return sync.readFile(this.fd, o); }
  async writeFile(d, o) { return sync.writeFile(this.fd, d, o); }
  async stat() { return sync.fstat(this.fd); }
  async close() { sync.close(this.fd); this.emit('close'); }
  createReadStream(o) { return new ReadStream(null, { ...o, fd: this.fd }); }
  createWriteStream(o) { return new WriteStream(null, { ...o, fd: this.fd }); }
  async [Symbol.asyncDispose]() { await this.close(); }
}
promises.open = async (path, flags) => new FileHandle(sync.open(path, flags));
fs.promises = promises;

// Opens a stream's file, unless it has one, in a turn of its own.
function openLater(stream, done, check) {
  if (stream.fd !== null) return done();
  setImmediate(() => {
    try {
      stream.fd = sync.open(stream.path, stream.flags);
      check(stream.fd);
    } catch (e) {
      return done(e);
    }
    done();
    stream.emit('open', stream.fd);
    stream.emit('ready');
  });
}
function letGo(stream) {
  if (stream.fd !== null) swallow(() => sync.close(stream.fd));
  stream.fd = null;
}

export class ReadStream extends Readable {
  constructor(path, options = {}) {
    if (typeof options === 'string') options = { encoding: options };
    super({ highWaterMark: options?.highWaterMark ?? 65536, encoding: options?.encoding, autoDestroy: options?.autoClose ?? true, emitClose: options?.emitClose ?? true, signal: options?.signal });
    options ??= {};
    this.path = path;
    this.fd = typeof options.fd === 'number' ? options.fd : null;
    this.pos = options.start ?? 0;
    this.endAt = options.end ?? Infinity;
    this.bytesRead = 0;
    this.flags = options.flags ?? 'r';
  }
  _construct(done) {
    openLater(this, done, (fd) => {
      if (sync.fstat(fd).isDirectory()) throw failure('is-directory', 'read');
    });
  }
  _read(n) {
    const want = Math.min(n, this.endAt - this.pos + 1);
    if (want <= 0) return void this.push(null);
    // In a turn of its own, so that one big file does not hold up everybody else.
    setImmediate(() => {
      if (this.destroyed) return;
      let bytes;
      try {
        [bytes] = handle(this.fd).descriptor.read(want, this.pos);
      } catch (e) {
        return this.destroy(failure(e, 'read'));
      }
      this.pos += bytes.length;
      this.bytesRead += bytes.length;
      this.push(bytes.length ? Buffer.from(bytes.buffer ?? bytes, bytes.byteOffset, bytes.length) : null);
    });
  }
  _destroy(e, done) {
    letGo(this);
    done(e);
  }
  close(done) {
    if (done) this.once('close', done);
    this.destroy();
  }
}
export class WriteStream extends Writable {
  constructor(path, options = {}) {
    if (typeof options === 'string') options = { encoding: options };
    super({ defaultEncoding: options?.encoding, autoDestroy: true });
    this.path = path;
    this.fd = typeof options?.fd === 'number' ? options.fd : null;
    this.flags = options?.flags ?? 'w';
    this.bytesWritten = 0;
  }
  _construct(done) {
    openLater(this, done, () => {});
  }
  _write(chunk, encoding, done) {
    try {
      this.bytesWritten += sync.write(this.fd, chunk);
    } catch (e) {
      return done(e);
    }
    done();
  }
  _destroy(e, done) {
    letGo(this);
    done(e);
  }
  close(done) {
    if (done) this.once('close', done);
    this.end();
  }
}
fs.ReadStream = ReadStream;
fs.WriteStream = WriteStream;
fs.createReadStream = (path, options) => new ReadStream(path, options);
fs.createWriteStream = (path, options) => new WriteStream(path, options);
// WASI does not tell of changes; wasmrun --watch does.
fs.watch = () => Object.assign(new EventEmitter(), { close() {}, ref() {}, unref() {} });
fs.watchFile = fs.watch;
fs.unwatchFile = () => {};
export default fs;
