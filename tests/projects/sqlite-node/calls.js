// What programs do with node:sqlite, and what it answers. calls.txt is what Node.js 24 says.
'use strict';
const { DatabaseSync, StatementSync, backup, constants } = require('node:sqlite');
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
    says(e.name, e.code, e.errcode ?? '', e.errstr ?? '', e.message.split('\n')[0]);
  }
};

const db = new DatabaseSync(':memory:');
says(db.isOpen, db.isTransaction, db.location(), db.exec('create table t (a integer primary key, b text, c real, d blob)'));
const insert = db.prepare('insert into t (b, c, d) values (?, ?, ?)');
says(insert instanceof StatementSync, insert.run('grün', 1.5, Buffer.from([0, 255])), insert.run('x', null, new Uint8Array(0)));
says(insert.sourceSQL, insert.expandedSQL);
const all = db.prepare('select * from t');
says(all.all(), all.get(), all.get.length, db.prepare('select 1 where 0').get());
for (const row of all.iterate()) says(row);
const iterator = all.iterate();
says(iterator.next(), iterator.return(), iterator.next(), iterator.toArray);
says(all.columns());
says(db.prepare('select :a as a, @b as b, $c as c').get({ ':a': 1, '@b': 'two', $c: 3n }), db.prepare('select :a as a, ? as b').get({ a: 1 }, 2));
const big = db.prepare('select 9007199254740993 as n, -9223372036854775808 as m, 5 as k');
fails(() => big.get());
big.setReadBigInts(true);
says(big.get());
big.setReturnArrays(true);
says(big.all());
says(db.prepare('select ? as a, typeof(?) as b, typeof(?) as c', { returnArrays: true }).get(5n, 5, 5n));
says(db.prepare('select typeof(?1), typeof(?2), typeof(?3), typeof(?4), typeof(?5)', { returnArrays: true }).get(null, 1.5, 'x', Buffer.from('y'), 2n));

for (const [sql, ...values] of [
  ['select'], ['select * from nothing'], ['select ?', {}], ['select ?', 1, 2], ['select :a', { b: 1 }], ['select ?', true], ['select ?', undefined], ['select ?', Symbol('x')], ['select ?', () => 1],
  ['select ?', 2n ** 63n], ['insert into t (a) values (1)'], ["insert into t (a) values ('x')"], ['select abs(-9223372036854775808)'], ['select "nothing"'], ['select :a, @a', { a: 1 }],
]) fails(() => db.prepare(sql).get(...values));
fails(() => db.prepare(5));
fails(() => db.exec());
fails(() => db.exec('select 1; nonsense'));
fails(() => new DatabaseSync());
fails(() => new DatabaseSync('/nowhere/at/all.db'));
fails(() => new DatabaseSync(':memory:', { open: 1 }));
fails(() => new DatabaseSync(':memory:', 5));
fails(() => new StatementSync());
fails(() => db.open());

db.function('twice', { deterministic: true }, (value) => value * 2);
db.function('many', { varargs: true }, (...values) => values.length);
db.function('wrong', () => { throw new RangeError('of the function'); });
db.function('odd', () => ({}));
db.function('later', async () => 1);
db.function('nested', (value) => db.prepare('select ? + 1 as n').get(value).n);
db.function('kind', { useBigIntArguments: true }, (value) => typeof value);
says(db.prepare("select twice(4) as a, twice(1.5) as b, many() as c, many(1, 2, 3) as d, nested(6) as e, kind(1) as f, kind('x') as g").get());
for (const name of ['wrong', 'odd', 'later', 'none']) fails(() => db.prepare(`select ${name}()`).get());
fails(() => db.function('x', 5));
db.aggregate('total', { start: 0, step: (sum, value) => sum + value, inverse: (sum, value) => sum - value, result: (sum) => sum * 10 });
db.aggregate('texts', { start: () => [], step: (list, value) => [...list, value], result: (list) => list.join('-') });
says(db.prepare('select total(a) as t, texts(b) as x from t').get(), db.prepare('select total(1) as t, texts(1) as x where 0').get());
says(db.prepare('select total(a) over (order by a rows between 1 preceding and current row) as w from t').all());

db.exec('begin');
says(db.isTransaction);
db.exec('rollback');
says(db.isTransaction, constants.SQLITE_DENY, typeof constants.SQLITE_CHANGESET_OMIT);
db.setAuthorizer((action, first, second) => (action === constants.SQLITE_READ && second === 'c' ? constants.SQLITE_DENY : constants.SQLITE_OK));
fails(() => db.prepare('select c from t'));
says(db.prepare('select a from t where a = 1').get());
db.setAuthorizer(null);

db.exec('create table parent (id integer primary key); create table child (id references parent)');
fails(() => db.exec('insert into child values (5)'));
fs.rmSync('/tmp/calls.db', { force: true });
const file = new DatabaseSync('/tmp/calls.db', { timeout: 10 });
says(file.prepare('pragma journal_mode = wal').get(), file.location(), file.prepare('create table t as select 7 as a').run());
const other = new DatabaseSync(new URL('file:///tmp/calls.db'), { readOnly: true });
says(other.prepare('select * from t').all());
fails(() => other.exec('delete from t'));
file.exec('begin immediate');
const third = new DatabaseSync(Buffer.from('/tmp/calls.db'), { timeout: 10 });
fails(() => third.exec('begin immediate'));
file.exec('rollback');
const steps = [];
backup(file, '/tmp/copied.db', { rate: 1, progress: (step) => steps.push(step) }).then((pages) => {
  const copied = new DatabaseSync('/tmp/copied.db');
  says(pages, steps, copied.prepare('select a from t').all());
  for (const each of [copied, other, third, file]) each.close();
  says(fs.existsSync('/tmp/calls.db-wal'));
  fails(() => file.prepare('select 1'));
  fails(() => file.close());
  file[Symbol.dispose]();
  db.close();
  fails(() => all.all());
  says(db.isOpen);
  fs.rmSync('/tmp/copied.db');
  fs.rmSync('/tmp/calls.db');
  console.log(calls, 'calls');
});
