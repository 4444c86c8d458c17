"""What SQLite asks of the program: functions, aggregates, collations, and who watches statements."""

import time

from . import errors
from .arguments import number
from .parameters import value

_ERROR, _DENY, _OK = 1, 1, 0
# Milliseconds to wait for somebody else's lock, as sqlite3_busy_timeout waits.
_DELAYS = (1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50, 100)
is_told = False


def enable_callback_tracebacks(enable, /):
    """Report what functions, aggregates and other callbacks raise by `sys.unraisablehook`."""
    global is_told
    is_told = bool(number(enable))


def _tell(error, callback):
    if is_told:
        errors.report(error, f"Exception ignored on sqlite3 callback {callback!r}")


def _failed(error, callback, text):
    """What a function that raises is for SQLite."""
    _tell(error, callback)
    if isinstance(error, MemoryError):
        return False, (errors.NOMEM, "")
    if isinstance(error, OverflowError):
        return False, (errors.TOOBIG, "")
    return False, (_ERROR, text)


def _result(given):
    is_value, made = value(given)
    if not is_value:
        kind = errors.kind_of(given)
        raise errors.ProgrammingError(f"User-defined functions cannot return '{kind}' values to SQLite")
    return True, made


def _texts(arguments):
    """A text that is no UTF-8 is a tuple of its bytes."""
    if tuple in map(type, arguments):
        for each in arguments:
            if type(each) is tuple:
                each[0].decode()
    return arguments


class Answers:
    """A connection's. The host knows functions and collations by numbers."""

    __slots__ = ("_callbacks", "_numbers", "_last", "_instances", "_timeout", "_waits", "authorize", "progress", "trace")

    def __init__(self, timeout):
        # By number; and the numbers by name, because a name has one.
        self._callbacks, self._numbers, self._last = {}, {}, 0
        # Aggregates that are at work.
        self._instances = {}
        self._timeout, self._waits = timeout, 0
        self.authorize = self.progress = self.trace = None

    def number(self, callback):
        """A new function's."""
        self._last += 1
        self._callbacks[self._last] = callback
        return self._last

    def keep(self, number, *key):
        """This number has the name now, or none."""
        before = self._numbers.pop(key, None)
        self._callbacks.pop(before, None)
        if number is not None:
            self._numbers[key] = number

    def forget(self, number):
        self._callbacks.pop(number, None)

    def __call__(self, database, kind, function, instance, arguments):
        return getattr(self, f"_{kind.lower()}")(database, function, instance, arguments)

    def _scalar(self, _, function, __, arguments):
        callback = self._callbacks[function]
        try:
            return _result(callback(*_texts(arguments)))
        except BaseException as error:
            return _failed(error, callback, "user-defined function raised exception")

    def _made(self, function, instance):
        if instance not in self._instances:
            # None after it raises: there is nothing to finalize.
            self._instances[instance] = None
            self._instances[instance] = self._callbacks[function]()
        return self._instances[instance]

    def _step(self, _, function, instance, arguments):
        callback = self._callbacks[function]
        doing = "'__init__' method raised error"
        try:
            made = self._made(function, instance)
            doing = "'step' method not defined"
            step = made.step
            doing = "'step' method raised error"
            step(*_texts(arguments))
        except BaseException as error:
            return _failed(error, callback, f"user-defined aggregate's {doing}")
        return True, None

    def _inverse(self, _, function, instance, arguments):
        callback = self._callbacks[function]
        doing = "'inverse' method not defined"
        try:
            inverse = self._instances.get(instance).inverse
            doing = "'inverse' method raised error"
            inverse(*_texts(arguments))
        except BaseException as error:
            return _failed(error, callback, f"user-defined aggregate's {doing}")
        return True, None

    def _told(self, function, made, name):
        """An aggregate's value by a method without arguments."""
        callback = self._callbacks[function]
        try:
            return _result(getattr(made, name)())
        except BaseException as error:
            doing = "not defined" if isinstance(error, AttributeError) else "raised error"
            return _failed(error, callback, f"user-defined aggregate's '{name}' method {doing}")

    def _value(self, _, function, instance, __):
        made = self._instances.get(instance)
        return (True, None) if made is None else self._told(function, made, "value")

    def _final(self, _, function, instance, __):
        made = self._instances.pop(instance, None)
        return (True, None) if made is None else self._told(function, made, "finalize")

    def _collate(self, database, function, _, arguments):
        if database.raised is not None:
            return True, 0
        try:
            order = self._callbacks[function](*_texts(arguments))
        except BaseException as error:
            # SQLite has no way for a collation to fail: the call does in the end.
            database.raised = error
            return True, 0
        return True, (order > 0) - (order < 0) if isinstance(order, int) else 0

    def _authorize(self, _, __, ___, arguments):
        callback = self.authorize
        try:
            verdict = callback(*arguments)
            return True, number(verdict) if isinstance(verdict, int) else _DENY
        except BaseException as error:
            _tell(error, callback)
            return True, _DENY

    def _progress(self, *_):
        callback = self.progress
        try:
            return True, int(bool(callback()))
        except BaseException as error:
            _tell(error, callback)
            return True, 1

    def _trace(self, _, __, ___, arguments):
        callback, sql = self.trace, arguments[0]
        if sql is None:
            # The second is the text without the values in it.
            sql = arguments[1]
            _tell(errors.DataError("Expanded SQL string exceeds the maximum string length"), callback)
        try:
            callback(sql)
        except BaseException as error:
            _tell(error, callback)
        return True, 0

    def _busy(self, _, __, ___, arguments):
        """Lets others go on before SQLite tries again, until the time is over."""
        times, now = arguments[0], time.monotonic()
        if times == 0:
            self._waits = now + self._timeout
        left = self._waits - now
        if left <= 0:
            return True, 0
        time.sleep(min(left, _DELAYS[min(times, len(_DELAYS) - 1)] / 1000))
        return True, 1
