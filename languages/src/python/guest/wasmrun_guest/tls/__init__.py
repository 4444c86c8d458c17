"""`_ssl`, which CPython's own `ssl` stands on, by the sessions of the runtime (wit/deps/tls).

    ssl.py --_ssl--> context --settings--> host --wasmrun:tls--> runtime
                     connection --bytes--> transport --> socket or MemoryBIO

A context is plain settings, so those that packages make when they are imported can be in the snapshot; what belongs to the
runtime is made when the first connection begins. In OpenSSL's words: its constants, its errors, its version.
"""

from .. import natives


def _names():
    from . import interface

    return interface.names()


def install():
    natives.provide("_ssl", _names)
