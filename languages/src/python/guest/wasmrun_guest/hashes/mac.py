"""HMAC (RFC 2104): `_hashlib.HMAC`."""

from . import host
from .data import Data, bytes_of
from .errors import UnsupportedDigestmodError
from .hash import TRAITS, find

try:
    import _hmac
except ImportError:
    _hmac = None

# Fewer bytes are the interpreter's.
_FEW = 2048


def _openssl(digestmod):
    """OpenSSL's name of a hash that is named, or made by one of the constructors. CPython goes on with the interpreter's where this
    raises."""
    if not host.is_there():
        raise UnsupportedDigestmodError("not while the snapshot is made")
    if isinstance(digestmod, str):
        name = digestmod
    else:
        name = getattr(digestmod, "__name__", "")
        if not name.startswith("openssl_") or getattr(digestmod, "__module__", "") != "_hashlib":
            raise UnsupportedDigestmodError(f"Unsupported digestmod {digestmod!r}")
        name = name.removeprefix("openssl_")
    found = find(name)
    if found is None or found.startswith("shake"):
        raise UnsupportedDigestmodError(f"Unsupported digestmod {name}")
    return found


def _own(openssl, key, data):
    """By the interpreter, or None where it has not the hash."""
    if _hmac is None:
        return None
    try:
        return _hmac.compute_digest(key, data, TRAITS[openssl][0])
    except _hmac.UnknownHashError:
        return None


class HMAC:
    __module__ = "_hashlib"
    __slots__ = ("_openssl", "_key", "_data", "__weakref__")

    def __new__(cls, *arguments, **named):
        raise TypeError("cannot create '_hashlib.HMAC' instances")

    @property
    def name(self):
        return f"hmac-{TRAITS[self._openssl][0]}"

    @property
    def digest_size(self):
        return TRAITS[self._openssl][1]

    @property
    def block_size(self):
        return TRAITS[self._openssl][2]

    def update(self, msg):
        self._data.add(bytes_of(msg))

    def copy(self):
        other = object.__new__(HMAC)
        other._openssl, other._key, other._data = self._openssl, self._key, self._data.copy()
        return other

    def digest(self):
        data = self._data.whole()
        if data is None:
            return self._data.state().finish()
        return _compute(self._openssl, self._key, data)

    def hexdigest(self):
        return self.digest().hex()

    def __repr__(self):
        return f"<{self.name} HMAC object @ {id(self):#x}>"


def _compute(openssl, key, data):
    if len(data) < _FEW:
        digest = _own(openssl, key, data)
        if digest is not None:
            return digest
    return host.hmac(openssl, key, data)


def hmac_new(key, msg=b"", digestmod=None):
    if digestmod is None:
        raise TypeError("Missing required parameter 'digestmod'.")
    openssl = _openssl(digestmod)
    made = object.__new__(HMAC)
    made._openssl, made._key = openssl, bytes_of(key)
    made._data = Data(lambda: host.begin_hmac(openssl, made._key), host.copy)
    if msg is not None:
        made.update(msg)
    return made


def hmac_digest(key, msg, digest):
    return _compute(_openssl(digest), bytes_of(key), bytes_of(msg))
