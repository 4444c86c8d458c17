// node:dns, as far as the host's look-up goes (wasi:sockets/ip-name-lookup 0.3): addresses.
import names from 'wasi:sockets/ip-name-lookup@0.3.0';
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

const texts = (all) => all.map((one) => one.address);
const resolver = (family, syscall) => (host, options, done) => tell(addresses(host, family, syscall), done ?? options, (all) => [texts(all)]);
export const resolve4 = resolver(4, 'queryA');
export const resolve6 = resolver(6, 'queryAaaa');

export const promises = {
  async lookup(host, options) {
    const all = await addresses(String(host), familyOf(options), 'getaddrinfo');
    return options?.all ? all : all[0];
  },
  resolve4: async (host) => texts(await addresses(host, 4, 'queryA')),
  resolve6: async (host) => texts(await addresses(host, 6, 'queryAaaa')),
};
