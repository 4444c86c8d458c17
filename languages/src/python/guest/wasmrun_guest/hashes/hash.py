"""Digests: `_hashlib.HASH` and `HASHXOF`."""

import _blake2
import _md5
import _sha1
import _sha2
import _sha3

from . import host
from .data import Data, bytes_of

# The interpreter's own, and how many bytes make a call of the runtime cheaper.
_OWN = {
    "md5": (_md5.md5, 4096),
    "sha1": (_sha1.sha1, 4096),
    "sha224": (_sha2.sha224, 2048),
    "sha256": (_sha2.sha256, 2048),
    "sha384": (_sha2.sha384, 4096),
    "sha512": (_sha2.sha512, 4096),
    "sha3-224": (_sha3.sha3_224, 2048),
    "sha3-256": (_sha3.sha3_256, 2048),
    "sha3-384": (_sha3.sha3_384, 2048),
    "sha3-512": (_sha3.sha3_512, 2048),
    "shake128": (_sha3.shake_128, 2048),
    "shake256": (_sha3.shake_256, 2048),
    "blake2b512": (_blake2.blake2b, 8192),
    "blake2s256": (_blake2.blake2s, 8192),
}
# OpenSSL's name: Python's, and bytes of a digest and of what is hashed at a time.
TRAITS = {
    "md5": ("md5", 16, 64),
    "sha1": ("sha1", 20, 64),
    "sha224": ("sha224", 28, 64),
    "sha256": ("sha256", 32, 64),
    "sha384": ("sha384", 48, 128),
    "sha512": ("sha512", 64, 128),
    "sha512-224": ("sha512_224", 28, 128),
    "sha512-256": ("sha512_256", 32, 128),
    "sha3-224": ("sha3_224", 28, 144),
    "sha3-256": ("sha3_256", 32, 136),
    "sha3-384": ("sha3_384", 48, 104),
    "sha3-512": ("sha3_512", 64, 72),
    "shake128": ("shake_128", 0, 168),
    "shake256": ("shake_256", 0, 136),
    "blake2b512": ("blake2b", 64, 128),
    "blake2s256": ("blake2s", 32, 64),
    "ripemd160": ("ripemd160", 20, 64),
}
# Those that `hashlib.algorithms_available` has of OpenSSL.
NAMES = [name for openssl, (name, _, _) in TRAITS.items() if not openssl.startswith("blake")]
_OTHERS = {"blake2b512": "blake2b512", "blake2s256": "blake2s256", "rmd160": "ripemd160", "ripemd": "ripemd160"}
_FOUND = {python: openssl for openssl, (python, _, _) in TRAITS.items() if not openssl.startswith("blake")} | _OTHERS


def find(name):
    """OpenSSL's name of what somebody calls so, or None."""
    name = name.lower()
    return _FOUND.get(name) or _FOUND.get(name.replace("-", "_")) or _FOUND.get(name.replace("-", ""))


class HASH:
    __module__ = "_hashlib"
    __slots__ = ("name", "_openssl", "_data", "_own", "__weakref__")

    def __new__(cls, *arguments, **named):
        raise TypeError(f"cannot create '_hashlib.{cls.__name__}' instances")

    @property
    def digest_size(self):
        return TRAITS[self._openssl][1]

    @property
    def block_size(self):
        return TRAITS[self._openssl][2]

    def update(self, obj, /):
        data = bytes_of(obj)
        if self._own is not None:
            self._own.update(data)
        else:
            self._data.add(data)

    def copy(self):
        other = object.__new__(type(self))
        other.name, other._openssl = self.name, self._openssl
        other._data = self._data.copy()
        other._own = self._own and self._own.copy()
        return other

    def digest(self):
        if self._own is not None:
            return self._own.digest()
        data = self._data.whole()
        if data is None:
            return self._data.state().finish()
        own, most = _OWN.get(self._openssl, (None, 0))
        if own is not None and len(data) < most:
            return own(data).digest()
        return host.digest(self._openssl, data)

    def hexdigest(self):
        return self.digest().hex()

    def __repr__(self):
        return f"<{self.name} _hashlib.{type(self).__name__} object @ {id(self):#x}>"


class HASHXOF(HASH):
    """The interpreter's: a state of the runtime has one length."""

    __module__ = "_hashlib"
    __slots__ = ()

    def digest(self, length):
        return self._own.digest(length)

    def hexdigest(self, length):
        return self._own.hexdigest(length)


def _make(openssl, data):
    extendable = openssl.startswith("shake")
    made = object.__new__(HASHXOF if extendable else HASH)
    made.name, made._openssl = TRAITS[openssl][0], openssl
    made._data = Data(lambda: host.begin(openssl), host.copy)
    own = _OWN.get(openssl)
    # What begins in the snapshot ends with the interpreter's.
    made._own = own[0]() if own and (extendable or not host.is_there()) else None
    if data is not None:
        made.update(data)
    return made


def _argument(data, string):
    if string is None:
        return data
    if data:
        raise TypeError("'data' and 'string' are mutually exclusive and support for 'string' keyword parameter is slated for removal in a future version.")
    return string


def constructor(name):
    openssl = find(name)

    def make(data=b"", *, usedforsecurity=True, string=None):
        return _make(openssl, _argument(data, string))

    return Builtin(f"openssl_{name}", make)


class Builtin:
    """A function that is no method where a class has it, as none in C is: Django's password hashers keep theirs so."""

    def __init__(self, name, call):
        self.__name__ = self.__qualname__ = name
        self.__module__ = "_hashlib"
        self._call = call

    def __call__(self, *arguments, **named):
        return self._call(*arguments, **named)

    def __repr__(self):
        return f"<built-in function {self.__name__}>"

    def __reduce__(self):
        return self.__name__


def new(name, data=b"", *, usedforsecurity=True, string=None):
    if not isinstance(name, str):
        raise TypeError(f"new() argument 'name' must be str, not {type(name).__name__}")
    openssl = find(name)
    if openssl is None:
        raise ValueError(f"unsupported hash type {name}")
    return _make(openssl, _argument(data, string))
