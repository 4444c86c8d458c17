// node:child_process where there are no processes: whatever is started is not found, as Node.js says of such a program.
import EventEmitter from 'events';
import { Readable, Writable } from 'stream';
import { codes } from 'internal/errors';
import { validateFunction, validateObject, validateString } from 'internal/validators';
import util from 'util';
import { nextTick } from './loop.js';

const missing = (file, args, syscall = 'spawn') => Object.assign(new Error(`${syscall} ${file} ENOENT`), { errno: -2, code: 'ENOENT', syscall: `${syscall} ${file}`, path: file, spawnargs: args });
function given(file, args, options) {
  validateString(file, 'file');
  if (file === '') throw new codes.ERR_INVALID_ARG_VALUE('file', file, 'cannot be empty');
  if (args !== undefined && args !== null && !Array.isArray(args)) {
    validateObject(args, 'args');
    options = args;
    args = [];
  }
  if (options !== undefined && options !== null) validateObject(options, 'options');
  return [args ?? [], options ?? {}];
}

export class ChildProcess extends EventEmitter {
  constructor() {
    super();
    this.pid = undefined;
    this.connected = this.killed = false;
    this.exitCode = this.signalCode = null;
    this.stdin = new Writable({ write: (_chunk, _encoding, done) => done() });
    this.stdout = new Readable({ read() { this.push(null); } });
    this.stderr = new Readable({ read() { this.push(null); } });
    this.stdio = [this.stdin, this.stdout, this.stderr];
  }
  kill() { return false; }
  ref() {}
  unref() {}
  disconnect() {}
  send() { return false; }
}
// What a shell says of a program that is not there is said of the shell.
export function spawn(file, ...rest) {
  const [args, options] = given(file, ...rest);
  const program = options.shell ? '/bin/sh' : file;
  const child = new ChildProcess();
  child.spawnfile = program;
  child.spawnargs = [program, ...args];
  nextTick(() => {
    for (const stream of child.stdio) stream.destroy();
    child.emit('error', missing(program, args));
    child.emit('close', -2, null);
  });
  return child;
}
export const fork = (file, ...rest) => spawn(process.execPath, [file, ...(Array.isArray(rest[0]) ? rest[0] : [])]);

export function execFile(file, ...rest) {
  const done = rest.find((one) => typeof one === 'function');
  const [args, options] = given(file, ...rest.filter((one) => typeof one !== 'function'));
  if (rest.length > 0 && done === undefined && typeof rest.at(-1) === 'string') validateFunction(rest.at(-1), 'callback');
  const child = spawn(file, args, options);
  child.on('error', (error) => done?.(Object.assign(error, { cmd: [file, ...args].join(' ') }), '', ''));
  return child;
}
export function exec(command, ...rest) {
  validateString(command, 'command');
  const done = rest.find((one) => typeof one === 'function');
  return execFile('/bin/sh', ['-c', command], rest.find((one) => typeof one === 'object' && one !== null) ?? {}, done);
}
for (const run of [exec, execFile]) {
  Object.defineProperty(run, util.promisify.custom, {
    enumerable: false,
    value: (...args) => {
      let child;
      const promise = new Promise((resolve, reject) => {
        child = run(...args, (error, stdout, stderr) => (error ? reject(Object.assign(error, { stdout, stderr })) : resolve({ stdout, stderr })));
      });
      return Object.assign(promise, { child });
    },
  });
}

export function spawnSync(file, ...rest) {
  const [args, options] = given(file, ...rest);
  const program = options.shell ? '/bin/sh' : file;
  return { error: missing(program, args, 'spawnSync'), status: null, signal: null, output: null, pid: 0, stdout: null, stderr: null };
}
function thrown(file, args, options) {
  const result = spawnSync(file, args, options);
  throw Object.assign(result.error, result);
}
export const execFileSync = (file, ...rest) => thrown(file, ...given(file, ...rest));
export function execSync(command, options) {
  validateString(command, 'command');
  return thrown('/bin/sh', ['-c', command], options);
}
export default { ChildProcess, exec, execFile, execFileSync, execSync, fork, spawn, spawnSync };
