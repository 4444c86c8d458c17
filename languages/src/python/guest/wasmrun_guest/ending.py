"""The program's end, when it is asked for: the handlers of SIGTERM, or of SIGINT where there are none, are called as if it were that
signal; servers close connections that nobody uses.
"""

import signal
import threading

from wit_world.imports import lifecycle


_NUMBERS = (signal.SIGTERM, signal.SIGINT)
_set, _raise = signal.signal, signal.raise_signal
# What runs as the program does: not while the snapshot is made.
_hears = False
_has_begun = False
# Handlers of event loops, by number.
_of_loops = {}
_at_end = []


def at_end(call):
    """Calls `call()` when the end is asked for."""
    _at_end.append(call)


def hear():
    global _hears
    _hears = True
    lifecycle.hear()
    if any(_is_own(signal.getsignal(number)) for number in _NUMBERS):
        lifecycle.handle()


def runs():
    """Whether this is a run, and not the making of the snapshot."""
    return _hears


def _is_own(handler):
    """Whether it is the program's: not that of asyncio.run, which drops what its servers are at."""
    of_asyncio = getattr(getattr(handler, "func", None), "__name__", "") == "_on_sigint"
    return callable(handler) and handler is not signal.default_int_handler and not of_asyncio


def begin():
    """Called where the end may have been asked for; whether it was."""
    global _has_begun
    if not _hears or not lifecycle.is_ending():
        return False
    if not _has_begun:
        _has_begun = True
        for call in _at_end:
            call()
        for number in _NUMBERS:
            if number in _of_loops:
                loop, callback, arguments = _of_loops[number]
                loop.call_soon_threadsafe(callback, *arguments)
                break
            if _is_own(signal.getsignal(number)):
                _call(number)
                break
    return True


def _call(number):
    try:
        _raise(number)
    except SystemExit as end:
        if threading.current_thread() is threading.main_thread():
            raise
        # Handlers belong to the main thread, which lies below: whoever is in between would take it for its own end.
        leave(end)


# Ends the program with what a SystemExit says (start.py).
leave = None


def has_begun():
    return _has_begun


def _signal(number, handler):
    before = _set(number, handler)
    _handles(number, handler)
    return before


def _handles(number, handler):
    if _hears and number in _NUMBERS and _is_own(handler):
        lifecycle.handle()


def _raise_signal(number):
    if signal.getsignal(number) is signal.SIG_DFL and number in _NUMBERS:
        # What the system would do. Servers end so, when they have had the signal and finished.
        raise SystemExit(128 + number)
    _raise(number)


def _add_to_loop(self, number, callback, *arguments):
    if number not in _NUMBERS:
        # What servers expect of systems that have none.
        raise NotImplementedError("a guest gets no signals but SIGTERM and SIGINT")
    _of_loops[number] = (self, callback, arguments)
    _handles(number, callback)


def _remove_from_loop(self, number):
    return _of_loops.pop(number, None) is not None


def install():
    signal.signal = _signal
    signal.raise_signal = _raise_signal


def install_in(loop):
    """The same for a class of event loops."""
    loop.add_signal_handler = _add_to_loop
    loop.remove_signal_handler = _remove_from_loop
