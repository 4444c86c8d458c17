// Makes engine.js, which componentize-qjs makes the engine of: src/, packages of npm, and before them those of Node.js's own modules
// that natives.json lists, as they are. They are in every node binary; package-lock.json pins this one.
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = path.dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
const names = JSON.parse(readFileSync(path.join(here, 'natives.json'), 'utf8'));

const carrier = path.dirname(require.resolve(`node-linux-${process.arch}/package.json`));
const natives = JSON.parse(execFileSync(path.join(carrier, 'bin/node'), ['--no-deprecation', '-p', "JSON.stringify(process.binding('natives'))"], { maxBuffer: 1 << 26 }));
const unknown = names.filter((name) => !Object.hasOwn(natives, name));
if (unknown.length > 0) throw new Error(`Node.js has no ${unknown}`);
const table = names.map((name) => `${JSON.stringify(name)}(exports, require, module, process, internalBinding, primordials) {${natives[name]}\n}`);

// Modules of ours that stand in the place of Node.js's.
const below = path.join(here, 'src/node/replaced');
const replaced = new Map();
for (const entry of readdirSync(below, { recursive: true })) if (entry.endsWith('.js')) replaced.set(entry.slice(0, -3), path.join(below, entry));

const taken = new Set([...names, ...replaced.keys()]);
const node = {
  name: 'node',
  setup(build) {
    build.onResolve({ filter: /^(wasi|wasmrun):/ }, ({ path: name }) => ({ path: name, external: true }));
    build.onResolve({ filter: /^[^./]/ }, ({ path: name, kind }) => {
      if (kind === 'entry-point') return null;
      if (name === 'replaced') return { path: name, namespace: 'replaced' };
      const plain = name.replace(/^node:/, '').replace(/\/$/, '');
      return taken.has(plain) ? { path: plain, namespace: 'node' } : null;
    });
    build.onLoad({ filter: /.*/, namespace: 'node' }, ({ path: name }) => ({
      contents: `module.exports = require('./src/node/load.js').load(${JSON.stringify(name)});`,
      resolveDir: here,
    }));
    build.onLoad({ filter: /.*/, namespace: 'replaced' }, () => ({
      contents: `const given = (module) => module.default ?? module;
module.exports = { __proto__: null, ${[...replaced].map(([name, file]) => `${JSON.stringify(name)}: () => given(require(${JSON.stringify(file)})),`).join('\n')} };`,
      resolveDir: here,
    }));
  },
};

const { outputFiles } = await build({
  absWorkingDir: here,
  entryPoints: ['src/main.js'],
  bundle: true,
  write: false,
  format: 'esm',
  platform: 'neutral',
  mainFields: ['module', 'main'],
  conditions: ['node'],
  target: 'esnext',
  logLevel: 'warning',
  plugins: [node],
});
writeFileSync(path.join(here, 'engine.js'), `const $natives = { __proto__: null,\n${table.join(',\n')}\n};\n${outputFiles[0].text}`);
// It has 100 MB, which nobody needs any more.
rmSync(carrier, { recursive: true });
