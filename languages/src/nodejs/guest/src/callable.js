// Classes that are older than `class`: programs call them without `new`, and on objects of their own (util.inherits). `begin` does
// what the constructor does, on an object that there is already.
export function callable(name, Class, begin) {
  const Made = function (...args) {
    if (new.target !== undefined) return Reflect.construct(Class, args, new.target);
    if (!(this instanceof Made)) return new Made(...args);
    begin(this, args);
    return undefined;
  };
  Object.setPrototypeOf(Made, Object.getPrototypeOf(Class));
  Object.defineProperties(Made, { name: { value: name, configurable: true }, length: { value: Class.length, configurable: true } });
  Made.prototype = Class.prototype;
  Object.defineProperty(Made.prototype, 'constructor', { value: Made, writable: true, configurable: true });
  return Made;
}
