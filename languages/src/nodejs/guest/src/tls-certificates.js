// Certificates as programs see them, and whether one is for a host.
import tls from 'wasmrun:tls/session@0.1.0';
import { isIP, isIPv4, parse6, text6 } from './addresses.js';
import { date, fingerprint } from './certificate-fields.js';
import { coded } from './http-headers.js';

const NIST = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };

// An attribute that is there twice is a list.
function attributes(parts) {
  const all = { __proto__: null };
  for (const { short, value } of parts) all[short] = short in all ? [].concat(all[short], value) : value;
  return all;
}

// An element of DER (X.690, 8.1) that begins at `at`: where its content is, and where it ends.
function element(der, at) {
  let length = der[at + 1], from = at + 2;
  if (length & 0x80) {
    const size = length & 0x7f;
    length = 0;
    for (let i = 0; i < size; i++) length = length * 256 + der[from + i];
    from += size;
  }
  return { from, to: from + length };
}

// What is in a SubjectPublicKeyInfo (RFC 5280, 4.1.2.7), past the count of unused bits.
function keyBits(der) {
  const { from } = element(der, 0);
  const { from: begin, to } = element(der, element(der, from).to);
  return der.subarray(begin + 1, to);
}

function key(fields) {
  const info = Buffer.from(fields.publicKey);
  const bits = keyBits(info);
  if (fields.keyKind === 'ec') return { bits: fields.keyBits, pubkey: Buffer.from(bits), asn1Curve: fields.curve, ...(NIST[fields.curve] && { nistCurve: NIST[fields.curve] }) };
  if (fields.keyKind !== 'rsa') return {};
  const modulus = element(bits, element(bits, 0).from);
  const exponent = element(bits, modulus.to);
  const hex = (of) => Buffer.from(bits.subarray(of.from, of.to)).toString('hex').replace(/^(00)+/, '');
  return { modulus: hex(modulus).toUpperCase(), bits: fields.keyBits, exponent: `0x${hex(exponent).replace(/^0/, '')}`, pubkey: info };
}

// A name with a separator in it could pass for two: such ones are quoted as JSON is.
const alternative = ([kind, value]) => `${kind}:${/[,"\\\x00-\x1f\x7f']/.test(value) ? JSON.stringify(value) : value}`;

// The object of `getPeerCertificate`. An empty one where it cannot be read.
export function legacy(bytes) {
  let fields;
  try {
    fields = tls.describe(bytes);
  } catch {
    return {};
  }
  const raw = Buffer.from(bytes);
  const access = { __proto__: null };
  if (fields.ocsp.length) access['OCSP - URI'] = fields.ocsp;
  if (fields.caIssuers.length) access['CA Issuers - URI'] = fields.caIssuers;
  return {
    subject: attributes(fields.subject), issuer: attributes(fields.issuer),
    ...(fields.alternatives.length && { subjectaltname: fields.alternatives.map(alternative).join(', ') }),
    ...(Object.keys(access).length && { infoAccess: access }),
    ca: fields.authority, ...key(fields), valid_from: date(fields.notBefore), valid_to: date(fields.notAfter),
    fingerprint: fingerprint('sha1', raw), fingerprint256: fingerprint('sha256', raw), fingerprint512: fingerprint('sha512', raw),
    ...(fields.extendedUsage.length && { ext_key_usage: fields.extendedUsage }),
    serialNumber: fields.serial, raw,
  };
}

// What names need of one.
export function namesOf(bytes) {
  try {
    const fields = tls.describe(bytes);
    return { subject: attributes(fields.subject), ...(fields.alternatives.length && { subjectaltname: fields.alternatives.map(alternative).join(', ') }) };
  } catch {
    return {};
  }
}

// The first of a chain, and with `detailed` whoever signed each as `issuerCertificate`; a root has signed itself. `roots` are those
// that the program has named, in PEM.
export function chain(peer, detailed, roots = []) {
  if (!peer.length) return {};
  if (!detailed) return legacy(peer[0]);
  const all = peer.map(legacy);
  const is = (one, other) => JSON.stringify(one) === JSON.stringify(other);
  const last = all[all.length - 1];
  if (!is(last.issuer, last.subject)) {
    const root = roots.flatMap((list) => tls.split(list)).find((one) => is(namesOf(one).subject, last.issuer));
    if (root) all.push(legacy(root));
  }
  for (let i = 0; i < all.length; i++) {
    if (is(all[i].issuer, all[i].subject)) all[i].issuerCertificate = all[i];
    else if (i + 1 < all.length) all[i].issuerCertificate = all[i + 1];
  }
  return all[0];
}

// ---- names (RFC 9525; the subject's where there are no others)

const labels = (name) => name.toLowerCase().replace(/\.$/, '').split('.');
const isWritten = (name) => /^[\x21-\x7e]*$/.test(name);

function fits(host, pattern, wildcards) {
  if (!pattern || !isWritten(pattern)) return false;
  const ours = labels(host), theirs = labels(pattern);
  if (ours.length !== theirs.length || theirs.includes('')) return false;
  const [first, ...rest] = theirs;
  if (rest.some((label, i) => label !== ours[i + 1])) return false;
  if (!first.includes('*')) return first === ours[0];
  const [before, after, more] = first.split('*');
  // A whole label or a part of it, once, and not right below the top.
  if (!wildcards || more !== undefined || first.startsWith('xn--') || theirs.length < 3) return false;
  return ours[0].length >= before.length + after.length && ours[0].startsWith(before) && ours[0].endsWith(after);
}

// `DNS:a, IP Address:b`; what is quoted may have a comma in it.
function alternatives(text) {
  const found = [];
  for (const [, kind, quoted, plain] of text.matchAll(/([^:,]+):(?:"((?:[^"\\]|\\.)*)"|([^,]*))(?:, |$)/gy)) {
    found.push([kind, quoted === undefined ? plain : JSON.parse(`"${quoted}"`)]);
  }
  return found;
}

const canonical = (address) => (isIPv4(address) ? address : text6(parse6(address)));

export function checkServerIdentity(hostname, cert) {
  const host = String(hostname);
  const { subject, subjectaltname } = cert ?? {};
  const named = subjectaltname ? alternatives(subjectaltname) : [];
  const names = named.filter(([kind]) => kind === 'DNS').map(([, name]) => name);
  let reason = 'Unknown reason', isFor = false;
  if (isIP(host)) {
    const addresses = named.filter(([kind, value]) => kind === 'IP Address' && isIP(value)).map(([, address]) => canonical(address));
    isFor = addresses.includes(canonical(host));
    reason = `IP: ${host} is not in the cert's list: ${addresses.join(', ')}`;
  } else if (names.length || subject?.CN) {
    if (names.length) {
      isFor = names.some((name) => fits(host, name, true));
      reason = `Host: ${host}. is not in the cert's altnames: ${subjectaltname}`;
    } else {
      isFor = [].concat(subject.CN).some((name) => fits(host, name, true));
      reason = `Host: ${host}. is not cert's CN: ${subject.CN}`;
    }
  } else reason = 'Cert does not contain a DNS name';
  if (isFor) return undefined;
  return Object.assign(coded(Error, 'ERR_TLS_CERT_ALTNAME_INVALID', `Hostname/IP does not match certificate's altnames: ${reason}`), { reason, host, cert });
}
