"""What every start does: it makes the snapshot a process of its own, and runs the program."""

import atexit
import builtins
import importlib
import io
import os
import random
import runpy
import sys
import threading
import traceback
import types

from wit_world.imports import exit

from . import ending, packages, readonly, scheduler, sockets, stdlib

# What the command says to the program: how it is run, and what.
PLAN = "WASMRUN_PYTHON"
# Modules without which nothing here runs: a project's own of the same name cannot take their place.
_needed = set()


def remember():
    """Called while the snapshot is made, before it has more than that."""
    _needed.update(sys.modules)


def find_first(folder):
    """Modules of a folder come before what the snapshot has of the same name, as with `sys.path`."""
    sys.path.insert(0, folder)
    own = set()
    for name in os.listdir(folder):
        if name.endswith(".py"):
            own.add(name.removesuffix(".py"))
        elif os.path.isfile(f"{folder}/{name}/__init__.py"):
            own.add(name)
    for name in list(sys.modules):
        if name.partition(".")[0] in own and name not in _needed and is_from_elsewhere(sys.modules[name], folder):
            del sys.modules[name]


def is_from_elsewhere(module, folder):
    file = getattr(module, "__file__", None) or ""
    return module.__name__ != "__main__" and not file.startswith(f"{folder}/")


def run():
    how, what, folder = os.environ.pop(PLAN).split("\n", 2)
    fresh(folder)
    ending.leave = leave
    ending.hear()
    code = 0
    try:
        try:
            {"script": run_script, "module": run_module, "wsgi": run_wsgi, "asgi": run_asgi, "call": run_call, "command": run_command}[how](what, folder)
        except SystemExit as end:
            code = status_of(end)
        except BaseException:
            code = 1
            show_traceback(folder)
        end_threads()
    finally:
        flush()
    if code:
        exit.exit_with_code(code & 0xFF)


def leave(end):
    """Ends the program from anywhere."""
    code = status_of(end)
    atexit._run_exitfuncs()
    flush()
    exit.exit_with_code(code & 0xFF)


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            pass


def fresh(folder):
    """What must not be the same in every start."""
    random.seed()
    sys.modules["tempfile"]._name_sequence = None
    sys.argv[0] = folder
    if sys.path and sys.path[0] != packages.SITE:
        sys.path.insert(0, packages.SITE)
    os.chdir(folder)
    for place in filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)):
        if os.path.isdir(place):
            sys.path.insert(0, os.path.abspath(place))
        else:
            print(f"warning: PYTHONPATH has {place}, which the guest has not; `--dir {place}` gives it", file=sys.stderr)
    readonly.watch(folder)
    # Where a program keeps its own files; nobody has a home here.
    os.environ.setdefault("HOME", "/tmp")


def show_traceback(folder):
    """The program's own frames, and not those that led to it."""
    kind, error, frames = sys.exc_info()
    here = os.path.dirname(__file__)
    while frames is not None and is_ours(frames.tb_frame.f_code.co_filename, here):
        frames = frames.tb_next
    if kind is KeyboardInterrupt:
        return
    sys.stdout.flush()
    traceback.print_exception(kind, error, frames)
    link = link_outward(error, folder)
    if link is not None:
        print(
            f"hint: {os.path.relpath(link, folder)} is a link that leads out of the project, and the guest sees no more than that: "
            "`--dir` gives it another folder",
            file=sys.stderr,
        )
    elif isinstance(error, ImportError) and " is native code (" in str(error):
        if packages.native_hint:
            print(f"hint: {packages.native_hint}", file=sys.stderr)
    elif kind is ModuleNotFoundError and error.name:
        top = error.name.partition(".")[0]
        if top not in sys.stdlib_module_names:
            print(f"hint: if {top} is a package, add it to requirements.txt or pyproject.toml", file=sys.stderr)


def link_outward(error, folder):
    """What is a link out of the project, of the path that an error is about."""
    if isinstance(error, OSError) and isinstance(error.filename, str):
        paths = [os.path.abspath(error.filename)]
    elif isinstance(error, ModuleNotFoundError) and error.name:
        path = os.path.join(folder, *error.name.split("."))
        paths = [path, f"{path}.py"]
    else:
        return None
    for path in paths:
        while path.startswith(f"{folder}/"):
            try:
                if os.path.islink(path):
                    os.stat(path)
            except PermissionError:
                return path
            except OSError:
                pass
            path = os.path.dirname(path)
    return None


def is_ours(file, here):
    return file.startswith(here) or file.startswith("<frozen") or file.endswith("/runpy.py")


def status_of(end):
    if end.code is None:
        return 0
    if isinstance(end.code, int):
        return end.code
    print(end.code, file=sys.stderr)
    return 1


