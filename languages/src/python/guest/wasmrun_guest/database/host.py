"""SQLite of the host: the only place that names its interface (wit/deps/sqlite).

What it makes belongs to one run: while the snapshot is made there is none of it. Rows, parameters and arguments are bytes of
`marshal`, whose reader and writer are C.
"""

import marshal
import sys

from componentize_py_types import Err
from wit_world.imports import database as interface

from .. import ending
from . import errors

_dumps, _loads = marshal.dumps, marshal.loads
_Done = interface.Progress_Done
_INTERRUPT = 9
# As the interface has them.
SCALAR, AGGREGATE, WINDOW = range(3)


def _need():
    if not ending.runs():
        raise errors.OperationalError("there is no SQLite while the snapshot is made")


def call(function, *arguments):
    """What the host answers; componentize-py's own error is none that programs could handle."""
    try:
        return function(*arguments)
    except Err as error:
        failure = error.value
    raise errors.error(failure.code, failure.text)


def is_complete(sql):
    _need()
    return interface.is_complete(sql)


def encode(values):
    return _dumps(values, 2)


class Database:
    """One of the host's connections, with what answers its questions: `answers(database, kind, function, instance, arguments)`
    gives whether there is a value, and that, or a result code and a text.
    """

    __slots__ = ("_raw", "_answers", "_refused", "raised", "is_closed")

    def __init__(self, name, flags, folder, answers):
        _need()
        self._answers = answers
        # Statements that could not be finalized in the middle of a callback.
        self._refused = []
        # What a collation has raised: nobody else can tell of it.
        self.raised = None
        self.is_closed = True
        self._raw = call(interface.Connection.open, name, flags, folder)
        self.is_closed = False

    def _end(self, progress):
        """What a call ends with, after its questions."""
        while type(progress) is not _Done:
            question = progress.value
            arguments = _loads(question.arguments)
            try:
                is_value, answer = self._answers(self, question.kind.name, question.function, question.instance, arguments)
            except BaseException:
                # The program ends, while it waits for a lock.
                self._give_up()
                raise
            answer = interface.Answer_Value(_dumps(answer, 2)) if is_value else interface.Answer_Failed(answer)
            progress = self._raw.answer(answer)
        return _loads(progress.value)

    def _give_up(self):
        """Ends a call that nobody answers any more."""
        try:
            while type(self._raw.answer(interface.Answer_Failed((_INTERRUPT, "")))) is not _Done:
                pass
        except Err:
            pass

    def _call(self, function, *arguments):
        try:
            progress = function(*arguments)
            if type(progress) is _Done:
                return _loads(progress.value)
            made = self._end(progress)
        except Err as error:
            failure = error.value
        else:
            raised, self.raised = self.raised, None
            # An error of SQLite's comes first.
            if raised is not None and not (made and type(made[-1]) is tuple):
                raise raised
            return made
        self.raised = None
        raise errors.error(failure.code, failure.text)

    def prepare(self, sql):
        refused, self._refused = self._refused, []
        for statement in refused:
            self.finalize(statement)
        return self._call(self._raw.prepare, sql, 0)

    def run(self, statement, parameters, most, texts, raw):
        return self._call(self._raw.run, statement, parameters, most, texts, raw)

    def run_all(self, statement, every):
        """Runs it with each of these parameters: `(count, changes, rowid, is_autocommit, failure)`."""
        return self._call(self._raw.run_all, statement, _dumps(every, 2))

    def run_script(self, sql):
        """Runs all statements of a text: `(is_autocommit, failure)`."""
        return self._call(self._raw.run_script, sql)

    def fetch(self, statement, most, texts, raw):
        return self._call(self._raw.fetch, statement, most, texts, raw)

    def reset(self, statement):
        """Where a callback forbids it, the next run does it."""
        try:
            self._call(self._raw.reset, statement)
        except errors.Error:
            pass

    def finalize(self, statement):
        """Where a callback forbids it, that is done later."""
        try:
            self._call(self._raw.finalize, statement)
        except errors.Error:
            self._refused.append(statement)

    def close(self):
        self._call(self._raw.close)
        self.is_closed = True

    def __del__(self):
        if not getattr(self, "is_closed", True) and not sys.is_finalizing():
            try:
                self.close()
            except errors.Error:
                # In the middle of a callback: it ends with the host's own.
                pass

    def create_function(self, name, arguments, flags, kind, function):
        call(self._raw.create_function, name, arguments, flags, kind, function)

    def create_collation(self, name, function):
        call(self._raw.create_collation, name, function)

    def ask(self, kind, each):
        """Which questions are asked besides: AUTHORIZE, TRACE and BUSY where `each` is 1, PROGRESS each so many instructions."""
        call(self._raw.ask, interface.Kind[kind], each)

    def limit(self, category, value=-1):
        return self._raw.limit(category, value)

    def configure(self, option, value):
        return call(self._raw.configure, option, value)

    def is_autocommit(self):
        return self._raw.is_autocommit()

    def total_changes(self):
        return self._raw.total_changes()

    def interrupt(self):
        self._raw.interrupt()

    def serialize(self, name):
        return call(self._raw.serialize, name)

    def deserialize(self, name, data):
        call(self._raw.deserialize, name, data)

    def open_blob(self, name, table, column, row, is_writable):
        return call(self._raw.open_blob, name, table, column, row, is_writable)

    def read_blob(self, blob, offset, length):
        return call(self._raw.read_blob, blob, offset, length)

    def write_blob(self, blob, offset, data):
        call(self._raw.write_blob, blob, offset, data)

    def close_blob(self, blob):
        self._raw.close_blob(blob)

    def begin_backup(self, name, into, target):
        return call(self._raw.begin_backup, name, into._raw, target)

    def continue_backup(self, backup, pages):
        return self._raw.continue_backup(backup, pages)

    def end_backup(self, backup):
        call(self._raw.end_backup, backup)
