// Addresses as texts, and as WASI has them.
export const isIPv4 = (s) => /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/.test(s);
export const isIPv6 = (s) => typeof s === 'string' && s.includes(':') && parse6(s) !== null;
export const isIP = (s) => (isIPv4(s) ? 4 : isIPv6(s) ? 6 : 0);

// The eight groups of an IPv6 address; null where it is none.
export function parse6(s) {
  s = s.split('%')[0];
  const v4 = s.lastIndexOf(':') + 1;
  if (s.includes('.')) {
    const tail = s.slice(v4);
    if (!isIPv4(tail)) return null;
    const [a, b, c, d] = tail.split('.').map(Number);
    s = s.slice(0, v4) + ((a << 8) | b).toString(16) + ':' + ((c << 8) | d).toString(16);
  }
  const halves = s.split('::');
  if (halves.length > 2) return null;
  const groups = (h) => (h === '' ? [] : h.split(':'));
  const head = groups(halves[0]), tail = halves.length === 2 ? groups(halves[1]) : [];
  const gap = 8 - head.length - tail.length;
  if (halves.length === 2 ? gap < 1 : gap !== 0) return null;
  const all = [...head, ...Array(Math.max(0, gap)).fill('0'), ...tail];
  return all.every((g) => /^[0-9a-f]{1,4}$/i.test(g)) ? all.map((g) => parseInt(g, 16)) : null;
}

// The shortest text of eight groups (RFC 5952).
export function text6(groups) {
  let best = [-1, 1], run = -1;
  for (let i = 0; i <= 8; i++) {
    if (i < 8 && groups[i] === 0) {
      if (run < 0) run = i;
    } else if (run >= 0) {
      if (i - run > best[1]) best = [run, i - run];
      run = -1;
    }
  }
  const hex = (list) => list.map((g) => g.toString(16)).join(':');
  return best[0] < 0 ? hex(groups) : `${hex(groups.slice(0, best[0]))}::${hex(groups.slice(best[0] + best[1]))}`;
}
