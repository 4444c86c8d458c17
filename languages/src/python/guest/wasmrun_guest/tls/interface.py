"""What `_ssl` has: all that CPython's ssl.py and its tests take from it."""

import os

from . import constants
from .certificates import Certificate, read
from .connection import Connection
from .context import Context
from .errors import KINDS
from .identifiers import nid2obj, txt2obj
from .memory import MemoryBIO
from .resumption import SSLSession
from .roots import DEFAULT


def RAND_bytes(n, /):
    if n < 0:
        raise ValueError("num must be positive")
    return os.urandom(n)


def RAND_add(string, entropy, /):
    """The system has enough."""


def RAND_status():
    return True


def get_default_verify_paths():
    return ("SSL_CERT_FILE", DEFAULT[0], "SSL_CERT_DIR", DEFAULT[1])


def _test_decode_cert(path, /):
    return read(path)


_FUNCTIONS = (RAND_bytes, RAND_add, RAND_status, get_default_verify_paths, nid2obj, txt2obj, _test_decode_cert)


def names():
    found = {name: value for name, value in vars(constants).items() if name.isupper() or name.startswith(("HAS_", "PROTO", "OP_"))}
    found.update((kind.__name__, kind) for kind in (*KINDS, MemoryBIO, SSLSession, Certificate))
    found.update((function.__name__, function) for function in _FUNCTIONS)
    return found | {"_SSLContext": Context, "_SSLSocket": Connection}
