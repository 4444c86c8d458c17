"""Methods of connections by which SQLite calls the program."""

from . import constants, errors, host
from .arguments import number, positional, text


def _check_count(connection, count, name):
    """How many arguments a function may have: SQLite's limit is asked for where that may matter."""
    connection._check()
    if -1 <= count <= 100 and not connection._has_limits:
        return
    limit = connection._database.limit(constants.LIMITS["LIMIT_FUNCTION_ARG"])
    if not -1 <= count <= limit:
        raise errors.ProgrammingError(f"'{name}' must be between -1 and {limit}, not {count}")


def _define(connection, name, count, flags, kind, callback):
    answers = connection._answers
    function = answers.number(callback)
    try:
        connection._database.create_function(name, count, flags, kind, function)
    except BaseException:
        answers.forget(function)
        raise
    answers.keep(function, name.lower(), count)


@positional("name", "narg", "func")
def create_function(self, /, name, narg, func, *, deterministic=False):
    """Define a function of SQL."""
    name, narg = text(name, "create_function", "'name'"), number(narg)
    flags = constants.DETERMINISTIC if deterministic else 0
    _check_count(self, narg, "narg")
    try:
        _define(self, name, narg, flags, host.SCALAR, func)
    except errors.Error:
        pass
    else:
        return
    raise errors.OperationalError("Error creating function")


@positional("name", "n_arg", "aggregate_class")
def create_aggregate(self, /, name, n_arg, aggregate_class):
    """Define an aggregate: a class with `step` and `finalize`."""
    name, n_arg = text(name, "create_aggregate", "'name'"), number(n_arg)
    _check_count(self, n_arg, "n_arg")
    try:
        _define(self, name, n_arg, 0, host.AGGREGATE, aggregate_class)
    except errors.Error:
        pass
    else:
        return
    raise errors.OperationalError("Error creating aggregate")


def create_window_function(self, name, num_params, aggregate_class, /):
    """Define an aggregate for windows: a class with `step`, `inverse`, `value` and `finalize`. None removes it."""
    name, num_params = text(name, "create_window_function", 1), number(num_params)
    _check_count(self, num_params, "num_params")
    if aggregate_class is None:
        self._database.create_function(name, num_params, 0, host.WINDOW, None)
        self._answers.keep(None, name.lower(), num_params)
    else:
        _define(self, name, num_params, 0, host.WINDOW, aggregate_class)


def create_collation(self, name, callback, /):
    """Define an order of texts: a function of two, which gives a number below 0, 0 or above. None removes it."""
    name = text(name, "create_collation", 1)
    self._check()
    if callback is None:
        self._database.create_collation(name, None)
        self._answers.keep(None, name.lower())
        return
    if not callable(callback):
        raise TypeError("parameter must be callable")
    function = self._answers.number(callback)
    try:
        self._database.create_collation(name, function)
    except BaseException:
        self._answers.forget(function)
        raise
    self._answers.keep(function, name.lower())


def _watch(connection, kind, callback, each=1):
    connection._check()
    setattr(connection._answers, kind, callback)
    connection._database.ask(kind.upper(), None if callback is None else each)


@positional("authorizer_callback")
def set_authorizer(self, /, authorizer_callback):
    """Ask before statements are compiled whether they may do what they do."""
    _watch(self, "authorize", authorizer_callback)


@positional("progress_handler")
def set_progress_handler(self, /, progress_handler, n):
    """Call a function each `n` instructions of SQLite's machine. What it gives that is true interrupts the statement."""
    n = number(n)
    _watch(self, "progress", progress_handler if n > 0 else None, max(n, 0))


@positional("trace_callback")
def set_trace_callback(self, /, trace_callback):
    """Call a function with the text of each statement that runs."""
    _watch(self, "trace", trace_callback)


METHODS = (
    create_function, create_aggregate, create_window_function, create_collation, set_authorizer, set_progress_handler,
    set_trace_callback,
)  # fmt: skip
