// What programs do with better-sqlite3, and what it answers. calls.txt is what it says under Node.js 20, where it is native code.
'use strict';
const Database = require('better-sqlite3');
const fs = require('fs');

let calls = 0;
const says = (...values) => {
  calls++;
  console.log(...values);
};
const fails = (call) => {
  try {
    says('no error:', call());
  } catch (e) {
    says(e.constructor.name, e.code, e.message);
  }
};

fs.rmSync('/tmp/better.db', { force: true });
const lines = [];
const db = new Database('/tmp/better.db', { verbose: (sql) => lines.push(sql) });
says(db.pragma('journal_mode = wal'), db.pragma('journal_mode', { simple: true }), db.name, db.open, db.inTransaction, db.readonly, db.memory);
db.exec('create table t (a integer primary key, b text, c real, d blob); create table u (t references t)');
const insert = db.prepare('insert into t (b, c, d) values (@b, @c, @d)');
says(insert.reader, insert.readonly, insert.source, insert.run({ b: 'grün', c: 1.5, d: Buffer.from([0, 255]) }));
const many = db.transaction((rows) => {
  for (const row of rows) insert.run(row);
  return db.inTransaction;
});
says(many([{ b: 'x', c: null, d: null }, { b: 'y', c: 2, d: null }]));
fails(() => many([{ b: 'z', c: null, d: null }, { b: 'none' }]));
says(db.inTransaction, db.prepare('select count(*) from t').pluck().get());
const all = db.prepare('select * from t');
says(all.all(), all.get(), all.raw().get(), all.raw(false).pluck().all(), all.pluck(false).expand().get());
says(all.columns().map(({ name, type, table }) => [name, type, table]));
says([...db.prepare('select a from t where a > ?').iterate(1)], db.prepare('select a from t where 0').get());
const bound = db.prepare('select ? as a, ? as b').bind(1, ['two']);
says(bound.get(), lines.at(-1));
fails(() => bound.get(5));
const iterator = db.prepare('select a from t').iterate();
iterator.next();
fails(() => db.exec('delete from t'));
says(iterator.return(), iterator.next());
says(db.prepare('select 9007199254740993 as n').get(), db.prepare('select 9007199254740993 as n').safeIntegers().get(), db.prepare('select ? as n').get(2n ** 62n));

for (const [sql, ...values] of [
  ['select'], ['select * from nothing'], ['select ?'], ['select ?', 1, 2], ['select @a', { b: 1 }], ['select @a'], ['select ?', true], ['select ?', {}], ['select ?', 2n ** 63n], ['', 1], ['select 1; select 2'],
  ['insert into t (a) values (1)'], ["insert into t (a) values ('x')"], ['select abs(-9223372036854775808)'], ['select "nothing"'], ['select @a, @b', { a: 1 }, { b: 2 }],
]) fails(() => db.prepare(sql).get(...values));
fails(() => db.prepare('insert into t (a) values (1)').run());
fails(() => db.prepare('insert into u values (100)').run());
fails(() => db.prepare(5));
fails(() => db.exec('select 1; nonsense'));
fails(() => new Database('/nowhere/at/all.db'));
fails(() => new Database('/tmp/none.db', { fileMustExist: true }));
says(db.prepare('select 1; -- and a comment').get());

db.function('twice', { deterministic: true }, (value) => value * 2);
db.function('many', { varargs: true }, (...values) => values.length);
db.function('wrong', () => { throw new RangeError('of the function'); });
db.function('odd', () => ({}));
says(db.prepare('select twice(4) as a, many() as b, many(1, 2) as c').get());
for (const name of ['wrong', 'odd', 'none']) fails(() => db.prepare(`select ${name}()`).get());
db.aggregate('total', { start: 0, step: (sum, value) => sum + value, inverse: (sum, value) => sum - value, result: (sum) => sum * 10 });
db.aggregate('texts', { start: () => [], step: (list, value) => { list.push(value); }, result: (list) => list.join('-') });
says(db.prepare('select total(a) as t, texts(b) as x from t').get(), db.prepare('select total(1) as t, texts(1) as x where 0').get());
says(db.prepare('select total(a) over (order by a rows between 1 preceding and current row) as w from t').pluck().all());

const other = new Database('/tmp/better.db', { timeout: 10 });
db.exec('begin immediate');
fails(() => other.exec('begin immediate'));
says(other.prepare('select count(*) as n from t').get());
db.exec('rollback');
other.close();
const small = new Database(':memory:');
small.exec("create table t as select 'x' as b");
const copied = new Database(small.serialize());
says(copied.prepare('select b from t').pluck().all(), copied.memory);
db.backup('/tmp/better-copy.db').then((progress) => {
  says(progress, new Database('/tmp/better-copy.db', { readonly: true }).prepare('select count(*) as n from t').get());
  says(db.close().open, fs.existsSync('/tmp/better.db-wal'));
  fails(() => db.prepare('select 1'));
  fails(() => all.all());
  for (const name of ['better', 'better-copy']) fs.rmSync(`/tmp/${name}.db`);
  console.log(calls, 'calls');
});
