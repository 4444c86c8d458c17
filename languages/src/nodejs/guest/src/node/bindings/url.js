// URLs (https://url.spec.whatwg.org): Node.js keeps the text of one, and where its parts begin.
import machine from 'whatwg-url-without-unicode/lib/url-state-machine.js';
import { implementation as Parsed } from 'whatwg-url-without-unicode/lib/URL-impl.js';
import punycode from 'punycode';

const OMITTED = 0xffffffff;
const SCHEMES = ['http', '', 'https', 'ws', 'ftp', 'wss', 'file'];
const urlComponents = new Uint32Array(9);
const ASCII = /^[\x00-\x7f]*$/;

// UTS #46 as far as the engine's own tables go.
export const toASCII = (domain) => (ASCII.test(domain) ? domain : punycode.toASCII(domain.normalize('NFKC').toLowerCase().normalize('NFKC')));
export const toUnicode = (domain) => punycode.toUnicode(domain);

// The package takes names of ASCII alone.
function plain(input) {
  if (ASCII.test(input)) return input;
  const found = /^(\s*[a-z][a-z0-9+.-]*:[\\/]{2})([^\\/?#]*)/i.exec(input);
  if (!found || ASCII.test(found[2])) return input;
  const at = found[2].lastIndexOf('@') + 1;
  return found[1] + found[2].slice(0, at) + toASCII(found[2].slice(at)) + input.slice(found[0].length);
}

// The text of a URL, and the places in it.
function note(record) {
  const { scheme, host, username, password, port, path, query, fragment } = record;
  let href = machine.serializeURL(record);
  let at = scheme.length + 1;
  urlComponents[0] = at;
  if (host === null) {
    urlComponents.fill(at, 1, 4);
    if (typeof path !== 'string' && path.length > 1 && path[0] === '') {
      // Else it would look like a host.
      href = `${href.slice(0, at)}/.${href.slice(at)}`;
      at += 2;
    }
  } else {
    at += 2 + username.length;
    urlComponents[1] = at;
    if (password !== '') at += 1 + password.length;
    urlComponents[2] = at;
    if (username !== '' || password !== '') at += 1;
    at += machine.serializeHost(host).length;
    urlComponents[3] = at;
    if (port !== null) at += 1 + `${port}`.length;
  }
  urlComponents[4] = port ?? OMITTED;
  urlComponents[5] = at;
  const hash = fragment === null ? href.length : href.length - fragment.length - 1;
  urlComponents[6] = query === null ? OMITTED : hash - query.length - 1;
  urlComponents[7] = fragment === null ? OMITTED : hash;
  const scheme_type = SCHEMES.indexOf(scheme);
  urlComponents[8] = scheme_type === -1 ? 1 : scheme_type;
  return href;
}

function read(input, base) {
  const below = base === undefined ? null : machine.basicURLParse(plain(base));
  if (base !== undefined && below === null) return null;
  const record = machine.basicURLParse(plain(input), { baseURL: below });
  if (record !== null && typeof record.host === 'string' && SCHEMES.includes(record.scheme)) record.host = record.host.toLowerCase();
  return record;
}
function invalid(input, base) {
  const error = Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL', input });
  if (base !== undefined) error.base = base;
  return error;
}

const PARTS = ['protocol', 'host', 'hostname', 'port', 'username', 'password', 'pathname', 'search', 'hash', 'href'];

export const url = {
  urlComponents,
  domainToASCII(domain) {
    const record = read(`ws://${toASCII(domain)}`);
    return record === null || record.host === null ? '' : machine.serializeHost(record.host);
  },
  domainToUnicode(domain) {
    const record = read(`ws://${toASCII(domain)}`);
    return record === null || record.host === null ? '' : toUnicode(machine.serializeHost(record.host));
  },
  parse(input, base, raises) {
    const record = read(input, base);
    if (record !== null) return note(record);
    if (raises) throw invalid(input, base);
    return undefined;
  },
  canParse: (input, base) => read(input, base) !== null,
  getOrigin(input) {
    const record = read(input);
    if (record === null) throw invalid(input);
    return machine.serializeURLOrigin(record);
  },
  update(href, action, value) {
    if (PARTS[action] === 'href') return url.parse(value, undefined, false) ?? false;
    const parsed = new Parsed([href]);
    const isHost = PARTS[action] === 'host' || PARTS[action] === 'hostname';
    parsed[PARTS[action]] = isHost ? toASCII(value) : value;
    return note(parsed._url);
  },
  format(href, hasFragment, isUnicode, hasSearch, hasAuth) {
    const record = read(href);
    if (!hasFragment) record.fragment = null;
    if (isUnicode && typeof record.host === 'string') record.host = toUnicode(record.host);
    if (!hasSearch) record.query = null;
    if (!hasAuth) record.username = record.password = '';
    return machine.serializeURL(record);
  },
};
export const encodingBinding = { toASCII, toUnicode };
