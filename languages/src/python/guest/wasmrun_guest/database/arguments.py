"""Arguments as CPython's functions in C take them."""

import functools
import operator

from . import errors


def text(value, function, argument=None):
    """A str that C can have: `argument` is its place, or its name in quotes; None where it is the only one."""
    if not isinstance(value, str):
        which = "" if argument is None else f" {argument}"
        raise TypeError(f"{function}() argument{which} must be str, not {errors.kind_of(value)}")
    value = str.__str__(value)
    if not value.isascii():
        # Says what is wrong with surrogates.
        value.encode()
    if "\0" in value:
        raise ValueError("embedded null character")
    return value


def number(value):
    """A C int."""
    value = operator.index(value)
    if not -(1 << 31) <= value < 1 << 31:
        raise OverflowError("Python int too large to convert to C int")
    return value


def size(value):
    """How many rows."""
    value = operator.index(value)
    if value < 0:
        raise ValueError("Cannot convert negative int")
    if value >= 1 << 32:
        raise OverflowError("Python int too large to convert to C uint32_t")
    return value


def real(value):
    """A C double."""
    if isinstance(value, float):
        return float.__float__(value)
    if not hasattr(type(value), "__float__") and not hasattr(type(value), "__index__"):
        raise TypeError(f"must be real number, not {errors.kind_of(value)}")
    return float(value)


def integer(value):
    """An INTEGER."""
    value = int.__pos__(value)
    if not -(1 << 63) <= value < 1 << 63:
        raise OverflowError("Python int too large to convert to SQLite INTEGER")
    return value


def contents(value):
    """The bytes of a buffer."""
    if type(value) is bytes:
        return value
    try:
        view = memoryview(value)
    except TypeError:
        raise TypeError(f"a bytes-like object is required, not '{errors.kind_of(value)}'") from None
    with view:
        if not view.c_contiguous:
            raise BufferError("memoryview: underlying buffer is not C-contiguous")
        return view.tobytes()


def positional(*names):
    """A method whose arguments of these names are to be given by their place from Python 3.15 on."""
    quoted = [repr(name) for name in names]
    listed = quoted[0] if len(names) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
    s = "" if len(names) == 1 else "s"

    def decorate(method):
        text = (
            f"Passing keyword argument{s} {listed} to _sqlite3.Connection.{method.__name__}() is deprecated. "
            f"Parameter{s} {listed} will become positional-only in Python 3.15."
        )

        @functools.wraps(method)
        def call(self, /, *arguments, **keywords):
            if len(arguments) < len(names) and not keywords.keys().isdisjoint(names):
                errors.deprecate(text)
            return method(self, *arguments, **keywords)

        return call

    return decorate


def kept(name):
    """An attribute that programs set and do not delete; None before it is set."""
    own = f"_{name}"

    def put(self, value):
        setattr(self, own, value)

    def refuse(self):
        raise AttributeError(f"cannot delete {name} attribute")

    return property(lambda self: getattr(self, own, None), put, refuse)
