"""`_bz2`."""

import operator

from . import host

_RUN, _FINISH = 0, 2
_format = host.interface


class BZ2Compressor:
    """Create a compressor object for compressing data incrementally."""

    __module__ = "_bz2"

    def __init__(self, compresslevel=9, /):
        level = operator.index(compresslevel)
        if not 1 <= level <= 9:
            raise ValueError("compresslevel must be between 1 and 9")
        self._stream = host.Stream(lambda: _format.Format_Bzip2Compress(level))
        self._flushed = False

    def compress(self, data, /):
        data = host.contents(data)
        if self._flushed:
            raise ValueError("Compressor has been flushed")
        return self._stream.all_of(data, _RUN)

    def flush(self):
        if self._flushed:
            raise ValueError("Repeated call to flush()")
        self._flushed = True
        return self._stream.all_of(b"", _FINISH)

    def __reduce__(self):
        raise TypeError(f"cannot pickle {host.kind(self)!r} object")


class BZ2Decompressor(host.Decompressor):
    """Create a decompressor object for decompressing data incrementally."""

    __module__ = "_bz2"

    def __init__(self):
        super().__init__(host.Stream(_format.Format_Bzip2Decompress))

    def decompress(self, data, max_length=-1):
        return self._decompress(data, operator.index(max_length))

    def _failed(self, failure):
        return OSError(failure.text)


def names():
    return {"BZ2Compressor": BZ2Compressor, "BZ2Decompressor": BZ2Decompressor}
