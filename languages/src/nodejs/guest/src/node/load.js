/* global $natives */
// Node.js's own modules, and ours in place of some: build.mjs has put them before this text.
import replaced from 'replaced';
import { internalBinding } from './binding.js';

const primordials = {};
const loaded = { __proto__: null };

export function load(name) {
  if (name in replaced) return replaced[name]();
  if (name in loaded) return loaded[name].exports;
  if (!(name in $natives)) throw new Error(`${name} of Node.js is not there under WebAssembly`);
  const module = (loaded[name] = { exports: {} });
  $natives[name](module.exports, load, module, globalThis.process, internalBinding, primordials);
  return module.exports;
}
