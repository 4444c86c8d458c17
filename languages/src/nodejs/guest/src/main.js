// The engine: holds no program. What it runs is told in WASMRUN_MAIN, where in WASMRUN_FOLDER, and in WASMRUN_BASE where the
// packages are that were compiled into it.
import './node/begin.js';
import './globals-events.js';
import './fetch.js';
import './zlib/web.js';
import environment from 'wasi:cli/environment@0.2.12';
import random from 'wasi:random/random@0.2.12';
import stream from 'stream';
import console from 'console';
import { initializeGlobalConsole } from 'internal/console/constructor';
import { initializeDebugEnv } from 'internal/util/debuglog';
import { expose } from './globals.js';
import process, { boot as bootProcess, setDirectory, writeOut, writeErr } from './process.js';
import './builtins.js';
import { enter, settle } from './loop.js';
import './origin.js';
import { install } from './stack.js';
import { hear } from './ending.js';
import { open as openPositions } from './positions.js';
import { open as openPrepared } from './prepared.js';
import { preload, runMain } from './loader.js';
import fs from 'fs';
import { normal, setProject } from './files.js';
import { load as loadEnv } from './env-files.js';
import { begin as holdTargets } from './weak.js';
import './intl/intl.js';

const { Writable, Readable } = stream;
const out = (write, fd) => Object.assign(new Writable({
  decodeStrings: false,
  write(chunk, encoding, done) {
    write(chunk);
    done();
  },
}), { fd, isTTY: false, columns: 80, _type: 'pipe', getColorDepth: () => 1, hasColors: () => false });
process.stdout = out(writeOut, 1);
process.stderr = out(writeErr, 2);
process.stdin = Object.assign(new Readable({ read() { this.push(null); } }), { fd: 0, isTTY: false, setRawMode() {} });
initializeGlobalConsole(console);
// The standard streams have no errors; to listen for them at each line is half of its time.
console._ignoreErrors = false;
expose({ console });
process.loadEnvFile = (path = '.env') => loadEnv(process.env, fs.readFileSync(path, 'utf8'));

// The generator's state is part of the snapshot: without this every run would draw the same numbers.
function reseed() {
  let [a, b, c, d] = new Uint32Array(Uint8Array.from(random.getRandomBytes(16)).buffer);
  Math.random = () => {
    const next = () => {
      const t = b << 9;
      let r = Math.imul(b, 5);
      r = Math.imul((r << 7) | (r >>> 25), 9) >>> 0;
      c ^= a; d ^= b; b ^= c; a ^= d; c ^= t; d = (d << 11) | (d >>> 21);
      return r;
    };
    return ((next() >>> 5) * 67108864 + (next() >>> 6)) / 9007199254740992;
  };
}

export const run = {
  async run() {
    bootProcess();
    initializeDebugEnv(process.env.NODE_DEBUG);
    if (process.env.WASMRUN_FOLDER) {
      setDirectory(process.env.WASMRUN_FOLDER);
      setProject(process.env.WASMRUN_FOLDER, writeErr);
    }
    install();
    reseed();
    holdTargets();
    hear();
    const args = environment.getArguments();
    const entry = process.env.WASMRUN_MAIN;
    delete process.env.WASMRUN_MAIN;
    delete process.env.WASMRUN_FOLDER;
    for (const file of process.env.WASMRUN_ENV_FILES?.split('\n') ?? []) enter(() => process.loadEnvFile(file));
    delete process.env.WASMRUN_ENV_FILES;
    const preloads = process.env.WASMRUN_PRELOADS?.split('\n') ?? [];
    delete process.env.WASMRUN_PRELOADS;
    openPrepared(process.env.WASMRUN_BASE);
    delete process.env.WASMRUN_BASE;
    process.argv = ['/usr/bin/node', entry && normal(entry), ...args.slice(1)];
    enter(() => {
      if (!entry) throw new Error('no program: WASMRUN_MAIN is its path');
      openPositions(`${normal(entry)}.positions`);
      for (const name of preloads) preload(name);
      runMain(normal(entry));
    });
    settle();
    await new Promise(() => {}); // process.exit ends the guest
  },
};
