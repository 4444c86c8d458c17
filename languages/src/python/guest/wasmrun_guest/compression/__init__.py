"""`_bz2`, `_lzma` and `_zstd`, on which CPython's own bz2.py, lzma.py and compression/zstd stand, by the runtime's streams
(wit/deps/zlib); and zlib's functions by the same where there is more to do than a call of the runtime costs.
"""

import importlib.abc
import importlib.util
import sys

_MODULES = {"_bz2": "bzip2", "_lzma": "lzma", "_zstd": "zstd"}


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds a module when somebody asks for it."""

    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_loader(name, self) if name in _MODULES else None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        from importlib import import_module

        own = import_module(f"{__name__}.{_MODULES[module.__name__]}")
        vars(module).update(own.names())


def install():
    sys.meta_path.append(_Finder())
    from . import deflate

    deflate.install()
