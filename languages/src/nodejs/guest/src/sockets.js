// What node:net and node:dgram have in common: addresses and errors of wasi:sockets 0.3.
import { isIPv4, parse6, text6 } from './addresses.js';

const CODES = {
  'address-in-use': ['EADDRINUSE', 'address already in use', -98],
  'address-not-bindable': ['EADDRNOTAVAIL', 'address not available', -99],
  'access-denied': ['EACCES', 'permission denied', -13],
  'connection-refused': ['ECONNREFUSED', 'connection refused', -111],
  'connection-reset': ['ECONNRESET', 'read ECONNRESET', -104],
  'connection-broken': ['EPIPE', 'broken pipe', -32],
  'connection-aborted': ['ECONNABORTED', 'connection aborted', -103],
  'remote-unreachable': ['ENETUNREACH', 'network is unreachable', -101],
  timeout: ['ETIMEDOUT', 'timed out', -110],
  'datagram-too-large': ['EMSGSIZE', 'message too long', -90],
  'invalid-argument': ['EINVAL', 'invalid argument', -22],
};
export function failure(e, syscall, address, port) {
  const tag = (e?.payload ?? e)?.tag; // thrown ones come wrapped, those of futures do not
  if (!tag) return e instanceof Error ? e : new Error(String(e));
  const [code, text, errno] = CODES[tag] ?? ['EIO', tag, -5];
  const where = address === undefined ? '' : ` ${address.includes(':') ? `:::${port}` : `${address}:${port}`}`;
  return Object.assign(new Error(`${syscall} ${code}: ${text}${where}`), { code, errno, syscall, ...(address !== undefined && { address, port }) });
}

export const toWasi = (host, port) =>
  isIPv4(host)
    ? { tag: 'ipv4', val: { port, address: host.split('.').map(Number) } }
    : { tag: 'ipv6', val: { port, flowInfo: 0, address: parse6(host), scopeId: 0 } };
export const fromWasi = ({ tag, val }) =>
  tag === 'ipv4' ? { address: val.address.join('.'), family: 'IPv4', port: val.port } : { address: text6(val.address), family: 'IPv6', port: val.port };

export const swallow = (fn) => { try { return fn(); } catch { /* gone already */ } };
