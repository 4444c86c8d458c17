// Names the user's own files in stacks. The engine can only evaluate text under one name, so each file is compiled with
// as many empty lines before it as all others had together (they cost 10 ns each): the line alone then says which file.
// In a bundle, its source map says it.
import { overrideStackTrace } from 'internal/errors';
import { setText } from './capture.js';
import * as positions from './positions.js';

const files = [];
let used = 0;

// By the file's bytes, which takes a third of the time that its text does.
const { indexOf } = Uint8Array.prototype;
export function claim(file, bytes) {
  let lines = 1;
  for (let i = indexOf.call(bytes, 10); i >= 0; i = indexOf.call(bytes, 10, i + 1)) lines++;
  return '\n'.repeat(take(file, lines));
}
function take(file, lines) {
  const start = used;
  files.push({ start, file });
  used += lines + 4;
  return start;
}

const HEADER = 2; // lines that `new Function` puts before the body

// For a file that others stand before: the line of the whole text that its first one has to be on, and how many it has.
export function claimText(file, text) {
  const lines = text.split('\n').length;
  return { line: take(file, lines) + HEADER + 1, lines };
}
// Files that have been claimed, by other names.
export function rename(as) {
  for (const file of files) file.file = as(file.file);
}

function find(line) {
  let lo = 0, hi = files.length - 1;
  const at = line - HEADER - 1;
  while (lo < hi) {
    const mid = (lo + hi + 1) >> 1;
    if (files[mid].start <= at) lo = mid;
    else hi = mid - 1;
  }
  return files[lo];
}

let nativeFile, nativeLine, nativeColumn;
const ours = (site) => nativeFile.call(site) === '<input>' && files.length > 0;

// File, line and column; no file for what esbuild has added to a bundle.
function place(site) {
  const file = nativeFile.call(site);
  const line = nativeLine.call(site);
  const column = nativeColumn.call(site);
  if (!ours(site)) return [file, line, column];
  if (line <= HEADER) return ['<anonymous>', line, column]; // text that is not a program: JSON
  const found = find(line);
  const own = line - HEADER - found.start;
  // The program is the first file that is loaded, and what it bundles is in it.
  if (found === files[0] && positions.isOpen()) return positions.origin(own, column) ?? [null, own, column];
  return [found.file, own, column];
}

// The call site so many above who asks.
function siteAbove(count) {
  const { prepareStackTrace, stackTraceLimit } = Error;
  Error.prepareStackTrace = (_, sites) => sites;
  Error.stackTraceLimit = count + 2;
  const sites = new Error().stack;
  Object.assign(Error, { prepareStackTrace, stackTraceLimit });
  return sites[count + 1];
}
// The file that called who calls this.
export const caller = () => place(siteAbove(2))[0];

// Line, column and file of who called the function that asks.
export function callerPlace() {
  const site = siteAbove(3);
  if (site === undefined || site.isNative()) return undefined;
  const [file, line, column] = place(site);
  return file === null ? undefined : [line, column, file];
}

// As a stack has it; nothing for what is nobody's.
function text(site) {
  let name = site.getFunctionName();
  if (name === 'anonymous') name = null; // what `new Function` calls a file
  if (site.isNative()) return `${name || '<anonymous>'} (native)`;
  const at = place(site);
  if (at[0] === null) return null;
  return name ? `${name} (${at.join(':')})` : at.join(':');
}

// QuickJS's call sites have half of V8's methods; packages such as depd call the others.
function extend(proto) {
  nativeFile = proto.getFileName;
  nativeLine = proto.getLineNumber;
  nativeColumn = proto.getColumnNumber;
  Object.defineProperties(proto, Object.getOwnPropertyDescriptors({
    getFileName() { return place(this)[0]; },
    getLineNumber() { return place(this)[1]; },
    getColumnNumber() { return place(this)[2]; },
    getScriptNameOrSourceURL() { return place(this)[0]; },
    getThis() {},
    getTypeName() { return null; },
    getMethodName() { return null; },
    getEvalOrigin() {},
    isToplevel() { return true; },
    isEval() { return false; },
    isAsync() { return false; },
    isPromiseAll() { return false; },
    getPromiseIndex() { return null; },
    toString() { return text(this) ?? '<anonymous>'; },
  }));
}

export function install() {
  setText((error, sites) => {
    // Node.js's modules take the places themselves where they need them.
    const taken = overrideStackTrace.get(error);
    if (taken === undefined) return Error.prepareStackTrace(error, sites);
    overrideStackTrace.delete(error);
    return taken(error, sites);
  });
  Error.prepareStackTrace = (_, sites) => sites;
  extend(Object.getPrototypeOf(new Error().stack[0]));
  Error.stackTraceLimit = 10;
  const head = (e) => {
    try {
      return e instanceof Error ? Error.prototype.toString.call(e) : String(e);
    } catch {
      return 'Error';
    }
  };
  // In Node a stack is any value that a program puts there; the engine's takes texts alone.
  const { get, set } = Object.getOwnPropertyDescriptor(Error.prototype, 'stack') ?? {};
  if (set) {
    Object.defineProperty(Error.prototype, 'stack', {
      get,
      set(value) {
        if (typeof value === 'string') set.call(this, value);
        else Object.defineProperty(this, 'stack', { value, writable: true, configurable: true, enumerable: false });
      },
      configurable: true,
      enumerable: false,
    });
  }
  Error.prepareStackTrace = (e, sites) => {
    let s = head(e);
    for (const site of sites) {
      const line = text(site);
      if (line !== null) s += '\n    at ' + line;
    }
    return s;
  };
}
