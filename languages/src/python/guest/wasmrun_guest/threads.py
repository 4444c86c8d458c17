"""`threading` for one stack: threads are begun when somebody waits, locks know that nobody else can hold them."""

import _threading_local
import contextvars
import queue
import sys
import threading
import time

from .scheduler import cooperative_sleep, in_context, scheduler

_identities = iter(range(2, 1 << 62)).__next__
_real_ident = threading.get_ident
_current = None


def get_ident():
    """The number of the thread that runs: the one whose function is on top of the stack."""
    return _current._ident if _current is not None else _real_ident()


class Lock:
    """A lock that is waited for by letting others go on."""

    __slots__ = ("_locked", "_among", "__weakref__")

    def __init__(self):
        self._locked = False
        # The locks of those who held some when this was taken.
        self._among = None

    def _take(self):
        self._locked = True
        self._among = scheduler.held
        self._among.add(self)

    def acquire(self, blocking=True, timeout=-1):
        if not self._locked:
            self._take()
            return True
        if not blocking:
            return False
        if not scheduler.wait(self._is_free, None if timeout < 0 else timeout, anyway=True):
            return False
        self._take()
        return True

    def _is_free(self):
        return not self._locked

    def release(self):
        if not self._locked:
            raise RuntimeError("release unlocked lock")
        self._locked = False
        self._among.discard(self)

    def locked(self):
        return self._locked

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *_):
        self.release()

    acquire_lock = acquire
    release_lock = release
    locked_lock = locked

    def _at_fork_reinit(self):
        self._locked = False


class Leave(BaseException):
    """Takes a thread off the stack."""


class Waiter:
    """What somebody waits for with a condition."""

    __slots__ = ("waits",)

    def __init__(self):
        self.waits = True

    def release(self):
        self.waits = False

    def is_free(self):
        return not self.waits


class as_thread:
    """While this is open, the thread is the one that runs."""

    __slots__ = ("thread", "before")

    def __init__(self, thread):
        self.thread = thread

    def __enter__(self):
        global _current
        self.before = _current
        _current = self.thread

    def __exit__(self, *_):
        global _current
        _current = self.before


def logical_thread(name=None):
    """A thread that was never started and runs within `as_thread`."""
    thread = threading.Thread(name=name, daemon=True)
    thread._ident = _identities()
    thread._started.set()
    return thread


def _run(thread):
    if thread._done:
        return
    thread._done = None  # Begun.
    # Thread.run drops them.
    work = {name: vars(thread).get(name) for name in ("_target", "_args", "_kwargs")}
    with as_thread(thread):
        threading._active[thread._ident] = thread
        try:
            context = thread._context
            call = thread.run
            if context is None:
                in_context(call)
            else:
                context.run(call)
        except SystemExit:
            pass
        except Leave:
            # A worker that waits for work begins anew when there is some.
            vars(thread).update(work)
            thread._done = False
            scheduler.dormant.append((thread._waits_for, lambda: _run(thread)))
            return
        except BaseException:
            try:
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), thread)))
            except Exception:
                # Nobody below has anything to do with it.
                sys.excepthook(*sys.exc_info())
        finally:
            if thread._done is None:
                end(thread)


def end(thread):
    """Marks it as over."""
    thread._done = True
    threading._active.pop(thread._ident, None)


def _start(self):
    if not self._initialized:
        raise RuntimeError("thread.__init__() not called")
    if type(self).__module__ == "cheroot.workers.threadpool":
        # They would wait below each other, and the server would accept and never answer.
        raise RuntimeError(
            "cheroot (CherryPy, wsgidav) cannot serve in a guest: its worker threads have to wait beside each other, and all "
            'threads of a guest share one stack. Name the WSGI application instead: `wsgi = "MODULE:NAME"` under `[python]` in '
            ".wasmrun.toml (of CherryPy: `cherrypy.tree`)"
        )
    if self._started.is_set():
        raise RuntimeError("threads can only be started once")
    self._started.set()
    self._ident = _identities()
    self._done = False
    target = getattr(self, "_target", None)
    aside = getattr(getattr(target, "__func__", None), "aside", None)
    if aside is not None and hasattr(target.__self__, "_wasmrun_serve_aside"):
        # A server that serves in a thread of its own needs none.
        self._done = None
        threading._active[self._ident] = self
        aside(target.__self__, self)
        return
    scheduler.begin(lambda: _run(self))


