"""`socketserver` and what is built on it: Flask's server, http.server, wsgiref.

A server that would start a thread a connection gets none: its connections lie with the scheduler until a whole request is
there, so idle and slow clients hold nobody up, and only the handler's own work takes the stack.
"""

import contextlib
import http.server
import io
import re
import select
import selectors
import socketserver

from . import ending, sockets
from .scheduler import DEPTH, READ, WRITE, cooperative_sleep, in_context, scheduler, sleep
from .threads import as_thread, end, logical_thread

# Requests with longer bodies are handed over before they are whole, in bytes.
WHOLE = 1 << 20
# A handler's answer is kept for a client that does not read as far as this, in bytes; then the handler waits.
UNSENT = 4 << 20
# Connections that are accepted at a time.
ACCEPTS = 64
# A client that stops in the middle of a body that is handed over before it is whole, in seconds.
PATIENCE = 30
# Who waits for nothing at all waits this long, in seconds, before it looks again.
FOREVER = 3600
_LENGTH = re.compile(rb"^content-length[ \t]*:[ \t]*(\d{1,15})[ \t]*\r?$", re.I | re.M)
_CHUNKED = re.compile(rb"^transfer-encoding[ \t]*:", re.I | re.M)
_EXPECTS = re.compile(rb"^expect[ \t]*:", re.I | re.M)
_LAST_CHUNK = re.compile(rb"(?:^|\r\n)0[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n")


def _session(sock):
    """Of a socket that TLS is spoken on, or none."""
    return getattr(sock, "_sslobj", None)


@contextlib.contextmanager
def _without_waiting(sock):
    before = sock.gettimeout()
    sock.settimeout(0)
    try:
        yield
    finally:
        sock.settimeout(before)


def _receive(sock):
    """What has come; none where nothing has. In TLS the handshake goes on in here, as far as its client is."""
    session = _session(sock)
    if session is None:
        return sockets.receive(sock, 1 << 16)
    import ssl

    with _without_waiting(sock):
        try:
            chunk = sock.recv(1 << 16)
            # What the session has lies in no socket that could be watched.
            return chunk + sock.recv(session.pending()) if session.pending() else chunk
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None


