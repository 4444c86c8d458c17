"""Values of rows, as the program wants them."""

from . import constants, errors

# What text is for the host: a str, or a tuple of its bytes.
STR, TUPLE = 0, 2


def text(value, name, factory):
    """A value, which may be text as the host gives it, of the column of this name."""
    kind = type(value)
    if kind is str and factory is not str:
        # The factory was another one when the host was asked.
        return factory(value.encode())
    if kind is not tuple:
        return value
    if factory is not str:
        return factory(value[0])
    try:
        return value[0].decode()
    except UnicodeDecodeError:
        shown = f"{name}\0{value[0].decode(errors='replace')}"
    raise errors.error(constants.NOT_TEXT, shown)


def converted(value, converter):
    """What a converter makes of a value's bytes."""
    if type(value) is not bytes and value is not None:
        # The host was asked before it was known that this one has a converter.
        value = value[0] if type(value) is tuple else str(value).encode()
    # SQLite has no address for a value of no bytes.
    return converter(value) if value else None


def shaped(data, description, factory, converters):
    """A row of the program's, of one of the host's."""
    if converters is None:
        return tuple([text(value, column[0], factory) for value, column in zip(data, description)])
    return tuple([
        text(value, column[0], factory) if converter is None else converted(value, converter)
        for value, column, converter in zip(data, description, converters)
    ])
