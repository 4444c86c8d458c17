"""Parameters of statements, as the host takes them."""

from . import adapters, errors, host
from .arguments import contents, integer


def value(given):
    """A value that SQLite knows, of exactly a type that it has in Python; None where it is none."""
    if isinstance(given, int):
        return True, integer(given)
    if isinstance(given, float):
        return True, float.__float__(given)
    if isinstance(given, str):
        made = str.__str__(given)
        if not made.isascii():
            # Says what is wrong with surrogates.
            made.encode()
        return True, made
    if given is None:
        return True, None
    try:
        memoryview(given).release()
    except TypeError:
        return False, None
    return True, contents(given)


def _bound(given, place):
    if adapters.is_adapted(given):
        given = adapters.adapt(given, adapters.PrepareProtocol, given)
    is_value, made = value(given)
    if not is_value:
        kind = errors.kind_of(given)
        raise errors.ProgrammingError(f"Error binding parameter {place}: type '{kind}' is not supported")
    return made


def _of_sequence(statement, given):
    """One after the other: an adapter may change the sequence."""
    made = []
    for place, name in enumerate(statement.names, 1):
        if name is not None and name[0] != "?":
            raise errors.ProgrammingError(
                f"Binding {place} ('{name}') is a named parameter, but you supplied a sequence which requires nameless (qmark) "
                "placeholders."
            )
        made.append(_bound(given[place - 1], place))
    return made


def _item(given, name):
    if type(given) is dict:
        return (True, given[name]) if name in given else (False, None)
    try:
        return True, given[name]
    except LookupError:
        return False, None


def _of_mapping(statement, given):
    made = []
    for place, name in enumerate(statement.names, 1):
        if name is None:
            raise errors.ProgrammingError(f"Binding {place} has no name, but you supplied a dictionary (which has only names).")
        is_there, found = _item(given, name[1:])
        if not is_there:
            raise errors.ProgrammingError(f"You did not supply a value for binding parameter :{name[1:]}.")
        made.append(_bound(found, place))
    return made


def _known(statement, given):
    """The values in their order where each can go to the host as it is, else None."""
    kind = type(given)
    if kind is dict:
        try:
            given = list(map(given.__getitem__, statement.keys))
        except (KeyError, TypeError):
            return None
    elif statement.is_named or (kind is not tuple and kind is not list):
        return None
    return given if adapters.plain().issuperset(map(type, given)) else None


def encode(statement, given):
    """The bytes of a statement's parameters. What the host refuses (`check`) may still be among them."""
    is_mapping = isinstance(given, dict)
    if not is_mapping:
        if not hasattr(type(given), "__getitem__"):
            raise errors.ProgrammingError("parameters are of unsupported type")
        if len(given) != len(statement.names):
            raise errors.ProgrammingError(
                f"Incorrect number of bindings supplied. The current statement uses {len(statement.names)}, and there are "
                f"{len(given)} supplied."
            )
    known = _known(statement, given)
    if known is None:
        known = (_of_mapping if is_mapping else _of_sequence)(statement, given)
    return host.encode(known)


def known(statement, every):
    """The values of those from the beginning that can go to the host as they are."""
    found, count = [], len(statement.names)
    for given in every:
        each = _known(statement, given)
        if each is None or len(each) != count:
            break
        found.append(tuple(each))
    return found


def check(statement, given):
    """Says what is wrong with parameters that the host has refused."""
    for each in _known(statement, given) or ():
        value(each)
