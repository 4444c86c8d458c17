// Copies of values, and the names that these modules have for them.
export const messaging = {
  get DOMException() { return globalThis.DOMException; },
  structuredClone: (value, options) => globalThis.structuredClone(value, options),
  setDeserializerCreateObjectFunction() {},
  exposeLazyDOMExceptionProperty() {},
  JSTransferable: class JSTransferable {},
};
