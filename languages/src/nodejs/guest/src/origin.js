// `__filename`, `import.meta.url` and their like in a bundle: esbuild puts these in their place, and where they are asked
// from says which file it is.
import path from 'path-browserify';
import { pathToFileURL } from './url.js';
import { caller } from './stack.js';

globalThis.__origin = {
  get filename() { return caller(); },
  get dirname() { return path.dirname(caller()); },
  get url() { return pathToFileURL(caller()).href; },
};
