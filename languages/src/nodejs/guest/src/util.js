// node:util: the npm package, and what Node got since.
import util from 'util/';
import * as shown from 'node-inspect-extracted';
import { KeyObject } from './crypto-secret.js';
import { parseEnv } from './env-files.js';
const ANSI = /\x1b\[[0-9;]*[A-Za-z]/g;
const CODES = { bold: [1, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], blue: [34, 39], cyan: [36, 39], gray: [90, 39] };
const debug = Object.assign(() => {}, { enabled: false });

function parseArgs({ args = process.argv.slice(2), options = {}, allowPositionals = false, strict = true } = {}) {
  const values = {}, positionals = [];
  for (const [k, o] of Object.entries(options)) if (o.default !== undefined) values[k] = o.default;
  for (let i = 0; i < args.length; i++) {
    const m = /^--([^=]+)(?:=(.*))?$/s.exec(args[i]) ?? /^-([A-Za-z])$/.exec(args[i]);
    if (args[i] === '--') { positionals.push(...args.slice(i + 1)); break; }
    if (!m) { positionals.push(args[i]); continue; }
    const name = m[1].length === 1 ? (Object.entries(options).find(([, o]) => o.short === m[1])?.[0] ?? m[1]) : m[1];
    if (strict && !options[name]) throw Object.assign(new TypeError(`Unknown option '${args[i]}'`), { code: 'ERR_PARSE_ARGS_UNKNOWN_OPTION' });
    const value = options[name]?.type === 'string' ? (m[2] ?? args[++i]) : true;
    if (options[name]?.multiple) (values[name] ??= []).push(value);
    else values[name] = value;
  }
  if (strict && !allowPositionals && positionals.length) throw new TypeError(`Unexpected argument '${positionals[0]}'`);
  return { values, positionals };
}
const isDeepStrictEqual = (a, b) => {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || !a || !b || Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (a instanceof Date) return +a === +b;
  if (a instanceof Map || a instanceof Set) return a.size === b.size && isDeepStrictEqual([...a], [...b]);
  const ka = Reflect.ownKeys(a), kb = Reflect.ownKeys(b);
  return ka.length === kb.length && ka.every((k) => Object.hasOwn(b, k) && isDeepStrictEqual(a[k], b[k]));
};
// The npm package throws where an engine cannot tell; nothing of the kind is met here.
const no = () => false;
const types = {
  ...util.types, isProxy: no, isExternal: no, isModuleNamespaceObject: no,
  isKeyObject: (value) => value instanceof KeyObject, isCryptoKey: (value) => value?.[Symbol.toStringTag] === 'CryptoKey' && value._keyObject !== undefined,
};
export default {
  ...util, types, inspect: shown.inspect, format: shown.format, formatWithOptions: shown.formatWithOptions, parseArgs, parseEnv, isDeepStrictEqual, TextEncoder, TextDecoder,
  debuglog: () => debug, debug: () => debug,
  stripVTControlCharacters: (s) => s.replace(ANSI, ''),
  styleText: (style, text) => [].concat(style).reduce((t, s) => (CODES[s] ? `\x1b[${CODES[s][0]}m${t}\x1b[${CODES[s][1]}m` : t), text),
  toUSVString: (s) => String(s).toWellFormed(),
  getSystemErrorName: (n) => String(n),
  aborted: (signal) => new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true })),
};
