"""`_bz2`, `_lzma` and `_zstd`, on which CPython's own bz2.py, lzma.py and compression/zstd stand, by the runtime's streams
(wit/deps/zlib); and zlib's functions by the same where there is more to do than a call of the runtime costs.
"""

from functools import partial
from importlib import import_module

from .. import natives

_MODULES = {"_bz2": "bzip2", "_lzma": "lzma", "_zstd": "zstd"}


def _names(own):
    return import_module(f"{__name__}.{own}").names()


def install():
    for name, own in _MODULES.items():
        natives.provide(name, partial(_names, own))
    from . import deflate

    deflate.install()
