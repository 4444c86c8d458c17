"""`MemoryBIO`: bytes on their way between a session and who carries them."""

from .errors import SSLError


class MemoryBIO:
    __module__ = "_ssl"
    __slots__ = ("_pieces", "_size", "_ended", "__weakref__")

    def __init__(self):
        self._pieces = []
        self._size = 0
        self._ended = False

    def write(self, b, /):
        with memoryview(b) as view:
            if not view.c_contiguous:
                raise BufferError("memoryview: underlying buffer is not C-contiguous")
            size = view.nbytes
            if self._ended:
                raise SSLError("cannot write() after write_eof()")
            if size:
                self._pieces.append(bytes(view))
                self._size += size
        return size

    def read(self, size=-1, /):
        if len(self._pieces) != 1:
            self._pieces = [b"".join(self._pieces)]
        whole = self._pieces[0]
        if size < 0 or size >= len(whole):
            self._pieces = []
            self._size = 0
            return whole
        self._pieces = [whole[size:]]
        self._size -= size
        return whole[:size]

    def write_eof(self):
        self._ended = True

    @property
    def pending(self):
        """The number of bytes pending in the memory BIO."""
        return self._size

    @property
    def eof(self):
        """Whether the memory BIO is at EOF."""
        return self._ended and not self._size
