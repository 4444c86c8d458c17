"""Modules of the system that a guest has not, so that programs load that only name them: what is harmless works, what would need
the system says so when it is used.
"""

import os
import sys
import types

NO_PROCESSES = "a guest has no processes: a thread, or another run of wasmrun, does what one would do"


def _module(name, **contents):
    module = types.ModuleType(name, f"What a guest has instead of {name}.")
    module.__dict__.update(contents)
    sys.modules[name] = module
    return module


def _refuse(error):
    def refused(*_, **__):
        raise error

    return refused


class _Entry(tuple):
    def __new__(cls, names, values):
        entry = super().__new__(cls, values)
        entry.__dict__.update(zip(names, values))
        return entry


def _users():
    user = _Entry(
        ("pw_name", "pw_passwd", "pw_uid", "pw_gid", "pw_gecos", "pw_dir", "pw_shell"),
        ("guest", "x", 0, 0, "", "/tmp", ""),
    )
    group = _Entry(("gr_name", "gr_passwd", "gr_gid", "gr_mem"), ("guest", "x", 0, []))

    def find(entry, kind):
        def found(key):
            if key in (entry[0], entry[2]):
                return entry
            raise KeyError(f"{kind}: {key!r} is not there: a guest has one user, {entry[0]}")

        return found

    by_user, by_group = find(user, "user"), find(group, "group")
    _module("pwd", getpwuid=by_user, getpwnam=by_user, getpwall=lambda: [user], struct_passwd=_Entry)
    _module("grp", getgrgid=by_group, getgrnam=by_group, getgrall=lambda: [group], struct_group=_Entry)
    for name in ("getuid", "geteuid", "getgid", "getegid"):
        if not hasattr(os, name):
            setattr(os, name, lambda: 0)
    # Every file is that user's: tarfile gives one to whom an archive names.
    for name in ("chown", "lchown", "fchown"):
        if not hasattr(os, name):
            setattr(os, name, lambda *_, **__: None)


def _files():
    # Nobody else has a guest's files open but others of its threads, which share all of them.
    locks = {"LOCK_SH": 1, "LOCK_EX": 2, "LOCK_NB": 4, "LOCK_UN": 8}
    commands = {"F_DUPFD": 0, "F_GETFD": 1, "F_SETFD": 2, "F_GETFL": 3, "F_SETFL": 4, "F_GETLK": 5, "F_SETLK": 6, "F_SETLKW": 7}
    done = lambda fd, *_: 0
    no_device = _refuse(OSError(25, "Inappropriate ioctl for device"))
    _module("fcntl", FD_CLOEXEC=1, flock=done, lockf=done, fcntl=done, ioctl=no_device, **locks, **commands)
    terminal = type("error", (Exception,), {})
    no_terminal = _refuse(terminal(25, "a guest has no terminal"))
    constants = {name: number for number, name in enumerate(("TCSANOW", "TCSADRAIN", "TCSAFLUSH"))}
    constants |= {"TIOCGWINSZ": 0x5413, "ECHO": 8, "ICANON": 2, "ISIG": 1, "IXON": 0x400, "VMIN": 6, "VTIME": 5, "TCIFLUSH": 0}
    functions = ("tcgetattr", "tcsetattr", "tcsendbreak", "tcdrain", "tcflush", "tcflow", "tcgetwinsize", "tcsetwinsize")
    _module("termios", error=terminal, **constants, **{name: no_terminal for name in functions})
    no_map = _refuse(OSError(38, "a guest cannot map files into its memory: read them"))
    access = {"ACCESS_DEFAULT": 0, "ACCESS_READ": 1, "ACCESS_WRITE": 2, "ACCESS_COPY": 3, "PROT_READ": 1, "PROT_WRITE": 2}
    kind = type("mmap", (), {"__init__": no_map, "__module__": "mmap"})
    _module("mmap", mmap=kind, error=OSError, PAGESIZE=4096, ALLOCATIONGRANULARITY=4096, MAP_SHARED=1, MAP_PRIVATE=2, **access)
    limits = ("CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE", "MEMLOCK", "AS")
    names = ("utime stime maxrss ixrss idrss isrss minflt majflt nswap inblock oublock msgsnd msgrcv nsignals nvcsw nivcsw").split()
    usage = _Entry([f"ru_{name}" for name in names], [0.0, 0.0] + [0] * 14)
    _module(
        "resource",
        error=OSError,
        RLIM_INFINITY=-1,
        RUSAGE_SELF=0,
        RUSAGE_CHILDREN=-1,
        getrlimit=lambda _: (-1, -1),
        setrlimit=_refuse(OSError(1, "a guest's limits are set with --memory, --cpus and --pids")),
        getrusage=lambda _: usage,
        getpagesize=lambda: 4096,
        struct_rusage=_Entry,
        **{f"RLIMIT_{name}": number for number, name in enumerate(limits)},
    )


def _processes():
    import threading

    class Value:
        """All of a guest's threads have one memory."""

        def __init__(self, kind, value=0, *, lock=True):
            self.value = value
            self._lock = lock if hasattr(lock, "acquire") else threading.RLock()

        def get_lock(self):
            return self._lock

        get_obj = property(lambda self: lambda: self)
        __enter__ = lambda self: self._lock.__enter__()
        __exit__ = lambda self, *raised: self._lock.__exit__(*raised)

    def array(kind, content, *, lock=True):
        return [0] * content if isinstance(content, int) else list(content)

    import multiprocessing
    from multiprocessing import context, process

    methods = {
        "Value": lambda self, *given, **named: Value(*given, **named),
        "RawValue": lambda self, *given, **named: Value(*given, **named),
        "Array": lambda self, *given, **named: array(*given, **named),
        "RawArray": lambda self, *given, **named: array(*given, **named),
        "Lock": lambda self: threading.Lock(),
        "RLock": lambda self: threading.RLock(),
        "Event": lambda self: threading.Event(),
        "Condition": lambda self, lock=None: threading.Condition(lock),
        "Semaphore": lambda self, value=1: threading.Semaphore(value),
        "BoundedSemaphore": lambda self, value=1: threading.BoundedSemaphore(value),
        "cpu_count": lambda self: 1,
    }
    for name, method in methods.items():
        setattr(context.BaseContext, name, method)
        setattr(multiprocessing, name, getattr(context._default_context, name))
    refuse = _refuse(OSError(38, NO_PROCESSES))
    process.BaseProcess.start = refuse
    for name in ("Pool", "Manager", "Queue", "SimpleQueue", "JoinableQueue", "Pipe"):
        setattr(context.BaseContext, name, refuse)
        setattr(multiprocessing, name, refuse)


def install():
    for name in ("WNOHANG", "WUNTRACED"):
        if not hasattr(os, name):
            setattr(os, name, 1 if name == "WNOHANG" else 2)
    _users()
    _files()
    _processes()
