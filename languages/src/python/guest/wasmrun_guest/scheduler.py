"""One thread that does the work of several.

A guest has one stack. Whoever has to wait, for a socket, a time or another, calls `wait`, and what else can go on goes on
in there, on top of the caller. So a request that sleeps does not stop the others. The price is an order: who waits further
down goes on when those above have come to a wait of their own end.
"""

import contextvars
import select
import time
from collections import deque

_poll = select.poll
READ = select.POLLIN
WRITE = select.POLLOUT
# Waits within waits. Each costs a piece of the only stack.
DEPTH = 24
# Longest wait of the one on top of as many, in seconds.
ALONE = 30


class Scheduler:
    def __init__(self):
        self.poller = _poll()
        # Descriptor to (events, what to call).
        self.watched = {}
        # What can begin at once: functions.
        self.ready = deque()
        self.depth = 0
        # Threads that were taken off the stack, with what they wait for: (done, function).
        self.dormant = []
        # Locks that somebody on the stack holds. Who runs on top must not find them, so nobody does.
        self.held = set()

    def watch(self, fd, events, call):
        """Calls `call()` whenever there is something for the descriptor; returns what was there before."""
        before = self.watched.get(fd)
        self.watched[fd] = (events, call)
        self.poller.register(fd, events)
        return before

    def unwatch(self, fd, before=None):
        if before is not None:
            self.watch(fd, *before)
        elif self.watched.pop(fd, None) is not None:
            self.poller.unregister(fd)

    def begin(self, call):
        """Calls `call()` as soon as somebody waits."""
        self.ready.append(call)

    def is_alone(self):
        """Whether nobody else could go on."""
        return not self.ready and not self.watched

    def wait(self, done=None, timeout=None, fd=None, events=0, anyway=False):
        """Lets others run until `done()`, or the descriptor is ready; False when the time (in seconds) is over.

        `anyway`: also while a lock is held, because it is what is waited for.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        if self.depth >= DEPTH:
            # Somebody else's client must not stop everybody for as long as it likes.
            limit = time.monotonic() + ALONE
            return self.wait_alone(done, min(deadline or limit, limit), fd, events)
        if self.held and not anyway:
            return self.wait_alone(done, deadline, fd, events)
        fired = False
        before = None

        def fire():
            nonlocal fired
            fired = True
            # Whoever runs on top of this one is not to be woken by it again and again.
            self.unwatch(fd)

        if fd is not None:
            before = self.watch(fd, events, fire)
        self.depth += 1
        held, self.held = self.held, set()

        def is_over():
            return fired or (done is not None and done())

        try:
            while True:
                if is_over():
                    return True
                if self.dormant:
                    self.wake()
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    # What came meanwhile counts.
                    left = 0
                if self.ready:
                    self.ready.popleft()()
                    if left == 0:
                        return False
                    continue
                if left is None and not self.watched:
                    raise RuntimeError("everything waits for something else: this would never end")
                for ready, _ in self.poll(left):
                    watched = self.watched.get(ready)
                    if watched is None:
                        continue
                    watched[1]()
                    # Others may have been at work for long.
                    if is_over():
                        return True
                    if deadline is not None and time.monotonic() >= deadline:
                        break
                if left == 0:
                    return is_over()
        finally:
            self.depth -= 1
            self.held = held
            if fd is not None:
                self.unwatch(fd, before)

    def wake(self):
        """Begins those anew whose time has come."""
        asleep = []
        for done, call in self.dormant:
            if done():
                self.ready.append(call)
            else:
                asleep.append((done, call))
        self.dormant = asleep

    def poll(self, left):
        if not self.watched:
            sleep(left)
            return ()
        return self.poller.poll(None if left is None else left * 1000)

    def wait_alone(self, done, deadline, fd, events):
        """The same with everybody standing still."""
        left = None if deadline is None else max(0, deadline - time.monotonic())
        if fd is None:
            if left is None:
                raise RuntimeError("this waits for somebody who cannot go on before: it would never end")
            sleep(left)
            return bool(done is not None and done())
        poller = _poll()
        poller.register(fd, events)
        return bool(poller.poll(None if left is None else left * 1000))


sleep = time.sleep
scheduler = Scheduler()


def cooperative_sleep(seconds):
    """time.sleep, with others at work."""
    if seconds > 0 and not scheduler.is_alone():
        scheduler.wait(timeout=seconds)
    else:
        sleep(seconds)


def in_context(call):
    """The call, with context variables of its own, as a thread has them."""
    return contextvars.Context().run(call)
