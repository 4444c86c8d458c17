"""Exceptions of DB-API 2.0 (PEP 249), and which of them a result code becomes."""

import sys
import warnings

from . import constants


class Error(Exception):
    __module__ = "sqlite3"


class Warning(Exception):  # noqa: A001
    __module__ = "sqlite3"


class InterfaceError(Error):
    __module__ = "sqlite3"


class DatabaseError(Error):
    __module__ = "sqlite3"


class InternalError(DatabaseError):
    __module__ = "sqlite3"


class OperationalError(DatabaseError):
    __module__ = "sqlite3"


class ProgrammingError(DatabaseError):
    __module__ = "sqlite3"


class IntegrityError(DatabaseError):
    __module__ = "sqlite3"


class DataError(DatabaseError):
    __module__ = "sqlite3"


class NotSupportedError(DatabaseError):
    __module__ = "sqlite3"


KINDS = (
    Error, Warning, InterfaceError, DatabaseError, InternalError, OperationalError, ProgrammingError, IntegrityError, DataError,
    NotSupportedError,
)  # fmt: skip

NOMEM, TOOBIG = constants.CODES["NOMEM"], constants.CODES["TOOBIG"]
_NAMES = {value: f"SQLITE_{name}" for name, value in constants.CODES.items()}
_OPERATIONAL = "ERROR PERM ABORT BUSY LOCKED READONLY INTERRUPT IOERR FULL CANTOPEN PROTOCOL EMPTY SCHEMA"
_OF_CODES = {
    constants.CODES[name]: kind
    for names, kind in (
        ("INTERNAL NOTFOUND", InternalError),
        (_OPERATIONAL, OperationalError),
        ("TOOBIG", DataError),
        ("CONSTRAINT MISMATCH", IntegrityError),
        ("MISUSE RANGE", InterfaceError),
    )
    for name in names.split()
}
# Where this package's functions are, as frames have it.
_OWN = (lambda: None).__code__.co_filename.rpartition("/")[0]


def error(code, text):
    """The exception of an extended result code."""
    if code == constants.NOT_TEXT:
        column, _, value = text.partition("\0")
        return OperationalError(f"Could not decode to UTF-8 column '{column}' with text '{value}'")
    if code & 0xFF == NOMEM:
        return MemoryError()
    made = _OF_CODES.get(code & 0xFF, DatabaseError)(text)
    made.sqlite_errorcode = code
    made.sqlite_errorname = _NAMES.get(code, "unknown")
    return made


def deprecate(text):
    """Warns the caller of this package."""
    warnings.warn(text, DeprecationWarning, stacklevel=2, skip_file_prefixes=(_OWN,))


def kind_of(value):
    """What errors of C call its type: classes of C go by the module, too."""
    if value is None:
        return "None"
    kind = type(value)
    is_of_c = kind.__flags__ & 1 << 8 and kind.__module__ != "builtins"
    return f"{kind.__module__}.{kind.__qualname__}" if is_of_c or kind.__module__ == "sqlite3" else kind.__name__


class _Unraisable:
    """The type that `sys.unraisablehook` takes, which has no name: it is seen when there is something to report."""

    found = None

    def __del__(self):
        raise RuntimeError

    @classmethod
    def kind(cls):
        if cls.found is None:
            before, sys.unraisablehook = sys.unraisablehook, lambda arguments: setattr(cls, "found", type(arguments))
            try:
                cls()
            finally:
                sys.unraisablehook = before
        return cls.found


def report(error, text):
    """Calls `sys.unraisablehook`. The frames that called the function are this package's, and left out."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_OWN):
        trace = trace.tb_next
    sys.unraisablehook(_Unraisable.kind()((type(error), error, trace, text, None)))
