// Packages that were compiled when the engine was made into a snapshot (snapshot/ on the host), and what `require` of a name
// in them leads to. Nothing of them has run. They are called what they are called below the folder that has node_modules,
// which is told at the start.
import { expose } from './globals.js';
import { claimText, rename } from './stack.js';
import { withoutImport, withPromises } from './rewrite.js';

export const PARAMETERS = ['exports', 'require', 'module', '__filename', '__dirname', '__guest'];
const AT_ONCE = 64; // files in one text

const ready = new Map(); // name -> function, or what a .json file says
const wires = new Map(); // folder\0name -> name
let base = '';

// As the engine takes it: without a mark of its encoding, and without a line for the shell.
export function plain(text) {
  if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
  return text.startsWith('#!') ? '//' + text : text;
}

// In one text each file is on lines of its own anyway, so none needs empty ones before it, which grow with the number of files.
function compile(files, rewrite) {
  const claims = files.map((file) => claimText(file.name, file.text));
  let text = '[', line = 1;
  files.forEach((file, i) => {
    const source = plain(file.text);
    text += `${'\n'.repeat(claims[i].line - 1 - line)}function (${PARAMETERS}) {\n${file.is_finished ? source : rewrite(source)}\n},`;
    line = claims[i].line + claims[i].lines;
  });
  try {
    const functions = (0, eval)(text + ']');
    files.forEach((file, i) => ready.set(file.name, functions[i]));
  } catch {
    // The one that is wrong is left to the start, which says so.
    if (files.length > 1) for (const file of files) compile([file], rewrite);
  }
}

const prepare = (packages) => {
  const isData = (file) => file.name.endsWith('.json');
  for (const { name, text } of packages.files.filter(isData)) ready.set(name, JSON.parse(plain(text)));
  const programs = packages.files.filter((file) => !isData(file));
  // The engine counts as lines what others do not: in a text of their own such files move no others.
  const isOdd = (file) => /\r(?!\n)|[\u2028\u2029]/.test(file.text);
  const even = programs.filter((file) => !isOdd(file));
  // Where there are stores, they have to hold behind each `await`.
  const hasStores = programs.some((file) => file.text.includes('AsyncLocalStorage'));
  const rewrite = (source) => (hasStores ? withPromises(withoutImport(source)) : withoutImport(source));
  for (let i = 0; i < even.length; i += AT_ONCE) compile(even.slice(i, i + AT_ONCE), rewrite);
  for (const file of programs.filter(isOdd)) compile([file], rewrite);
  for (const [folder, name, to] of packages.wires) wires.set(folder + '\0' + name, to);
};

expose({ __prepare: prepare });

// Without a folder they are not those that the program sees.
export function open(folder) {
  delete globalThis.__prepare;
  if (folder === undefined) {
    ready.clear();
    wires.clear();
    return;
  }
  base = folder;
  rename((name) => base + name);
}

const below = (path) => (path.startsWith(base) ? path.slice(base.length) : null);
// Each is given once: who deletes it from the cache of `require` wants what the file says then.
export function preparedFile(file) {
  if (!ready.size) return undefined;
  const name = below(file), found = ready.get(name);
  if (found !== undefined) ready.delete(name);
  return found;
}
export function preparedWire(from, name) {
  const to = wires.size ? wires.get(below(from) + '\0' + name) : undefined;
  return to && base + to;
}
