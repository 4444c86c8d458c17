// Files of the directories that the guest was given, by WASI 0.2, whose calls are synchronous. node:fs stands on it
// (node/bindings/fs.js), and so does the loader.
import preopens from 'wasi:filesystem/preopens@0.2.12';
import { decode } from './encoding.js';
import { ERRORS } from './node/bindings/errno.js';
import { swallow } from './sockets.js';

// The cases of WASI's error-code that have another name than errno's.
const NAMES = {
  access: 'EACCES', 'would-block': 'EAGAIN', 'bad-descriptor': 'EBADF', deadlock: 'EDEADLK', quota: 'EDQUOT', exist: 'EEXIST', 'file-too-large': 'EFBIG', 'illegal-byte-sequence': 'EILSEQ', 'in-progress': 'EINPROGRESS', interrupted: 'EINTR', invalid: 'EINVAL', io: 'EIO', 'is-directory': 'EISDIR', loop: 'ELOOP', 'too-many-links': 'EMLINK', 'message-size': 'EMSGSIZE', 'name-too-long': 'ENAMETOOLONG', 'no-device': 'ENODEV', 'no-entry': 'ENOENT', 'no-lock': 'ENOLCK', 'insufficient-memory': 'ENOMEM', 'insufficient-space': 'ENOSPC', 'not-directory': 'ENOTDIR', 'not-empty': 'ENOTEMPTY', unsupported: 'ENOTSUP', 'no-tty': 'ENOTTY', 'no-such-device': 'ENXIO', overflow: 'EOVERFLOW', 'not-permitted': 'EPERM', pipe: 'EPIPE', 'read-only': 'EROFS', 'invalid-seek': 'ESPIPE', 'text-file-busy': 'ETXTBSY', 'cross-device': 'EXDEV', busy: 'EBUSY', already: 'EALREADY',
};
const KNOWN = new Map(ERRORS.map(([name, number, text]) => [name, [number, text]]));

// As libuv's errors are told in Node.js (its UVException).
export function failure(e, syscall, path, dest) {
  const tag = typeof e === 'string' ? e : e?.payload; // an enum's case
  if (!tag) return e instanceof Error ? e : new Error(String(e));
  const code = NAMES[tag] ?? 'EIO';
  const [errno, text] = KNOWN.get(code) ?? [5, tag];
  if (code === 'EPERM' || code === 'EROFS') sayReadOnly(path);
  const error = new Error(`${code}: ${text}, ${syscall}${path === undefined ? '' : ` '${path}'`}${dest === undefined ? '' : ` -> '${dest}'`}`);
  Object.assign(error, { errno: -errno, code, syscall });
  if (path !== undefined) error.path = path;
  if (dest !== undefined) error.dest = dest;
  return error;
}

// The project's folder, and what is told once of a write there: all that a program gets is an error.
let project = null;
let say = () => {};
export function setProject(folder, hint) {
  project = folder;
  say = hint;
}
function sayReadOnly(path) {
  if (!project || path === undefined || !normal(path).startsWith(`${project}/`)) return;
  say(`hint: the program writes ${normal(path).slice(project.length + 1)}, and its folder is read-only in the guest: `
    + `\`--dir ${project}::${project}\` lets it, and files that need not last go to /tmp\n`);
  project = null;
}

export function normal(path) {
  if (path instanceof Uint8Array) path = decode(path);
  if (path[0] !== '/') path = `${globalThis.process.cwd()}/${path}`;
  const out = [];
  for (const part of path.split('/')) {
    if (part === '..') out.pop();
    else if (part && part !== '.') out.push(part);
  }
  return '/' + out.join('/');
}

