// A connection of the runtime's (wasmrun:sqlite/database). SQLite asks for what the program has defined in the middle of a call, which
// goes on with the answer.
import database from 'wasmrun:sqlite/database@0.1.0';
import process from '../process.js';
import { decode, encode, encodeInt, plain } from './values.js';

export const OPEN = { readOnly: 1, readWrite: 2, create: 4, uri: 64 };
// What becomes of TEXT: a str, where what is no UTF-8 has U+FFFD.
const TEXTS = 2;
const HOOKS = { authorize: 1 };
const SQLITE_ERROR = 1;
const INTEGERS = ['authorize', 'progress', 'trace', 'busy', 'collate'];

export const errorText = (code) => database.textOfCode(code);

const column = ([name, type, table, origin, from]) => ({ name, type, table, column: origin, database: from });

export class Connection {
  #raw;
  #fault;
  // By the numbers that SQLite gives back.
  #callables = new Map();
  #numbers = 0;
  #authorizer = null;
  // What a function has thrown, which SQLite knows nothing of.
  #thrown = null;

  // `fault` makes the API's error of the runtime's failure.
  constructor(name, options, fault) {
    this.#fault = fault;
    this.#raw = this.#call(() => database.Connection.open(name, options, process.cwd()));
  }

  #call(call) {
    try {
      return call();
    } catch (e) {
      throw e?.payload === undefined ? e : this.#fault(e.payload);
    }
  }

  #answer({ kind, function: number, instance, arguments: bytes }) {
    try {
      if (kind === 'authorize') return { tag: 'value', val: encodeInt(this.#authorizer(decode(bytes))) };
      const value = this.#callables.get(number)(kind, bytes, instance);
      return { tag: 'value', val: INTEGERS.includes(kind) ? encodeInt(value) : encode(value) };
    } catch (error) {
      this.#thrown ??= { error };
      return { tag: 'failed', val: [SQLITE_ERROR, ''] };
    }
  }

  // What a call ends with, after its questions. A failure in the middle of rows comes with them.
  #turn(begin, whole, binary) {
    let made;
    try {
      let progress = begin();
      while (progress.tag === 'asks') {
        const answer = this.#answer(progress.val);
        progress = this.#raw.answer(answer);
      }
      made = decode(progress.val, whole, binary);
    } catch (e) {
      this.#rethrow();
      throw e?.payload === undefined ? e : this.#fault(e.payload);
    }
    this.#rethrow();
    return made;
  }

  #rethrow() {
    const thrown = this.#thrown;
    this.#thrown = null;
    if (thrown !== null) throw thrown.error;
  }

  // What failed in the middle of a call.
  #check(failure) {
    if (failure !== null) throw this.#fault({ code: Number(failure[0]), text: failure[1], offset: Number(failure[2]) });
  }

  prepare(sql, options = 0) {
    const [number, rest, columns, parameters, isReadOnly] = this.#turn(() => this.#raw.prepare(sql, options));
    return { number, rest, columns: columns.map(column), parameters, isReadOnly };
  }

  // Begins a statement with parameters (none: as they are), or goes on with it: rows as arrays, and what has become of it.
  run(number, parameters, most, whole = plain, binary) { return this.#rows(() => this.#raw.run(number, parameters, most, TEXTS, []), whole, binary); }
  fetch(number, most, whole = plain, binary) { return this.#rows(() => this.#raw.fetch(number, most, TEXTS, []), whole, binary); }
  #rows(begin, whole, binary) {
    const [rows, isEnd, changes, rowid, , columns, failure] = this.#turn(begin, whole, binary);
    this.#check(failure);
    return { rows, isEnd, changes, rowid, columns: columns === null ? null : columns.map(column) };
  }

  runScript(sql) {
    const [, failure] = this.#turn(() => this.#raw.runScript(sql));
    this.#check(failure);
  }
  reset(number) { this.#turn(() => this.#raw.reset(number)); }
  finalize(number) { this.#turn(() => this.#raw.finalize(number)); }
  texts(number) { return decode(this.#call(() => this.#raw.textOf(number))); }

  // `call` gets the kind of question, its arguments as bytes, and which instance of an aggregate it is about.
  define(name, count, options, kind, call) {
    const number = ++this.#numbers;
    this.#callables.set(number, call);
    this.#call(() => this.#raw.createFunction(name, count, options, kind, number));
  }
  authorize(call) {
    this.#authorizer = call;
    this.#call(() => this.#raw.ask('authorize', call === null ? undefined : HOOKS.authorize));
  }

  busyTimeout(milliseconds) { this.#raw.busyTimeout(milliseconds); }
  configure(setting, value) { return this.#call(() => this.#raw.configure(setting, value)); }
  limit(category, value) { return this.#raw.limit(category, value); }
  get isAutocommit() { return this.#raw.isAutocommit(); }
  get totalChanges() { return Number(this.#raw.totalChanges()); }
  fileOf(name) { return this.#raw.fileOf(name); }
  serialize(name) { return this.#call(() => this.#raw.serialize(name)); }
  deserialize(name, bytes) { this.#call(() => this.#raw.deserialize(name, bytes)); }

  beginBackup(name, into, target) { return this.#call(() => this.#raw.beginBackup(name, into.#raw, target)); }
  // The code, the pages that are left, and all pages.
  continueBackup(backup, pages) { return this.#raw.continueBackup(backup, pages); }
  endBackup(backup) { this.#call(() => this.#raw.endBackup(backup)); }

  close() {
    this.#turn(() => this.#raw.close());
    this.#raw[Symbol.dispose]();
  }
}
