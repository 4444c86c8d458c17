"""zlib by the runtime's streams, several times as fast as zlib in WebAssembly; what is small stays with zlib, since a call of the
runtime costs as much as some kilobytes.

A stream is the runtime's where its first bytes are many. While the snapshot is made all are zlib's.
"""

import operator
import zlib

from . import host

# Fewer bytes are done sooner here than there, to pack and to unpack. Checksums are: of their bytes the call is the most.
_SMALL, _SMALL_PACKED = 6 << 10, 4 << 10
# What a copy of a compressor can be made of.
_COPIED = 1 << 20
_format = host.interface
_NO_FLUSH, _FINISH = 0, 4
_NEED_DICT = 2
_compress, _decompress = zlib.compress, zlib.decompress
_compressobj, _decompressobj, _ZlibDecompressor = zlib.compressobj, zlib.decompressobj, zlib._ZlibDecompressor
error = zlib.error


def _is_small(data, bound):
    try:
        size = len(data) if isinstance(data, (bytes, bytearray)) else memoryview(data).nbytes
    except TypeError:
        # zlib says what is wrong with it.
        return True
    return size < bound or not host.is_there()


def _error(failure, doing):
    if failure.number == _NEED_DICT and failure.text.startswith("Bad"):
        return error("Error -3 while setting zdict: invalid input data")
    text = {-2: "inconsistent stream state", _NEED_DICT: ""}.get(failure.number, failure.text)
    return error(f"Error {failure.number} while {doing}{': ' if text else ''}{text}")


def _packer(level, wbits, memory=zlib.DEF_MEM_LEVEL, strategy=0, zdict=None):
    return host.Stream(lambda: _format.Format_Deflate(_format.Deflating(level, wbits, memory, strategy, zdict)))


def _unpacker(wbits, zdict=None):
    return host.Stream(lambda: _format.Format_Inflate(_format.Inflating(wbits, False, zdict or None)))


def compress(data, /, level=-1, wbits=zlib.MAX_WBITS):
    if _is_small(data, _SMALL):
        return _compress(data, level, wbits)
    # zlib judges the settings.
    _compress(b"", level, wbits)
    return _packer(operator.index(level), operator.index(wbits)).all_of(host.contents(data), _FINISH)


def decompress(data, /, wbits=zlib.MAX_WBITS, bufsize=zlib.DEF_BUF_SIZE):
    if _is_small(data, _SMALL_PACKED) or bufsize <= 0:
        return _decompress(data, wbits, bufsize)
    unpacker = Unpacked(operator.index(wbits), None, "preparing to decompress data")
    made = unpacker.take(host.contents(data), 0)
    if not unpacker.eof:
        raise error("Error -5 while decompressing data: incomplete or truncated stream")
    return made


class Unpacked:
    """What both kinds of decompressors have of the runtime."""

    def __init__(self, wbits, zdict, doing="creating decompression object"):
        self.eof, self.rest, self.is_full = False, b"", False
        try:
            self.stream = _unpacker(wbits, zdict)
        except host.Failure as failure:
            if doing.startswith("creating"):
                raise ValueError("Invalid initialization option") from None
            raise _error(failure, doing) from None

    def take(self, data, most, operation=_NO_FLUSH, doing="decompressing data"):
        """At most so many bytes of it, or all; what is left of the data is `rest`."""
        parts, at, made = [], 0, 0
        while True:
            part = data if at == 0 and len(data) <= host.MOST else data[at : at + host.MOST]
            room = min(most - made, host.MOST) if most else host.MOST
            try:
                output, taken, self.eof, self.is_full = self.stream.push(part, operation, room)
            except host.Failure as failure:
                raise _error(failure, doing) from None
            parts.append(output)
            at += taken
            made += len(output)
            if self.eof or (most and made >= most) or (not self.is_full and at >= len(data)):
                break
        self.rest = data[at:] if at else data
        return parts[0] if len(parts) == 1 else b"".join(parts)


def _made(kind, *arguments):
    """What its functions alone make."""
    value = object.__new__(kind)
    value._set(*arguments)
    return value


def _cannot_be_made(kind, *_, **__):
    raise TypeError(f"cannot create '{kind.__module__}.{kind.__qualname__}' instances")


class Compress:
    """Object returned by zlib.compressobj()."""

    __module__ = "zlib"
    __new__ = _cannot_be_made

    def _set(self, settings, own):
        self._settings = settings
        # zlib's, until the first bytes say that the runtime's is better.
        self._own, self._stream = own, None
        self._taken, self._size, self._is_over = [], 0, False

    def _begin(self, data):
        if self._own is not None and self._size == 0 and not _is_small(data, _SMALL):
            self._stream, self._own = _packer(*self._settings), None

    def _push(self, data, mode):
        if self._is_over:
            raise error("Error -2 while compressing data: inconsistent stream state")
        if data or mode != _NO_FLUSH:
            self._size += len(data) + 1
            self._taken.append((data, mode))
        if self._size > _COPIED:
            self._taken.clear()
        return self._stream.all_of(data, mode)

    def compress(self, data, /):
        self._begin(data)
        if self._own is not None:
            made = self._own.compress(data)
            self._size += 1
            return made
        return self._push(host.contents(data), _NO_FLUSH)

    def flush(self, mode=_FINISH, /):
        if self._own is not None:
            self._size += 1
            return self._own.flush(mode)
        mode = operator.index(mode)
        if mode == _NO_FLUSH:
            return b""
        if self._is_over:
            raise error("Error -2 while flushing: inconsistent stream state")
        if not 0 < mode <= 5:
            raise error("Error -2 while flushing: inconsistent stream state")
        made = self._push(b"", mode)
        self._is_over = mode == _FINISH
        return made

    def copy(self):
        other = _made(Compress, self._settings, self._own and self._own.copy())
        other._size = self._size
        if self._own is None:
            if self._is_over:
                raise ValueError("Inconsistent stream state")
            if self._size > _COPIED:
                raise ValueError("a guest copies a compressor of no more than 1 MiB")
            other._size, other._stream = 0, _packer(*self._settings)
            for data, mode in self._taken:
                other._push(data, mode)
        return other

    __copy__ = copy

    def __deepcopy__(self, memo, /):
        return self.copy()

    def __reduce__(self):
        raise TypeError("cannot pickle 'zlib.Compress' object")


