// Where each place of the bundle comes from, by the table that the host made of its source map (positions.rs says how it is
// made up). It is opened at the start, because the next bundle takes its name, and read when a stack is first asked for.
import { decode } from './encoding.js';
import { openAt, readAll } from './files.js';

const WIDTH = 5, NOWHERE = 0xffffffff;
let opened = null;
let table = null;
let sources = [];

export function open(file) {
  try {
    opened = openAt(file, {}, { read: true });
  } catch {
    opened = null; // CommonJS, which is read as it is
  }
}
export const isOpen = () => opened !== null;

function read() {
  const bytes = readAll(opened);
  const whole = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const count = new Uint32Array(whole.buffer, whole.byteOffset, 1)[0];
  table = new Uint32Array(whole.buffer, whole.byteOffset + 4, count * WIDTH);
  sources = decode(whole, 4 + 4 * table.length).split('\n');
}

// File, line and column of what is at a place of the bundle; nothing for what esbuild has added.
export function origin(line, column) {
  if (!table) read();
  let lo = 0, hi = table.length / WIDTH;
  while (lo < hi) {
    const mid = (lo + hi) >> 1, at = mid * WIDTH;
    if (table[at] < line || (table[at] === line && table[at + 1] <= column)) lo = mid + 1;
    else hi = mid;
  }
  let at = (lo - 1) * WIDTH;
  // Before the first entry of its line.
  if (table[at] !== line) at += WIDTH;
  if (table[at] !== line || table[at + 2] === NOWHERE) return null;
  return [sources[table[at + 2]], table[at + 3], table[at + 4]];
}
