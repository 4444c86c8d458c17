// CommonJS: require, from the project's files as they are, as Node finds them.
import path from 'path';
import { wrongType, wrongValue } from './arguments.js';
import { decode, encode } from './encoding.js';
import * as files from './files.js';
import { changes, isGiven } from './files.js';
import { builtin, builtins } from './builtins.js';
import { expose } from './globals.js';
import { hosted, isHosted } from './hosted.js';
import { keepNames } from './names.js';
import { claim } from './stack.js';
import { isOpen as isBundled } from './positions.js';
import { adopt, run as runSteps } from './promise.js';
import { stores } from './context.js';
import { withoutImport, withPromises } from './rewrite.js';
import { asFunction } from './modules.js';
import { PARAMETERS, plain, preparedFile, preparedWire } from './prepared.js';
import { pathToFileURL } from 'internal/url';
import process from './process.js';

const cache = Object.create(null);
const packages = new Map(); // directory -> its package.json, or null
const kinds = new Map(); // path -> 'file', 'directory' or null: most of a start is asking for files
const listings = new Map();
const found = new Map();

// What the program has written itself may be asked for next.
let seen = 0;
function forget() {
  seen = changes.count;
  for (const known of [kinds, listings, packages, found, reals, directories]) known.clear();
}
function kind(file) {
  if (seen !== changes.count) forget();
  let k = kinds.get(file);
  if (k === undefined) kinds.set(file, (k = look(file)));
  return k;
}
// One listing of a directory answers for everything that is in it.
function list(dir) {
  let l = listings.get(dir);
  if (l === undefined) {
    try {
      l = new Map(files.list(dir).map((e) => [e.name, e.type]));
    } catch {
      l = null;
    }
    listings.set(dir, l);
  }
  return l;
}
function look(file) {
  const up = path.dirname(file);
  if (up !== file && inside(up)) {
    if (kind(up) !== 'directory') return null;
    const e = list(up)?.get(path.basename(file));
    if (e === undefined) return isGiven(file) ? 'directory' : null;
    if (e === 'regular-file') return 'file';
    if (e === 'directory') return 'directory';
    const real = realOf(file);
    if (real !== file) return kind(real);
  }
  const s = stat(file); // a symbolic link, or a directory that was given to the guest
  return !s ? null : s.type === 'directory' ? 'directory' : 'file';
}
// The same file by the name that has no links in it: what a package depends on lies beside where it really is (pnpm).
const reals = new Map();
function realOf(file) {
  const had = reals.get(file);
  if (had !== undefined) return had;
  reals.set(file, file); // where links go in circles
  const up = path.dirname(file);
  const at = up === file ? file : path.join(realOf(up), path.basename(file));
  const to = link(at);
  const real = to === null ? at : realOf(path.resolve(path.dirname(at), to));
  reals.set(file, real);
  return real;
}
const isLink = (file) => list(path.dirname(file))?.get(path.basename(file)) === 'symbolic-link';
function link(file) {
  if (!isLink(file)) return null;
  try {
    return files.readlink(file);
  } catch {
    return null; // WASI does not tell where an absolute one leads
  }
}
const directories = new Map(); // whether they exist
function inside(dir) {
  let yes = directories.get(dir);
  if (yes === undefined) directories.set(dir, (yes = stat(dir) !== null));
  return yes;
}
function stat(file) {
  try {
    return files.stat(file);
  } catch {
    return null;
  }
}

function packageOf(dir) {
  let p = packages.get(dir);
  if (p === undefined) {
    p = null;
    if (kind(dir + '/package.json') === 'file') {
      p = JSON.parse(decode(files.readFile(dir + '/package.json')));
      p._dir = dir;
    }
    packages.set(dir, p);
  }
  return p;
}
function scope(dir) {
  for (; ; dir = path.dirname(dir)) {
    const p = packageOf(dir);
    if (p) return p;
    if (dir === '/' || path.basename(dir) === 'node_modules') return null;
  }
}

const ENDS = ['', '.js', '.json'];
function asFile(base) {
  for (const end of ENDS) if (kind(base + end) === 'file') return base + end;
  return null;
}
function asDirectory(dir) {
  if (kind(dir) !== 'directory') return null;
  const main = packageOf(dir)?.main;
  if (main) {
    const at = path.join(dir, main);
    const hit = asFile(at) ?? index(at);
    if (hit) return hit;
  }
  return index(dir);
}
const index = (dir) => (kind(dir) === 'directory' ? asFile(dir + '/index') : null);

