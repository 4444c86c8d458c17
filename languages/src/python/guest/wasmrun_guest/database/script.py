"""Scripts: texts of many statements."""

from . import errors


def run(connection, sql):
    """Runs all statements of a text."""
    connection._is_autocommit, failure = connection._database.run_script(sql)
    if failure is not None:
        raise errors.error(*failure[:2])
