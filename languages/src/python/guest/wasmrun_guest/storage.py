"""Errors of a full disk as everywhere: ENOSPC. WASI's libc makes an EIO of every error of a stream; the runtime knows which it was.

A file that is opened for writing has a raw part of ours below CPython's own buffers.
"""

import builtins
import errno
import io
import os

from wit_world.imports import storage

_open, _write = io.open, os.write


def _told(error):
    if error.errno == errno.EIO and storage.is_full():
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return error


class _Raw(io.FileIO):
    def write(self, data):
        try:
            return super().write(data)
        except OSError as error:
            raise _told(error) from None


def _written(fd, data, /):
    try:
        return _write(fd, data)
    except OSError as error:
        raise _told(error) from None


def _opened(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):
    # What is wrong with the arguments is said by CPython's own.
    ours = isinstance(mode, str) and isinstance(buffering, int) and set(mode) & set("wax+") and set(mode) <= set("rwaxbt+")
    binary = ours and "b" in mode
    if not ours or binary and (buffering == 1 or encoding or errors or newline) or not binary and buffering == 0:
        return _open(file, mode, buffering, encoding, errors, newline, closefd, opener)
    # A mode with two of r, w, a and x is refused here.
    raw = _Raw(file, mode.replace("t", ""), closefd, opener)
    try:
        if buffering == 0:
            return raw
        size = max(getattr(os.fstat(raw.fileno()), "st_blksize", 0), io.DEFAULT_BUFFER_SIZE) if buffering < 2 else buffering
        if "+" in mode:
            result = io.BufferedRandom(raw, size) if raw.seekable() else io.BufferedRWPair(raw, raw, size)
        else:
            result = io.BufferedWriter(raw, size)
        if not binary:
            result = io.TextIOWrapper(result, io.text_encoding(encoding), errors, newline, line_buffering=buffering == 1)
            result.mode = mode
        return result
    except BaseException:
        raw.close()
        raise


_opened.__name__ = _opened.__qualname__ = "open"
_opened.__doc__ = _open.__doc__


def install():
    os.write = _written
    builtins.open = io.open = io._io.open = _opened
