"""`_ssl`, which CPython's own `ssl` stands on, by the sessions of the runtime (wit/deps/tls).

    ssl.py --_ssl--> context --settings--> host --wasmrun:tls--> runtime
                     connection --bytes--> transport --> socket or MemoryBIO

A context is plain settings, so those that packages make when they are imported can be in the snapshot; what belongs to the
runtime is made when the first connection begins. In OpenSSL's words: its constants, its errors, its version.
"""

import importlib.abc
import importlib.util
import sys


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the module when somebody asks for it."""

    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_loader(name, self) if name == "_ssl" else None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        from . import interface

        vars(module).update(interface.names())


def install():
    sys.meta_path.append(_Finder())
