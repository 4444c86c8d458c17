"""Sockets that wait by letting others run: below, none of them blocks."""

import contextlib
import errno
import os
import select
import socket
import time
import _socket

from . import ending
from .scheduler import READ, WRITE, scheduler

_poll = select.poll
_base = _socket.socket
# Descriptor to time-out in seconds, as the program has set it: none, as long as it takes.
_timeouts = {}
# Descriptors of sockets whose connect is under way.
_connecting = set()
# Connections that wait to be accepted.
_BACKLOG = 1024
# Whether this program has served, or tried to.
listened = False
_AGAIN = (BlockingIOError, InterruptedError)
_PENDING = (errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY)


def _wait(sock, events):
    timeout = _timeouts.get(sock.fileno())
    if timeout == 0:
        return False
    if not scheduler.wait(timeout=timeout, fd=sock.fileno(), events=events):
        raise TimeoutError("timed out")
    return True


def receive(sock, size):
    """What has come to a socket, whatever is spoken above it; none where nothing has."""
    try:
        return _base.recv(sock, size)
    except _AGAIN:
        return None


def send(sock, data):
    """How many bytes of it the system has taken; none where it takes nothing for now."""
    try:
        return _base.send(sock, data)
    except _AGAIN:
        return None


def wait_until(sock, events, deadline):
    """Whether a socket is ready before a deadline (of time.monotonic), where there is one."""
    timeout = None if deadline is None else max(0, deadline - time.monotonic())
    return scheduler.wait(timeout=timeout, fd=sock.fileno(), events=events)


def _retrying(name, events):
    method = getattr(_base, name)

    def call(self, *args):
        while True:
            try:
                return method(self, *args)
            except _AGAIN:
                if not _wait(self, events):
                    raise

    call.__name__ = name
    return call


def _init(self, family=-1, type=-1, proto=-1, fileno=None):
    _init.original(self, family, type, proto, fileno)
    default = _socket.getdefaulttimeout()
    _base.setblocking(self, False)
    _timeouts[_base.fileno(self)] = default


def _settimeout(self, timeout):
    if timeout is not None and timeout < 0:
        raise ValueError("Timeout value out of range")
    _timeouts[self.fileno()] = timeout


def _gettimeout(self):
    return _timeouts.get(self.fileno())


def _setblocking(self, flag):
    _timeouts[self.fileno()] = None if flag else 0


def _getblocking(self):
    return _timeouts.get(self.fileno()) != 0


def _accept(self):
    while True:
        try:
            fd, address = self._accept()
            break
        except ConnectionAbortedError:
            # Its client has given up, or the end was asked for.
            ending.begin()
            if _timeouts.get(self.fileno()) == 0:
                raise
        except _AGAIN:
            if not _wait(self, READ):
                raise
    accepted = socket.socket(self.family, self.type, self.proto, fileno=fd)
    return accepted, address


def _sendall(self, data, flags=0):
    with memoryview(data) as view, view.cast("B") as bytes:
        sent = 0
        while sent < len(bytes):
            sent += self.send(bytes[sent:], flags) if flags else self.send(bytes[sent:])


def _resolved(self, address):
    """The address with the names that mean this machine as numbers; there is nobody to ask inside."""
    if not isinstance(address, tuple) or self.family not in (socket.AF_INET, socket.AF_INET6):
        return address
    return (_number(address[0], self.family), *address[1:])


def _number(host, family):
    is_six = family == socket.AF_INET6
    if host in ("localhost", b"localhost"):
        return "::1" if is_six else "127.0.0.1"
    if host in ("", b""):
        return "::" if is_six else "0.0.0.0"
    return host


def _bind(self, address):
    _base.bind(self, _resolved(self, address))


def _setsockopt(self, level, name, *value):
    # Sockets of WASI are for one family alone, whether that is asked for or not.
    if level == socket.IPPROTO_IPV6 and name == socket.IPV6_V6ONLY and value == (1,):
        return
    _base.setsockopt(self, level, name, *value)


def _listen(self, backlog=_BACKLOG):
    # socketserver asks for 5. Whoever comes while the queue is full tries again after a whole second.
    global listened
    listened = True
    _base.listen(self, max(backlog, _BACKLOG))


