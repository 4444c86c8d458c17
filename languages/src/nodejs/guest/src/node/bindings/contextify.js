// Contexts of `vm`. The engine has one realm: a context is an object that stands before the globals (`with`). Its code finds that
// object's properties and the language's own objects, and what it assigns becomes a property. Those objects are the same ones as
// outside. As in Node.js, none of this keeps a program in.
import { privateSymbols, symbols } from './constants.js';
import { withoutImport } from '../../rewrite.js';
import { isWord, tokens } from '../../tokens.js';

const MARK = privateSymbols.contextify_context_private_symbol;
const LANGUAGE = new Set([
  'AggregateError', 'Array', 'ArrayBuffer', 'Atomics', 'BigInt', 'BigInt64Array', 'BigUint64Array', 'Boolean', 'DataView', 'Date', 'Error', 'EvalError', 'FinalizationRegistry', 'Float16Array', 'Float32Array', 'Float64Array', 'Function', 'Infinity', 'Int16Array', 'Int32Array', 'Int8Array', 'Intl', 'Iterator', 'JSON', 'Map', 'Math', 'NaN', 'Number', 'Object', 'Promise', 'Proxy', 'RangeError', 'ReferenceError', 'Reflect', 'RegExp', 'Set', 'SharedArrayBuffer', 'String', 'Symbol', 'SyntaxError', 'TypeError', 'URIError', 'Uint16Array', 'Uint32Array', 'Uint8Array', 'Uint8ClampedArray', 'WeakMap', 'WeakRef', 'WeakSet', 'decodeURI', 'decodeURIComponent', 'encodeURI', 'encodeURIComponent', 'escape', 'eval', 'isFinite', 'isNaN', 'parseFloat', 'parseInt', 'undefined', 'unescape',
]);

