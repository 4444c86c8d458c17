"""The runtime's hashes: the only place that names their interfaces (wit/deps/crypto).

Nothing of them is called while the snapshot is made.
"""

from componentize_py_types import Err
from wit_world.imports import derivation, hashing
from wit_world.imports.failures import Failure

from .. import ending

is_there = ending.runs
LIMIT = Failure.LIMIT


class Refused(Exception):
    """What the runtime does not compute, and why."""


def _call(function, *arguments):
    if not is_there():
        raise ValueError("not while the snapshot is made")
    try:
        return function(*arguments)
    except Err as error:
        raise Refused(error.value) from None


def digest(name, data, length=None):
    return _call(hashing.digest, name, data, length)


def hmac(name, key, data):
    return _call(hashing.hmac, name, key, data)


def begin(name, length=None):
    """A digest in parts."""
    return _call(hashing.Hash.create, name, length)


def begin_hmac(name, key):
    return _call(hashing.Hash.keyed, name, key)


def copy(state):
    return _call(state.copy)


def pbkdf2(*arguments):
    return _call(derivation.pbkdf2, *arguments)


def scrypt(*arguments):
    return _call(derivation.scrypt, *arguments)
