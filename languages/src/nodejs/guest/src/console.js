// console, over node:util's inspect.
import util from './util.js';
import { writeOut, writeErr } from './process.js';
import { hrtimeNs } from './loop.js';

const format = (args) => {
  if (args.length === 1 && typeof args[0] === 'string') return args[0];
  return util.format(...args);
};
let indent = '';
const line = (write) => (...args) => {
  const s = format(args);
  write((indent ? indent + s.replaceAll('\n', '\n' + indent) : s) + '\n');
};
const counts = new Map(), marks = new Map();
const out = line(writeOut), err = line(writeErr);
export class Console {
  constructor(options, other) {
    const stdout = options?.stdout ?? options, stderr = options?.stderr ?? other ?? stdout;
    Object.assign(this, console_, { log: line((s) => stdout.write(s)), info: line((s) => stdout.write(s)), debug: line((s) => stdout.write(s)), warn: line((s) => stderr.write(s)), error: line((s) => stderr.write(s)) });
  }
}
const console_ = {
  log: out, info: out, debug: out, dirxml: out, error: err, warn: err,
  trace: (...args) => err('Trace: ' + format(args) + '\n' + new Error().stack.split('\n').slice(2).join('\n')),
  assert: (ok, ...args) => { if (!ok) err('Assertion failed' + (args.length ? ': ' + format(args) : '')); },
  dir: (value, options) => out(util.inspect(value, options)),
  table: (value) => out(util.inspect(value)),
  count(name = 'default') { counts.set(name, (counts.get(name) ?? 0) + 1); out(`${name}: ${counts.get(name)}`); },
  countReset: (name = 'default') => { counts.delete(name); },
  time: (name = 'default') => { marks.set(name, hrtimeNs()); },
  timeLog: (name = 'default') => out(`${name}: ${((hrtimeNs() - marks.get(name)) / 1e6).toFixed(3)}ms`),
  timeEnd(name = 'default') { console_.timeLog(name); marks.delete(name); },
  group(...args) { if (args.length) out(...args); indent += '  '; },
  groupEnd() { indent = indent.slice(2); },
};
console_.groupCollapsed = console_.group;
console_.Console = Console;
globalThis.console = console_;
export default console_;