def _getaddrinfo(host, port, family=0, type=0, proto=0, flags=0):
    number = _port(port)
    if host in ("localhost", b"localhost", None, "", b""):
        is_any = not host and flags & socket.AI_PASSIVE
        addresses = ("0.0.0.0", "::") if is_any else ("127.0.0.1", "::1")
        found = list(zip((socket.AF_INET, socket.AF_INET6), addresses))
    else:
        # WASI's libc answers with streams, whatever is asked for.
        answers = _getaddrinfo.original(host, number, family, socket.SOCK_STREAM, 0, flags)
        found = list(dict.fromkeys((of, address[0]) for of, _, _, _, address in answers))
    kinds = ((socket.SOCK_STREAM, socket.IPPROTO_TCP), (socket.SOCK_DGRAM, socket.IPPROTO_UDP))
    return [
        (of, kind, protocol, "", (address, number) if of == socket.AF_INET else (address, number, 0, 0))
        for of, address in found
        for kind, protocol in kinds
        if family in (0, of) and type in (0, kind) and proto in (0, protocol)
    ]


# services(5), as far as programs name them; a guest has no such file.
_SERVICES = {"http": 80, "https": 443, "domain": 53, "smtp": 25, "ftp": 21, "ssh": 22, "syslog": 514, "postgresql": 5432}


def _port(service):
    if isinstance(service, (bytes, bytearray)):
        service = service.decode()
    try:
        return int(service or 0)
    except ValueError:
        pass
    if service not in _SERVICES:
        raise socket.gaierror(socket.EAI_SERVICE, "Servname not supported for ai_socktype")
    return _SERVICES[service]


def _connect(self, address):
    error = _connect_ex(self, address)
    if error:
        raise OSError(error, os.strerror(error))


def _connect_ex(self, address):
    error = _base.connect_ex(self, _resolved(self, address))
    if error in _PENDING:
        _connecting.add(self.fileno())
    if error in _PENDING and _timeouts.get(self.fileno()) != 0:
        _wait(self, WRITE)
        error = self.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return error


def _is_connecting(self):
    """wasi-libc aborts where it is asked for the addresses of such a socket."""
    fd = self.fileno()
    if fd not in _connecting:
        return False
    poller = _poll()
    poller.register(fd, WRITE)
    if not poller.poll(0):
        return True
    _connecting.discard(fd)
    return False


def _getsockname(self):
    if _is_connecting(self):
        return ("::", 0, 0, 0) if self.family == socket.AF_INET6 else ("0.0.0.0", 0)
    return _base.getsockname(self)


def _getpeername(self):
    if _is_connecting(self):
        raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
    return _base.getpeername(self)


def _socketpair(family=None, type=socket.SOCK_STREAM, proto=0):
    """Two that are connected by way of the guest's own loopback: there are no others."""
    if family not in (None, socket.AF_INET, socket.AF_INET6, getattr(socket, "AF_UNIX", None)) or type != socket.SOCK_STREAM:
        raise OSError(errno.EOPNOTSUPP, "a guest has pairs of stream sockets only")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = socket.create_connection(listener.getsockname())
        other, _ = listener.accept()
    return one, other


def _gethostbyname(name):
    found = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)
    return found[0][4][0]


def _real_close(self, *args):
    _connecting.discard(self.fileno())
    _timeouts.pop(self.fileno(), None)
    _real_close.original(self, *args)


def _detach(self):
    _timeouts.pop(self.fileno(), None)
    return _detach.original(self)


@contextlib.contextmanager
def none():
    """While this is open there is no network. A snapshot that had used it would have handles that nobody knows later."""

    def refuse(*_, **__):
        raise OSError(errno.ENETDOWN, "there is no network while the snapshot is made")

    originals = socket.socket.__init__, socket.getaddrinfo
    socket.socket.__init__ = socket.getaddrinfo = refuse
    try:
        yield
    finally:
        socket.socket.__init__, socket.getaddrinfo = originals


def install():
    _getaddrinfo.original = socket.getaddrinfo
    socket.getaddrinfo = _getaddrinfo
    kind = socket.socket
    _init.original = kind.__init__
    _real_close.original = kind._real_close
    _detach.original = kind.detach
    kind.__init__ = _init
    kind._real_close = _real_close
    kind.detach = _detach
    kind.settimeout = _settimeout
    kind.gettimeout = _gettimeout
    kind.setblocking = _setblocking
    kind.getblocking = _getblocking
    kind.timeout = property(_gettimeout)
    kind.bind = _bind
    kind.setsockopt = _setsockopt
    kind.listen = _listen
    kind.accept = _accept
    kind.sendall = _sendall
    kind.connect = _connect
    kind.connect_ex = _connect_ex
    kind.getsockname = _getsockname
    kind.getpeername = _getpeername
    socket.socketpair = _socketpair
    socket.gethostbyname = _gethostbyname
    for name, events in [
        ("recv", READ),
        ("recv_into", READ),
        ("recvfrom", READ),
        ("recvfrom_into", READ),
        ("send", WRITE),
        ("sendto", WRITE),
    ]:
        if hasattr(_base, name):
            setattr(kind, name, _retrying(name, events))
