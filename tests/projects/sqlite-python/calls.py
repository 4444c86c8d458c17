"""What programs do with sqlite3, and what it answers: the same here and in a guest."""

import datetime
import re
import sqlite3
import sys
import tempfile
import threading
import warnings

warnings.simplefilter("ignore")
calls = 0


def says(*values):
    global calls
    calls += 1
    print(*values)


def fails(call, *arguments, **keywords):
    try:
        says("no error:", call(*arguments, **keywords))
    except Exception as error:
        name = getattr(error, "sqlite_errorname", None)
        says(type(error).__name__, name, re.sub(r"id \d+", "id N", str(error)))


db = sqlite3.connect(":memory:")
says(db.isolation_level, db.in_transaction, db.total_changes, db.row_factory, db.text_factory is str)
cursor = db.execute("create table t (a integer primary key, b text, c real, d blob)")
says(cursor.description, cursor.rowcount, cursor.lastrowid, cursor.arraysize)
cursor.execute("insert into t (b, c, d) values (?, ?, ?)", ("grün", 1.5, b"\x00\xff"))
says(cursor.lastrowid, cursor.rowcount, db.in_transaction)
cursor.executemany("insert into t (b) values (:name)", ({"name": name} for name in ("x", "y", None, "z" * 3)))
says(cursor.rowcount, db.total_changes)
db.commit()
says(db.in_transaction)
says(db.execute("select * from t").fetchall())
says([column[0] for column in db.execute("select a, b as other, 1 + 1 from t").description])
rows = db.execute("select a from t order by a")
says(rows.fetchone(), rows.fetchmany(2), next(rows), list(rows), rows.fetchone(), rows.fetchall())
says([row[0] for row in db.execute("with recursive n(i) as (select 1 union all select i + 1 from n limit 200) select i from n")][-3:])
says(db.execute("select ?1, ?2, ?1", (1, 2)).fetchone(), db.execute("select :a, @b, $c", {"a": 1, "b": 2, "c": 3}).fetchone())
values = (0, -1, 2**31, -(2**63), 2**63 - 1, 1e300, float("inf"), "", "\0\U0001f600", b"", True, None, bytearray(b"x"), memoryview(b"y"))
says(db.execute(f"select {', '.join('?' * len(values))}", values).fetchone())
says([kind for kind, in db.execute("select typeof(value) from (select 1 as value union all select 2.5 union all select 'x' union all select x'00' union all select null)")])

for sql, parameters in (
    ("select", ()),
    ("select * from nothing", ()),
    ("select ?", ()),
    ("select ?", (1, 2)),
    ("select :a", {}),
    ("select ?", (object(),)),
    ("select ?", (2**63,)),
    ("select ?", ("\ud800",)),
    ("select 1; select 2", ()),
    ("insert into t (a) values (1)", ()),
    ("insert into t (a) values ('x')", ()),
    ("select abs(-9223372036854775808)", ()),
    ("select cast(x'ff' as text)", ()),
):
    fails(lambda: db.execute(sql, parameters).fetchall())
fails(db.executemany, "select 1", [()])
fails(db.executescript, "select 1; nonsense")
fails(db.cursor().execute, 5)
fails(sqlite3.connect, "/nowhere/at/all.db")
fails(lambda: db.execute("select 1", 5))
db.executescript("create table u (a unique, b not null); insert into u values (1, 2);")
fails(db.execute, "insert into u values (1, 3)")
fails(db.execute, "insert into u values (2, null)")
db.rollback()

with db:
    db.execute("insert into u values (10, 1)")
try:
    with db:
        db.execute("insert into u values (11, 1)")
        raise KeyError("x")
except KeyError:
    pass
says(db.execute("select a from u").fetchall())

db.row_factory = sqlite3.Row
row = db.execute("select 1 as a, 'x' as B").fetchone()
says(row.keys(), row["A"], row["b"], row[0], row[-1], row[0:2], len(row), tuple(row), dict(row), row == db.execute("select 1 as a, 'x' as B").fetchone())
fails(lambda: row["c"])
fails(lambda: row[2])
db.row_factory = lambda cursor, row: {column[0]: value for column, value in zip(cursor.description, row)}
says(db.execute("select 1 as a, 2 as b").fetchall())
db.row_factory = None
db.text_factory = bytes
says(db.execute("select 'grün'").fetchone())
db.text_factory = lambda text: text.decode() + "!"
says(db.execute("select 'grün'").fetchone())
db.text_factory = str

db.create_function("twice", 1, lambda value: value * 2, deterministic=True)
says(db.execute("select twice(4), twice('ab'), twice(1.5)").fetchone())
db.create_function("many", -1, lambda *values: len(values))
says(db.execute("select many(), many(1, 2, 3)").fetchone())
db.create_function("wrong", 0, lambda: 1 / 0)
fails(lambda: db.execute("select wrong()").fetchone())
db.create_function("nested", 1, lambda value: db.execute("select ? + 1", (value,)).fetchone()[0])
says(db.execute("select nested(a) from t order by a").fetchall())


