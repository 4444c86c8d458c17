"""`_sqlite3`, on which CPython's own sqlite3 stands, by the SQLite of the host (wit/deps/sqlite).

    sqlite3 --_sqlite3--> connection --marshal--> host --wasmrun:sqlite--> runtime
                          cursor <--rows--/          \\--questions--> answers

Files are the guest's own, locks are those of the system. A function of the program's that SQLite calls is a question in the
middle of a call of the host, which goes on with the answer.
"""

import sys

from .. import natives


def _names():
    from . import interface

    return interface.names()


def install():
    """Before `sqlite3` is imported."""
    natives.provide("_sqlite3", _names)
    # The interpreter has one built in, which would be found first.
    sys.meta_path.insert(0, sys.meta_path.pop())