class Decompress:
    """Object returned by zlib.decompressobj()."""

    __module__ = "zlib"
    __new__ = _cannot_be_made

    def _set(self, wbits, zdict, own):
        self._settings = (wbits, zdict)
        self._own, self._of_host = own, None
        self._is_begun, self._taken, self._size = False, [], 0
        self._unused, self._tail = b"", b""

    unused_data = property(lambda self: self._own.unused_data if self._own is not None else self._unused)
    unconsumed_tail = property(lambda self: self._own.unconsumed_tail if self._own is not None else self._tail)
    eof = property(lambda self: self._own.eof if self._own is not None else self._of_host.eof)

    def decompress(self, data, /, max_length=0):
        if not self._is_begun and not _is_small(data, _SMALL_PACKED):
            self._of_host, self._own = Unpacked(*self._settings), None
        self._is_begun = True
        if self._own is not None:
            return self._own.decompress(data, max_length)
        max_length = operator.index(max_length)
        if max_length < 0:
            raise ValueError("max_length must be non-negative")
        return self._take(host.contents(data), max_length)

    def _take(self, data, most, operation=_NO_FLUSH, doing="decompressing data"):
        if self._of_host.eof:
            self._unused += data
            return b""
        made = self._of_host.take(data, most, operation, doing)
        rest = self._of_host.rest
        self._size += len(data) - len(rest) + 1
        self._taken.append((data[: len(data) - len(rest)], len(made)))
        if self._size > _COPIED:
            self._taken.clear()
        # What was left before leaves the rest here, too, as in zlib's own module.
        self._tail = rest if self._tail or not self._of_host.eof else b""
        self._unused = rest if self._of_host.eof else b""
        return made

    def flush(self, length=zlib.DEF_BUF_SIZE, /):
        if self._own is not None:
            return self._own.flush(length)
        if operator.index(length) <= 0:
            raise ValueError("length must be greater than zero")
        if self._of_host.eof:
            return b""
        return self._take(self._tail, 0, _FINISH, "flushing")

    def copy(self):
        other = _made(Decompress, *self._settings, self._own and self._own.copy())
        other._is_begun = self._is_begun
        if self._own is None:
            if self._size > _COPIED:
                raise ValueError("a guest copies a decompressor of no more than 1 MiB")
            other._of_host = Unpacked(*self._settings)
            for data, made in self._taken:
                other._take(data, made)
            other._unused, other._tail = self._unused, self._tail
        return other

    __copy__ = copy

    def __deepcopy__(self, memo, /):
        return self.copy()

    def __reduce__(self):
        raise TypeError("cannot pickle 'zlib.Decompress' object")


class ZlibDecompressor(host.Decompressor):
    """Create a decompressor object for decompressing data incrementally."""

    __module__, __qualname__ = "zlib", "_ZlibDecompressor"

    def __init__(self, wbits=zlib.MAX_WBITS, zdict=b""):
        # zlib judges the settings, and takes what is small.
        self._own, self._is_begun = _ZlibDecompressor(wbits, zdict), False
        wbits, zdict = operator.index(wbits), host.contents(zdict)
        super().__init__(None)
        self._settings = (wbits, zdict)

    def decompress(self, data, max_length=-1):
        if not self._is_begun and not _is_small(data, _SMALL_PACKED):
            self._own, self._stream = None, _unpacker(*self._settings)
        self._is_begun = True
        if self._own is not None:
            made = self._own.decompress(data, max_length)
            self._eof, self._unused, self._needs_input = self._own.eof, self._own.unused_data, self._own.needs_input
            return made
        return self._decompress(data, operator.index(max_length))

    def _failed(self, failure):
        return _error(failure, "decompressing data")


def compressobj(level=-1, method=zlib.DEFLATED, wbits=zlib.MAX_WBITS, memLevel=zlib.DEF_MEM_LEVEL, strategy=zlib.Z_DEFAULT_STRATEGY, zdict=None):
    own = _compressobj(level, method, wbits, memLevel, strategy) if zdict is None else _compressobj(level, method, wbits, memLevel, strategy, zdict)
    zdict = None if zdict is None else host.contents(zdict)
    return _made(Compress, (operator.index(level), operator.index(wbits), operator.index(memLevel), operator.index(strategy), zdict), own)


def decompressobj(wbits=zlib.MAX_WBITS, zdict=None):
    # With an empty one zlib says something else than with none.
    own = _decompressobj(wbits) if zdict is None else _decompressobj(wbits, zdict)
    return _made(Decompress, operator.index(wbits), None if zdict is None else host.contents(zdict), own)


def install():
    for function in (compress, decompress, compressobj, decompressobj):
        function.__module__ = "zlib"
        setattr(zlib, function.__name__, function)
    zlib._ZlibDecompressor = ZlibDecompressor
