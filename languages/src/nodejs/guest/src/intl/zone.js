// Time zones of this machine: files of zic(8) in the format of tzfile(5), and the rule behind their last change (POSIX TZ).
import fs from 'fs';

const PLACE = '/usr/share/zoneinfo';
const NAME = /^[A-Za-z0-9_+-]+(?:\/[A-Za-z0-9_+-]+){0,2}$/;
const known = new Map();

// A zone by its name, in whatever case; undefined where there is none.
export function zoneOf(name) {
  if (/^(?:UTC|GMT|Etc\/(?:UTC|GMT|UCT|Zulu)|UCT|Zulu)$/i.test(name)) return UTC;
  if (!NAME.test(name)) return undefined;
  const found = proper(name);
  if (!known.has(found)) known.set(found, read(found));
  return known.get(found);
}

const UTC = { name: 'UTC', at: () => ({ offset: 0, isSummer: false, short: 'UTC' }) };

// `europe/berlin` is good, too; the files have one case.
function proper(name) {
  let folder = PLACE;
  const parts = name.split('/').map((part) => {
    let found = part;
    if (!fs.existsSync(`${folder}/${part}`)) {
      const names = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
      found = names.find((other) => other.toLowerCase() === part.toLowerCase()) ?? part;
    }
    folder += `/${found}`;
    return found;
  });
  return parts.join('/');
}

function read(name) {
  let bytes;
  try {
    bytes = fs.readFileSync(`${PLACE}/${name}`);
  } catch {
    return undefined;
  }
  if (bytes.length < 44 || bytes.latin1Slice(0, 4) !== 'TZif') return undefined;
  // The second part has 64 bits for each time; the first is for readers before 2006.
  const counts = (at) => Array.from({ length: 6 }, (_, n) => bytes.readUInt32BE(at + 20 + 4 * n));
  const [isUt, isStd, leaps, times, kinds, letters] = counts(0);
  let at = 44 + times * 5 + kinds * 6 + letters + leaps * 8 + isStd + isUt;
  const [isUt2, isStd2, leaps2, length, types, size] = counts(at);
  at += 44;
  const changes = Array.from({ length }, (_, n) => Number(bytes.readBigInt64BE(at + 8 * n)));
  at += 8 * length;
  const indexes = bytes.subarray(at, at + length);
  at += length;
  const names = bytes.latin1Slice(at + 6 * types, at + 6 * types + size);
  const states = Array.from({ length: types }, (_, n) => {
    const place = at + 6 * n, start = bytes[place + 5];
    return { offset: bytes.readInt32BE(place), isSummer: bytes[place + 4] === 1, short: names.slice(start, names.indexOf('\0', start)) };
  });
  at += 6 * types + size + leaps2 * 12 + isStd2 + isUt2;
  const rule = ruleOf(bytes.latin1Slice(at + 1, bytes.length - 1));
  const first = states.find(({ isSummer }) => !isSummer) ?? states[0];
  return {
    name,
    // `seconds` since 1970.
    at(seconds) {
      if (rule && (length === 0 || seconds >= changes[length - 1])) return rule(seconds);
      let low = 0, high = length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (changes[middle] <= seconds) low = middle + 1;
        else high = middle;
      }
      return low === 0 ? first : states[indexes[low - 1]];
    },
  };
}

const POSIX = /^(<[^>]+>|[A-Za-z]+)([-+\d:]+)(?:(<[^>]+>|[A-Za-z]+)([-+\d:]*),M(\d+)\.(\d)\.(\d)(?:\/([-+\d:]+))?,M(\d+)\.(\d)\.(\d)(?:\/([-+\d:]+))?)?$/;

// `CET-1CEST,M3.5.0,M10.5.0/3`: what holds behind the last change of a file.
function ruleOf(text) {
  const found = POSIX.exec(text);
  if (!found) return null;
  const seconds = (time) => {
    const [, sign, hours, minutes = 0, rest = 0] = /^([-+]?)(\d+)(?::(\d+))?(?::(\d+))?$/.exec(time);
    return (sign === '-' ? -1 : 1) * (hours * 3600 + minutes * 60 + +rest);
  };
  const plain = (name) => name.replace(/[<>]/g, '');
  const standard = { offset: -seconds(found[2]), isSummer: false, short: plain(found[1]) };
  if (found[3] === undefined) return () => standard;
  const summer = { offset: found[4] ? -seconds(found[4]) : standard.offset + 3600, isSummer: true, short: plain(found[3]) };
  const [from, to] = [found.slice(5, 9), found.slice(9, 13)];
  const change = (year, [month, week, weekday, time = '2'], { offset }) => {
    const first = new Date(Date.UTC(year, month - 1, 1));
    let day = 1 + ((weekday - first.getUTCDay() + 7) % 7) + 7 * (week - 1);
    const days = new Date(Date.UTC(year, +month, 0)).getUTCDate();
    while (day > days) day -= 7;
    return Date.UTC(year, month - 1, day) / 1000 + seconds(time) - offset;
  };
  return (now) => {
    const year = new Date((now + standard.offset) * 1000).getUTCFullYear();
    const begin = change(year, from, standard), end = change(year, to, summer);
    const isSummer = begin < end ? now >= begin && now < end : now >= begin || now < end;
    return isSummer ? summer : standard;
  };
}
