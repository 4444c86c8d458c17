// What the native part of better-sqlite3 is: its JavaScript asks for it by the package `bindings`
// (https://github.com/WiseLibs/better-sqlite3, docs/api.md).
import buffer from 'buffer';
import fs from 'fs';
import { notThere } from '../arguments.js';
import { name as codeName } from './codes.js';
import { Connection, OPEN, errorText } from './connection.js';
import { decodeArguments, encodeTuple, isLarge, isValue, large, plain } from './values.js';

const { Buffer } = buffer;
const DEFENSIVE = 1010;
const DETERMINISTIC = 0x800, DIRECT_ONLY = 0x80000;
const PERSISTENT = 1;
const ALL = 1_000_000;
const [DONE, OK, BUSY] = [101, 0, 5];
const KINDS = { scalar: 0, aggregate: 1, window: 2 };
const MODES = { flat: 0, pluck: 1, expand: 2, raw: 3 };

let SqliteError = Error;
const fault = ({ code, text }) => new SqliteError(text, codeName(code));
const frozen = (target, values) => {
  for (const [name, value] of Object.entries(values)) Object.defineProperty(target, name, { value, enumerable: true });
};
const toBuffer = (part) => Buffer.from(part);

// better-sqlite3's SQLite is built with these (docs/compilation.md).
const FOREIGN_KEYS = 1002, QUOTED = [1013, 1014];

const text = (value, place) => {
  if (value === undefined) throw new TypeError(`Expected a ${place} argument`);
  if (typeof value !== 'string') throw new TypeError(`Expected ${place} argument to be a string`);
};

const OPENLY = 'The database connection is not open';
const IN_USE = 'This database connection is busy executing a query';

// What each object is, behind what programs see of it.
const inner = new WeakMap();

class State {
  isOpen = true;
  isBusy = false;
  isSafe = false; // integers as BigInts
  isUnsafe = false;
  iterators = 0;
  statements = new Set();
  backups = new Set();

  open() {
    if (!this.isOpen) throw new TypeError(OPENLY);
  }
  idle() {
    if (this.isBusy) throw new TypeError(IN_USE);
  }
  // Nothing goes on, also no iterator.
  quiet(evenUnsafe = false) {
    this.open();
    this.idle();
    if (this.iterators > 0 && !(evenUnsafe && this.isUnsafe)) throw new TypeError(IN_USE);
  }
  during(call) {
    this.isBusy = true;
    try {
      return call();
    } finally {
      this.isBusy = false;
    }
  }
  log(number, source) {
    if (this.logger !== null) this.logger.call(undefined, this.db.texts(number)[1] ?? source);
  }
}

export class Database {
  constructor(filename, filenameGiven, memory, readonly, mustExist, timeout, logger, contents) {
    const state = new State();
    const options = readonly ? OPEN.readOnly : mustExist ? OPEN.readWrite : OPEN.readWrite | OPEN.create;
    state.db = new Connection(filename, contents === null ? options : OPEN.readWrite | OPEN.create, fault);
    state.logger = logger;
    state.db.busyTimeout(timeout);
    state.db.configure(DEFENSIVE, 1);
    state.db.configure(FOREIGN_KEYS, 1);
    for (const quoted of QUOTED) state.db.configure(quoted, 0);
    if (contents !== null) {
      state.db.deserialize('main', contents);
      if (readonly) state.db.runScript('pragma query_only = on');
    }
    inner.set(this, state);
    frozen(this, { memory, readonly, name: filenameGiven });
  }

  prepare(source, database, isPragma) {
    text(source, 'first');
    const state = inner.get(this);
    state.open();
    state.idle();
    if (isPragma && state.iterators > 0 && !state.isUnsafe) throw new TypeError(IN_USE);
    return make(Statement, [state, source, database, isPragma]);
  }

  exec(source) {
    text(source, 'first');
    const state = inner.get(this);
    state.quiet(true);
    state.during(() => (state.logger === null ? state.db.runScript(source) : each(state.db, source, (number, text) => state.log(number, text))));
  }

  backup(database, attached, file, isNew) {
    const state = inner.get(this);
    state.open();
    state.idle();
    return make(Backup, [state, database, attached, file, isNew]);
  }

  serialize(attached) {
    text(attached, 'first');
    const state = inner.get(this);
    state.quiet();
    return Buffer.from(state.db.serialize(attached) ?? []);
  }

  function(fn, name, count, safe, deterministic, directOnly) {
    const state = inner.get(this);
    state.quiet();
    const whole = wholeOf(safe, state);
    state.db.define(name, count, flags(deterministic, directOnly), KINDS.scalar, (kind, bytes) => result(name, fn(...decodeArguments(bytes, whole, toBuffer))));
  }

