// node:dns, as far as the host's look-ups go: addresses (wasi:sockets/ip-name-lookup 0.3), records of six kinds (wasmrun:host/records).
// Servers are this machine's; what is set of them changes nothing.
import names from 'wasi:sockets/ip-name-lookup@0.3.0';
import records from 'wasmrun:host/records@0.1.0';
import { isIP, text6 } from './addresses.js';
import { enter, ref, unref } from './loop.js';

const CODES = { 'name-unresolvable': ['ENOTFOUND', -3008], 'invalid-argument': ['ENOTFOUND', -3008], 'temporary-resolver-failure': ['EAI_AGAIN', -3001] };
const failed = (e, host, syscall) => {
  const tag = (e?.payload ?? e)?.tag;
  if (!tag) return e instanceof Error ? e : new Error(String(e));
  const [code, errno] = CODES[tag] ?? ['EAI_FAIL', -3004];
  return Object.assign(new Error(`${syscall} ${code} ${host}`), { errno, code, syscall, hostname: host });
};

async function addresses(host, family, syscall) {
  if (isIP(host)) return [{ address: host, family: isIP(host) }];
  ref();
  try {
    const found = await names.resolveAddresses(host);
    const all = found.map(({ tag, val }) => (tag === 'ipv4' ? { address: val.join('.'), family: 4 } : { address: text6(val), family: 6 }));
    const wanted = all.filter((one) => !family || one.family === family);
    if (wanted.length === 0) throw { tag: 'name-unresolvable' };
    return wanted;
  } catch (e) {
    throw failed(e, host, syscall);
  } finally {
    unref();
  }
}

const familyOf = (options) => {
  const family = typeof options === 'number' ? options : options?.family;
  return { IPv4: 4, IPv6: 6 }[family] ?? (family || 0);
};

// What comes of a promise, to a callback of the program's.
function tell(promise, done, give) {
  ref();
  promise.then(
    (value) => enter(() => done(null, ...give(value))),
    (error) => enter(() => done(error)),
  ).then(unref, unref);
}

export function lookup(host, options, done) {
  if (typeof options === 'function') [options, done] = [{}, options];
  if (typeof done !== 'function') throw Object.assign(new TypeError('The "callback" argument must be of type function.'), { code: 'ERR_INVALID_ARG_TYPE' });
  const give = (all) => (options?.all ? [all] : [all[0].address, all[0].family]);
  // As Node: without a name there is no error, and no address.
  if (!host) return tell(Promise.resolve(options?.all ? [] : [{ address: null, family: familyOf(options) || 4 }]), done, give);
  tell(addresses(String(host), familyOf(options), 'getaddrinfo'), done, give);
}

// The kinds of records: what it is called in the host's interface and in an error, and what the program is given for its fields.
const number = (text) => Number(text);
const KINDS = {
  SRV: ['srv', 'querySrv', ([priority, weight, port, name]) => ({ name, port: number(port), priority: number(priority), weight: number(weight) })],
  TXT: ['txt', 'queryTxt', (texts) => texts],
  MX: ['mx', 'queryMx', ([priority, exchange]) => ({ exchange, priority: number(priority) })],
  NS: ['ns', 'queryNs', ([name]) => name],
  CNAME: ['cname', 'queryCname', ([name]) => name],
  CAA: ['caa', 'queryCaa', ([critical, tag, value]) => ({ critical: number(critical), [tag]: value })],
};

async function recordsOf(host, kind) {
  const [tag, syscall, shape] = KINDS[kind];
  ref();
  try {
    const { tag: came, val } = await records.lookUp(host, tag).read();
    if (came === 'ok' && val.length > 0) return val.map(shape);
    const code = came === 'ok' ? 'ENODATA' : val === 'temporary' ? 'ETIMEOUT' : 'ENOTFOUND';
    throw Object.assign(new Error(`${syscall} ${code} ${host}`), { errno: undefined, code, syscall, hostname: host });
  } finally {
    unref();
  }
}

async function addressesOf(host, family, options) {
  const all = await addresses(host, family, family === 4 ? 'queryA' : 'queryAaaa');
  // How long they hold is not known: as long as a connection to them is allowed, at the least.
  return all.map(({ address }) => (options?.ttl ? { address, ttl: 60 } : address));
}

const invalid = (code, text) => Object.assign(new TypeError(text), { code });

// What each function does with a name that was checked.
const ask = { A: (host, options) => addressesOf(host, 4, options), AAAA: (host, options) => addressesOf(host, 6, options) };
for (const kind of Object.keys(KINDS)) ask[kind] = (host) => recordsOf(host, kind);

function asked(kind, host) {
  if (typeof host !== 'string') throw invalid('ERR_INVALID_ARG_TYPE', `The "name" argument must be of type string. Received ${host === null ? 'null' : `type ${typeof host}`}`);
  if (!Object.hasOwn(ask, kind)) throw invalid('ERR_INVALID_ARG_VALUE', `The argument 'rrtype' is invalid. Received '${kind}'`);
  return ask[kind];
}

const NAMES = { A: 'resolve4', AAAA: 'resolve6', SRV: 'resolveSrv', TXT: 'resolveTxt', MX: 'resolveMx', NS: 'resolveNs', CNAME: 'resolveCname', CAA: 'resolveCaa' };
const callbacks = {
  resolve(host, kind, done) {
    if (typeof kind === 'function') [kind, done] = ['A', kind];
    callbackOf(kind)(host, done);
  },
};
const promised = { resolve: async (host, kind = 'A') => asked(kind, host)(host) };
const callbackOf = (kind) => (host, options, done) => {
  if (typeof options === 'function') [options, done] = [{}, options];
  const answer = asked(kind, host);
  if (typeof done !== 'function') throw invalid('ERR_INVALID_ARG_TYPE', 'The "callback" argument must be of type function. Received undefined');
  tell(answer(host, options), done, (all) => [all]);
};
for (const [kind, name] of Object.entries(NAMES)) {
  callbacks[name] = callbackOf(kind);
  promised[name] = async (host, options) => asked(kind, host)(host, options);
}

const servers = { setServers() {}, getServers: () => [] };
const resolver = (functions) => {
  class Resolver {
    cancel() {}
    setLocalAddress() {}
  }
  Object.assign(Resolver.prototype, functions, servers);
  return Resolver;
};
const CODES_OF_DNS = ['NODATA', 'FORMERR', 'SERVFAIL', 'NOTFOUND', 'NOTIMP', 'REFUSED', 'BADQUERY', 'BADNAME', 'BADFAMILY', 'BADRESP', 'CONNREFUSED', 'TIMEOUT', 'EOF', 'NOMEM', 'CANCELLED'];
const constants = Object.fromEntries(CODES_OF_DNS.map((name) => [name, `E${name}`]));
const order = { setDefaultResultOrder() {}, getDefaultResultOrder: () => 'verbatim' };

export const promises = {
  async lookup(host, options) {
    const all = await addresses(String(host), familyOf(options), 'getaddrinfo');
    return options?.all ? all : all[0];
  },
  ...promised, Resolver: resolver(promised), ...servers, ...order, ...constants,
};
export const all = { lookup, ...callbacks, Resolver: resolver(callbacks), ...servers, ...order, ...constants, ADDRCONFIG: 32, ALL: 16, V4MAPPED: 8, promises };
