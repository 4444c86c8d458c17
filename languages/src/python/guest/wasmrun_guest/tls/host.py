"""The runtime's sessions: the only place that names their interface (wit/deps/tls).

What it makes belongs to one run. While the snapshot is made there is none of it.
"""

from componentize_py_types import Err
from wit_world.imports import session as interface

from .. import ending
from . import errors

# Contexts with the same settings have the same, so that clients of short contexts go on with earlier sessions.
_configs = {}
_KEPT = 32
# What the runtime says of a machine without roots.
_NO_STORE = "this machine has no trust store"
_VERIFY = (interface.Verify.NONE, interface.Verify.CHAIN, interface.Verify.FULL)
_ASK = (interface.Ask.NO, interface.Ask.OPTIONAL, interface.Ask.REQUIRED)


def is_there():
    return ending.runs()


def _need():
    if not is_there():
        raise errors.error("there is no TLS while the snapshot is made")


def answer(call, *arguments):
    """What the runtime answers, and none; or none, and what failed: componentize-py's error is none that programs could handle."""
    try:
        return call(*arguments), None
    except Err as error:
        return None, error.value


def _config(settings):
    """What sessions with these settings (context.Settings) have in common."""
    found = _configs.pop(settings, None)
    if found is None:
        found = interface.Config.create(
            interface.Settings(
                settings.server,
                _VERIFY[settings.verify],
                _ASK[settings.ask],
                settings.system,
                list(settings.roots),
                _identity(settings.identity),
                list(settings.protocols),
                settings.minimum,
                settings.maximum,
            )
        )
        if len(_configs) >= _KEPT:
            del _configs[next(iter(_configs))]
    _configs[settings] = found
    return found


def _identity(identity):
    return None if identity is None else interface.Identity(*identity)


def open(settings, name):
    """A session, and none; or none, and why it cannot begin."""
    _need()
    made = answer(lambda: interface.Session.open(_config(settings), name))
    if made[1] is not None and settings.system and settings.roots and made[1].text.startswith(_NO_STORE):
        # The program has named others.
        return open(settings._replace(system=False), name)
    return made


def describe(der):
    """The fields of a certificate."""
    _need()
    fields, failure = answer(interface.describe, der)
    if failure is not None:
        raise errors.error(failure)
    return fields


def check(identity):
    """None; or why certificate and key cannot be used, or do not belong together."""
    _need()
    return answer(interface.check, _identity(identity))[1]
