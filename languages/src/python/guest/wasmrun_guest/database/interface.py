"""What `_sqlite3` has: all that CPython's sqlite3 takes from it."""

from . import adapters, answers, arguments, blob, connection, constants, cursor, errors, host, row


def complete_statement(statement):
    """Whether a text ends with a whole statement."""
    return host.is_complete(arguments.text(statement, "complete_statement", "'statement'"))


_FUNCTIONS = (
    adapters.adapt, adapters.register_adapter, adapters.register_converter, answers.enable_callback_tracebacks,
    complete_statement, connection.connect,
)  # fmt: skip
_KINDS = (blob.Blob, connection.Connection, cursor.Cursor, adapters.PrepareProtocol, row.Row, *errors.KINDS)


def names():
    for function in _FUNCTIONS:
        function.__module__ = "_sqlite3"
    own = {each.__name__: each for each in (*_FUNCTIONS, *_KINDS)}
    return constants.names() | own | {"adapters": adapters.adapters, "converters": adapters.converters}
