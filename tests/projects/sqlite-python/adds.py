"""Adds up in a database that others use, too."""

import sqlite3
import sys

place, times = sys.argv[1], int(sys.argv[2])
database = sqlite3.connect(place, timeout=30, isolation_level=None)
for _ in range(times):
    database.execute("begin immediate")
    value, = database.execute("select value from sum").fetchone()
    database.execute("update sum set value = ?", (value + 1,))
    database.execute("commit")
