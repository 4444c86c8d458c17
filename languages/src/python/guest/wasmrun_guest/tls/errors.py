"""Errors as `_ssl` raises them: numbers, texts, `library` and `reason` are OpenSSL's."""

import re

from .constants import (
    SSL_ERROR_EOF,
    SSL_ERROR_SSL,
    SSL_ERROR_WANT_READ,
    SSL_ERROR_WANT_WRITE,
    SSL_ERROR_ZERO_RETURN,
)

# Where in `_ssl.c` an error comes from. Programs cut it off.
_PLACE = "(_ssl.c:1000)"
# Numbers of errors that are not of a session: library and reason in one (ERR_PACK(3)).
_PACKED = {"KEY_VALUES_MISMATCH": 116, "NO_CERTIFICATE_OR_CRL_FOUND": 136, "NO_START_LINE": 108, "BAD_BASE64_DECODE": 100}
PEM_LIB = 524297
# The only one that says nothing of what OpenSSL knows.
_REASON = re.compile(r"[a-z0-9 ]+")
_HOSTNAME, _ADDRESS = 62, 64


class SSLError(OSError):
    """An error occurred in the SSL implementation."""

    __module__ = "ssl"
    library = reason = None

    def __str__(self):
        return self.strerror if isinstance(self.strerror, str) else str(self.args)


class SSLCertVerificationError(SSLError, ValueError):
    """A certificate could not be verified."""

    __module__ = "ssl"


class SSLZeroReturnError(SSLError):
    """SSL/TLS session closed cleanly."""

    __module__ = "ssl"


class SSLWantReadError(SSLError):
    """Non-blocking SSL socket needs to read more data before the requested operation can be completed."""

    __module__ = "ssl"


class SSLWantWriteError(SSLError):
    """Non-blocking SSL socket needs to write more data before the requested operation can be completed."""

    __module__ = "ssl"


class SSLSyscallError(SSLError):
    """System error when attempting SSL operation."""

    __module__ = "ssl"


class SSLEOFError(SSLError):
    """SSL/TLS connection terminated abruptly."""

    __module__ = "ssl"


KINDS = (SSLError, SSLCertVerificationError, SSLZeroReturnError, SSLWantReadError, SSLWantWriteError, SSLSyscallError, SSLEOFError)


def error(text, kind=SSLError, number=0, library=None, reason=None):
    """An error with the text that CPython makes of its parts."""
    label = f"[{library}: {reason}] " if reason else f"[{library}] " if library else ""
    made = kind(number, f"{label}{text} {_PLACE}")
    made.library, made.reason = library, reason
    return made


def of(library, text):
    """An error of certificates and keys: of a library, with a reason that is its text."""
    reason = text.upper().replace(" ", "_")
    return error(text, number=_PACKED.get(reason, SSL_ERROR_SSL), library=library, reason=reason)


def of_session(text):
    """An error of OpenSSL's TLS with a reason, where the text is one."""
    reason = text.upper().replace(" ", "_") if _REASON.fullmatch(text) else None
    return error(text, number=SSL_ERROR_SSL, library="SSL", reason=reason)


def of_certificate(code, text, name):
    """The peer's certificate was refused, when it was asked for by this name."""
    said = text.partition(": ")[2]
    if code == _HOSTNAME:
        said = f"Hostname mismatch, certificate is not valid for '{name}'."
    elif code == _ADDRESS:
        said = f"IP address mismatch, certificate is not valid for '{name}'."
    text = f"certificate verify failed: {said}"
    made = error(text, SSLCertVerificationError, SSL_ERROR_SSL, "SSL", "CERTIFICATE_VERIFY_FAILED")
    made.verify_code, made.verify_message = code, said
    return made


def ended(reason=None):
    """The connection is over, and nobody has said so in TLS."""
    return error("EOF occurred in violation of protocol", SSLEOFError, SSL_ERROR_EOF, reason and "SSL", reason)


def closed():
    """Both sides have closed the session."""
    return error("TLS/SSL connection has been closed (EOF)", SSLZeroReturnError, SSL_ERROR_ZERO_RETURN)


def want_read():
    return error("The operation did not complete (read)", SSLWantReadError, SSL_ERROR_WANT_READ)


def want_write():
    return error("The operation did not complete (write)", SSLWantWriteError, SSL_ERROR_WANT_WRITE)


def late(what):
    """The time-out of a socket is over."""
    text = f"The {what} operation timed out"
    # As CPython has it.
    return TimeoutError(f"_ssl.c:1000: {text}" if what == "handshake" else text)