def _send(sock, data):
    """How much of it is sent; none where nothing can be for now: then the same has to be sent again."""
    if _session(sock) is None:
        return sockets.send(sock, data)
    import ssl

    with _without_waiting(sock):
        try:
            return sock.send(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None


class Source(io.RawIOBase):
    """What a client sends: first what has come, then what comes."""

    def __init__(self, sock):
        self.sock = sock
        self.come = bytearray()
        # Whether to wait for more when that is used up.
        self.waits = True
        self.ended = False
        # Whether the client was told to go on with its body.
        self.told = False
        # What the request of now has yet to send, in bytes; none where that is not known.
        self.missing = None

    def readable(self):
        return True

    def readinto(self, buffer):
        if self.come:
            size = min(len(buffer), len(self.come))
            buffer[:size] = self.come[:size]
            del self.come[:size]
            return size
        if self.ended:
            return 0
        if not self.waits:
            return None
        self.sock.settimeout(PATIENCE)
        try:
            size = self.sock.recv_into(buffer)
        finally:
            self.sock.settimeout(None)
        if self.missing is not None:
            self.missing = max(0, self.missing - size)
        self.ended = size == 0
        return size

    def fill(self):
        """Takes in what has come. False at the end."""
        try:
            chunk = _receive(self.sock)
        except OSError:
            chunk = b""
        if chunk is None:
            return True
        self.come += chunk
        self.ended = not chunk
        return bool(chunk)

    def has_request(self):
        """Whether a request can be handled without a wait for its client, or has to be."""
        come = self.come
        end = come.find(b"\r\n\r\n")
        size = 4
        if end < 0:
            end = come.find(b"\n\n")
            size = 2
        if end < 0:
            self.missing = None
            return len(come) > 1 << 16
        head = bytes(come[:end])
        length = _LENGTH.search(head)
        length = int(length[1]) if length else 0
        if _CHUNKED.search(head):
            whole = _LAST_CHUNK.search(come, end + size) is not None
            self.missing = 0 if whole else None
        else:
            self.missing = max(0, end + size + length - len(come))
            whole = self.missing == 0
        if not whole and not self.told and _EXPECTS.search(head):
            # Nobody handles it before its body is here (RFC 9110, 10.1.1).
            self.told = True
            _send(self.sock, b"HTTP/1.1 100 Continue\r\n\r\n")
        return whole or length > WHOLE or len(come) > WHOLE


class Sink(io.BufferedIOBase):
    """What a client gets. One that reads slowly holds nobody up while it is little."""

    def __init__(self, sock):
        self.sock = sock
        self.fd = sock.fileno()
        self.unsent = bytearray()
        self.error = None

    def writable(self):
        return True

    def write(self, data):
        with memoryview(data) as view:
            size = view.nbytes
            if self.error is not None:
                raise self.error
            sent = 0
            if not self.unsent:
                sent = _send(self.sock, view) or 0
            if sent < size:
                if not self.unsent:
                    scheduler.watch(self.fd, WRITE, self.flush_some)
                self.unsent += view.cast("B")[sent:] if sent else view
                if len(self.unsent) > UNSENT:
                    scheduler.wait(lambda: len(self.unsent) < UNSENT // 2 or self.error is not None)
            return size

    def flush_some(self):
        try:
            sent = _send(self.sock, self.unsent[: 1 << 16])
            if sent is None:
                return
            del self.unsent[:sent]
        except OSError as error:
            self.error = error
            self.unsent.clear()
        if not self.unsent:
            scheduler.unwatch(self.fd)
            if self.then is not None:
                then, self.then = self.then, None
                then()

    then = None

    def after(self, then):
        """Calls `then()` when everything is sent."""
        if self.unsent:
            self.then = then
        else:
            then()


class Connection:
    """One client of a server with a thread a connection, without the thread."""

    handled = None
    # Those that wait for a request.
    parked = set()

    def __init__(self, handler, request, address, server):
        self.handler = handler
        self.sock = request
        self.fd = request.fileno()
        self.address = address
        self.server = server
        self.thread = logical_thread()
        self.source = Source(request)
        self.sink = Sink(request)
        handler.rfile.close()
        handler.rfile = io.BufferedReader(self.source, 1 << 16)
        handler.wfile = self.sink

    def park(self):
        """Waits for a request."""
        self.parked.add(self)
        scheduler.watch(self.fd, READ, self.come)

    def come(self):
        try:
            more = self.source.fill()
            if self.source.has_request() or (not more and self.source.come):
                self.handle()
            elif not more:
                self.close()
        except Exception:
            # Whatever one client sends is no reason to end the others.
            self.server.handle_error(self.sock, self.address)
            self.close()

    def handle(self):
        self.parked.discard(self)
        scheduler.unwatch(self.fd)
        if self.source.missing != 0 and not self.source.ended and scheduler.depth > DEPTH // 2:
            # Every one that has to wait for its client lies on the stack.
            self.sink.write(b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            self.sink.after(self.close)
            return
        self.source.told = False
        before, Connection.handled = Connection.handled, self
        try:
            with as_thread(self.thread):
                goes_on = in_context(self.handle_once)
        except SystemExit:
            # It ends the thread that it is in, and that is all there is of one here.
            goes_on = False
        except Exception:
            goes_on = False
            self.server.handle_error(self.sock, self.address)
        except BaseException:
            self.close()
            raise
        finally:
            Connection.handled = before
        if self.sock.fileno() < 0:
            # The handler has closed it.
            goes_on = False
        self.sink.after(self.next if goes_on else self.close)

    def handle_once(self):
        """Runs the handler's own `handle` for one request; whether more may follow."""
        handler, kind = self.handler, type(self.handler)
        goes_on = False

        def once():
            nonlocal goes_on
            kind.handle_one_request(handler)
            goes_on = not handler.close_connection
            handler.close_connection = True

        handler.handle_one_request = once
        self.source.waits = True
        try:
            handler.handle()
        finally:
            del handler.handle_one_request
        return goes_on

    def next(self):
        # What the reader has taken in of the next request goes back.
        source = self.source
        source.waits = False
        session = _session(self.sock)
        if session is not None and session.pending():
            source.fill()
        if source.come or not source.ended:
            kept, source.come = source.come, bytearray()
            taken = self.handler.rfile.peek()
            source.come = bytearray(self.handler.rfile.read(len(taken)) if taken else b"") + kept
        if source.ended and not source.come:
            self.close()
        elif source.come and (source.has_request() or source.ended):
            scheduler.begin(self.handle)
        elif ending.has_begun():
            # It has had its answer. One that has had none yet may have sent a request.
            self.close()
        else:
            self.park()

    @classmethod
    def close_idle(cls):
        """Closes those that have sent nothing of a request."""
        for connection in [one for one in cls.parked if not one.source.come]:
            connection.close()

    def close(self):
        self.parked.discard(self)
        scheduler.unwatch(self.fd)
        try:
            self.handler.finish()
        except OSError:
            pass
        session = _session(self.sock)
        if session is not None:
            # Clients that are not told take the end for an attack.
            session.farewell()
        self.server.shutdown_request(self.sock)


def _handler_init(self, request, client_address, server):
    """BaseRequestHandler.__init__: an HTTP handler of a server with threads is not run yet."""
    self.request = request
    self.client_address = client_address
    self.server = server
    self.setup()
    if isinstance(self, http.server.BaseHTTPRequestHandler) and isinstance(server, socketserver.ThreadingMixIn):
        server._wasmrun_parked = Connection(self, request, client_address, server)
        return
    try:
        self.handle()
    finally:
        self.finish()


def _process_request(self, request, client_address):
    """ThreadingMixIn.process_request."""

    def process():
        self._wasmrun_parked = None
        try:
            self.finish_request(request, client_address)
        except SystemExit:
            # Of the thread that this is elsewhere, not of the program.
            self._wasmrun_parked = None
        except Exception:
            self.handle_error(request, client_address)
        connection, self._wasmrun_parked = self._wasmrun_parked, None
        if connection is None:
            self.shutdown_request(request)
        else:
            connection.park()

    with as_thread(logical_thread()):
        in_context(process)


def _accept(self):
    self.socket.settimeout(0)
    for _ in range(ACCEPTS):
        if scheduler.watched.get(self.fileno(), (0, None))[1] is None:
            return
        try:
            request, address = self.get_request()
        except OSError:
            return
        request.settimeout(None)
        try:
            if self.verify_request(request, address):
                self.process_request(request, address)
            else:
                self.shutdown_request(request)
        except Exception:
            self.handle_error(request, address)
            self.shutdown_request(request)
        if not self._wasmrun_is_quick:
            return


def _serve_aside(self):
    """Serves from now on, whenever somebody waits."""
    handler = self.RequestHandlerClass
    # A client that takes its time with the handshake holds nobody up: it goes on as its bytes come.
    if hasattr(self.socket, "do_handshake_on_connect"):
        self.socket.do_handshake_on_connect = False
    # Handlers that are run at once may take long: others are looked after between them.
    self._wasmrun_is_quick = isinstance(handler, type) and issubclass(handler, http.server.BaseHTTPRequestHandler)
    scheduler.watch(self.fileno(), READ, lambda: _accept(self))


def _serve_forever(self, poll_interval=0.5):
    shut_down = self._BaseServer__is_shut_down
    shut_down.clear()
    try:
        if isinstance(self, socketserver.ThreadingMixIn):
            self._wasmrun_serve_aside()
            while not scheduler.wait(lambda: self._BaseServer__shutdown_request):
                pass
        else:
            while not self._BaseServer__shutdown_request:
                if scheduler.wait(lambda: self._BaseServer__shutdown_request, fd=self.fileno(), events=READ):
                    if not self._BaseServer__shutdown_request:
                        self._handle_request_noblock()
                        self.service_actions()
    finally:
        scheduler.unwatch(self.fileno())
        self._BaseServer__shutdown_request = False
        shut_down.set()


def _aside(self, thread):
    """serve_forever as what a thread does: no thread is needed for it."""
    self._wasmrun_thread = thread
    self._BaseServer__shutdown_request = False
    self._BaseServer__is_shut_down.clear()
    self._wasmrun_serve_aside()


_serve_forever.aside = _aside


def _shutdown(self):
    scheduler.unwatch(self.fileno())
    thread = getattr(self, "_wasmrun_thread", None)
    if thread is None:
        self._BaseServer__shutdown_request = True
        return
    self._wasmrun_thread = None
    end(thread)
    self._BaseServer__is_shut_down.set()


def _beside_others(look, timeout):
    """What `look()` finds in the end; others go on meanwhile. The time is in seconds."""
    while True:
        found = look()
        if found or (timeout is not None and timeout <= 0):
            return found
        pause = 0.01 if timeout is None else min(timeout, 0.01)
        scheduler.wait(timeout=pause)
        if timeout is not None:
            timeout -= pause


def _select(original):
    def select(self, timeout=None):
        connection = Connection.handled
        if (
            connection is not None
            and timeout is not None
            and connection.source.missing == 0
            and all(key.fd == connection.sock.fileno() for key in self.get_map().values())
        ):
            # A server that looks whether more of this request comes (Werkzeug): nothing does.
            return []
        if scheduler.is_alone() and not self.wasmrun_woken:
            if self.get_map():
                return original(self, timeout)
            # The system has no poll for nothing.
            sleep(timeout if timeout is not None else FOREVER)
            return []
        found = []

        def look():
            if self.get_map():
                found.extend(original(self, 0))
            woken, self.wasmrun_woken = self.wasmrun_woken, False
            return woken or bool(found)

        _beside_others(look, timeout)
        return found

    return select


def _select_of(rlist, wlist, xlist, timeout=None):
    if rlist or wlist or xlist:
        if scheduler.is_alone():
            return _select_of.original(rlist, wlist, xlist, timeout)

        def look():
            found = _select_of.original(rlist, wlist, xlist, 0)
            return found if any(found) else None

        return _beside_others(look, timeout) or ([], [], [])
    # As above. Whoever waits for nothing waits for a time.
    cooperative_sleep(timeout if timeout is not None else FOREVER)
    return [], [], []


class _Poll:
    """poll(2), which waits for nothing as well."""

    def __init__(self):
        self._poll = _Poll.original()
        self._registered = set()

    def register(self, fd, *events):
        self._poll.register(fd, *events)
        self._registered.add(fd if isinstance(fd, int) else fd.fileno())

    def modify(self, fd, events):
        self._poll.modify(fd, events)

    def unregister(self, fd):
        self._poll.unregister(fd)
        self._registered.discard(fd if isinstance(fd, int) else fd.fileno())

    def poll(self, timeout=None):
        seconds = None if timeout is None or timeout < 0 else timeout / 1000
        if not self._registered:
            cooperative_sleep(FOREVER if seconds is None else seconds)
            return []
        if scheduler.is_alone():
            return self._poll.poll(timeout)
        return _beside_others(lambda: self._poll.poll(0), seconds)


def install():
    ending.at_end(Connection.close_idle)
    socketserver.BaseRequestHandler.__init__ = _handler_init
    socketserver.ThreadingMixIn.process_request = _process_request
    socketserver.ThreadingMixIn._wasmrun_serve_aside = _serve_aside
    socketserver.BaseServer.serve_forever = _serve_forever
    socketserver.BaseServer.shutdown = _shutdown
    # Somebody has left word with the loop that waits in it (loops.py).
    for kind in {selectors.DefaultSelector, selectors.SelectSelector, selectors.PollSelector}:
        kind.wasmrun_woken = False
        kind.select = _select(kind.select)
    _select_of.original, _Poll.original = select.select, select.poll
    select.select, select.poll = _select_of, _Poll
