"""What carries a session's bytes: a socket, or a pair of `MemoryBIO`.

`receive` and `send` give none where they would have to wait; `wait` waits as the socket's time-out says.
"""

import time
import weakref

from .. import sockets
from ..scheduler import READ, WRITE
from . import errors

# Bytes of a record's header (RFC 8446 5.1).
_HEADER = 5
# Most bytes that are taken from a socket at once.
_MOST = 1 << 18
# The deadline of who never waits.
NEVER = 0


class OfSocket:
    """Takes no more than a read can give, but for the rest of one record: what is left lies in the socket, where `select` sees it."""

    def __init__(self, sock):
        self._sock = weakref.ref(sock)
        self._header = b""
        # Of the record that is under way: bytes in all, and to come.
        self._length = self._left = 0

    def socket(self):
        sock = self._sock()
        if sock is None or sock.fileno() < 0:
            raise errors.error("Underlying socket has been closed.", number=10)
        return sock

    def deadline(self):
        timeout = self.socket().gettimeout()
        return timeout if not timeout else time.monotonic() + timeout

    def receive(self, size):
        if self._left:
            size = self._left + max(0, size - self._length)
        else:
            size = _HEADER - len(self._header) if self._header else max(size, _HEADER)
        data = sockets.receive(self.socket(), min(size, _MOST))
        if not data:
            return data
        self._see(data)
        if len(data) == _HEADER and self._left:
            # The rest is there, most often.
            more = sockets.receive(self.socket(), self._left)
            if more:
                self._see(more)
                data += more
        return data

    def _see(self, data):
        at = 0
        while at < len(data):
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
                continue
            step = _HEADER - len(self._header)
            self._header += data[at : at + step]
            at += step
            if len(self._header) == _HEADER:
                self._left = int.from_bytes(self._header[3:])
                self._length = _HEADER + self._left
                self._header = b""

    def send(self, data):
        return sockets.send(self.socket(), data)

    def wait(self, writes, deadline, what):
        if deadline == NEVER:
            raise errors.want_write() if writes else errors.want_read()
        if not sockets.wait_until(self.socket(), WRITE if writes else READ, deadline):
            raise errors.late(what)


class OfMemory:
    def __init__(self, incoming, outgoing):
        self._incoming, self._outgoing = incoming, outgoing

    def socket(self):
        return None

    def deadline(self):
        return NEVER

    def receive(self, size):
        data = self._incoming.read()
        # The end, where it was said.
        return data if data or self._incoming.eof else None

    def send(self, data):
        return self._outgoing.write(data)

    def wait(self, writes, deadline, what):
        raise errors.want_write() if writes else errors.want_read()
