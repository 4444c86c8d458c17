"""Methods of connections for whole databases, and for values in parts."""

import importlib
import time

from . import blob, connection as connections, errors
from .arguments import contents, integer, number, real, text

_OK, _BUSY, _LOCKED = 0, 5, 6


def backup(self, /, target, *, pages=-1, progress=None, name="main", sleep=0.25):
    """Copy a database into another connection's, so many pages at once. `progress` is told the state, the pages left, and all."""
    if not isinstance(target, connections.Connection):
        raise TypeError(f"backup() argument 'target' must be sqlite3.Connection, not {errors.kind_of(target)}")
    pages, name, sleep = number(pages), text(name, "backup", "'name'"), real(sleep)
    self._check()
    target._check_open()
    if target is self:
        raise ValueError("target cannot be the same connection instance")
    if progress is not None and not callable(progress):
        raise TypeError("progress argument must be a callable")
    database = self._database
    copy = database.begin_backup(name, target._database, "main")
    try:
        while True:
            state, left, every = database.continue_backup(copy, pages or -1)
            if progress is not None:
                progress(state, left, every)
            if state in (_BUSY, _LOCKED):
                time.sleep(max(sleep, 0))
            elif state != _OK:
                break
    except BaseException:
        _abandon(database, copy)
        raise
    database.end_backup(copy)


def _abandon(database, copy):
    try:
        database.end_backup(copy)
    except errors.Error:
        pass


def serialize(self, /, *, name="main"):
    """The bytes of a database, as its file has them."""
    name = text(name, "serialize", "'name'")
    self._check()
    data = self._database.serialize(name)
    if data is None:
        raise errors.OperationalError(f"unable to serialize '{name}'")
    return data


def deserialize(self, data, /, *, name="main"):
    """Have the bytes of a database, as `serialize` gives them, in place of one of the connection's."""
    data, name = data.encode() if isinstance(data, str) else contents(data), text(name, "deserialize", "'name'")
    self._check()
    self._database.deserialize(name, data)


def blobopen(self, table, column, row, /, *, readonly=False, name="main"):
    """The value of a row's column, to read and write in parts."""
    table, column = text(table, "blobopen", 1), text(column, "blobopen", 2)
    if not isinstance(row, int):
        raise TypeError("expected 'int'")
    row, readonly, name = integer(row), bool(readonly), text(name, "blobopen", "'name'")
    self._check()
    return blob.opened(self, *self._database.open_blob(name, table, column, row, not readonly))


def iterdump(self, /, *, filter=None):  # noqa: A002
    """The statements that make the database anew, one after the other; of what `filter` is like (LIKE) where it is given."""
    self._check_open()
    dump = getattr(importlib.import_module("sqlite3.dump"), "_iterdump", None)
    if dump is None:
        raise errors.OperationalError("Failed to obtain _iterdump() reference")
    return dump(self, filter=filter)


METHODS = (backup, serialize, deserialize, blobopen, iterdump)
