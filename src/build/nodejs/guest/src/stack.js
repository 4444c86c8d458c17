// Names the user's own files in stacks. The engine can only evaluate text under one name, so each file is compiled with
// as many empty lines before it as all others had together (they cost 10 ns each): the line alone then says which file.
const files = [];
let used = 0;

export function claim(file, source) {
  const start = used;
  let lines = 1;
  for (let i = source.indexOf('\n'); i >= 0; i = source.indexOf('\n', i + 1)) lines++;
  files.push({ start, file });
  used += lines + 4;
  return '\n'.repeat(start);
}

const HEADER = 2; // lines that `new Function` puts before the body

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

let nativeFile, nativeLine;
const ours = (site) => nativeFile.call(site) === '<input>' && files.length > 0;

function place(site) {
  const file = nativeFile.call(site);
  const line = nativeLine.call(site);
  if (!ours(site)) return [file, line];
  if (line <= HEADER) return ['<anonymous>', line]; // text that is not a program: JSON
  const found = find(line);
  return [found.file, line - HEADER - found.start];
}

// QuickJS's call sites have half of V8's methods; packages such as depd call the others.
function extend(proto) {
  nativeFile = proto.getFileName;
  nativeLine = proto.getLineNumber;
  Object.defineProperties(proto, Object.getOwnPropertyDescriptors({
    getFileName() { return place(this)[0]; },
    getLineNumber() { return place(this)[1]; },
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
    toString() {
      if (this.isNative()) return `${this.getFunctionName() || '<anonymous>'} (native)`;
      const [file, line] = place(this);
      const where = `${file}:${line}:${this.getColumnNumber()}`;
      const name = this.getFunctionName();
      return name ? `${name} (${where})` : where;
    },
  }));
}

export function install() {
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
  Error.prepareStackTrace = (e, sites) => {
    let s = head(e);
    for (const site of sites) s += '\n    at ' + site;
    return s;
  };
}
