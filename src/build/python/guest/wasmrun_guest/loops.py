"""`asyncio` without the pair of sockets that wakes it from other threads: those are on the same stack, and leave word with the
selector that the loop waits in.
"""

import asyncio.selector_events
import asyncio.unix_events


def install():
    loop = asyncio.selector_events.BaseSelectorEventLoop
    loop._make_self_pipe = lambda self: None
    loop._close_self_pipe = lambda self: None
    loop._write_to_self = _wake
    loop.add_signal_handler = _no_signals
    loop.remove_signal_handler = lambda self, number: False
    for kind in loop.__subclasses__():
        for name in ("add_signal_handler", "remove_signal_handler"):
            if name in vars(kind):
                setattr(kind, name, getattr(loop, name))


def _wake(self):
    self._selector.wasmrun_woken = True


def _no_signals(self, number, callback, *args):
    # What servers expect of systems that have none.
    raise NotImplementedError("a guest gets no signals")
