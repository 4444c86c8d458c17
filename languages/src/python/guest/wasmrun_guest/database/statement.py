"""Statements: of the host, and kept by connections for the next time."""

import re
import sys

from . import errors
from .adapters import kinds_of, shown_name

_BLANKS = re.compile(r"(?:[ \t\f\n\r]+|--[^\n]*(?:\n|\Z)|/\*.*?(?:\*/|\Z))*", re.DOTALL)
_CHANGES = re.compile("insert|update|delete|replace", re.IGNORECASE)


def after_blanks(sql):
    """Where a text's first character is that is neither blank nor in a comment."""
    return _BLANKS.match(sql).end()


class Statement:
    """A compiled statement."""

    __module__ = "sqlite3"
    __slots__ = (
        "database", "number", "names", "keys", "is_named", "is_readonly", "is_dml", "is_active", "columns", "descriptions",
        "kinds", "first",
    )  # fmt: skip

    def __new__(cls, *_, **__):
        raise TypeError("cannot create 'sqlite3.Statement' instances")

    def __del__(self):
        number = self.number
        if number is not None and not self.database.is_closed and not sys.is_finalizing():
            self.database.finalize(number)

    def reset(self):
        """Ends what it was at."""
        if self.is_active:
            self.is_active = False
            if not self.database.is_closed and not sys.is_finalizing():
                self.database.reset(self.number)

    def describe(self, columns):
        self.columns, self.kinds, self.descriptions = columns, kinds_of(columns), {}

    def description(self, by_name):
        """Of DB-API's seven facts of a column SQLite knows the name."""
        found = self.descriptions.get(by_name)
        if found is None and self.columns:
            names = [column[0] for column in self.columns]
            found = tuple((shown_name(name) if by_name else name, None, None, None, None, None, None) for name in names)
            self.descriptions[by_name] = found
        return found


def prepare(database, sql, limit):
    """A statement of a text. `limit()` says how many bytes it may have."""
    size = len(sql) if sql.isascii() else len(sql.encode())
    if size > limit(size):
        raise errors.DataError("query string is too large")
    if "\0" in sql:
        raise errors.ProgrammingError("the query contains a null character")
    number, rest, columns, names, is_readonly, _ = database.prepare(sql)
    made = object.__new__(Statement)
    made.database, made.number = database, number
    if rest:
        tail = sql[-rest:] if size == len(sql) else sql.encode()[-rest:].decode()
        if after_blanks(tail) < len(tail):
            raise errors.ProgrammingError("You can only execute one statement at a time.")
    made.names, made.is_readonly = names, is_readonly
    made.keys = None if None in names else tuple(name[1:] for name in names)
    made.is_named = any(name is not None and name[0] != "?" for name in names)
    made.is_dml = _CHANGES.match(sql, after_blanks(sql)) is not None
    made.is_active = False
    # Rows that are asked for with the first call: few, until somebody wants more of them.
    made.first = 2
    made.describe(columns)
    return made
