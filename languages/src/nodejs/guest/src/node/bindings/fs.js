// What node:fs calls in C++: each function once, called with a request that is told of the end, for a promise, or for its value.
import { decode, encode } from '../../encoding.js';
import { AS_IS, FOLLOW, at, changes, failure, isGiven, list, locate, normal, openAt, readAll, readAt, readlink, realpath, stat } from '../../files.js';
import { enter, ref, turn, unref } from '../../loop.js';
import { swallow } from '../../sockets.js';
import { bytesOf, encodingOf, slice } from './text.js';

const kUsePromises = Symbol('fs_use_promises_symbol');
class FSReqCallback {
  constructor(isBig) { this.isBig = isBig; }
}

// The work is done in a turn of its own, so that others go on between two pieces of it.
function later(work, done) {
  ref();
  turn().then(() => {
    let error = null, value;
    try {
      value = work();
    } catch (e) {
      error = e;
    }
    unref();
    enter(() => done(error, value));
  });
}
const operation = (place, fn) => (...args) => {
  const request = args[place];
  if (request === undefined) return fn(...args);
  if (request === kUsePromises) return new Promise((resolve, reject) => later(() => fn(...args), (error, value) => (error === null ? resolve(value) : reject(error))));
  later(() => fn(...args), (error, value) => {
    if (error !== null) request.oncomplete(error);
    else if (value === undefined) request.oncomplete(null);
    else request.oncomplete(null, value);
  });
  return undefined;
};

// With a descriptor, which is looked at before.
const onOpen = (place, fn) => {
  const run = operation(place, fn);
  return (fd, ...rest) => {
    require('../../arguments.js').integer(fd, 'fd');
    return run(fd, ...rest);
  };
};

const O = { O_RDONLY: 0, O_WRONLY: 1, O_RDWR: 2, O_CREAT: 64, O_EXCL: 128, O_NOCTTY: 256, O_TRUNC: 512, O_APPEND: 1024, O_DIRECTORY: 65536, O_NOATIME: 262144, O_NOFOLLOW: 131072, O_SYNC: 1052672, O_DSYNC: 4096, O_DIRECT: 16384, O_NONBLOCK: 2048 };
const S = { S_IFMT: 61440, S_IFREG: 32768, S_IFDIR: 16384, S_IFCHR: 8192, S_IFBLK: 24576, S_IFIFO: 4096, S_IFLNK: 40960, S_IFSOCK: 49152 };
const DIRENTS = { unknown: 0, 'regular-file': 1, directory: 2, 'symbolic-link': 3, fifo: 4, socket: 5, 'character-device': 6, 'block-device': 7 };
// Of permissions WASI says nothing.
const MODES = { 'regular-file': S.S_IFREG | 0o644, directory: S.S_IFDIR | 0o755, 'symbolic-link': S.S_IFLNK | 0o777, 'character-device': S.S_IFCHR | 0o666, 'block-device': S.S_IFBLK | 0o666, fifo: S.S_IFIFO | 0o666, socket: S.S_IFSOCK | 0o777 };
export const constants = {
  UV_FS_SYMLINK_DIR: 1, UV_FS_SYMLINK_JUNCTION: 2, ...O, ...S, S_IRWXU: 448, S_IRUSR: 256, S_IWUSR: 128, S_IXUSR: 64, S_IRWXG: 56, S_IRGRP: 32, S_IWGRP: 16, S_IXGRP: 8, S_IRWXO: 7, S_IROTH: 4, S_IWOTH: 2, S_IXOTH: 1,
  UV_DIRENT_UNKNOWN: 0, UV_DIRENT_FILE: 1, UV_DIRENT_DIR: 2, UV_DIRENT_LINK: 3, UV_DIRENT_FIFO: 4, UV_DIRENT_SOCKET: 5, UV_DIRENT_CHAR: 6, UV_DIRENT_BLOCK: 7, EXTENSIONLESS_FORMAT_JAVASCRIPT: 0, EXTENSIONLESS_FORMAT_WASM: 1, UV_FS_O_FILEMAP: 0,
  F_OK: 0, R_OK: 4, W_OK: 2, X_OK: 1, UV_FS_COPYFILE_EXCL: 1, COPYFILE_EXCL: 1, UV_FS_COPYFILE_FICLONE: 2, COPYFILE_FICLONE: 2, UV_FS_COPYFILE_FICLONE_FORCE: 4, COPYFILE_FICLONE_FORCE: 4,
};

const text = (path) => (typeof path === 'string' ? path : decode(path));
const named = (name, encoding) => (encoding === 'buffer' ? Buffer.from(name) : encoding === undefined || encoding === 'utf8' || encoding === 'utf-8' ? name : Buffer.from(name).toString(encoding));

