// What a client's first message asks for, read before the session begins: a certificate may be chosen by it (RFC 8446, 4.1.2;
// RFC 6066, 3; RFC 7301, 3.1).
const LONGEST = 65536; // bytes; whatever is longer is the session's to refuse

class Reader {
  constructor(bytes) { this.bytes = bytes; this.at = 0; }
  take(size) {
    if (this.at + size > this.bytes.length) throw new RangeError('short');
    return this.bytes.subarray(this.at, (this.at += size));
  }
  number(size) { return this.take(size).reduce((all, byte) => all * 256 + byte, 0); }
  inner(size) { return new Reader(this.take(this.number(size))); }
  get isOver() { return this.at === this.bytes.length; }
}

// The handshake message that records carry; null where more has to come.
function message(bytes) {
  const parts = [];
  let size = 0, wanted = 0;
  for (let at = 0; bytes.length - at >= 5; ) {
    if (bytes[at] !== 22) throw new RangeError('no handshake');
    const end = at + 5 + bytes[at + 3] * 256 + bytes[at + 4];
    if (bytes.length < end) return null;
    parts.push(bytes.subarray(at + 5, end));
    size += end - at - 5;
    at = end;
    if (!wanted && size >= 4) wanted = 4 + Buffer.concat(parts).readUIntBE(1, 3);
    if (wanted && size >= wanted) return Buffer.concat(parts);
  }
  return null;
}

function extensions(all) {
  const reader = new Reader(all);
  if (reader.number(1) !== 1) throw new RangeError('no ClientHello');
  const hello = reader.inner(3);
  hello.take(34); // version, random
  for (const size of [1, 2, 1]) hello.inner(size); // session, suites, compression
  const found = new Map();
  if (hello.isOver) return found;
  for (const list = hello.inner(2); !list.isOver; ) {
    const kind = list.number(2);
    found.set(kind, list.inner(2));
  }
  return found;
}

// `{ servername, protocols }` of what a client has sent, or null where its message is not whole. What is none has no name.
export function hello(bytes) {
  const asked = { servername: '', protocols: [] };
  try {
    const all = message(bytes);
    if (all === null) return bytes.length > LONGEST ? asked : null;
    const found = extensions(all);
    const names = found.get(0)?.inner(2);
    while (names && !names.isOver) {
      const kind = names.number(1), name = names.inner(2).bytes;
      if (kind === 0) asked.servername = Buffer.from(name).toString('latin1');
    }
    const protocols = found.get(16)?.inner(2);
    while (protocols && !protocols.isOver) asked.protocols.push(Buffer.from(protocols.inner(1).bytes).toString('latin1'));
  } catch (e) {
    if (!(e instanceof RangeError)) throw e;
  }
  return asked;
}
