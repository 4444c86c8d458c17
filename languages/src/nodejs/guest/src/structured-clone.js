// Copies of values (https://html.spec.whatwg.org/multipage/structured-data.html), as far as one thread has use for them.
export const structuredClone = globalThis.structuredClone ?? ((value) => clone(value, new Map()));
function clone(v, seen) {
  if (typeof v === 'function' || typeof v === 'symbol') throw new DOMException('could not be cloned', 'DataCloneError');
  if (v === null || typeof v !== 'object') return v;
  if (seen.has(v)) return seen.get(v);
  let out;
  const keep = (o) => (seen.set(v, o), o);
  if (v instanceof Date) return keep(new Date(v));
  if (v instanceof RegExp) return keep(new RegExp(v.source, v.flags));
  if (v instanceof ArrayBuffer) return keep(v.slice(0));
  if (ArrayBuffer.isView(v)) return keep(new v.constructor(v));
  if (v instanceof Map) { out = keep(new Map()); for (const [a, b] of v) out.set(clone(a, seen), clone(b, seen)); return out; }
  if (v instanceof Set) { out = keep(new Set()); for (const a of v) out.add(clone(a, seen)); return out; }
  if (v instanceof Error) { out = keep(new v.constructor(v.message)); out.stack = v.stack; return out; }
  out = keep(Array.isArray(v) ? [] : {});
  for (const k of Object.keys(v)) out[k] = clone(v[k], seen);
  return out;
}
