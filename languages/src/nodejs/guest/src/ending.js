// The program's end, when it is asked for: the listeners of SIGTERM, or of SIGINT where there are none, are called as if it were
// that signal; servers close connections that nobody uses.
import lifecycle from 'wasmrun:host/lifecycle@0.1.0';
import process from './process.js';

const SIGNALS = ['SIGTERM', 'SIGINT'];
const NUMBERS = { SIGTERM: 15, SIGINT: 2 };
const servers = new Set();
let begun = false;

// Servers that are told.
export const add = (server) => servers.add(server);
export const remove = (server) => servers.delete(server);
export const hasBegun = () => begun;

export function hear() {
  const handles = (name) => SIGNALS.includes(name) && lifecycle.handle();
  for (const name of SIGNALS) if (process.listenerCount(name)) handles(name);
  process.on('newListener', handles);
  lifecycle.hear();
}

// Called where the end may have been asked for; whether it was.
export function look() {
  if (begun || !lifecycle.isEnding()) return begun;
  begun = true;
  for (const server of servers) server.closeIdleConnections();
  const name = SIGNALS.find((one) => process.listenerCount(one));
  if (name) process.emit(name, name, NUMBERS[name]);
  return true;
}