const CONDITIONS = new Set(['node', 'require', 'default']);
const MODULES = new Set(['node', 'import', 'default']); // of packages that have nothing else
function pick(target, star, conditions) {
  if (typeof target === 'string') return star === null ? target : target.replaceAll('*', star);
  if (Array.isArray(target)) {
    for (const t of target) {
      const hit = pick(t, star, conditions);
      if (hit) return hit;
    }
  } else if (target) for (const [c, t] of Object.entries(target)) {
    if (!conditions.has(c)) continue;
    const hit = pick(t, star, conditions);
    if (hit) return hit;
  }
  return null;
}
function match(map, key, conditions) {
  if (Object.hasOwn(map, key)) return pick(map[key], null, conditions);
  let best = null;
  for (const k of Object.keys(map)) {
    const at = k.indexOf('*');
    if (at >= 0 && key.startsWith(k.slice(0, at)) && key.endsWith(k.slice(at + 1)) && key.length >= k.length - 1 && (!best || at > best.indexOf('*'))) best = k;
  }
  if (!best) return null;
  const at = best.indexOf('*');
  return pick(map[best], key.slice(at, key.length - (best.length - at - 1)), conditions);
}
function exported(p, sub) {
  let map = p.exports;
  if (typeof map === 'string' || Array.isArray(map) || !Object.keys(map).some((k) => k[0] === '.')) map = { '.': map };
  const key = sub ? './' + sub : '.';
  const hit = match(map, key, CONDITIONS) ?? match(map, key, MODULES);
  return hit && path.join(p._dir, hit);
}

function resolve(name, from) {
  if (seen !== changes.count) forget();
  const key = from + '\0' + name;
  const had = found.get(key);
  if (had) return had;
  const wired = preparedWire(from, name);
  if (wired) return wired;
  let hit = search(name, from);
  if (!hit) throw Object.assign(new Error(`Cannot find module '${name}'${astray(name, from)}\nRequired from ${from}`), { code: 'MODULE_NOT_FOUND', requireStack: [from] });
  if (hit[0] === '/') hit = realOf(hit);
  found.set(key, hit);
  return hit;
}
// Why a package is not found that is there to see.
function astray(name, from) {
  const [pkg] = /^(?:@[^/]+\/)?[^/]*/.exec(name);
  if (!pkg || pkg[0] === '.') return '';
  for (let dir = from; ; dir = path.dirname(dir)) {
    const at = path.join(dir, 'node_modules', pkg);
    if (inside(path.dirname(at)) && isLink(at)) return `: ${at} is a link out of the project`;
    if (dir === '/') return '';
  }
}
function search(name, from) {
  if (name.startsWith('file://')) name = decodeURIComponent(new URL(name).pathname);
  const isDirectory = /(^|\/)\.{0,2}$/.test(name); // `..`, `../..`, `./lib/`
  if (/^\.{0,2}\//.test(name) || name === '.' || name === '..') {
    const at = path.resolve(from, name);
    return (isDirectory ? null : asFile(at)) ?? asDirectory(at);
  }
  if (name[0] === '#') {
    const p = scope(from);
    const hit = p?.imports && match(p.imports, name, CONDITIONS);
    return hit ? (hit[0] === '.' ? asFile(path.join(p._dir, hit)) : builtin(hit) ? hit : search(hit, p._dir)) : null;
  }
  const [, pkg, sub = ''] = /^((?:@[^/]+\/)?[^/]+)(?:\/(.*))?$/.exec(name);
  const self = scope(from);
  if (self?.name === pkg && self.exports) return exported(self, sub);
  for (let dir = from; ; dir = path.dirname(dir)) {
    const at = `${dir === '/' ? '' : dir}/node_modules`;
    if (kind(at) === 'directory') {
      const p = kind(`${at}/${pkg}`) === 'directory' ? packageOf(`${at}/${pkg}`) : null;
      if (p?.exports) return exported(p, sub);
      const full = `${at}/${pkg}${sub && '/' + sub}`;
      const hit = (isDirectory ? null : asFile(full)) ?? asDirectory(full);
      if (hit) return hit;
    }
    if (dir === '/') return null;
  }
}