// The pre-opened directory that holds a path, and what is left of the path.
let roots;
const given = () => preopens.getDirectories().map(([dir, name]) => [dir, ('/' + name.replace(/^\.?\/*/, '')).replace(/\/$/, '') + '/']).sort((a, b) => b[1].length - a[1].length);
export function locate(path) {
  roots ??= given();
  if (path.length === 0) throw 'no-entry';
  const full = normal(path);
  for (const [dir, name] of roots) if ((full + '/').startsWith(name)) return [dir, full.slice(name.length) || '.'];
  throw 'no-entry';
}
// Whether a directory was given to the guest, or has one below that was: no listing of its parent has it.
export function isGiven(path) {
  roots ??= given();
  return roots.some(([, name]) => name.startsWith(`${path}/`));
}

export const FOLLOW = { symlinkFollow: true };
export const AS_IS = { symlinkFollow: false };
// Runs an operation on the directory that holds a path.
export function at(path, syscall, fn) {
  try {
    const [dir, rest] = locate(path);
    return fn(dir, rest);
  } catch (e) {
    throw failure(e, syscall, typeof path === 'string' ? path : decode(path));
  }
}

export const stat = (path, follow = FOLLOW, syscall = 'stat') => at(path, syscall, (dir, rest) => dir.statAt(follow, rest));
export const readlink = (path) => at(path, 'readlink', (dir, rest) => dir.readlinkAt(rest));
export const openAt = (path, open, flags, follow = FOLLOW) => at(path, 'open', (dir, rest) => dir.openAt(follow, rest, open, flags));

// Names and kinds of a directory's entries, in no order.
export function list(path, syscall = 'scandir') {
  return at(path, syscall, (dir, rest) => {
    const opened = dir.openAt(FOLLOW, rest, { directory: true }, { read: true });
    try {
      const entries = opened.readDirectory();
      const found = [];
      for (let entry; (entry = entries.readDirectoryEntry()); ) if (entry.name !== '.' && entry.name !== '..') found.push(entry);
      swallow(() => entries[Symbol.dispose]());
      return found;
    } finally {
      swallow(() => opened[Symbol.dispose]());
    }
  });
}

// WASI has one word for a directory's bytes and for a descriptor that is bad.
export function readAt(descriptor, length, from) {
  try {
    return descriptor.read(length, from);
  } catch (e) {
    throw descriptor.getType() === 'directory' ? 'is-directory' : e;
  }
}

// Until its end.
export function readAll(descriptor, from = 0) {
  const parts = [];
  let size = 0;
  for (;;) {
    const [bytes, end] = readAt(descriptor, 1 << 20, from + size);
    if (bytes.length) {
      const part = bytes instanceof Uint8Array ? bytes : Uint8Array.from(bytes);
      parts.push(part);
      size += part.length;
    }
    if (end || !bytes.length) break;
  }
  if (parts.length === 1) return parts[0];
  const out = new Uint8Array(size);
  let place = 0;
  for (const part of parts) {
    out.set(part, place);
    place += part.length;
  }
  return out;
}
export function readFile(path) {
  const descriptor = openAt(path, {}, { read: true });
  try {
    return readAll(descriptor);
  } catch (e) {
    throw failure(e, 'read');
  } finally {
    swallow(() => descriptor[Symbol.dispose]());
  }
}

// Rises with each change of names by the program: what the loader knows of directories may be wrong then.
export const changes = { count: 0 };

export const isDirectory = (path) => {
  // What was given has parents, which nobody can list.
  if (isGiven(path)) return true;
  try {
    return stat(path).type === 'directory';
  } catch {
    return undefined;
  }
};

// The same file by a name without links.
export function realpath(path) {
  stat(path, FOLLOW, 'realpath');
  let real = '', left = normal(path).split('/').slice(1).filter(Boolean);
  for (let links = 0; left.length; ) {
    const next = `${real}/${left.shift()}`;
    let target = null;
    try {
      target = readlink(next);
    } catch {
      // not a link, or above all that was given to the guest
    }
    if (target === null) real = next;
    else if (++links > 40) throw failure('loop', 'realpath', path);
    else {
      left = [...normal(target[0] === '/' ? target : `${real}/${target}`).split('/').slice(1), ...left];
      real = '';
    }
  }
  return real || '/';
}