def _join(self, timeout=None):
    if not self._initialized:
        raise RuntimeError("Thread.__init__() not called")
    if not self._started.is_set():
        raise RuntimeError("cannot join thread before it is started")
    if self is threading.current_thread():
        raise RuntimeError("cannot join current thread")
    scheduler.wait(lambda: self._done is True, timeout, anyway=True)


def _is_alive(self):
    return self._started.is_set() and getattr(self, "_done", True) is not True


def _wait(self, timeout=None):
    """Condition.wait."""
    if not self._is_owned():
        raise RuntimeError("cannot wait on un-acquired lock")
    waiter = Waiter()
    self._waiters.append(waiter)
    saved = self._release_save()
    got = False
    try:
        if timeout is None and _is_worker_without_work(sys._getframe(1).f_code):
            # The waiter stays among those who are to be told.
            got = True
            _current._waits_for = waiter.is_free
            raise Leave
        got = scheduler.wait(waiter.is_free, timeout, anyway=True)
        return got
    finally:
        self._acquire_restore(saved)
        if not got:
            try:
                self._waiters.remove(waiter)
            except ValueError:
                pass


def _hold(self):
    """Semaphore.__enter__: while nobody else could pass, nobody else is let on top."""
    passed = self.acquire()
    if self._value == 0:
        self._wasmrun_among = scheduler.held
        scheduler.held.add(self)
    return passed


def _let_go(self, *_):
    self.release()
    getattr(self, "_wasmrun_among", set()).discard(self)


def _is_worker_without_work(caller):
    """Whether this is a thread that asks a queue for work. It would lie on top of those who bring it, so it leaves and begins
    anew: between two pieces of work there is nothing in its variables that would be missed.
    """
    return caller is queue.Queue.get.__code__ and _current is not None and getattr(_current, "_done", 0) is None


def _submit(self, call, /, *args, **kwargs):
    """ThreadPoolExecutor.submit: at once."""
    from concurrent.futures import Future

    if self._shutdown:
        raise RuntimeError("cannot schedule new futures after shutdown")
    future = Future()
    future.set_running_or_notify_cancel()
    try:
        future.set_result(contextvars.copy_context().run(call, *args, **kwargs))
    except BaseException as error:
        future.set_exception(error)
    return future


def _current_thread():
    return _current if _current is not None else _main()


_main = threading.main_thread


def install():
    threading.current_thread = threading.currentThread = _threading_local.current_thread = _current_thread
    threading.get_ident = get_ident
    threading.Lock = threading._allocate_lock = Lock
    # Logging takes its locks for each record and waits for nothing meanwhile: the lock in C does for it.
    quick = threading.RLock
    threading.RLock = _threading_local.RLock = threading._PyRLock
    queue.SimpleQueue = queue._PySimpleQueue
    threading.local = _threading_local.local
    threading.Thread.start = _start
    threading.Thread.join = _join
    threading.Thread.is_alive = _is_alive
    threading.Condition.wait = _wait
    threading.Semaphore.__enter__ = _hold
    threading.Semaphore.__exit__ = _let_go
    time.sleep = cooperative_sleep
    import logging

    def create_lock(self):
        self.lock = quick()

    logging._lock = quick()
    logging.Handler.createLock = create_lock
    # It makes locks: not before there are ours.
    from concurrent.futures import thread

    thread.ThreadPoolExecutor.submit = _submit