export class Module {
  constructor(id, parent) {
    this.id = this.filename = id;
    this.path = path.dirname(id);
    this.exports = {};
    this.loaded = false;
    this.parent = parent;
    this.children = [];
    this.paths = Module._nodeModulePaths(this.path);
  }
  require(name) {
    if (typeof name !== 'string') throw wrongType('id', 'of type string', name);
    if (name === '') throw wrongValue('id', name, 'must be a non-empty string');
    return Module._load(name, this);
  }
  load(file) { run(this, file); }
  // Runs a text as the file's.
  _compile(source, file) { call(compile(plain(source), file, encode(source)), this, makeRequire(this)); }
  static _load(name, parent) { return load(name, parent ?? main); }
  static _resolveFilename(name, parent, isMain, options) { return resolveFor(name, parent ?? main, options); }
  static _nodeModulePaths(from) {
    const paths = [];
    for (let dir = path.resolve(from); ; dir = path.dirname(dir)) {
      if (path.basename(dir) !== 'node_modules') paths.push(`${dir === '/' ? '' : dir}/node_modules`);
      if (dir === '/') return paths;
    }
  }
  static _resolveLookupPaths(name, parent) {
    if (builtin(name) !== undefined) return null;
    return /^\.{1,2}(?:\/|$)/.test(name) ? [parent?.path ?? '.'] : (parent?.paths ?? []);
  }
}
keepNames({ Module });
// As `require.resolve` has it.
function resolveFor(name, module, options) {
  if (typeof name !== 'string') throw wrongType('request', 'of type string', name);
  if (builtin(name) !== undefined) return name;
  if (options?.paths === undefined) return resolve(name, module.path);
  if (!Array.isArray(options.paths)) throw wrongValue('options.paths', options.paths);
  for (const from of options.paths) {
    const hit = search(name, path.resolve(from));
    if (hit) return realOf(hit);
  }
  throw Object.assign(new Error(`Cannot find module '${name}'\nRequired from ${options.paths}`), { code: 'MODULE_NOT_FOUND', requireStack: [module.filename] });
}
// What programs put in the place of one of these, or add, runs.
const extensions = { '.js': (module, file) => read(module, file), '.json': (module, file) => read(module, file) };
const own = { ...extensions };

function load(name, parent) {
  const own = builtin(name);
  if (own !== undefined) return own;
  // esbuild leaves these to us.
  if (isHosted(name) && isBundle(parent.filename)) return hosted(name);
  const file = resolve(name, parent.path);
  if (isHosted(name)) return hosted(name, scope(path.dirname(file))?.version);
  const inner = builtin(file);
  if (inner !== undefined) return inner;
  const had = cache[file];
  if (had) return had.exports;
  const module = new Module(file, parent);
  cache[file] = module;
  try {
    run(module, file);
  } catch (e) {
    delete cache[file];
    throw e;
  }
  return module.exports;
}

export function makeRequire(module) {
  const require = (name) => module.require(name);
  require.resolve = (name, options) => Module._resolveFilename(name, module, false, options);
  require.resolve.paths = (name) => Module._resolveLookupPaths(name, module);
  require.cache = cache;
  require.main = main;
  require.extensions = extensions;
  return require;
}

// What `rewrite.js` puts into a file.
const guestOf = (require) => ({
  promise: adopt,
  run: runSteps,
  of: (value) => value,
  load: (name) => new Promise((resolve) => resolve(namespace(require(String(name))))),
});
const namespaces = new WeakSet(); // of ES modules
function namespace(exports) {
  if (namespaces.has(exports)) return exports;
  return { ...(Object(exports) === exports ? exports : null), default: exports };
}

