// Error.captureStackTrace, which writes the text when it is asked for, as V8 does: until then others may say what becomes of it.
const native = Error.captureStackTrace;
let text = (error, sites) => String(sites);
// Says what `stack` is of an error and its call sites.
export const setText = (fn) => { text = fn; };

function captureStackTrace(target, above) {
  const { prepareStackTrace } = Error;
  let sites = [];
  Error.prepareStackTrace = (_, found) => {
    sites = found;
    return '';
  };
  try {
    native(target, typeof above === 'function' ? above : captureStackTrace);
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
  }
  let stack;
  Object.defineProperty(target, 'stack', {
    __proto__: null,
    get: () => (stack ??= text(target, sites)),
    set(value) { Object.defineProperty(target, 'stack', { __proto__: null, value, writable: true, configurable: true, enumerable: false }); },
    configurable: true,
    enumerable: false,
  });
}
Error.captureStackTrace = captureStackTrace;
