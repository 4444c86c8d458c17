// What a WeakRef was made of, or has given, is there until the job is over (ECMA-262, 9.9: AddToKeptObjects); the engine, which
// counts references, would let it go at once.
import { turn } from './loop.js';

let kept = null;

function keep(target) {
  if (kept === null) {
    kept = new Set();
    turn().then(() => { kept = null; });
  }
  kept.add(target);
}

export function begin() {
  const Native = globalThis.WeakRef;
  const deref = Native.prototype.deref;
  const make = (target, type) => {
    const made = Reflect.construct(Native, [target], type);
    keep(target);
    return made;
  };
  globalThis.WeakRef = new Proxy(Native, { construct: (_, [target], type) => make(target, type) });
  Native.prototype.constructor = globalThis.WeakRef;
  Native.prototype.deref = function () {
    const target = deref.call(this);
    if (target !== undefined) keep(target);
    return target;
  };
}