// Packages are known to work, and reading them closely would take most of a start: their rejections end in what calls them.
const isOwn = (file) => !file.includes('/node_modules/');
function made(parameters, pad, text, file) {
  // Where there are stores, they have to hold behind each `await`.
  if (isOwn(file) || stores.areUsed) {
    try {
      return new Function(...parameters, pad + withPromises(text));
    } catch (e) {
      if (!(e instanceof SyntaxError)) throw e;
    }
  }
  return new Function(...parameters, pad + text); // a package, or it was misunderstood, or it is wrong as it is
}
const isBundle = (file) => isBundled() && file === main.filename; // esbuild has done all this
function compile(source, file, bytes) {
  const pad = claim(file, bytes);
  return isBundle(file) ? new Function(...PARAMETERS, pad + source) : made(PARAMETERS, pad, withoutImport(source), file);
}

function runModule(module, require, source, bytes) {
  const { text, imports, passes } = asFunction(source);
  const body = made(['__guest'], claim(module.filename, bytes), text, module.filename);
  const exports = (module.exports = Object.defineProperty({}, '__esModule', { value: true }));
  namespaces.add(exports);
  const give = (name, get) => Object.defineProperty(exports, name, { get, enumerable: true, configurable: true });
  const asked = new Map();
  const member = (from, name) => (name === '*' ? asked.get(from) : asked.get(from)[name]);
  const scope = Object.create(null);
  for (const { from, names } of imports) for (const [own, theirs] of names) Object.defineProperty(scope, own, { get: () => member(from, theirs) });
  body({
    ...guestOf(require),
    scope,
    meta: { url: pathToFileURL(module.filename).href, filename: module.filename, dirname: module.path, resolve: (name) => pathToFileURL(require.resolve(name)).href },
    begin(getters) {
      for (const [name, get] of Object.entries(getters)) give(name, get);
      for (const { from, names } of passes) for (const [theirs, name] of names ?? []) give(name, () => member(from, theirs));
      for (const { from } of [...imports, ...passes]) asked.set(from, namespace(require(from)));
      for (const { from, names } of passes) {
        if (names) continue;
        for (const name of Object.keys(asked.get(from))) if (name !== 'default' && !Object.hasOwn(exports, name)) give(name, () => member(from, name));
      }
    },
  });
}

function run(module, file) {
  const prepared = preparedFile(file);
  if (typeof prepared === 'function') call(prepared, module, makeRequire(module));
  else if (prepared !== undefined) module.exports = prepared;
  else {
    const extension = path.extname(file);
    const hook = extensions[extension] === own[extension] ? read : extensions[extension];
    hook(module, file);
  }
  module.loaded = true;
}
const call = (body, module, require) => body.call(module.exports, module.exports, require, module, module.filename, module.path, guestOf(require));
function read(module, file) {
  const bytes = files.readFile(file);
  const source = plain(decode(bytes));
  if (file.endsWith('.json')) {
    try {
      module.exports = JSON.parse(source);
    } catch (e) {
      e.message = `${file}: ${e.message}`;
      throw e;
    }
  } else {
    const require = makeRequire(module);
    if (file.endsWith('.mjs') || (!file.endsWith('.cjs') && scope(module.path)?.type === 'module')) runModule(module, require, source, bytes);
    else if (module._compile !== Module.prototype._compile) module._compile(source, file);
    else call(compile(source, file, bytes), module, require);
  }
}

let main;
export function runMain(file) {
  const given = asFile(file) ?? asDirectory(file);
  if (!given) throw Object.assign(new Error(`Cannot find module '${file}'`), { code: 'MODULE_NOT_FOUND' });
  const at = realOf(given);
  main = new Module(at, null);
  main.id = '.';
  process.mainModule = main;
  cache[at] = main;
  run(main, at);
}

const WRAPPER = ['(function (exports, require, module, __filename, __dirname) { ', '\n});'];
const createRequire = (from) => makeRequire(new Module(String(from).startsWith('file:') ? new URL(from).pathname : String(from), null));
builtins.module = Object.assign(Module, { Module, createRequire, builtinModules: Object.keys(builtins).filter((name) => builtin(name) !== undefined), isBuiltin: (name) => typeof name === 'string' && builtin(name) !== undefined, _cache: cache, _extensions: extensions, _pathCache: {}, globalPaths: [], wrap: (text) => `${WRAPPER[0]}${text}${WRAPPER[1]}`, wrapper: WRAPPER, syncBuiltinESMExports() {}, findSourceMap() {} });
// A module of the program's folder (--require).
export const preload = (name) => createRequire(`${process.cwd()}/.`)(name);
expose({ __builtin: builtin });
