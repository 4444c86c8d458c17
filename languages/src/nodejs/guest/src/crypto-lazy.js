// Transform streams that most programs never use as streams: one is made of an object when it is first treated as one.
import stream from 'stream';

const { Transform } = stream;

export function Lazy(options) {
  this._options = options;
}
Object.setPrototypeOf(Lazy.prototype, Transform.prototype);
Object.setPrototypeOf(Lazy, Transform);

const STATES = ['_readableState', '_writableState'];
for (const name of STATES) {
  Object.defineProperty(Lazy.prototype, name, {
    configurable: true,
    get() {
      begin(this);
      return this[name];
    },
    set(value) { own(this, name, value); },
  });
}
const own = (self, name, value) => Object.defineProperty(self, name, { value, writable: true, configurable: true, enumerable: true });
function begin(self) {
  for (const name of STATES) own(self, name, undefined);
  Transform.call(self, self._options);
  if (!self._options?.decodeStrings) self._writableState.decodeStrings = false;
}
