"""Connections beside each other: a log that is written ahead, full-text search, and a cache that is shared."""

import sqlite3

PLACE = "/tmp/shared.db"
first, second = (sqlite3.connect(PLACE, isolation_level=None) for _ in range(2))
print(first.execute("pragma journal_mode = wal").fetchone())
first.execute("create table t (a)")
first.execute("begin immediate")
first.execute("insert into t values (1)")
print("while another writes:", second.execute("select count(*) from t").fetchone())
first.execute("commit")
print("after it:", second.execute("select count(*) from t").fetchone())

first.execute("create virtual table pages using fts5(title, body)")
first.executemany("insert into pages values (?, ?)", [("One", "a red fox"), ("Two", "a blue whale")])
print(first.execute("select title, snippet(pages, 1, '[', ']', '', 5) from pages where pages match 'whale'").fetchall())
first.execute("create virtual table boxes using rtree(id, left, right)")
print(first.execute("select json_extract('{\"a\": [1, 2]}', '$.a[1]')").fetchone())

left, right = (sqlite3.connect("file:common?mode=memory&cache=shared", uri=True) for _ in range(2))
left.execute("create table t (a)")
left.execute("insert into t values (5)")
left.commit()
print(right.execute("select * from t").fetchall())
print(sqlite3.sqlite_version == left.execute("select sqlite_version()").fetchone()[0])
