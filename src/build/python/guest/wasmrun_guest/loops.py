"""`asyncio` without the pair of sockets that wakes it from other threads and from signals: there are neither."""

import asyncio.selector_events
import asyncio.unix_events


def install():
    loop = asyncio.selector_events.BaseSelectorEventLoop
    loop._make_self_pipe = lambda self: None
    loop._close_self_pipe = lambda self: None
    loop._write_to_self = lambda self: None
    loop.add_signal_handler = _no_signals
    loop.remove_signal_handler = lambda self, number: False
    for kind in loop.__subclasses__():
        for name in ("add_signal_handler", "remove_signal_handler"):
            if name in vars(kind):
                setattr(kind, name, getattr(loop, name))


def _no_signals(self, number, callback, *args):
    # What servers expect of systems that have none.
    raise NotImplementedError("a guest gets no signals")
