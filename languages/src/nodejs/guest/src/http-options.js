// What a request is asked for with: an address, options, or both.
import { received } from './arguments.js';
import { TOKEN, coded, wrongType } from './http-headers.js';

const BAD_PATH = /[^\x21-\xff]/;

function ofAddress(url) {
  const { hostname } = url;
  const options = { protocol: url.protocol, hostname: hostname.startsWith('[') ? hostname.slice(1, -1) : hostname, hash: url.hash, search: url.search, pathname: url.pathname, path: `${url.pathname || ''}${url.search || ''}`, href: url.href };
  if (url.port !== '') options.port = Number(url.port);
  if (url.username || url.password) options.auth = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return options;
}
export const isAddress = (it) => !!it && typeof it === 'object' && typeof it.href === 'string' && typeof it.protocol === 'string' && it.auth === undefined && it.path === undefined;

function parsed(text) {
  try {
    return new URL(text);
  } catch {
    throw Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL', input: text });
  }
}

function host(value, name) {
  if (value !== null && value !== undefined && typeof value !== 'string') throw coded(TypeError, 'ERR_INVALID_ARG_TYPE', `The "options.${name}" property must be of type string or one of undefined or null. ${received(value)}`);
  return value;
}
function whole(value, name) {
  if (value === undefined) return;
  if (typeof value !== 'number') throw wrongType(`"${name}" argument`, 'of type number', value);
  if (!(Number.isInteger(value) && value >= 0)) throw coded(RangeError, 'ERR_OUT_OF_RANGE', `The value of "${name}" is out of range. It must be >= 0. Received ${value}`);
}
function flag(value, name) {
  if (value !== undefined && typeof value !== 'boolean') throw wrongType(`"options.${name}" property`, 'of type boolean', value);
}

// The options alone, checked and complete, and who listens for the response.
export function optionsOf(to, given, listener, shared) {
  let from = null;
  if (typeof to === 'string') from = ofAddress(parsed(to));
  else if (isAddress(to)) from = ofAddress(to);
  else [to, given, listener] = [null, to, given];
  if (typeof given === 'function') [given, listener] = [null, given];
  const options = from ? Object.assign(from, given) : { ...given };

  const standard = options._defaultAgent ?? shared;
  if (options.agent === false) options.agent = new standard.constructor();
  else if (options.agent === null || options.agent === undefined) options.agent = typeof options.createConnection === 'function' ? undefined : standard;
  else if (typeof options.agent.addRequest !== 'function') throw wrongType('"options.agent" property', 'one of Agent-like Object, undefined, or false', options.agent);

  if (options.path !== undefined && options.path !== null && options.path !== '') {
    options.path = String(options.path);
    if (BAD_PATH.test(options.path)) throw coded(TypeError, 'ERR_UNESCAPED_CHARACTERS', 'Request path contains unescaped characters');
  } else options.path = '/';
  const wanted = options.agent?.protocol || standard.protocol;
  options.protocol = options.protocol || standard.protocol;
  if (options.protocol !== wanted) throw coded(TypeError, 'ERR_INVALID_PROTOCOL', `Protocol "${options.protocol}" not supported. Expected "${wanted}"`);

  options.defaultPort = options.defaultPort || options.agent?.defaultPort;
  options.port = options.port || options.defaultPort || 80;
  options.host = host(options.hostname, 'hostname') || host(options.host, 'host') || 'localhost';
  options.setHost = options.setHost ?? options.setDefaultHeaders ?? true;

  whole(options.timeout, 'timeout');
  whole(options.maxHeaderSize, 'maxHeaderSize');
  flag(options.insecureHTTPParser, 'insecureHTTPParser');
  flag(options.joinDuplicateHeaders, 'joinDuplicateHeaders');
  if (options.method !== null && options.method !== undefined && typeof options.method !== 'string') throw wrongType('"options.method" property', 'of type string', options.method);
  if (options.method && !TOKEN.test(options.method)) throw coded(TypeError, 'ERR_INVALID_HTTP_TOKEN', `Method must be a valid HTTP token ["${options.method}"]`);
  options.method = options.method ? options.method.toUpperCase() : 'GET';
  return { options, listener };
}