// Files that are open.
const handles = new Map();
const STANDARD = 3;
let nextFd = 20;
function handle(fd, syscall) {
  const found = handles.get(fd);
  if (found === undefined) throw failure('bad-descriptor', syscall);
  return found;
}
function attempt(syscall, fn, path) {
  try {
    return fn();
  } catch (e) {
    throw failure(e, syscall, path);
  }
}
function open(path, flags) {
  const isWriting = (flags & 3) !== O.O_RDONLY;
  const how = {
    ...(flags & O.O_CREAT && { create: true }), ...(flags & O.O_EXCL && { exclusive: true }), ...(flags & O.O_TRUNC && isWriting && { truncate: true }), ...((flags & O.O_DIRECTORY) === O.O_DIRECTORY && { directory: true }),
  };
  if (flags & O.O_CREAT) changes.count++;
  const descriptor = openAt(path, how, { read: (flags & 3) !== O.O_WRONLY, write: isWriting }, flags & O.O_NOFOLLOW ? AS_IS : FOLLOW);
  const fd = nextFd++;
  handles.set(fd, { descriptor, at: 0, appends: (flags & O.O_APPEND) !== 0 });
  return fd;
}
function close(fd) {
  if (fd >= 0 && fd < STANDARD) return;
  handle(fd, 'close').descriptor[Symbol.dispose]();
  handles.delete(fd);
}

const placed = (position) => {
  const place = Math.trunc(Number(position));
  if (!(place <= Number.MAX_SAFE_INTEGER)) throw 'invalid';
  return place;
};
// -1, null and undefined: where the last one ended.
const isPlace = (position) => typeof position === 'bigint' || (typeof position === 'number' && position >= 0);
function read(fd, buffer, offset, length, position) {
  if (fd === 0) return 0;
  const file = handle(fd, 'read');
  const [bytes] = attempt('read', () => readAt(file.descriptor, length, isPlace(position) ? placed(position) : file.at));
  new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength).set(bytes, offset);
  if (!isPlace(position)) file.at += bytes.length;
  return bytes.length;
}
function write(fd, bytes, position) {
  if (fd === 1 || fd === 2) {
    process[fd === 1 ? 'stdout' : 'stderr'].write(bytes);
    return bytes.length;
  }
  const file = handle(fd, 'write');
  return attempt('write', () => {
    const from = file.appends ? Number(file.descriptor.stat().size) : isPlace(position) ? placed(position) : file.at;
    let done = 0;
    while (done < bytes.length) done += Number(file.descriptor.write(bytes.subarray(done), from + done));
    if (file.appends || !isPlace(position)) file.at = from + done;
    return done;
  });
}
const view = (data) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

