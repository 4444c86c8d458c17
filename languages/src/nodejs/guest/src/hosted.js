// Packages with native code that the runtime has the native part of.
import { makers as bcrypt } from './crypto-bcrypt.js';
import { notThere } from './arguments.js';
import * as sqlite from './sqlite/addon.js';

// By the file that a package asks `bindings` for.
const ADDONS = { 'better_sqlite3.node': { ...sqlite } };
const bindings = (asked) => {
  const name = typeof asked === 'string' ? asked : asked?.bindings;
  const addon = ADDONS[`${name}`.replace(/(\.node)?$/, '.node')];
  if (addon === undefined) throw notThere(`${name}: native code of a package`);
  return addon;
};

const MAKERS = { ...bcrypt, bindings: () => bindings };
const made = new Map();
export const isHosted = (name) => Object.hasOwn(MAKERS, name);
// The package of this name, as this version of it has it.
export function hosted(name, version = '') {
  if (!made.has(name)) made.set(name, MAKERS[name](version));
  return made.get(name);
}
