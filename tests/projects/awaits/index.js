// Awaits at the top of modules, in each place that one can have.
import fs, { existsSync } from 'node:fs';
import * as path from 'node:path';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import first, { order, value } from './lib/first.js';
import { where } from './lib/where.js';

console.log(value, first, order.join());
order.push('index');
console.log(path.basename(import.meta.filename), where(), typeof fs.readFileSync, existsSync(import.meta.filename));

const ticks = [];
setTimeout(() => ticks.push('timer'), 1);
await sleep(20);
console.log(ticks.join());

for await (const part of (async function* () { yield 1; await null; yield 2; })()) console.log('part', part);

const { late } = await import('./lib/late.js');
console.log(late, order.join());
const os = await import('node:os');
console.log(typeof os.default.hostname, typeof os.hostname);

try {
  await Promise.reject(new TypeError('caught'));
} catch (error) {
  console.log(error.message);
}
try {
  await import('./lib/throws.js');
} catch (error) {
  console.log(error.message, /throws\.js:3/.test(error.stack));
}
await using_();
async function using_() { console.log('hoisted', await Promise.all([1, sleep(1, 2), 3])); }

console.log(createRequire(import.meta.url)('./package.json').name);
export const answer = await 42;
console.log(answer, process.exitCode);
