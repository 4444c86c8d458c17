"""`asyncio` without the pair of sockets that wakes it from other threads: those are on the same stack, and leave word with the
selector that the loop waits in.
"""

import asyncio.selector_events
import asyncio.unix_events

from . import ending


def install():
    loop = asyncio.selector_events.BaseSelectorEventLoop
    loop._make_self_pipe = lambda self: None
    loop._close_self_pipe = lambda self: None
    loop._write_to_self = _wake
    for kind in (loop, *loop.__subclasses__()):
        ending.install_in(kind)


def _wake(self):
    self._selector.wasmrun_woken = True
