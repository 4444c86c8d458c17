// node:module, as the loader offers it.
export const Module = { get prototype() { return globalThis.__builtin('module').prototype; }, _load: (...args) => globalThis.__builtin('module')._load(...args), _resolveFilename: (...args) => globalThis.__builtin('module')._resolveFilename(...args) };
