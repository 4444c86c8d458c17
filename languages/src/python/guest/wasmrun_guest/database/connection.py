"""Connections."""

import functools
import os
import sys
import threading
import warnings
import weakref

from . import arguments, callbacks, constants, copies, cursor as cursors, errors, host, settings
from .answers import Answers
from .statement import prepare

_LEVELS = ("", "DEFERRED", "IMMEDIATE", "EXCLUSIVE")
_LEGACY = constants.LEGACY_TRANSACTION_CONTROL
# Texts up to so many bytes are within SQLite's limit, unless the program has set another.
_SHORT = 1_000_000
_POSITIONAL = (
    "Passing more than 1 positional argument to {}() is deprecated. Parameters 'timeout', 'detect_types', 'isolation_level', "
    "'check_same_thread', 'factory', 'cached_statements' and 'uri' will become keyword-only parameters in Python 3.15."
)


def _level(value):
    """How transactions begin (lang_transaction.html); None: only where the program says so."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError("isolation_level must be str or None")
    value = arguments.text(value, "")
    if not value.isascii() or value.upper() not in _LEVELS:
        raise ValueError("isolation_level string must be '', 'DEFERRED', 'IMMEDIATE', or 'EXCLUSIVE'")
    return value.upper()


def _mode(value):
    if value is True or value is False:
        return value
    if isinstance(value, int) and value == _LEGACY:
        return _LEGACY
    raise ValueError("autocommit must be True, False, or sqlite3.LEGACY_TRANSACTION_CONTROL")


def _path(database):
    path = os.fsdecode(database)
    if "\0" in path:
        raise ValueError("embedded null byte")
    if not path.isprintable() and any("\ud800" <= character <= "\udfff" for character in path):
        # No name of the guest's is anything but UTF-8.
        raise errors.error(constants.CODES["CANTOPEN"], "unable to open database file")
    return path


def _checked(method):
    """Whether the connection is open comes before what is wrong with the arguments."""

    @functools.wraps(method)
    def call(self, /, *given, **keywords):
        self._check()
        return method(self, *given, **keywords)

    return call


def _exception(kind):
    return property(lambda self: kind)


class Connection:
    """A connection to a database."""

    __module__ = "sqlite3"
    __slots__ = (
        "_database", "_answers", "_statements", "_own", "_detect_types", "_level", "_begins", "_autocommit", "_is_autocommit",
        "_thread", "_row_factory", "_text_factory", "_has_limits", "__weakref__",
    )  # fmt: skip

    def __init__(
        self, /, database, *positional, timeout=5.0, detect_types=0, isolation_level="", check_same_thread=True, factory=None,
        cached_statements=128, uri=False, autocommit=_LEGACY,
    ):  # fmt: skip
        if positional:
            if len(positional) > 7:
                raise TypeError(f"Connection() takes at most 8 positional arguments ({len(positional) + 1} given)")
            errors.deprecate(_POSITIONAL.format("_sqlite3.Connection"))
            given = (timeout, detect_types, isolation_level, check_same_thread, factory, cached_statements, uri)
            given = positional + given[len(positional) :]
            timeout, detect_types, isolation_level, check_same_thread, factory, cached_statements, uri = given
        timeout, detect_types = arguments.real(timeout), arguments.number(detect_types)
        level, mode = _level(isolation_level), _mode(autocommit)
        check_same_thread, cached_statements, uri = bool(check_same_thread), arguments.number(cached_statements), bool(uri)
        sys.audit("sqlite3.connect", database)
        path = _path(database)
        if getattr(self, "_database", None) is not None:
            # Statements that run go on, and have their database until their end.
            del self._thread
            self._roll_back()
            self._database = None
            self._statements.cache_clear()
        flags = constants.OPEN_READWRITE | constants.OPEN_CREATE | (constants.OPEN_URI if uri else 0)
        self._answers = Answers(timeout)
        opened = host.Database(path, flags, os.getcwd(), self._answers)
        if timeout > 0:
            opened.ask("BUSY", 1)
        reference = weakref.ref(self)
        self._statements = functools.lru_cache(cached_statements)(lambda sql: reference()(sql))
        # BEGIN, COMMIT and ROLLBACK.
        self._own = {}
        self._detect_types, self._autocommit, self._is_autocommit = detect_types, mode, True
        self._set_level(level)
        self._row_factory, self._text_factory, self._has_limits = None, str, False
        self._database = opened
        self._thread = threading.get_ident() if check_same_thread else None
        sys.audit("sqlite3.connect/handle", self)
        if mode is False:
            self._execute("BEGIN")

    def __del__(self):
        if getattr(self, "_database", None) is None:
            return
        try:
            warnings.warn(f"unclosed database in {self!r}", ResourceWarning, stacklevel=2, source=self)
        except Warning as error:
            errors.report(error, f"Exception ignored while finalizing database connection {self!r}")
        if sys.is_finalizing():
            # Nobody could answer: the host closes what is open.
            return
        try:
            self._close()
        except Exception as error:
            errors.report(error, f"Exception ignored while closing database {self!r}")

    def _close(self):
        database = self._database
        if database is None:
            return
        try:
            self._roll_back()
        finally:
            database.close()
            self._database = None
            self._statements.cache_clear()

    def _roll_back(self):
        if self._autocommit is False and not self._is_autocommit:
            self._execute("ROLLBACK")

    def _check_thread(self):
        thread = getattr(self, "_thread", None)
        if thread is not None and thread != threading.get_ident():
            raise errors.ProgrammingError(
                "SQLite objects created in a thread can only be used in that same thread. "
                f"The object was created in thread id {thread} and this is thread id {threading.get_ident()}."
            )

    def _check_open(self):
        if not hasattr(self, "_thread"):
            raise errors.ProgrammingError("Base Connection.__init__ not called.")
        if self._database is None:
            raise errors.ProgrammingError("Cannot operate on a closed database.")

    def _check(self):
        self._check_thread()
        self._check_open()

    def _limit(self, size):
        """How many bytes a statement may have, where that may be less."""
        return self._database.limit(constants.LIMITS["LIMIT_SQL_LENGTH"]) if size > _SHORT or self._has_limits else size

    def _check_length(self, size):
        if size > self._limit(size):
            raise errors.DataError("query string is too large")

    def _prepare(self, sql):
        return prepare(self._database, sql, self._limit)

    def _execute(self, sql):
        """One of the connection's own statements."""
        database = self._database
        # The authorizer is asked when a statement is compiled.
        is_kept = self._answers.authorize is None
        number = self._own.get(sql) if is_kept else None
        if number is None:
            number = database.prepare(sql)[0]
            if is_kept:
                self._own[sql] = number
        outcome = database.run(number, None, 1, 0, [])
        self._is_autocommit = outcome[4]
        if not is_kept:
            database.finalize(number)
        if outcome[6] is not None:
            raise errors.error(*outcome[6][:2])

    @_checked
    def __call__(self, sql, /):
        """A compiled statement."""
        if not isinstance(sql, str):
            raise TypeError(f"argument 1 must be str, not {errors.kind_of(sql)}")
        return self._prepare(sql)

    def cursor(self, factory=cursors.Cursor):
        """A cursor, which `factory` makes of the connection."""
        self._check()
        if factory is cursors.Cursor:
            return self._cursor()
        made = factory(self)
        if not issubclass(type(made), cursors.Cursor):
            raise TypeError(f"factory must return a cursor, not {type(made).__name__}")
        if self._row_factory is not None:
            made._row_factory = self._row_factory
        return made

    def _cursor(self):
        made = object.__new__(cursors.Cursor)
        made._begin(self)
        made._row_factory = self._row_factory
        return made

    def execute(self, sql, parameters=(), /):
        """A new cursor's `execute`."""
        self._check()
        return self._cursor().execute(sql, parameters)

    def executemany(self, sql, parameters, /):
        """A new cursor's `executemany`."""
        self._check()
        return self._cursor().executemany(sql, parameters)

    def executescript(self, sql_script, /):
        """A new cursor's `executescript`."""
        self._check()
        return self._cursor().executescript(sql_script)

    def commit(self):
        """Commit the transaction, where one is open."""
        self._check()
        self._end("COMMIT")

    def rollback(self):
        """Roll back the transaction, where one is open."""
        self._check()
        self._end("ROLLBACK")

    def _end(self, sql):
        if self._autocommit is False:
            self._execute(sql)
            self._execute("BEGIN")
        elif self._autocommit == _LEGACY and not self._is_autocommit:
            self._execute(sql)

    def interrupt(self):
        """Let the statements that run fail."""
        self._check_open()
        self._database.interrupt()

    def close(self):
        """Close it. What was not committed is lost."""
        self._check_thread()
        if not hasattr(self, "_thread"):
            raise errors.ProgrammingError("Base Connection.__init__ not called.")
        self._close()

    def __enter__(self):
        """The connection; the end of the block ends the transaction."""
        self._check_open()
        return self

    def __exit__(self, type, value, traceback, /):  # noqa: A002
        """Commit; or roll back after an exception, or where the commit fails."""
        if type is not None or value is not None or traceback is not None:
            Connection.rollback(self)
            return False
        try:
            Connection.commit(self)
        except BaseException:
            Connection.rollback(self)
            raise
        return False

    def _set_level(self, level):
        self._level = level
        # How `execute` begins a transaction where there is none.
        self._begins = f"BEGIN {level}" if level is not None and self._autocommit == _LEGACY else None

    @property
    def isolation_level(self):
        self._check_open()
        return self._level

    @isolation_level.setter
    def isolation_level(self, value):
        level = _level(value)
        self._set_level(level)
        if level is None:
            # The transaction that was begun for the program.
            Connection.commit(self)

    @isolation_level.deleter
    def isolation_level(self):
        raise AttributeError("cannot delete attribute")

    @property
    def autocommit(self):
        self._check()
        return self._autocommit

    @autocommit.setter
    def autocommit(self, value):
        self._check()
        self._autocommit = _mode(value)
        self._set_level(self._level)
        if self._autocommit is True and not self._is_autocommit:
            self._execute("COMMIT")
        elif self._autocommit is False and self._is_autocommit:
            self._execute("BEGIN")

    @autocommit.deleter
    def autocommit(self):
        raise AttributeError("cannot delete autocommit attribute")

    @property
    def in_transaction(self):
        self._check_open()
        return not self._is_autocommit

    @property
    def total_changes(self):
        self._check_open()
        return self._database.total_changes()

    row_factory = arguments.kept("row_factory")
    text_factory = arguments.kept("text_factory")

    for _method in (*callbacks.METHODS, *settings.METHODS, *copies.METHODS):
        _method.__qualname__ = f"Connection.{_method.__name__}"
        locals()[_method.__name__] = _method
    for _kind in errors.KINDS:
        locals()[_kind.__name__] = _exception(_kind)
    del _method, _kind


def connect(*positional, **keywords):
    """A connection to a database: a file, or memory with the name ":memory:". The arguments are those of the factory."""
    if 2 <= len(positional) <= 8:
        errors.deprecate(_POSITIONAL.format("sqlite3.connect"))
    factory = positional[5] if len(positional) > 5 else keywords.get("factory", Connection)
    return factory(*positional, **keywords)
