// node:url and the URL globals.
import legacy from 'url/';
import { URL, URLSearchParams } from 'whatwg-url-without-unicode';

URL.canParse ??= (...args) => { try { return !!new URL(...args); } catch { return false; } };
URL.parse ??= (...args) => { try { return new URL(...args); } catch { return null; } };
globalThis.URL = URL;
globalThis.URLSearchParams = URLSearchParams;
if (!Object.getOwnPropertyDescriptor(URLSearchParams.prototype, 'size')) Object.defineProperty(URLSearchParams.prototype, 'size', { get() { return [...this].length; }, configurable: true });

export function fileURLToPath(url) {
  if (typeof url === 'string') url = new URL(url);
  if (url.protocol !== 'file:') throw Object.assign(new TypeError('The URL must be of scheme file'), { code: 'ERR_INVALID_URL_SCHEME' });
  return decodeURIComponent(url.pathname);
}
export const pathToFileURL = (path) => new URL('file://' + encodeURI(path).replace(/[?#]/g, encodeURIComponent));
export const urlToHttpOptions = (u) => ({ protocol: u.protocol, hostname: u.hostname, hash: u.hash, search: u.search, pathname: u.pathname, path: u.pathname + u.search, href: u.href, ...(u.port && { port: +u.port }) });
export default { ...legacy, URL, URLSearchParams, fileURLToPath, pathToFileURL, urlToHttpOptions, domainToASCII: (s) => s, domainToUnicode: (s) => s };
