"""The runtime's streams: the only place that names their interface (wit/deps/zlib).

What it makes belongs to one run: while the snapshot is made there is none of it, and a stream begins with its first bytes.
"""

from componentize_py_types import Err
from wit_world.imports import compression as interface

from .. import ending

# Most bytes of a call, in and out.
MOST = 1 << 20
# Z_MEM_ERROR: the runtime's bound for a guest, in every format.
_MEMORY = -4


class Failure(Exception):
    """What a format's library says, and its number."""

    def __init__(self, number, text):
        super().__init__(text)
        self.number, self.text = number, text


def is_there():
    return ending.runs()


def call(function, *arguments):
    """What the runtime answers; componentize-py's own error is none that programs could handle."""
    if not is_there():
        raise RuntimeError("there is no compression while the snapshot is made")
    try:
        return function(*arguments)
    except Err as error:
        failure = error.value
    if failure.number == _MEMORY and failure.text.startswith("insufficient memory:"):
        raise MemoryError(failure.text)
    raise Failure(failure.number, failure.text)


def contents(data):
    """The bytes of an argument."""
    if type(data) is bytes:
        return data
    try:
        view = memoryview(data)
    except TypeError:
        raise TypeError(f"a bytes-like object is required, not '{type(data).__name__}'") from None
    with view:
        return view.tobytes()


class Stream:
    """One of the runtime's, made when it is needed."""

    def __init__(self, format):
        self._format = format
        self._coder = None
        if is_there():
            # What is wrong with the settings is said at once.
            self.begin()

    def begin(self):
        if self._coder is None:
            self._coder = call(interface.Coder.open, self._format())
        return self._coder

    def push(self, data, operation, most):
        """Output, how much was taken, whether that is the end, and whether there is more."""
        made = call(self.begin().push, data, operation, most)
        return made.output, made.taken, made.is_end, made.is_full

    def pledge(self, size):
        call(self.begin().pledge, size)

    def all_of(self, data, operation):
        """What it makes of all of the data."""
        parts, at, size = [], 0, len(data)
        while True:
            is_last = size - at <= MOST
            part = data if at == 0 and is_last else data[at : at + MOST]
            output, taken, is_end, is_full = self.push(part, operation if is_last else 0, MOST)
            parts.append(output)
            at += taken
            if is_end or (is_last and not is_full):
                return parts[0] if len(parts) == 1 else b"".join(parts)


class Decompressor:
    """What the decompressors of bz2, lzma and zstd have in common."""

    _ended = "End of stream already reached"

    def __init__(self, stream):
        self._stream = stream
        self._rest = b""
        self._eof = False
        self._unused = b""
        self._needs_input = True

    def _failed(self, failure):
        raise NotImplementedError

    def _decompress(self, data, max_length):
        if self._eof:
            raise EOFError(self._ended)
        data = contents(data)
        if self._rest:
            data = self._rest + data
        parts, at, made, is_full = [], 0, 0, False
        while max_length < 0 or made < max_length:
            most = MOST if max_length < 0 else min(MOST, max_length - made)
            part = data if at == 0 and len(data) <= MOST else data[at : at + MOST]
            try:
                output, taken, is_end, is_full = self._stream.push(part, 0, most)
            except Failure as failure:
                self._rest = b""
                raise self._failed(failure) from None
            parts.append(output)
            made += len(output)
            at += taken
            if is_end:
                self._eof = True
                break
            if at >= len(data) and not is_full:
                break
        rest = data[at:] if at else data
        if self._eof:
            self._unused, self._rest, self._needs_input = rest, b"", False
        else:
            self._rest = rest
            self._needs_input = not rest and not is_full
        return parts[0] if len(parts) == 1 else b"".join(parts)

    eof = property(lambda self: self._eof, doc="True if the end-of-stream marker has been reached.")
    unused_data = property(lambda self: self._unused, doc="Data found after the end of the compressed stream.")
    needs_input = property(lambda self: self._needs_input, doc="True if more input is needed before more decompressed data can be produced.")

    def __reduce__(self):
        raise TypeError(f"cannot pickle {kind(self)!r} object")


def kind(value):
    return f"{type(value).__module__}.{type(value).__qualname__}"
