// node:sqlite (https://nodejs.org/api/sqlite.html), by the runtime's connections.
import buffer from 'buffer';
import { coded, notThere } from '../arguments.js';
import { fileURLToPath } from 'internal/url';
import { Connection, OPEN, errorText } from './connection.js';
import { decodeArguments, encodeTuple, isBytes, isLarge, isValue, large } from './values.js';

const { Buffer } = buffer;
const ALL = 1_000_000;
const SETTINGS = { foreignKeys: 1002, defensive: 1010, quotedInData: 1013, quotedInDefinitions: 1014 };
const DETERMINISTIC = 0x800, DIRECT_ONLY = 0x80000;
const KINDS = { scalar: 0, aggregate: 1, window: 2 };
const PRIMARY = 0xff;
const [OK, BUSY, LOCKED, DONE] = [0, 5, 6, 101];

const sqliteError = ({ code, text }) => Object.assign(coded(new Error(text), 'ERR_SQLITE_ERROR'), { errcode: code, errstr: errorText(code) });
const state = (text) => coded(new Error(text), 'ERR_INVALID_STATE');
const value = (text) => coded(new TypeError(text), 'ERR_INVALID_ARG_VALUE');
const wrongType = (name, what) => coded(new TypeError(`The "${name}" argument must be ${what}.`), 'ERR_INVALID_ARG_TYPE');
const check = (what, is) => (given, name) => {
  if (!is(given)) throw wrongType(name, what);
  return given;
};
const text = check('a string', (given) => typeof given === 'string');
const boolean = check('a boolean', (given) => typeof given === 'boolean');
const integer = check('an integer', Number.isInteger);
const callback = check('a function', (given) => typeof given === 'function');
const object = check('an object', (given) => typeof given === 'object' && given !== null);
const option = (options, name, check, standard) => (options[name] === undefined ? standard : check(options[name], `options.${name}`));

// Integers that a number does not hold are an error, unless BigInts are asked for.
const exact = (whole) => {
  const number = Number(whole);
  if (Number.isSafeInteger(number)) return number;
  throw coded(new RangeError(`Value is too large to be represented as a JavaScript number: ${whole}`), 'ERR_OUT_OF_RANGE');
};
const wholeOf = (isBig) => (isBig ? large : exact);
const bytesOf = (part) => new Uint8Array(part);

function pathOf(path) {
  if (path instanceof URL) {
    if (path.protocol !== 'file:') throw coded(new TypeError('The URL must be of scheme file:'), 'ERR_INVALID_URL_SCHEME');
    path = fileURLToPath(path);
  }
  if (isBytes(path)) path = Buffer.from(path.buffer, path.byteOffset, path.byteLength).toString();
  if (typeof path !== 'string' || path.includes('\0')) throw coded(new TypeError('The "path" argument must be a string, Uint8Array, or URL without null bytes.'), 'ERR_INVALID_ARG_TYPE');
  return path;
}

function result(name, made) {
  if (made === undefined) return null;
  if (isLarge(made)) throw coded(new RangeError('BigInt value is too large to bind'), 'ERR_OUT_OF_RANGE');
  if (typeof made?.then === 'function') throw sqliteError({ code: 1, text: 'Asynchronous user-defined functions are not supported' });
  if (!isValue(made)) throw sqliteError({ code: 1, text: 'Returned JavaScript value cannot be converted to a SQLite value' });
  return made;
}

export class DatabaseSync {
  #path;
  #options;
  #db = null;
  #statements = new Set();

  constructor(path, options = {}) {
    this.#path = pathOf(path);
    object(options, 'options');
    this.#options = {
      open: option(options, 'open', boolean, true),
      readOnly: option(options, 'readOnly', boolean, false),
      foreignKeys: option(options, 'enableForeignKeyConstraints', boolean, true),
      quoted: option(options, 'enableDoubleQuotedStringLiterals', boolean, false),
      defensive: option(options, 'defensive', boolean, false),
      timeout: option(options, 'timeout', integer, 0),
      readBigInts: option(options, 'readBigInts', boolean, false),
      returnArrays: option(options, 'returnArrays', boolean, false),
      bareNames: option(options, 'allowBareNamedParameters', boolean, true),
      unknownNames: option(options, 'allowUnknownNamedParameters', boolean, false),
    };
    if (option(options, 'allowExtension', boolean, false)) throw notThere('node:sqlite: allowExtension');
    if (this.#options.open) this.open();
  }

  #opened() {
    if (this.#db === null) throw state('database is not open');
    return this.#db;
  }