  aggregate(start, step, inverse, finish, name, count, safe, deterministic, directOnly) {
    const state = inner.get(this);
    state.quiet();
    const whole = wholeOf(safe, state);
    const sums = new Map();
    const sum = (instance) => {
      if (!sums.has(instance)) sums.set(instance, typeof start === 'function' ? start() : start);
      return sums.get(instance);
    };
    const take = (fn, instance, bytes) => {
      const next = fn(sum(instance), ...decodeArguments(bytes, whole, toBuffer));
      if (next !== undefined) sums.set(instance, next);
      return null;
    };
    const value = (instance) => result(name, finish === null ? sum(instance) : finish(sum(instance)));
    // Those that have thrown are not called again.
    const windows = new Set(), failed = new Set();
    const answers = {
      step: (instance, bytes) => take(step, instance, bytes),
      inverse: (instance, bytes) => take(inverse, instance, bytes),
      value(instance) {
        windows.add(instance);
        return value(instance);
      },
      final(instance) {
        try {
          // A window has said its values already.
          return windows.has(instance) || failed.has(instance) ? null : value(instance);
        } finally {
          for (const kept of [sums, windows, failed]) kept.delete(instance);
        }
      },
    };
    const kind = inverse === null ? KINDS.aggregate : KINDS.window;
    state.db.define(name, count, flags(deterministic, directOnly), kind, (asked, bytes, instance) => {
      if (failed.has(instance) && asked !== 'final') return null;
      try {
        return answers[asked](instance, bytes);
      } catch (e) {
        if (asked !== 'final') failed.add(instance);
        throw e;
      }
    });
  }

  table() {
    inner.get(this).quiet();
    throw notThere('better-sqlite3: db.table()');
  }
  loadExtension(file) {
    text(file, 'first');
    inner.get(this).quiet();
    throw notThere('better-sqlite3: db.loadExtension()');
  }

  close() {
    const state = inner.get(this);
    if (!state.isOpen) return;
    state.quiet();
    state.isOpen = false;
    for (const backup of state.backups) inner.get(backup).end();
    state.db.close();
  }

  defaultSafeIntegers(isSafe = true) { inner.get(this).isSafe = bool(isSafe); }
  unsafeMode(isUnsafe = true) {
    const state = inner.get(this);
    state.isUnsafe = bool(isUnsafe);
    state.db.configure(DEFENSIVE, state.isUnsafe ? 0 : 1);
  }

  get open() { return inner.get(this).isOpen; }
  get inTransaction() {
    const { isOpen, db } = inner.get(this);
    return isOpen && !db.isAutocommit;
  }
}

// Only these functions make them.
let given = null;
function make(Kind, args) {
  given = args;
  try {
    return new Kind();
  } finally {
    given = null;
  }
}
function taken(text) {
  const args = given;
  given = null;
  if (args === null) throw new TypeError(text);
  return args;
}

const bool = (value) => {
  if (typeof value !== 'boolean') throw new TypeError('Expected first argument to be a boolean');
  return value;
};
const flags = (deterministic, directOnly) => (deterministic ? DETERMINISTIC : 0) | (directOnly ? DIRECT_ONLY : 0);
const integers = (isSafe) => (isSafe ? large : plain);
// Of a function: 1, 0, or 2 for what the database has.
const wholeOf = (asked, state) => integers(asked < 2 ? asked === 1 : state.isSafe);

function result(name, value) {
  if (value === undefined) return null;
  if (isLarge(value)) throw new RangeError(`User-defined function ${name}() returned a bigint that was too big`);
  if (!isValue(value)) throw new TypeError(`User-defined function ${name}() returned an invalid value`);
  return value;
}

// Runs all statements of a text, each after it was told. `rest` counts bytes, so they are cut.
function each(db, sql, before) {
  let bytes = Buffer.from(sql);
  while (bytes.length > 0) {
    const text = bytes.toString();
    const { number, rest } = db.prepare(text);
    const size = bytes.length - rest;
    bytes = bytes.subarray(size);
    if (number === null) continue;
    try {
      before(number, text.slice(0, size));
      let made = db.run(number, undefined, ALL);
      while (!made.isEnd) made = db.fetch(number, ALL);
    } finally {
      db.finalize(number);
    }
  }
}

const isBlank = (sql) => /^[\s;]*$/.test(sql.replace(/\/\*[^]*?(?:\*\/|$)|--[^\n]*/g, ''));

