"""Methods of connections about what SQLite may do."""

import sys

from . import constants, errors
from .arguments import number, text

_OPTIONS = frozenset(constants.OPTIONS.values())
_NO_EXTENSIONS = "a guest cannot load extensions: they are native code"


def setlimit(self, category, limit, /):
    """Set a limit (c_limit_attached.html), and say what it was. A number below 0 leaves it."""
    category, limit = number(category), number(limit)
    self._check()
    before = self._database.limit(category, limit)
    if before < 0:
        raise errors.ProgrammingError("'category' is out of bounds")
    self._has_limits = self._has_limits or limit >= 0
    return before


def getlimit(self, category, /):
    """A limit (c_limit_attached.html)."""
    return setlimit(self, category, -1)


def _option(connection, op):
    connection._check()
    if op not in _OPTIONS:
        raise ValueError(f"unknown config 'op': {op}")
    return op


def setconfig(self, op, enable=True, /):
    """Turn an option on or off (c_dbconfig_defensive.html)."""
    op, enable = number(op), bool(enable)
    if self._database.configure(_option(self, op), int(enable)) != enable:
        raise errors.OperationalError("Unable to set config")


def getconfig(self, op, /):
    """Whether an option is on (c_dbconfig_defensive.html)."""
    return bool(self._database.configure(_option(self, number(op)), -1))


def enable_load_extension(self, enable, /):
    """Extensions are native code, which a guest cannot load: they stay off."""
    enable = bool(enable)
    sys.audit("sqlite3.enable_load_extension", self, enable)
    self._check()
    if enable:
        raise errors.OperationalError(_NO_EXTENSIONS)


def load_extension(self, name, /, *, entrypoint=None):
    """Extensions are native code, which a guest cannot load."""
    name = text(name, "load_extension", 1)
    if entrypoint is not None:
        text(entrypoint, "load_extension", "'entrypoint'")
    sys.audit("sqlite3.load_extension", self, name)
    self._check()
    raise errors.OperationalError(_NO_EXTENSIONS)


METHODS = (setlimit, getlimit, setconfig, getconfig, enable_load_extension, load_extension)