const FIELDS = 18;
const inode = (hash) => Number(BigInt(hash.lower) & 0x1fffffffffffffn);
function fields(found, hash, isBig) {
  const times = [found.dataAccessTimestamp, found.dataModificationTimestamp, found.statusChangeTimestamp, found.statusChangeTimestamp];
  const size = Number(found.size);
  const values = [1, MODES[found.type] ?? 0, Number(found.linkCount), 0, 0, 0, 4096, inode(hash), size, Math.ceil(size / 512), ...times.flatMap((time) => (time ? [Number(time.seconds), time.nanoseconds] : [0, 0]))];
  return isBig ? BigInt64Array.from(values, BigInt) : Float64Array.from(values);
}
const statAs = (follow, syscall) => (path, isBig, request, throws) => {
  try {
    const [dir, rest] = locate(path);
    return fields(dir.statAt(follow, rest), dir.metadataHashAt(follow, rest), isBig);
  } catch (e) {
    const error = failure(e, syscall, text(path));
    if (error.code === 'ENOENT' && isGiven(normal(path))) return fields({ type: 'directory', size: 0, linkCount: 1 }, { lower: 0n }, isBig);
    if (throws === false && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
    throw error;
  }
};

function access(path, mode) {
  if (mode & constants.W_OK && at(path, 'access', (dir) => dir.getFlags()).mutateDirectory === false) throw failure('read-only', 'access', text(path));
  stat(path, FOLLOW, 'access');
}
const exists = (path) => {
  try {
    stat(path);
    return true;
  } catch {
    return path.length > 0 && isGiven(normal(path));
  }
};
// What WASI says of it, for who tells it in other words.
function makeDirectory(path) {
  changes.count++;
  const [dir, rest] = locate(path);
  dir.createDirectoryAt(rest);
}
function mkdir(path, mode, isRecursive) {
  if (!isRecursive) return attempt('mkdir', () => makeDirectory(path), text(path));
  const parts = normal(path).split('/').slice(1);
  let first;
  for (let i = 1; i <= parts.length; i++) {
    const name = '/' + parts.slice(0, i).join('/');
    if (exists(name)) {
      if (isGiven(name) || stat(name).type === 'directory') continue;
      throw failure(i === parts.length ? 'exist' : 'not-directory', 'mkdir', text(path));
    }
    attempt('mkdir', () => makeDirectory(name), text(path));
    first ??= name;
  }
  return first;
}
const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
function mkdtemp(prefix, encoding) {
  const end = Array.from({ length: 6 }, () => LETTERS[Math.floor(Math.random() * LETTERS.length)]).join('');
  const path = `${text(prefix)}${end}`;
  attempt('mkdtemp', () => makeDirectory(path), `${text(prefix)}XXXXXX`);
  return named(path, encoding);
}
function readdir(path, encoding, hasTypes) {
  const found = list(path).sort((a, b) => (a.name < b.name ? -1 : 1));
  const names = found.map(({ name }) => named(name, encoding));
  return hasTypes ? [names, found.map(({ type }) => DIRENTS[type] ?? 0)] : names;
}
const both = (syscall, fn) => (from, to) => {
  changes.count++;
  try {
    const [fromDir, fromRest] = locate(from);
    const [toDir, toRest] = locate(to);
    fn(fromDir, fromRest, toDir, toRest);
  } catch (e) {
    throw failure(e, syscall, text(from), text(to));
  }
};
const CHUNK = 1 << 20;
function copyFile(from, to, mode) {
  changes.count++;
  let source, target;
  try {
    const [fromDir, fromRest] = locate(from);
    source = fromDir.openAt(FOLLOW, fromRest, {}, { read: true });
    if (source.getType() === 'directory') throw 'is-directory';
    const [toDir, toRest] = locate(to);
    target = toDir.openAt(FOLLOW, toRest, { create: true, ...(mode & 1 ? { exclusive: true } : { truncate: true }) }, { write: true });
    for (let place = 0; ; ) {
      const [bytes, isEnd] = source.read(CHUNK, place);
      for (let done = 0; done < bytes.length; ) done += Number(target.write(done === 0 ? bytes : bytes.subarray(done), place + done));
      place += bytes.length;
      if (isEnd || bytes.length === 0) break;
    }
  } catch (e) {
    throw failure(e, 'copyfile', text(from), text(to));
  } finally {
    swallow(() => source[Symbol.dispose]());
    swallow(() => target[Symbol.dispose]());
  }
}
const remove = (syscall, fn) => (path) => {
  changes.count++;
  return at(path, syscall, fn);
};
const LAST = 2 ** 40; // seconds; what is later no file system has
const moment = (seconds) => {
  const whole = Math.min(Math.floor(seconds), LAST);
  return { tag: 'timestamp', val: { seconds: Math.max(0, whole), nanoseconds: Math.max(0, Math.round((seconds - whole) * 1e9)) } };
};
const setTimes = (follow, syscall) => (path, atime, mtime) => at(path, syscall, (dir, rest) => dir.setTimesAt(follow, rest, moment(atime), moment(mtime)));
// WASI has no permissions and owners: they stay what they are, as on file systems without them.
const unchanged = (syscall, follow = FOLLOW) => (path) => { stat(path, follow, syscall); };
const unchangedOpen = (syscall) => (fd) => { if (fd >= STANDARD) handle(fd, syscall); };

class FileHandle {
  constructor(fd) { this.fd = fd; }
  getAsyncId() { return 0; }
  close() { return binding.close(this.fd, kUsePromises); }
  releaseFD() {
    const { fd } = this;
    this.fd = -1;
    return fd;
  }
}
class DirHandle {
  #entries;
  constructor(path) { this.#entries = list(path, 'opendir'); }
  read = operation(2, (encoding, size) => {
    const next = this.#entries.splice(0, size);
    return next.length === 0 ? null : next.flatMap(({ name, type }) => [named(name, encoding), DIRENTS[type] ?? 0]);
  });
  close = operation(0, () => {});
}
const binding = {
  kFsStatsFieldsNumber: FIELDS, kUsePromises, FSReqCallback, FileHandle,
  statValues: new Float64Array(FIELDS * 2), bigintStatValues: new BigInt64Array(FIELDS * 2),
  access: operation(2, access),
  existsSync: exists,
  open: operation(3, open),
  openFileHandle: operation(3, (path, flags) => new FileHandle(open(path, flags))),
  close: onOpen(1, close),
  read: operation(5, read),
  readBuffers: operation(3, (fd, buffers, position) => {
    let sum = 0;
    for (const buffer of buffers) {
      const count = read(fd, buffer, 0, buffer.byteLength, isPlace(position) ? Number(position) + sum : position);
      sum += count;
      if (count < buffer.byteLength) break;
    }
    return sum;
  }),
  writeBuffer: operation(5, (fd, buffer, offset, length, position) => write(fd, view(buffer).subarray(offset, offset + length), position)),
  writeBuffers: operation(3, (fd, buffers, position) => buffers.reduce((sum, buffer) => sum + write(fd, view(buffer), isPlace(position) ? Number(position) + sum : position), 0)),
  writeString: operation(4, (fd, string, position, encoding) => write(fd, bytesOf(string, encodingOf(encoding)), position)),
  readFileUtf8(path, flags) {
    const fd = typeof path === 'number' ? path : open(path, flags);
    try {
      if (fd === 0) return '';
      const file = handle(fd, 'read');
      const bytes = attempt('read', () => readAll(file.descriptor, file.at));
      file.at += bytes.length;
      return slice(bytes, 'utf8');
    } finally {
      if (fd !== path) close(fd);
    }
  },
  writeFileUtf8(path, data, flags) {
    const fd = typeof path === 'number' ? path : open(path, flags);
    try {
      write(fd, encode(data), null);
    } finally {
      if (fd !== path) close(fd);
    }
  },
  stat: operation(2, statAs(FOLLOW, 'stat')),
  lstat: operation(2, statAs(AS_IS, 'lstat')),
  fstat: onOpen(2, (fd, isBig) => {
    if (fd >= 0 && fd < STANDARD) return fields({ type: 'fifo', size: 0, linkCount: 1 }, { lower: 0n }, isBig);
    const { descriptor } = handle(fd, 'fstat');
    return attempt('fstat', () => fields(descriptor.stat(), descriptor.metadataHash(), isBig));
  }),
  statfs: operation(2, (path) => { throw failure('unsupported', 'statfs', text(path)); }),
  internalModuleStat(path) {
    try {
      return stat(path).type === 'directory' ? 1 : 0;
    } catch {
      return isGiven(normal(path)) ? 1 : -2;
    }
  },
  rename: operation(2, both('rename', (fromDir, from, toDir, to) => fromDir.renameAt(from, toDir, to))),
  link: operation(2, both('link', (fromDir, from, toDir, to) => fromDir.linkAt(AS_IS, from, toDir, to))),
  copyFile: operation(3, copyFile),
  symlink: operation(3, (target, path) => {
    changes.count++;
    try {
      const [dir, rest] = locate(path);
      dir.symlinkAt(text(target), rest);
    } catch (e) {
      throw failure(e, 'symlink', text(target), text(path));
    }
  }),
  readlink: operation(2, (path, encoding) => named(readlink(path), encoding)),
  realpath: operation(2, (path, encoding) => named(realpath(path), encoding)),
  unlink: operation(1, remove('unlink', (dir, rest) => dir.unlinkFileAt(rest))),
  rmdir: operation(1, remove('rmdir', (dir, rest) => dir.removeDirectoryAt(rest))),
  mkdir: operation(3, mkdir),
  mkdtemp: operation(2, mkdtemp),
  readdir: operation(3, readdir),
  ftruncate: onOpen(2, (fd, size) => attempt('ftruncate', () => handle(fd, 'ftruncate').descriptor.setSize(Number(size)))),
  fsync: onOpen(1, (fd) => attempt('fsync', () => handle(fd, 'fsync').descriptor.sync())),
  fdatasync: onOpen(1, (fd) => attempt('fdatasync', () => handle(fd, 'fdatasync').descriptor.syncData())),
  utimes: operation(3, setTimes(FOLLOW, 'utime')),
  lutimes: operation(3, setTimes(AS_IS, 'lutime')),
  futimes: onOpen(3, (fd, atime, mtime) => attempt('futime', () => handle(fd, 'futime').descriptor.setTimes(moment(atime), moment(mtime)))),
  chmod: operation(2, unchanged('chmod')),
  fchmod: onOpen(2, unchangedOpen('fchmod')),
  chown: operation(3, unchanged('chown')),
  lchown: operation(3, unchanged('lchown', AS_IS)),
  fchown: onOpen(3, unchangedOpen('fchown')),
  getFormatOfExtensionlessFile: () => 0,
};

export const fs = binding;
export const fsDir = {
  opendir: operation(2, (path) => new DirHandle(path)),
  opendirSync: (path) => new DirHandle(path),
};
