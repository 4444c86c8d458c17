"""The name that a client asks for (SNI, RFC 6066 3), read before the session begins: a callback may choose another context by it."""

_HANDSHAKE, _CLIENT_HELLO, _SERVER_NAME, _HOST_NAME = 22, 1, 0, 0
# Longest message that is waited for, in bytes. Whatever is longer is the session's to refuse.
_LONGEST = 1 << 16


class _Short(Exception):
    """There is more to come."""


class _Reader:
    def __init__(self, data, short=ValueError):
        self.data, self.at, self.short = data, 0, short

    def take(self, size):
        if self.at + size > len(self.data):
            raise self.short
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size):
        return int.from_bytes(self.take(size))

    def inner(self, size):
        """What is preceded by its length."""
        return _Reader(self.take(self.number(size)))

    def is_over(self):
        return self.at == len(self.data)


def server_name(records):
    """Whether the client's first message is whole, and the name in it or none."""
    try:
        return True, _name(_message(records))
    except _Short:
        return len(records) > _LONGEST, None
    except ValueError:
        return True, None


def _message(records):
    reader = _Reader(records, _Short)
    message = b""
    while len(message) < 4 or len(message) < 4 + int.from_bytes(message[1:4]):
        if reader.number(1) != _HANDSHAKE:
            raise ValueError
        reader.take(2)
        message += reader.take(reader.number(2))
    return message


def _name(message):
    reader = _Reader(message)
    if reader.number(1) != _CLIENT_HELLO:
        raise ValueError
    hello = reader.inner(3)
    # Version and random; then session, suites and compression.
    hello.take(34)
    for size in (1, 2, 1):
        hello.inner(size)
    extensions = hello.inner(2)
    while not extensions.is_over():
        kind, content = extensions.number(2), extensions.inner(2)
        if kind == _SERVER_NAME:
            names = content.inner(2)
            while not names.is_over():
                kind, name = names.number(1), names.inner(2)
                if kind == _HOST_NAME:
                    return name.data.decode("ascii")
    return None
