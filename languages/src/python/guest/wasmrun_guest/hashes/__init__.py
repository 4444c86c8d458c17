"""`_hashlib`, which CPython's own `hashlib` and `hmac` stand on, by the hashes of the runtime (wit/deps/crypto).

The interpreter has hashes of its own: they are taken for what is small, because a call of the runtime costs more, and while the
snapshot is made.
"""

from .. import natives


def _names():
    from . import interface

    return interface.names()


def install():
    natives.provide("_hashlib", _names)
