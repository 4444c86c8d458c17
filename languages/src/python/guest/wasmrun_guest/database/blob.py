"""Values of the database that are read and written in parts."""

import operator
import os
import sys

from . import errors
from .arguments import contents, number

_LARGEST = (1 << 31) - 1
_ABORT = 4


class Blob:
    __module__ = "sqlite3"
    # A class with places would be iterable.
    __iter__ = None
    __slots__ = ("_connection", "_database", "_number", "_size", "_at", "__weakref__")

    def __new__(cls, *_, **__):
        raise TypeError("cannot create 'sqlite3.Blob' instances")

    def __del__(self):
        self._close()

    def _close(self):
        number, self._number = self._number, None
        if number is not None and not self._database.is_closed and not sys.is_finalizing():
            self._database.close_blob(number)

    def _check(self):
        """Says whether it can be used."""
        self._connection._check()
        if self._number is None:
            raise errors.ProgrammingError("Cannot operate on a closed blob.")

    def _call(self, function, *arguments):
        try:
            return function(self._number, *arguments)
        except errors.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == _ABORT:
                # The row has changed: there is nothing any more.
                self._size = 0
            raise

    def _read(self, at, length):
        return self._call(self._database.read_blob, at, length) if length else b""

    def _write(self, at, data):
        if len(data) > self._size - at:
            raise ValueError("data longer than blob length")
        self._call(self._database.write_blob, at, data)

    def close(self):
        """Close it."""
        self._connection._check()
        self._close()

    def read(self, length=-1, /):
        """Read so many bytes from where it is, or all that follow."""
        self._check()
        length, left = number(length), self._size - self._at
        if length < 0 or length > left:
            length = left
        data = self._read(self._at, length)
        self._at += length
        return data

    def write(self, data, /):
        """Write bytes to where it is. Its size stays as it is."""
        data = contents(data)
        self._check()
        self._write(self._at, data)
        self._at += len(data)

    def seek(self, offset, origin=0, /):
        """Go to an offset: from the beginning, from where it is (os.SEEK_CUR), or from the end (os.SEEK_END)."""
        offset, origin = number(offset), number(origin)
        self._check()
        if origin not in (os.SEEK_SET, os.SEEK_CUR, os.SEEK_END):
            raise ValueError("'origin' should be os.SEEK_SET, os.SEEK_CUR, or os.SEEK_END")
        begin = (0, self._at, self._size)[origin]
        if origin != os.SEEK_SET and offset > _LARGEST - begin:
            raise OverflowError("seek offset results in overflow")
        if not 0 <= offset + begin <= self._size:
            raise ValueError("offset out of blob range")
        self._at = offset + begin

    def tell(self):
        """Where it is."""
        self._check()
        return self._at

    def __enter__(self):
        self._check()
        return self

    def __exit__(self, type, val, tb, /):  # noqa: A002
        self._check()
        self._close()
        return False

    def __contains__(self, value, /):
        raise TypeError("argument of type 'sqlite3.Blob' is not a container or iterable")

    def __len__(self):
        self._check()
        return self._size

    def _place(self, key):
        at = operator.index(key)
        if not -sys.maxsize - 1 <= at <= sys.maxsize:
            raise IndexError(f"cannot fit '{errors.kind_of(key)}' into an index-sized integer")
        at += self._size if at < 0 else 0
        if not 0 <= at < self._size:
            raise IndexError("Blob index out of range")
        return at

    def _span(self, key):
        span = range(self._size)[key]
        if span and span.step < 0:
            raise ValueError("Blob doesn't support slices with a negative step")
        return span

    def __getitem__(self, key, /):
        self._check()
        if hasattr(type(key), "__index__"):
            return self._read(self._place(key), 1)[0]
        if not isinstance(key, slice):
            raise TypeError("Blob indices must be integers")
        span = self._span(key)
        return self._read(span[0], span[-1] + 1 - span[0])[:: span.step] if span else b""

    def __setitem__(self, key, value, /):
        self._check()
        if hasattr(type(key), "__index__"):
            if not isinstance(value, int):
                raise TypeError(f"'{errors.kind_of(value)}' object cannot be interpreted as an integer")
            at = self._place(key)
            if not 0 <= value <= 255:
                raise ValueError("byte must be in range(0, 256)")
            self._write(at, bytes((value,)))
            return
        if not isinstance(key, slice):
            raise TypeError("Blob indices must be integers")
        span, data = self._span(key), contents(value)
        if len(data) != len(span):
            raise IndexError("Blob slice assignment is wrong size")
        if not span:
            return
        if span.step != 1:
            whole = bytearray(self._read(span[0], span[-1] + 1 - span[0]))
            whole[:: span.step] = data
            data = bytes(whole)
        self._write(span[0], data)

    def __delitem__(self, key, /):
        self._check()
        if hasattr(type(key), "__index__"):
            raise TypeError("Blob doesn't support item deletion")
        if isinstance(key, slice):
            raise TypeError("Blob doesn't support slice deletion")
        raise TypeError("Blob indices must be integers")


def opened(connection, number, size):
    made = object.__new__(Blob)
    made._connection, made._database = connection, connection._database
    made._number, made._size, made._at = number, size, 0
    return made
