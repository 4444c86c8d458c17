"""`_SSLSocket`: one session over what carries it."""

import weakref

from . import constants, errors, hello, host
from .certificates import Certificate, decode
from .resumption import SSLSession

# Most bytes that are sealed at once.
_PIECE = 1 << 16
_EOF = "unexpected eof while reading"
_VERSIONS = {0x303: "TLSv1.2", 0x304: "TLSv1.3"}
# An alert that ends the session, in a record (RFC 8446 6).
_ALERT = b"\x15\x03\x03\x00\x02\x02"
_HANDSHAKE_FAILURE, _INTERNAL_ERROR = 40, 80
# What programs send that speak no TLS, and what OpenSSL says of it.
_REQUESTS = {b"GET ": "http request", b"POST": "http request", b"HEAD": "http request", b"PUT ": "http request", b"CONN": "https proxy request"}


class Connection:
    __module__ = "_ssl"

    def __init__(self, context, transport, server_side, name, owner, session):
        self._context = context
        self._transport = transport
        self.server_side = server_side
        self.server_hostname = name
        self._owner = None if owner is None else weakref.ref(owner)
        self._settings = context.settle(server_side)
        # The runtime's, from the first use on.
        self._session = None
        # What came before there was one: a callback chooses the context by it.
        self._held = b""
        self._handshaking = True
        self._facts = None
        # What the peer has said and nobody has read, from an offset on.
        self._plain, self._offset = b"", 0
        # What is to be sent.
        self._out = []
        # Bytes of the write that could not be sent at once.
        self._written = 0
        # Whether the peer has closed its direction, this side has, or nothing more can be said.
        self._is_ended = self._is_closed = self._has_failed = False
        self._resumption = None
        if session is not None:
            self.session = session

    # -- The handshake

    def do_handshake(self):
        deadline = self._transport.deadline()
        if self._has_failed:
            raise errors.ended()
        self._shake(deadline, "handshake")

    def _shake(self, deadline, what):
        if self._session is None:
            self._begin(deadline, what)
        while self._handshaking:
            self._flush(deadline, what)
            self._advance(0, deadline, what)
        if self._facts is None:
            self._facts = self._session.facts()
            self._context.count(self.server_side, "good", self._facts.resumed)
        self._flush(deadline, what)

    def _begin(self, deadline, what):
        if self.server_side:
            self._hear(deadline, what)
        self._context.count(self.server_side)
        self._session, failure = host.open(self._settings, self.server_hostname)
        if failure is not None:
            text = failure.text
            if self.server_side:
                self._refuse(_HANDSHAKE_FAILURE)
                # A server without a certificate has no suite in OpenSSL's eyes.
                text = "no shared cipher" if text == "no certificate assigned" else text
            self._has_failed = True
            raise errors.of_session(text)
        held, self._held = self._held, b""
        self._feed(held)

    def _hear(self, deadline, what):
        """Waits for the client's first message, and asks the callback."""
        name, is_whole = None, False
        while not is_whole:
            data = self._receive(0, deadline, what)
            if not data:
                self._has_failed = True
                raise errors.ended("UNEXPECTED_EOF_WHILE_READING")
            self._held += data
            if self._held[:4] in _REQUESTS:
                self._has_failed = True
                raise errors.of_session(_REQUESTS[self._held[:4]])
            # Without a callback the session can have it as it comes.
            is_whole, name = hello.server_name(self._held) if self._context.sni_callback else (len(self._held) > 4, None)
        alert = self._context.ask(self.owner, name)
        if alert is not None:
            self._refuse(alert)
            self._has_failed = True
            raise errors.of_session("callback failed")

    def _refuse(self, alert):
        self._out.append(_ALERT + bytes([alert & 0xFF]))
        self._send_some()

    # -- Bytes

    def _receive(self, size, deadline, what):
        while (data := self._transport.receive(size)) is None:
            self._transport.wait(False, deadline, what)
        return data

    def _advance(self, size, deadline, what):
        """Takes what comes, as much as makes so many bytes."""
        data = self._receive(size, deadline, what)
        self._feed(data, not data)

    def _feed(self, data, ended=False):
        progress, failure = host.answer(self._session.feed, data, ended)
        if failure is not None:
            self._fail(failure)
        if progress.to_send:
            self._out.append(progress.to_send)
            self._send_some()
        if progress.plaintext:
            self._plain = self._plain[self._offset :] + progress.plaintext if self._plain else progress.plaintext
            self._offset = 0
        self._handshaking = progress.handshaking
        self._is_ended = progress.closed

    def _fail(self, failure):
        if failure.to_send:
            self._out.append(failure.to_send)
            self._send_some()
        if failure.text == _EOF:
            if self._context.options & constants.OP_IGNORE_UNEXPECTED_EOF and not self._handshaking:
                self._is_ended = True
            repeated, self._has_failed = self._has_failed, True
            raise errors.ended(None if repeated else "UNEXPECTED_EOF_WHILE_READING")
        self._has_failed = True
        if failure.verification:
            raise errors.of_certificate(failure.verification, failure.text, self.server_hostname)
        raise errors.of_session(failure.text)

    def _send_some(self):
        """Sends what can be sent now. What hinders it shows at the next write."""
        try:
            while self._out and self._send_once():
                pass
        except OSError:
            pass

    def _send_once(self):
        sent = self._transport.send(self._out[0])
        if sent is None:
            return False
        if sent == len(self._out[0]):
            del self._out[0]
        else:
            self._out[0] = memoryview(self._out[0])[sent:]
        return True

    def _flush(self, deadline, what):
        # Whoever runs during a wait may send some, too.
        while self._out:
            if not self._send_once():
                self._transport.wait(True, deadline, what)

    # -- Reading and writing

    def read(self, size=1024, buffer=None, /):
        if buffer is None:
            if size < 0:
                raise ValueError("size should not be negative")
            return self._read(size) if size else b""
        with memoryview(buffer) as view, view.cast("B") as target:
            room = target.nbytes
            size = room if size <= 0 or size > room else size
            if not size:
                return 0
            data = self._read(size)
            target[: len(data)] = data
            return len(data)

    def _read(self, size):
        if not self._plain:
            deadline = self._transport.deadline()
            if self._facts is None:
                self._shake(deadline, "read")
            while not self._plain:
                if self._is_ended:
                    if self._is_closed:
                        raise errors.closed()
                    return b""
                try:
                    self._advance(size, deadline, "read")
                except errors.SSLEOFError:
                    if not self._is_ended:
                        raise
        start, plain = self._offset, self._plain
        end = start + size
        if end < len(plain):
            self._offset = end
            return plain[start:end]
        self._plain, self._offset = b"", 0
        return plain[start:] if start else plain

    def write(self, b, /):
        deadline = self._transport.deadline()
        if self._facts is None and not self._has_failed:
            self._shake(deadline, "write")
        with memoryview(b) as view, view.cast("B") as data:
            if self._written:
                # The same bytes again (SSL_write(3)): they are sealed already.
                self._flush(deadline, "write")
                written, self._written = self._written, 0
                return written
            if not data.nbytes:
                return 0
            if self._has_failed:
                raise errors.ended()
            self._flush(deadline, "write")
            done = 0
            while done < data.nbytes:
                piece = bytes(data[done : done + _PIECE])
                sealed, failure = host.answer(self._session.seal, piece)
                if failure is not None:
                    raise errors.of_session(failure.text)
                self._out.append(sealed)
                done += len(piece)
                try:
                    self._flush(deadline, "write")
                except errors.SSLWantWriteError:
                    self._written = len(piece)
                    if done == len(piece):
                        raise
                    # What went before it is written.
                    return done - len(piece)
            return done

    def pending(self):
        return len(self._plain) - self._offset

    def shutdown(self):
        deadline = self._transport.deadline()
        if self._has_failed or self._facts is None:
            raise errors.of_session("shutdown while in init")
        self.farewell()
        self._flush(deadline, "write")
        while not self._is_ended:
            self._advance(0, deadline, "read")
            if self._plain:
                self._has_failed = True
                raise errors.of_session("application data after close notify")
        return self._transport.socket()

    def farewell(self):
        """Says that this side is done, and waits for nothing."""
        if self._facts is not None and not self._is_closed and not self._has_failed:
            self._is_closed = True
            self._out.append(self._session.close())
            self._send_some()

    def verify_client_post_handshake(self):
        raise NotImplementedError("Post-handshake auth is not supported by your OpenSSL version.")

    # -- What is agreed

    def version(self):
        return self._facts and _VERSIONS.get(self._facts.version)

    def cipher(self):
        facts = self._facts
        return facts and (facts.suite, _VERSIONS.get(facts.version), facts.bits)

    def shared_ciphers(self):
        """The runtime tells the one that was chosen."""
        return [self.cipher()] if self.server_side and self._facts else None

    def compression(self):
        return None

    def selected_alpn_protocol(self):
        protocol = self._facts and self._facts.protocol
        return protocol.decode() if protocol else None

    def getpeercert(self, binary_mode=False, /):
        if self._facts is None:
            raise ValueError("handshake not done yet")
        if not self._facts.peer:
            return None
        if binary_mode:
            return self._facts.peer[0]
        return {} if self._context.verify_mode == constants.CERT_NONE else decode(self._facts.peer[0])

    def get_unverified_chain(self):
        peer = self._facts and self._facts.peer
        return [Certificate(der) for der in peer] if peer else None

    # The runtime does not tell which root it was.
    get_verified_chain = get_unverified_chain

    def get_channel_binding(self, cb_type="tls-unique"):
        if cb_type == "tls-exporter":
            # RFC 9266.
            binding = ("EXPORTER-Channel-Binding", b"", 32)
            return host.answer(self._session.derive, *binding)[0] if self._facts else None
        if cb_type != "tls-unique":
            raise ValueError(f"'{cb_type}' channel binding type not implemented")
        return None

    @property
    def owner(self):
        return self._owner and self._owner()

    @property
    def context(self):
        return self._context

    @context.setter
    def context(self, context):
        from .context import Context

        if not isinstance(context, Context):
            raise TypeError("The value must be a SSLContext")
        self._context = context
        if self._session is None:
            self._settings = context.settle(self.server_side)

    @property
    def session(self):
        if self._resumption is None and self._facts is not None and not self.server_side:
            self._resumption = SSLSession(self._context)
        return self._resumption

    @session.setter
    def session(self, session):
        if not isinstance(session, SSLSession):
            raise TypeError("Value is not a SSLSession.")
        if session._context is not self._context:
            raise ValueError("Session refers to a different SSLContext.")
        if self.server_side:
            raise ValueError("Cannot set session for server-side SSLSocket.")
        if self._facts is not None:
            raise ValueError("Cannot set session after handshake.")
        self._resumption = session

    @property
    def session_reused(self):
        return bool(self._facts and self._facts.resumed)


Connection.__name__ = Connection.__qualname__ = "_SSLSocket"
