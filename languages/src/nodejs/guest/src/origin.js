// `__filename`, `import.meta.url` and their like in a bundle: esbuild puts these in their place, and where they are asked
// from says which file it is.
import path from 'path';
import { pathToFileURL } from 'internal/url';
import { expose } from './globals.js';
import { caller } from './stack.js';

const origin = {
  get filename() { return caller(); },
  get dirname() { return path.dirname(caller()); },
  get url() { return pathToFileURL(caller()).href; },
};
expose({ __origin: origin });
