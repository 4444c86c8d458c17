"""What becomes of values that SQLite does not know (PEP 246), and of columns for which there is a converter."""

from . import errors
from .arguments import text

adapters, converters = {}, {}
_MISSING = object()
# Types whose values go to the host as they are, unless somebody has an adapter for them.
_KNOWN = frozenset((int, float, str, bytes, bytearray, type(None)))
# Types that are never adapted before one of them is.
_BASIC = frozenset((int, float, str, bytearray))
_plain, _counted = _KNOWN, 0
is_basic_adapted = False


class PrepareProtocol:
    """What objects are adapted to when they are parameters of statements."""

    __module__ = "sqlite3"
    __slots__ = ()

    def __init__(self, /, *_, **__):
        pass


def plain():
    """The types whose values are not adapted."""
    global _plain, _counted
    if len(adapters) != _counted:
        _counted = len(adapters)
        _plain = frozenset(kind for kind in _KNOWN if (kind, PrepareProtocol) not in adapters)
    return _plain


def is_adapted(value):
    return is_basic_adapted or type(value) not in _BASIC


def adapt(obj, proto=PrepareProtocol, alt=_MISSING, /):
    """Adapt an object to a protocol: by its type's adapter, the protocol's `__adapt__` or its own `__conform__`."""
    adapter = adapters.get((type(obj), proto))
    if adapter is not None:
        return adapter(obj)
    for owner, name, other in ((proto, "__adapt__", obj), (obj, "__conform__", proto)):
        adapter = getattr(owner, name, None)
        if adapter is None:
            continue
        try:
            adapted = adapter(other)
        except TypeError:
            continue
        if adapted is not None:
            return adapted
    if alt is not _MISSING:
        return alt
    raise errors.ProgrammingError("can't adapt")


def register_adapter(type, adapter, /):  # noqa: A002
    """Adapt objects of a type to values of SQLite by a function."""
    global is_basic_adapted, _counted
    if type in _BASIC:
        is_basic_adapted = True
    adapters[type, PrepareProtocol] = adapter
    _counted = -1


def register_converter(typename, converter, /):
    """Convert values of columns of such a type by a function, which gets their bytes."""
    if not isinstance(typename, str):
        text(typename, "register_converter", 1)
    converters[typename.upper()] = converter


def _of_name(name):
    """What a column's name has in brackets."""
    begin = 0
    for at, character in enumerate(name):
        if character == "[":
            begin = at + 1
        elif character == "]" and begin:
            return name[begin:at].upper()
    return None


def kinds_of(columns):
    """What the converters of columns are found by: what is in their names, and their declared types."""
    return [
        (_of_name(name), None if declared is None else declared.partition(" ")[0].partition("(")[0].upper())
        for name, declared, *_ in columns
    ]


def converters_of(kinds, by_name, by_type):
    """A converter or None for each column; none of them at all: None."""
    found, is_any = [], False
    for name, declared in kinds:
        converter = converters.get(name) if by_name and name is not None else None
        if converter is None and by_type and declared is not None:
            converter = converters.get(declared)
        is_any = is_any or converter is not None
        found.append(converter)
    return found if is_any else None


def shown_name(name):
    """A column's name without what its converter is chosen by."""
    at = name.find("[")
    if at < 0:
        return name
    return name[: at - 1 if at > 0 and name[at - 1] == " " else at]