  open() {
    if (this.#db !== null) throw state('database is already open');
    const { readOnly, foreignKeys, quoted, defensive, timeout } = this.#options;
    const db = new Connection(this.#path, OPEN.uri | (readOnly ? OPEN.readOnly : OPEN.readWrite | OPEN.create), sqliteError);
    db.configure(SETTINGS.foreignKeys, Number(foreignKeys));
    for (const setting of [SETTINGS.quotedInData, SETTINGS.quotedInDefinitions]) db.configure(setting, Number(quoted));
    db.configure(SETTINGS.defensive, Number(defensive));
    db.busyTimeout(timeout);
    this.#db = db;
  }

  close() {
    const db = this.#opened();
    db.close();
    this.#db = null;
  }
  [Symbol.dispose]() { if (this.#db !== null) this.close(); }

  exec(sql) {
    const db = this.#opened();
    text(sql, 'sql');
    db.runScript(sql);
  }

  prepare(sql, options = {}) {
    const db = this.#opened();
    text(sql, 'sql');
    object(options, 'options');
    const settings = { ...this.#options };
    for (const [ours, theirs] of [['readBigInts', 'readBigInts'], ['returnArrays', 'returnArrays'], ['bareNames', 'allowBareNamedParameters'], ['unknownNames', 'allowUnknownNamedParameters']]) settings[ours] = option(options, theirs, boolean, settings[ours]);
    given = { db, settings, is: () => this.#db === db, made: db.prepare(sql) };
    try {
      return new StatementSync();
    } finally {
      given = null;
    }
  }

  function(name, options, fn) {
    const db = this.#opened();
    text(name, 'name');
    if (fn === undefined) [options, fn] = [{}, options];
    else object(options, 'options');
    callback(fn, 'function');
    const whole = wholeOf(option(options, 'useBigIntArguments', boolean, false));
    const count = option(options, 'varargs', boolean, false) ? -1 : fn.length;
    db.define(name, count, flags(options), KINDS.scalar, (kind, bytes) => result(name, fn(...decodeArguments(bytes, whole, bytesOf))));
  }

  aggregate(name, options) {
    const db = this.#opened();
    text(name, 'name');
    object(options, 'options');
    const { start, step, inverse, result: finish } = options;
    if (start === undefined) throw wrongType('options.start', 'a function or a primitive value');
    callback(step, 'options.step');
    if (inverse !== undefined) callback(inverse, 'options.inverse');
    if (finish !== undefined) callback(finish, 'options.result');
    const whole = wholeOf(option(options, 'useBigIntArguments', boolean, false));
    const counted = Math.max(step.length, inverse?.length ?? 0) - 1;
    const count = option(options, 'varargs', boolean, false) ? -1 : Math.max(counted, 0);
    const sums = new Map();
    const sum = (instance) => {
      if (!sums.has(instance)) sums.set(instance, typeof start === 'function' ? start() : start);
      return sums.get(instance);
    };
    const take = (call, instance, bytes) => {
      sums.set(instance, call(sum(instance), ...decodeArguments(bytes, whole, bytesOf)));
      return null;
    };
    const now = (instance) => result(name, finish === undefined ? sum(instance) : finish(sum(instance)));
    const answers = {
      step: (instance, bytes) => take(step, instance, bytes),
      inverse: (instance, bytes) => take(inverse, instance, bytes),
      value: now,
      final(instance) {
        try {
          return now(instance);
        } finally {
          sums.delete(instance);
        }
      },
    };
    db.define(name, count, flags(options), inverse === undefined ? KINDS.aggregate : KINDS.window, (kind, bytes, instance) => answers[kind](instance, bytes));
  }

  setAuthorizer(call) {
    const db = this.#opened();
    if (call === null) return db.authorize(null);
    callback(call, 'callback');
    db.authorize((args) => {
      const answer = call(...args);
      if (!Number.isInteger(answer)) throw coded(new TypeError('Authorizer callback must return an integer authorization code'), 'ERR_INVALID_ARG_TYPE');
      if (![constants.SQLITE_OK, constants.SQLITE_DENY, constants.SQLITE_IGNORE].includes(answer)) throw coded(new RangeError('Authorizer callback returned a invalid authorization code'), 'ERR_OUT_OF_RANGE');
      return answer;
    });
  }

  location(name = 'main') {
    const db = this.#opened();
    text(name, 'dbName');
    return db.fileOf(name) || null;
  }

  get isOpen() { return this.#db !== null; }
  get isTransaction() { return !this.#opened().isAutocommit; }

  createSession() { throw notThere('node:sqlite: sessions'); }
  applyChangeset() { throw notThere('node:sqlite: sessions'); }
  enableLoadExtension(allow) { if (boolean(allow, 'allow')) throw notThere('node:sqlite: extensions'); }
  loadExtension() { throw notThere('node:sqlite: extensions'); }

  // For `backup`.
  static connection(database) { return database.#opened(); }
}
const { connection } = DatabaseSync;
delete DatabaseSync.connection;

const flags = (options) => (option(options, 'deterministic', boolean, false) ? DETERMINISTIC : 0) | (option(options, 'directOnly', boolean, false) ? DIRECT_ONLY : 0);

// What `prepare` makes a statement of.
let given = null;

export class StatementSync {
  #db;
  #number;
  #is;
  #columns;
  #parameters;
  #settings;
  #turn = 0;

  constructor() {
    if (given === null) throw coded(new Error('Illegal constructor'), 'ERR_ILLEGAL_CONSTRUCTOR');
    const { db, settings, is, made: { number, columns, parameters } } = given;
    if (number === null) throw sqliteError({ code: 0, text: 'statement has been finalized' });
    [this.#db, this.#settings, this.#is, this.#number, this.#columns, this.#parameters] = [db, settings, is, number, columns, parameters];
  }

  #opened() {
    if (!this.#is()) throw state('statement has been finalized');
    return this.#db;
  }

  // Bare names stand for those with a sign, where they are for one alone.
  #values(args) {
    const values = new Array(this.#parameters.length).fill(null);
    const put = (given, place) => {
      if (!isValue(given) && typeof given !== 'boolean') throw coded(new TypeError(`Provided value cannot be bound to SQLite parameter ${place + 1}.`), 'ERR_INVALID_ARG_TYPE');
      if (isLarge(given)) throw value('BigInt value is too large to bind.');
      values[place] = given;
    };
    const [first] = args;
    let rest = args;
    // Also a function: it has no names.
    if (first !== null && ['object', 'function'].includes(typeof first) && !isBytes(first)) {
      rest = args.slice(1);
      for (const name of Object.keys(first)) {
        let place = this.#parameters.indexOf(name);
        if (place < 0 && this.#settings.bareNames) {
          const places = this.#parameters.flatMap((full, at) => (full?.slice(1) === name ? [at] : []));
          if (places.length > 1) throw state(`Cannot create bare named parameter '${name}' because of conflicting names '${this.#parameters[places[0]]}' and '${this.#parameters[places[1]]}'.`);
          place = places[0] ?? -1;
        }
        if (place >= 0) put(first[name], place);
        else if (!this.#settings.unknownNames) throw state(`Unknown named parameter '${name}'`);
      }
    }
    let place = -1;
    for (const each of rest) {
      do place++; while (place < values.length && this.#parameters[place] !== null && !this.#parameters[place].startsWith('?'));
      if (place >= values.length) throw sqliteError({ code: 25, text: 'column index out of range' });
      put(each, place);
    }
    return encodeTuple(values);
  }

  #shape({ columns }) {
    if (columns !== null) this.#columns = columns;
    if (this.#settings.returnArrays) return (row) => row;
    const names = this.#columns.map(({ name }) => name);
    return (row) => {
      const made = { __proto__: null };
      for (let at = 0; at < row.length; at++) made[names[at]] = row[at];
      return made;
    };
  }

  #begin(args, most) {
    const db = this.#opened();
    const values = this.#values(args);
    this.#turn++;
    return db.run(this.#number, values, most, this.#whole, bytesOf);
  }
  get #whole() { return wholeOf(this.#settings.readBigInts); }

  run(...args) {
    const { isEnd, changes, rowid } = this.#begin(args, ALL);
    if (!isEnd) this.#db.reset(this.#number);
    return { changes, lastInsertRowid: rowid };
  }

  get(...args) {
    const made = this.#begin(args, 1);
    if (!made.isEnd) this.#db.reset(this.#number);
    return made.rows.length === 0 ? undefined : this.#shape(made)(made.rows[0]);
  }

  all(...args) {
    let made = this.#begin(args, ALL);
    const shape = this.#shape(made);
    const rows = made.rows.map(shape);
    while (!made.isEnd) {
      made = this.#db.fetch(this.#number, ALL, this.#whole, bytesOf);
      for (const row of made.rows) rows.push(shape(row));
    }
    return rows;
  }

  iterate(...args) {
    let made = this.#begin(args, 1);
    const shape = this.#shape(made);
    const turn = this.#turn;
    const next = () => {
      this.#opened();
      if (made === null) return { __proto__: null, done: true, value: null };
      if (turn !== this.#turn) throw state('iterator was invalidated');
      const [row] = made.rows;
      if (row === undefined) return end();
      made = made.isEnd ? { rows: [] } : this.#db.fetch(this.#number, 1, this.#whole, bytesOf);
      return { __proto__: null, done: false, value: shape(row) };
    };
    const end = () => {
      if (made !== null && this.#is() && turn === this.#turn) this.#db.reset(this.#number);
      made = null;
      return { __proto__: null, done: true, value: null };
    };
    return Object.create(Iterator.prototype, { next: { value: next }, return: { value: end } });
  }

  columns() {
    this.#opened();
    return this.#columns.map(({ name, column, table, database, type }) => ({ __proto__: null, column, database, name, table, type }));
  }

  setAllowBareNamedParameters(enabled) { this.#set('bareNames', enabled, 'allowBareNamedParameters'); }
  setAllowUnknownNamedParameters(enabled) { this.#set('unknownNames', enabled, 'enabled'); }
  setReadBigInts(enabled) { this.#set('readBigInts', enabled, 'readBigInts'); }
  setReturnArrays(enabled) { this.#set('returnArrays', enabled, 'returnArrays'); }
  #set(name, enabled, argument) {
    this.#opened();
    this.#settings[name] = boolean(enabled, argument);
  }

  get sourceSQL() { return this.#opened().texts(this.#number)[0]; }
  get expandedSQL() { return this.#opened().texts(this.#number)[1]; }
}

// Copies a database, some pages at a time, between which the loop goes on.
export function backup(source, path, options = {}) {
  if (!(source instanceof DatabaseSync)) throw wrongType('sourceDb', 'an object');
  const db = connection(source);
  const file = pathOf(path);
  object(options, 'options');
  const rate = option(options, 'rate', integer, 100);
  const from = options.source ?? 'main', to = options.target ?? 'main', { progress } = options;
  for (const [name, given] of [['source', from], ['target', to]]) text(given, `options.${name}`);
  if (progress !== undefined) callback(progress, 'options.progress');
  const target = new Connection(file, OPEN.uri | OPEN.readWrite | OPEN.create, sqliteError);
  let number;
  try {
    number = db.beginBackup(from, target, to);
  } catch (e) {
    target.close();
    return Promise.reject(e);
  }
  return new Promise((resolve, reject) => {
    const end = (settle, made) => {
      try {
        db.endBackup(number);
      } catch {
        // Its steps have said what was wrong.
      }
      target.close();
      settle(made);
    };
    setImmediate(function step() {
      try {
        const [code, remainingPages, totalPages] = db.continueBackup(number, rate);
        const primary = code & PRIMARY;
        if (primary === DONE) return end(resolve, totalPages);
        if (![OK, BUSY, LOCKED].includes(primary)) throw sqliteError({ code, text: errorText(code) });
        if (primary === OK) progress?.({ totalPages, remainingPages });
        setImmediate(step);
      } catch (e) {
        end(reject, e);
      }
    });
  });
}

const ACTIONS = ('CREATE_INDEX CREATE_TABLE CREATE_TEMP_INDEX CREATE_TEMP_TABLE CREATE_TEMP_TRIGGER CREATE_TEMP_VIEW CREATE_TRIGGER CREATE_VIEW DELETE DROP_INDEX DROP_TABLE DROP_TEMP_INDEX '
  + 'DROP_TEMP_TABLE DROP_TEMP_TRIGGER DROP_TEMP_VIEW DROP_TRIGGER DROP_VIEW INSERT PRAGMA READ SELECT TRANSACTION UPDATE ATTACH DETACH ALTER_TABLE REINDEX ANALYZE CREATE_VTABLE DROP_VTABLE '
  + 'FUNCTION SAVEPOINT RECURSIVE').split(' ');
// Of sessions, too, which are not there: programs look for names.
const SESSIONS = { DATA: 1, NOTFOUND: 2, CONFLICT: 3, CONSTRAINT: 4, FOREIGN_KEY: 5, OMIT: 0, REPLACE: 1, ABORT: 2 };
export const constants = { SQLITE_OK: 0, SQLITE_DENY: 1, SQLITE_IGNORE: 2, SQLITE_COPY: 0 };
for (const [name, number] of Object.entries(SESSIONS)) constants[`SQLITE_CHANGESET_${name}`] = number;
ACTIONS.forEach((name, at) => { constants[`SQLITE_${name}`] = at + 1; });

export default { DatabaseSync, StatementSync, backup, constants };