def run_script(script, folder):
    find_sources(os.path.dirname(script))
    sys.argv[0] = script
    module = types.ModuleType("__main__")
    module.__file__ = script
    module.__builtins__ = builtins
    sys.modules["__main__"] = module
    with io.open_code(script) as file:
        code = compile(file.read(), script, "exec", dont_inherit=True)
    if os.path.basename(script) == "manage.py" and len(sys.argv) == 1 and "PORT" in os.environ:
        # Django's own server. Its reloader needs another process, and `--watch` is one.
        sys.argv += ["runserver", f"0.0.0.0:{port()}", "--noreload"]
        print(f"running manage.py {' '.join(sys.argv[1:])}", file=sys.stderr)
    exec(code, module.__dict__)
    if not sockets.listened:
        serve_what_it_defines(module, os.path.basename(script))


def serve_what_it_defines(module, script):
    """A program that defines an app, and leaves it to another to run it."""
    names = ("app", "application", "api")
    name = next((name for name in names if kind_of(getattr(module, name, None))), None)
    make = getattr(module, "create_app", None)
    if name is None and not takes_nothing(make):
        return
    shown = f"`{name or 'create_app()'}`"
    if "PORT" not in os.environ:
        print(f"{script} ended without serving its {shown}; with `--forward 8080:8000` it is served", file=sys.stderr)
        return
    app = getattr(module, name) if name else make()
    kind = kind_of(app)
    if kind is None:
        return
    print(f"{script} does not serve its {shown}: serving it on port {port()}", file=sys.stderr)
    if kind == "wsgi":
        serve_wsgi(app, "0.0.0.0", port())
    else:
        serve_asgi(app)


def takes_nothing(function):
    """Whether it can be called without arguments."""
    import inspect

    try:
        inspect.signature(function).bind()
    except (TypeError, ValueError):
        return False
    return True


def kind_of(app):
    """The interface of an application, or none where it is no application of a known framework."""
    if not callable(app):
        return None
    if hasattr(app, "wsgi_app") or type(app).__module__.startswith(("django.core.handlers.wsgi", "bottle", "falcon.app")):
        return "wsgi"
    if hasattr(app, "router") or type(app).__module__.startswith(("django.core.handlers.asgi", "falcon.asgi")):
        return "asgi"
    return None


def run_module(module, folder):
    find_sources(folder)
    sys.argv[0] = module
    # The text of what the snapshot has of Python's own library is not where runpy looks for it.
    for name in (f"{module}.__main__", module):
        top = f"{folder}/{name.partition('.')[0]}"
        if stdlib.is_kept(name) and not os.path.isdir(top) and not os.path.isfile(f"{top}.py"):
            main = types.ModuleType("__main__")
            main.__package__ = name.rpartition(".")[0]
            sys.modules["__main__"] = main
            exec(stdlib.code_of(name), main.__dict__)
            return
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def run_call(name, folder):
    """`package.module:function`, as the script that an installation would have made."""
    sys.argv[0] = name
    sys.exit(load(name, folder, call=True))


def run_command(name, folder):
    """A command that one of the packages brings."""
    import importlib.metadata

    find_sources(folder)
    found = importlib.metadata.entry_points(group="console_scripts")
    if name not in found.names:
        there = ", ".join(sorted(found.names)) or "none"
        raise SystemExit(f"there is no {name}: neither a script of the project nor a command of its packages, which have {there}")
    sys.argv[0] = name
    sys.exit(found[name].load()())


def find_sources(folder):
    """Modules of the project, which may be in `src`."""
    source = f"{folder}/src"
    if os.path.isdir(source):
        find_first(source)
    find_first(folder)


def load(name, folder, call=False):
    """`package.module:attribute`, or `package.module:factory()`."""
    find_sources(folder)
    module, _, attribute = name.partition(":")
    value = importlib.import_module(module)
    factory = call or attribute.endswith("()")
    for part in (attribute.removesuffix("()") or "app").split("."):
        value = getattr(value, part)
    return value() if factory else value


def port():
    return int(os.environ.get("PORT", "8000"))


def run_wsgi(name, folder):
    serve_wsgi(load(name, folder), "0.0.0.0", port())


def serve_wsgi(app, host, port):
    try:
        from werkzeug.serving import make_server
    except ImportError:
        import socketserver
        from wsgiref import simple_server

        class Server(socketserver.ThreadingMixIn, simple_server.WSGIServer):
            daemon_threads = True
            multithread = True

        server = simple_server.make_server(host, port, app, Server)
    else:
        server = make_server(host, port, app, threaded=True)
    server.serve_forever()


def run_asgi(name, folder):
    serve_asgi(load(name, folder))


def serve_asgi(app):
    try:
        import uvicorn
    except ImportError:
        raise SystemExit("an ASGI application needs a server: add uvicorn to the project's requirements") from None
    uvicorn.run(app, host="0.0.0.0", port=port(), loop="asyncio", ws="none")


def end_threads():
    """Threads that are not daemons are waited for, as everywhere."""
    for thread in list(threading._active.values()):
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join()
    while scheduler.scheduler.ready:
        scheduler.scheduler.ready.popleft()()
    atexit._run_exitfuncs()
