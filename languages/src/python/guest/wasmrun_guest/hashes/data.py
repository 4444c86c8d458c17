"""What was given to a digest and is not hashed yet.

Most digests are of one text, and are one call of the runtime at their end.
"""

# More is hashed as it comes, in bytes.
_MOST = 1 << 16


def bytes_of(data):
    """As CPython takes data, in its words."""
    kind = type(data)
    if kind is bytes:
        return data
    if isinstance(data, str):
        raise TypeError("Strings must be encoded before hashing")
    try:
        view = memoryview(data)
    except TypeError:
        raise TypeError("object supporting the buffer API required") from None
    if view.ndim > 1:
        raise BufferError("Buffer must be single dimension")
    return view.tobytes()


class Data:
    """Bytes until they are many; then a state of the runtime's."""

    __slots__ = ("_parts", "_size", "_state", "_begin", "_copy")

    def __init__(self, begin, copy):
        self._parts, self._size, self._state = [], 0, None
        self._begin, self._copy = begin, copy

    def add(self, data):
        if not data:
            return
        if self._state is None and (not self._parts or self._size + len(data) <= _MOST):
            self._parts.append(data)
            self._size += len(data)
            return
        self._flush()
        self._state.update(data)

    def _flush(self):
        if self._state is None:
            self._state = self._begin()
            for part in self._parts:
                self._state.update(part)
            self._parts = []

    def copy(self):
        other = Data(self._begin, self._copy)
        other._parts, other._size = self._parts.copy(), self._size
        if self._state is not None:
            other._state = self._copy(self._state)
        return other

    def whole(self):
        """All of it, where it is still here."""
        if self._state is not None:
            return None
        if len(self._parts) != 1:
            self._parts = [b"".join(self._parts)]
        return self._parts[0]

    def state(self):
        self._flush()
        return self._state
