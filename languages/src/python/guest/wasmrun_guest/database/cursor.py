"""Cursors: statements that run, and their rows.

SQLite is one row ahead of the program in CPython: with a row it knows whether there is another, and ends the statement with the
last one. So is it here, with more rows at once: `_ready` can be given without the host, the last of them first, and `_held` only
when it is known what follows.
"""

import operator
import threading

from . import adapters, arguments, columns, connection as connections, constants, errors, parameters, row as rows, script

# Most rows of a call, of `fetchall` and of iterations.
_ALL, _MOST = 1_000_000, 64
# Rows of the first call of a statement that wanted more before.
_FIRST = 16
# Parameters of a call.
_BATCH = 1000
_NOTHING = ()
# As many rows as the attribute says.
_ARRAYSIZE = object()


class Cursor:
    """A statement that runs, and its rows."""

    __module__ = "sqlite3"
    __slots__ = (
        "_connection", "_statement", "_ready", "_held", "_failure", "_is_broken", "_most", "_changes", "_converters", "_texts",
        "_raw", "_description", "_lastrowid", "_rowcount", "_arraysize", "_row_factory", "_is_closed", "_is_locked",
        "__weakref__",
    )  # fmt: skip

    def __init__(self, connection, /):
        if getattr(self, "_is_locked", False):
            raise errors.ProgrammingError("Recursive use of cursors not allowed.")
        if not isinstance(connection, connections.Connection):
            raise TypeError(f"Cursor() argument 1 must be sqlite3.Connection, not {errors.kind_of(connection)}")
        Cursor.__del__(self)
        self._begin(connection)
        connection._check_thread()

    def _begin(self, connection):
        """What `execute` sets is not set here: most cursors are for one statement."""
        self._connection, self._statement = connection, None
        self._ready, self._held, self._failure = [], _NOTHING, None
        self._description = self._lastrowid = self._row_factory = None
        self._rowcount, self._arraysize = -1, 1
        self._is_closed = self._is_locked = False

    def __del__(self):
        try:
            statement = self._statement
        except AttributeError:
            return
        if statement is not None:
            self._statement = None
            statement.reset()

    connection = property(operator.attrgetter("_connection"))
    description = property(operator.attrgetter("_description"))
    lastrowid = property(operator.attrgetter("_lastrowid"))
    rowcount = property(operator.attrgetter("_rowcount"))
    row_factory = arguments.kept("row_factory")

    @property
    def arraysize(self):
        return self._arraysize

    @arraysize.setter
    def arraysize(self, value):
        self._arraysize = arguments.size(value)

    @arraysize.deleter
    def arraysize(self):
        raise AttributeError("attribute 'arraysize' of 'sqlite3.Cursor' objects cannot be deleted")

    def _check(self):
        """The connection, where this can be used."""
        try:
            connection = self._connection
        except AttributeError:
            connection = None
        if connection is None:
            raise errors.ProgrammingError("Base Cursor.__init__ not called.")
        if self._is_closed:
            raise errors.ProgrammingError("Cannot operate on a closed cursor.")
        # For each row, so without a call.
        if getattr(connection, "_database", None) is None or connection._thread not in (None, threading.get_ident()):
            connection._check()
        if self._is_locked:
            raise errors.ProgrammingError("Recursive use of cursors not allowed.")
        return connection

    def _reset(self):
        """Nothing is left of the statement before."""
        statement, self._statement = self._statement, None
        self._ready, self._held, self._failure, self._is_broken = [], _NOTHING, None, False
        if statement is not None:
            statement.reset()

    def _end(self, changes):
        """The statement has come to its end."""
        self._statement.is_active, self._statement = False, None
        if self._changes is not None:
            # They count when the last row is given.
            self._changes = changes
            if not self._ready:
                self._rowcount, self._changes = changes, None

    def _took(self, statement, outcome):
        """Takes what a call has given."""
        given, is_end, changes, _, is_autocommit, described, failure = outcome
        if statement.database is self._connection._database:
            self._connection._is_autocommit = is_autocommit
        if described is not None:
            statement.describe(described)
        if self._held:
            given.insert(0, self._held)
            self._held = _NOTHING
        if failure is not None:
            code, text, _ = failure
            self._failure = errors.error(code, text)
            self._is_broken = code == constants.NOT_TEXT
            if given and not self._is_broken:
                # SQLite failed on its way past it.
                given.pop()
        elif not is_end:
            self._held = given.pop()
        given.reverse()
        self._ready = given
        if failure is not None:
            statement.is_active, self._statement, self._changes = False, None, None
        elif is_end:
            self._end(changes)

    def _shape(self, statement):
        """What rows are to be: for the host, and here."""
        connection = self._connection
        self._texts = columns.STR if connection._text_factory is str else columns.TUPLE
        self._converters, self._raw = None, []
        kinds = connection._detect_types
        if kinds and statement.columns:
            by_name, by_type = kinds & constants.PARSE_COLNAMES, kinds & constants.PARSE_DECLTYPES
            self._converters = found = adapters.converters_of(statement.kinds, by_name, by_type)
            if found is not None:
                self._raw = [place for place, converter in enumerate(found) if converter is not None]

    def _run(self, statement, given, most):
        """Runs the statement with parameters: what the call has given; None of blanks and comments."""
        database = self._connection._database
        values = parameters.encode(statement, given)
        if statement.number is None:
            return None
        self._shape(statement)
        statement.is_active, self._statement = True, statement
        try:
            outcome = database.run(statement.number, values, most, self._texts, self._raw)
        except errors.Error as error:
            refused = error
        else:
            if outcome[5] is not None and self._connection._detect_types:
                # The schema has changed: columns may have other converters.
                before = self._raw
                statement.describe(outcome[5])
                self._shape(statement)
                if self._raw != before and statement.is_readonly:
                    outcome = database.run(statement.number, values, most, self._texts, self._raw)
            return outcome
        parameters.check(statement, given)
        raise refused

    def _find(self, connection, sql):
        """The statement of a text, which nobody else is at."""
        self._description = None
        statement = connection._statements(sql)
        before = self._statement
        if before is not statement:
            if before is not None:
                self._reset()
            if statement.is_active:
                statement = connection._prepare(sql)
        # If it is at this statement, to run it anew resets it.
        self._ready, self._held, self._failure, self._is_broken = [], _NOTHING, None, False
        return statement

    def _begin_with(self, connection, statement):
        self._rowcount = 0 if statement.is_dml else -1
        if statement.is_dml and connection._is_autocommit and connection._begins:
            connection._execute(connection._begins)

    def _failed(self):
        """What ran is over."""
        statement, self._statement = self._statement, None
        self._ready, self._held, self._failure = [], _NOTHING, None
        if statement is not None:
            statement.reset()

    def execute(self, sql, parameters=(), /):
        """Run a statement."""
        connection = self._check()
        if not isinstance(sql, str):
            raise TypeError(f"execute() argument 1 must be str, not {errors.kind_of(sql)}")
        self._is_locked = True
        try:
            statement = self._find(connection, sql)
            self._begin_with(connection, statement)
            self._changes, self._most = 0 if statement.is_dml else None, 2
            outcome = self._run(statement, parameters, statement.first)
            if outcome is None:
                return self
            is_first = not outcome[0]
            self._took(statement, outcome)
            if self._failure is not None and is_first and not self._is_broken:
                raise self._failure
            self._description = statement.description(connection._detect_types & constants.PARSE_COLNAMES)
            self._lastrowid = outcome[3]
        except BaseException:
            self._failed()
            self._rowcount = -1
            raise
        finally:
            self._is_locked = False
        return self

    def executemany(self, sql, seq_of_parameters, /):
        """Run a statement that changes data, once for each of the parameters."""
        connection = self._check()
        if not isinstance(sql, str):
            raise TypeError(f"executemany() argument 1 must be str, not {errors.kind_of(sql)}")
        self._is_locked = True
        try:
            every = iter(seq_of_parameters)
            statement = self._find(connection, sql)
            if statement.is_readonly:
                raise errors.ProgrammingError("executemany() can only execute DML statements.")
            self._begin_with(connection, statement)
            self._changes, self._most, changed = None, 2, 0
            if type(seq_of_parameters) in (list, tuple) and not statement.columns:
                count, changed = self._run_all(connection, statement, seq_of_parameters)
                every = iter(seq_of_parameters[count:])
            for given in every:
                if self._held:
                    raise errors.error(constants.CODES["MISUSE"], "bad parameter or other API misuse")
                outcome = self._run(statement, given, 1)
                self._took(statement, outcome)
                if self._failure is not None:
                    raise self._failure
                if statement.is_dml and not self._held:
                    changed += outcome[2]
                    self._rowcount = changed
                self._description = statement.description(connection._detect_types & constants.PARSE_COLNAMES)
            if self._held and statement.is_dml:
                # Counted anew when its last row is given.
                self._changes = 0
        except BaseException:
            self._failed()
            self._rowcount = -1
            raise
        finally:
            self._is_locked = False
        return self

    def _run_all(self, connection, statement, every):
        """Runs it with many parameters at once, as far as that can be: how many, and what they have changed."""
        known, done, changed = parameters.known(statement, every), 0, 0
        while done < len(known):
            try:
                outcome = connection._database.run_all(statement.number, known[done : done + _BATCH])
            except errors.Error:
                # One of them is refused before any has run: it is found one by one.
                break
            count, changes, _, connection._is_autocommit, failure = outcome
            done, changed = done + count, changed + changes
            if failure is not None:
                raise errors.error(*failure[:2])
            if statement.is_dml:
                self._rowcount = changed
        return done, changed

    def executescript(self, sql_script, /):
        """Run all statements of a text, after a commit of what is under way."""
        connection = self._check()
        sql = arguments.text(sql_script, "executescript")
        connection._check_length(len(sql) if sql.isascii() else len(sql.encode()))
        if connection._autocommit == constants.LEGACY_TRANSACTION_CONTROL and not connection._is_autocommit:
            connection._execute("COMMIT")
        script.run(connection, sql)
        return self

    def _more(self, most):
        """Whether there are more rows, which are `_ready` then."""
        while not self._ready:
            statement = self._statement
            if statement is None:
                failure = self._failure
                if failure is not None:
                    if not self._is_broken:
                        self._failure = None
                    raise failure
                return False
            statement.first = _FIRST if statement.is_readonly else statement.first
            self._is_locked = True
            try:
                outcome = statement.database.fetch(statement.number, most, self._texts, self._raw)
                self._took(statement, outcome)
            except BaseException:
                self._failed()
                raise
            finally:
                self._is_locked = False
        return True

    def _is_plain(self):
        """Whether rows are the program's as the host gives them."""
        return self._texts == columns.STR and self._converters is None and self._connection._text_factory is str

    def _shaped(self, data):
        """A row of the program's, of one of the host's."""
        self._is_locked = True
        try:
            return columns.shaped(data, self._description, self._connection._text_factory, self._converters)
        finally:
            self._is_locked = False

    def __iter__(self):
        return self

    def __next__(self):
        self._check()
        ready = self._ready
        if not ready:
            if not self._more(self._most if self._statement is not None else 1):
                raise StopIteration
            self._most = min(self._most * 2, _MOST)
            ready = self._ready
        data = ready.pop()
        if not (self._texts == columns.STR and self._converters is None and self._connection._text_factory is str):
            data = self._shaped(data)
        if not ready and self._changes is not None and self._statement is None:
            self._rowcount, self._changes = self._changes, None
        factory = self._row_factory
        return data if factory is None else factory(self, data)

    def fetchone(self):
        """The next row, or None."""
        try:
            return _next(self)
        except StopIteration:
            return None

    def fetchmany(self, size=_ARRAYSIZE):
        """The next rows: so many, or as many as `arraysize` says."""
        return self._fetch(self._arraysize if size is _ARRAYSIZE else arguments.size(size))

    def fetchall(self):
        """All rows that are left."""
        return self._fetch(None)

    def _fetch(self, size):
        """At most so many rows; None: all."""
        self._check()
        found = []
        while size is None or len(found) < size:
            if not self._more(_ALL if size is None else min(size - len(found), _ALL)):
                break
            ready = self._ready
            if size is None or size - len(found) >= len(ready):
                ready.reverse()
                part, self._ready = ready, []
            else:
                part = ready[: len(found) - size - 1 : -1]
                del ready[len(found) - size :]
            if not self._is_plain():
                part = [self._shaped(data) for data in part]
            factory = self._row_factory
            if factory is rows.Row:
                part = rows.rows(part, self._description)
            elif factory is not None:
                part = [factory(self, data) for data in part]
            found = found + part if found else part
            if not self._ready and self._changes is not None and self._statement is None:
                self._rowcount, self._changes = self._changes, None
        return found

    def setinputsizes(self, sizes, /):
        """Nothing: DB-API has it."""

    def setoutputsize(self, size, column=None, /):
        """Nothing: DB-API has it."""

    def close(self):
        """Close it. Rows that are left are gone."""
        if getattr(self, "_is_locked", False):
            raise errors.ProgrammingError("Recursive use of cursors not allowed.")
        if getattr(self, "_connection", None) is None:
            raise errors.ProgrammingError("Base Cursor.__init__ not called.")
        self._connection._check()
        self._reset()
        self._is_closed = True


_next = Cursor.__next__