export class Statement {
  constructor() {
    const [state, source, database, isPragma] = taken('Statements can only be constructed by the db.prepare() method');
    const { number, rest, columns, parameters, isReadOnly } = state.db.prepare(source, isPragma ? 0 : PERSISTENT);
    if (number === null) throw new RangeError('The supplied SQL string contains no statements');
    if (rest > 0 && !isBlank(Buffer.from(source).subarray(-rest).toString())) {
      state.db.finalize(number);
      throw new RangeError('The supplied SQL string contains more than one statement');
    }
    const named = parameters.map((name, at) => [name?.slice(1), at]).filter(([name]) => name !== undefined);
    inner.set(this, { state, number, columns, parameters, named, reads: columns.length > 0 || isPragma, isLocked: false, bound: null, isSafe: state.isSafe, mode: MODES.flat });
    frozen(this, { reader: columns.length > 0 || isPragma, readonly: isReadOnly, source, database });
  }

  run(...args) {
    const own = inner.get(this);
    const { state, number } = own;
    const values = begin(own, args, true);
    return state.during(() => {
      const before = state.db.totalChanges;
      logged(own, this, values);
      const { isEnd, changes, rowid } = state.db.run(number, values, 1, integers(own.isSafe), toBuffer);
      if (!isEnd) state.db.reset(number);
      return { changes: state.db.totalChanges === before ? 0 : Number(changes), lastInsertRowid: rowid };
    });
  }

  get(...args) {
    return read(this, args, 1, (own, made) => {
      if (!made.isEnd) own.state.db.reset(own.number);
      return made.rows.length === 0 ? undefined : shaper(own, made)(made.rows[0]);
    });
  }

  all(...args) {
    return read(this, args, ALL, (own, first) => {
      let made = first;
      const shape = shaper(own, made);
      const rows = made.rows.map(shape);
      while (!made.isEnd) {
        made = own.state.db.fetch(own.number, ALL, integers(own.isSafe), toBuffer);
        for (const row of made.rows) rows.push(shape(row));
      }
      return rows;
    });
  }

  iterate(...args) {
    const own = inner.get(this);
    reads(own);
    return make(StatementIterator, [this, own, begin(own, args)]);
  }

  bind(...args) {
    const own = inner.get(this);
    if (own.bound !== null) throw new TypeError('The bind() method can only be invoked once per statement object');
    own.bound = begin(own, args);
    return this;
  }

  pluck(is = true) { return setMode(this, 'pluck', is); }
  expand(is = true) { return setMode(this, 'expand', is); }
  raw(is = true) { return setMode(this, 'raw', is); }
  safeIntegers(is = true) {
    const own = inner.get(this);
    own.state.idle();
    unlocked(own);
    own.isSafe = bool(is);
    return this;
  }

  columns() {
    const own = inner.get(this);
    if (!own.reads) throw new TypeError('The columns() method is only for statements that return data');
    own.state.open();
    own.state.idle();
    // As they are now.
    const { number, columns } = own.state.db.prepare(this.source);
    own.state.db.finalize(number);
    return columns.map(({ name, column, table, database, type }) => ({ name, column, table, database, type }));
  }

  get busy() {
    const own = inner.get(this);
    return own.state.isOpen && own.isLocked;
  }
}

// Begins a statement of which so many rows are wanted, and does something with what has come.
function read(statement, args, most, use) {
  const own = inner.get(statement);
  reads(own);
  const values = begin(own, args);
  return own.state.during(() => {
    logged(own, statement, values);
    return use(own, own.state.db.run(own.number, values, most, integers(own.isSafe), toBuffer));
  });
}
function setMode(statement, name, is) {
  const own = inner.get(statement);
  if (!own.reads) throw new TypeError(`The ${name}() method is only for statements that return data`);
  own.state.idle();
  unlocked(own);
  if (bool(is)) own.mode = MODES[name];
  else if (own.mode === MODES[name]) own.mode = MODES.flat;
  return statement;
}
function reads(own) {
  if (!own.reads) throw new TypeError('This statement does not return data. Use run() instead');
}
function unlocked(own) {
  if (own.isLocked) throw new TypeError('This statement is busy executing a query');
}
// The parameters of an execution.
function begin(own, args, mutates = false) {
  const { state } = own;
  state.open();
  state.idle();
  unlocked(own);
  if (mutates && state.iterators > 0 && !state.isUnsafe) throw new TypeError(IN_USE);
  if (own.bound === null) return encodeTuple(bind(own, args));
  if (args.length > 0) throw new TypeError('This statement already has bound parameters');
  return own.bound;
}
function logged(own, statement, values) {
  if (own.state.logger === null) return;
  // The text has the values that are bound.
  own.state.db.run(own.number, values, 0);
  own.state.log(own.number, statement.source);
}

const isPlain = (value) => [Object.prototype, null].includes(Object.getPrototypeOf(value));