class Longest:
    def __init__(self):
        self.text = ""

    def step(self, text):
        self.text = max(self.text, text or "", key=len)

    def finalize(self):
        return self.text


class Window:
    def __init__(self):
        self.values = []

    def step(self, value):
        self.values.append(value)

    def inverse(self, value):
        self.values.remove(value)

    def value(self):
        return "".join(map(str, self.values))

    finalize = value


db.create_aggregate("longest", 1, Longest)
says(db.execute("select longest(b) from t").fetchone(), db.execute("select longest(b) from t where 0").fetchone())
db.create_window_function("joined", 1, Window)
says(db.execute("select joined(a) over (order by a rows between 1 preceding and 1 following) from t").fetchall())
db.create_collation("backwards", lambda left, right: (left < right) - (left > right))
says(db.execute("select b from t where b is not null order by b collate backwards").fetchall())
db.create_collation("backwards", None)
fails(db.execute, "select b from t order by b collate backwards")

traced = []
db.set_trace_callback(traced.append)
db.execute("select ?", (5,)).fetchall()
db.set_trace_callback(None)
says(traced)
db.set_authorizer(lambda action, *names: sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_READ and names[1] == "c" else sqlite3.SQLITE_OK)
fails(db.execute, "select c from t")
says(db.execute("select a from t where a = 1").fetchall())
db.set_authorizer(None)
db.set_progress_handler(lambda: 1, 100)
fails(db.execute, "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n")
db.set_progress_handler(None, 0)

sqlite3.register_adapter(complex, lambda number: f"{number.real};{number.imag}")
sqlite3.register_converter("complex", lambda text: complex(*map(float, text.split(b";"))))
typed = sqlite3.connect(":memory:", detect_types=sqlite3.PARSE_DECLTYPES | sqlite3.PARSE_COLNAMES)
typed.execute("create table t (a complex, b date, c timestamp)")
typed.execute("insert into t values (?, ?, ?)", (1 + 2j, datetime.date(2026, 11, 27), datetime.datetime(2026, 11, 27, 1, 2, 3, 4)))
says(typed.execute("select * from t").fetchone())
says(typed.execute('select a as "a [complex]", b as "b [date]" from t').fetchone())

folder = tempfile.TemporaryDirectory()
place = f"{folder.name}/source.db"
with sqlite3.connect(place) as source:
    source.executescript("create table t (a, b blob); insert into t values (1, zeroblob(10));")
with source.blobopen("t", "b", 1) as blob:
    blob.write(b"hello")
    blob[7] = 65
    blob.seek(0)
    says(blob.read(3), blob.tell(), len(blob), blob[0:8], blob[-1])
    fails(blob.write, b"x" * 20)
    fails(lambda: blob[10])
target = sqlite3.connect(":memory:")
steps = []
source.backup(target, pages=1, progress=lambda *numbers: steps.append(numbers))
says(steps, target.execute("select * from t").fetchall())
says("\n".join(source.iterdump()))
copied = sqlite3.connect(":memory:")
copied.deserialize(target.serialize())
says(copied.execute("select a from t").fetchall())

says(source.getlimit(sqlite3.SQLITE_LIMIT_ATTACHED), source.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 1), source.getlimit(sqlite3.SQLITE_LIMIT_ATTACHED))
says(sqlite3.complete_statement("select 1;"), sqlite3.complete_statement("select 1"), sqlite3.apilevel, sqlite3.paramstyle)


def elsewhere(call):
    def body():
        fails(call)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()


for call in (lambda: db.execute("select 1"), db.cursor, db.commit):
    try:
        with_thread = []
        elsewhere(call)
    except Exception as error:
        says(error)
free = sqlite3.connect(":memory:", check_same_thread=False)
elsewhere(lambda: free.execute("select 7").fetchone())

for isolation in (None, "IMMEDIATE", ""):
    db.isolation_level = isolation
    db.execute("insert into t (b) values ('w')")
    says(isolation, db.in_transaction)
    db.rollback()
first, second = (sqlite3.connect(place, timeout=0.1, isolation_level=None) for _ in range(2))
first.execute("begin immediate")
fails(second.execute, "begin immediate")
says(second.execute("select count(*) from t").fetchone())
first.execute("rollback")

db.close()
fails(db.execute, "select 1")
fails(cursor.fetchone)
fails(lambda: sqlite3.Connection.__new__(sqlite3.Connection).cursor())
says([name for name in ("Error", "Warning", "DatabaseError", "IntegrityError", "OperationalError", "ProgrammingError", "InterfaceError", "InternalError", "DataError", "NotSupportedError") if issubclass(getattr(sqlite3, name), Exception)])
print(calls, "calls", file=sys.stderr)