// Names that code may make: what it assigns to, wherever, and the functions that it declares at its top. More names than there are
// do no harm.
const ASSIGNED = /([A-Za-z_$][\w$]*)\s*(?:[-+*/%&|^]|\*\*|<<|>>>?|&&|\|\||\?\?)?=(?![=>])|(?:\+\+|--)\s*([A-Za-z_$][\w$]*)|([A-Za-z_$][\w$]*)\s*(?:\+\+|--)|\b(?:var|for\s*\(\s*(?:var|let|const)?)\s+([A-Za-z_$][\w$]*)/g;
const assigned = (code) => [...code.matchAll(ASSIGNED)].map((found) => found[1] ?? found[2] ?? found[3] ?? found[4]);
function declared(code) {
  const functions = new Set(), variables = new Set();
  if (!/\b(?:function|var)\b/.test(code)) return { functions, variables };
  const list = tokens(code) ?? [];
  for (let i = 0; i < list.length; i++) {
    const { text, partner, start } = list[i];
    // What is in brackets is not at the top.
    if (partner > i) {
      i = partner;
      continue;
    }
    const before = list[i - 1]?.text;
    const isStatement = i === 0 || before === ';' || before === '}' || before === ')' || list[i].breaks || start === 0 || (before === 'async' && (i === 1 || list[i - 1].breaks));
    if (text === 'function' && isStatement) {
      const name = list[i + 1]?.text === '*' ? list[i + 2] : list[i + 1];
      if (isWord(name)) functions.add(name.text);
    } else if (text === 'var' && isWord(list[i + 1])) variables.add(list[i + 1].text);
  }
  return { functions, variables };
}

class Context {
  #sandbox;
  #names = new Set();
  #hides = true;
  #later = [];
  constructor(sandbox) {
    this.#sandbox = sandbox;
    const find = (key) => {
      if (key in sandbox) return Reflect.get(sandbox, key);
      if (key === 'globalThis') return this.global;
      return LANGUAGE.has(key) ? globalThis[key] : undefined;
    };
    const has = (key) => key in sandbox || key === 'globalThis' || LANGUAGE.has(key);
    const through = {
      get: (_, key) => find(key),
      set: (_, key, value) => Reflect.set(sandbox, key, value),
      deleteProperty: (_, key) => Reflect.deleteProperty(sandbox, key),
    };
    // What the code names.
    this.scope = new Proxy(Object.create(null), {
      ...through,
      has: (_, key) => typeof key === 'string' && this.#hides && (has(key) || this.#names.has(key) || (key in globalThis && !key.startsWith('$wasmrun'))),
      get: (_, key) => (key === Symbol.unscopables ? undefined : find(key)),
    });
    // What it calls `this` and `globalThis`.
    this.global = new Proxy(sandbox, { ...through, has: (_, key) => has(key), getOwnPropertyDescriptor: (_, key) => Reflect.getOwnPropertyDescriptor(sandbox, key) });
  }
  expect(names) {
    for (const name of names) this.#names.add(name);
  }
  // Functions are declared outside of the scope, and have to be properties.
  take(functions) {
    this.#hides = true;
    Object.assign(this.#sandbox, functions);
    this.define(this.#later);
    this.#later = [];
  }
  openUp(variables) {
    this.#hides = false;
    this.#later = variables;
  }
  define(variables) {
    for (const name of variables) if (!(name in this.#sandbox)) this.#sandbox[name] = undefined;
  }
}
const contextOf = (object) => object[MARK];

const evaluate = new Function('$wasmrunContext', '$wasmrunCode', 'with ($wasmrunContext.scope) { return eval($wasmrunCode); }');

function runIn(context, code) {
  const { functions, variables } = declared(code);
  context.expect([...assigned(code), ...functions, ...variables]);
  if (functions.size === 0) {
    context.define(variables);
    return evaluate.call(context.global, context, code);
  }
  const taken = [...functions].map((name) => `${name}: ${name}`).join(', ');
  context.openUp(variables);
  try {
    return evaluate.call(context.global, context, `$wasmrunContext.take({ ${taken} }); void 0; ${code}`);
  } finally {
    context.take({});
  }
}

// That the text is a program: it is compiled, and does not run.
const check = (code) => { (0, eval)(`0 && function () {${code}\n}`); };

// In place of `import`, which the engine cannot do.
const NO_IMPORT = "(async () => { throw Object.assign(new TypeError('A dynamic import callback was not specified.'), { code: 'ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING' }); })";

class ContextifyScript {
  #code;
  constructor(code, filename, lineOffset, columnOffset, cachedData, producesCachedData) {
    this.#code = withoutImport(code, NO_IMPORT);
    check(this.#code);
    this.cachedDataRejected = cachedData === undefined ? undefined : false;
    this.sourceMapURL = /\/\/[#@] sourceMappingURL=(\S+)\s*$/.exec(code)?.[1];
    if (producesCachedData) {
      this.cachedDataProduced = true;
      this.cachedData = this.createCachedData();
    }
  }
  // There is nothing to keep of a program but its text.
  createCachedData() { return Buffer.from(this.#code); }
  runInContext(object) {
    return object === null ? (0, eval)(this.#code) : runIn(contextOf(object), this.#code);
  }
}

export const contextify = {
  ContextifyScript,
  constants: { measureMemory: { mode: { SUMMARY: 0, DETAILED: 1 }, execution: { DEFAULT: 0, EAGER: 1 } } },
  measureMemory() {},
  startSigintWatchdog() {},
  stopSigintWatchdog: () => false,
  watchdogHasPendingSigint: () => false,
  makeContext(object) {
    const target = object === symbols.vm_context_no_contextify ? {} : object;
    Object.defineProperty(target, MARK, { value: new Context(target), enumerable: false });
    return target;
  },
  compileFunction(code, filename, lineOffset, columnOffset, cachedData, producesCachedData, parsingContext, extensions = [], params = []) {
    const text = `(function (${params.join(', ')}) {${withoutImport(code, NO_IMPORT)}\n})`;
    check(text);
    const objects = extensions.map((_, i) => `with ($wasmrunExtensions[${i}]) `).join('');
    let made;
    if (parsingContext === undefined && extensions.length === 0) made = (0, eval)(text);
    else if (parsingContext === undefined) made = new Function('$wasmrunExtensions', `${objects}{ return ${text}; }`)(extensions);
    else {
      const context = contextOf(parsingContext);
      context.expect(assigned(code));
      made = new Function('$wasmrunContext', '$wasmrunExtensions', `with ($wasmrunContext.scope) { ${objects}{ return ${text}; } }`)(context, extensions);
    }
    return { function: made, sourceMapURL: undefined, ...(producesCachedData && { cachedDataProduced: true, cachedData: Buffer.from(code) }), ...(cachedData && { cachedDataRejected: false }) };
  },
};