function bind({ parameters, named }, args) {
  const values = new Array(parameters.length).fill(null);
  let count = 0, hasObject = false, at = -1;
  const put = (value, place) => {
    if (value !== undefined && !isValue(value)) throw new TypeError('SQLite3 can only bind numbers, strings, bigints, buffers, and null');
    if (isLarge(value)) throw new RangeError('The bound string, buffer, or bigint is too big');
    if (place >= parameters.length) throw new RangeError('Too many parameter values were provided');
    values[place] = value;
    count++;
  };
  const next = () => {
    do at++; while (at < parameters.length && parameters[at] !== null);
    return at;
  };
  for (const arg of args) {
    if (Array.isArray(arg)) {
      for (const value of arg) put(value, next());
    } else if (typeof arg === 'object' && arg !== null && !ArrayBuffer.isView(arg) && isPlain(arg)) {
      if (hasObject) throw new TypeError('You cannot specify named parameters in two different objects');
      hasObject = true;
      for (const [name, place] of named) {
        if (!Object.hasOwn(arg, name)) throw new RangeError(`Missing named parameter "${name}"`);
        put(arg[name], place);
      }
    } else if (typeof arg === 'object' && arg !== null && !ArrayBuffer.isView(arg) && named.length > 0) {
      throw new TypeError('Named parameters can only be passed within plain objects');
    } else {
      put(arg, next());
    }
  }
  if (count < parameters.length) {
    if (!hasObject && named.length > 0) throw new TypeError('Missing named parameters');
    throw new RangeError('Too few parameter values were provided');
  }
  return values;
}

// What a row becomes. Columns may be others than when the statement was made.
function shaper(own, { columns }) {
  if (columns !== null) own.columns = columns;
  const names = own.columns.map(({ name }) => name);
  switch (own.mode) {
    case MODES.raw: return (row) => row;
    case MODES.pluck: return (row) => row[0];
    case MODES.expand:
      return (row) => {
        const made = {};
        row.forEach((value, at) => {
          (made[own.columns[at].table ?? '$'] ??= {})[names[at]] = value;
        });
        return made;
      };
    default:
      return (row) => {
        const made = {};
        for (let at = 0; at < row.length; at++) made[names[at]] = row[at];
        return made;
      };
  }
}

export class StatementIterator {
  constructor() {
    const [statement, own, values] = taken('Disabled constructor');
    own.isLocked = true;
    own.state.iterators++;
    inner.set(this, { own, values, isAlive: true, isBegun: false });
    frozen(this, { statement });
  }

  next() {
    const self = inner.get(this);
    const { own: { state, number, isSafe }, own } = self;
    state.idle();
    if (!self.isAlive) return { value: undefined, done: true };
    let made;
    try {
      made = state.during(() => {
        const whole = integers(isSafe);
        if (self.isBegun) return state.db.fetch(number, 1, whole, toBuffer);
        self.isBegun = true;
        logged(own, this.statement, self.values);
        return state.db.run(number, self.values, 1, whole, toBuffer);
      });
    } catch (e) {
      end(self);
      throw e;
    }
    if (made.rows.length === 0) return this.return();
    self.shape = made.columns === null && self.shape ? self.shape : shaper(own, made);
    return { value: self.shape(made.rows[0]), done: false };
  }

  return() {
    const self = inner.get(this);
    self.own.state.idle();
    if (self.isAlive) {
      end(self);
      if (self.own.state.isOpen) self.own.state.db.reset(self.own.number);
    }
    return { value: undefined, done: true };
  }

  [Symbol.iterator]() { return this; }
}
function end(self) {
  self.isAlive = false;
  self.own.isLocked = false;
  self.own.state.iterators--;
}

export class Backup {
  constructor() {
    const [state, database, attached, file, isNew] = taken('Disabled constructor');
    const target = new Connection(file, OPEN.readWrite | OPEN.create, fault);
    let number;
    try {
      number = state.db.beginBackup(attached, target, 'main');
    } catch (e) {
      target.close();
      throw e;
    }
    let left = isNew, isAlive = true;
    inner.set(this, {
      state,
      number,
      whole: () => { left = false; },
      end: () => {
        if (!isAlive) return;
        isAlive = false;
        state.backups.delete(this);
        try {
          state.db.endBackup(number);
        } catch {
          // Its steps have said what was wrong.
        }
        target.close();
        if (left) fs.rmSync(file, { force: true });
      },
    });
    state.backups.add(this);
    frozen(this, { database });
  }

  transfer(pages) {
    const { state, number, whole } = inner.get(this);
    state.open();
    const [code, remainingPages, totalPages] = state.db.continueBackup(number, pages);
    const primary = code & 0xff;
    if (![OK, DONE, BUSY].includes(primary)) throw new SqliteError(errorText(primary), codeName(primary));
    if (primary === DONE) whole();
    return { totalPages, remainingPages };
  }

  close() {
    inner.get(this).end();
    return this;
  }
}

export const setErrorConstructor = (Kind) => { SqliteError = Kind; };
