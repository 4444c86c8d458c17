"""The project's dependencies: in the snapshot where that can be, else read from their folder."""

import importlib
import importlib.abc
import importlib.metadata
import json
import socket
import sys

from . import sockets

# The folder of the environment, as componentize-py names the first that it is given, and as every start has it.
PLACE = "/0"
SITE = f"{PLACE}/site-packages"
# Imported by the server that a framework brings, when it serves.
_WITH = {
    "flask": ("flask.json", "flask.cli", "werkzeug.serving", "werkzeug.debug", "werkzeug.debug.tbtools", "flask.debughelpers", "jinja2.ext"),
    "werkzeug": ("werkzeug.serving",),
    "anyio": ("anyio._backends._asyncio", "anyio.to_thread"),
    "uvicorn": ("uvicorn.loops.asyncio", "uvicorn.protocols.http.h11_impl", "uvicorn.lifespan.on", "uvicorn.logging", "uvicorn.protocols.websockets.auto"),
    "jinja2": ("jinja2.ext", "jinja2.debug"),
}


# Said where a program ends for want of native code.
native_hint = None


class Native(importlib.abc.MetaPathFinder):
    """Names modules that are native code, where otherwise they would only be missing."""

    def __init__(self, names):
        self.names = names

    def find_spec(self, name, path=None, target=None):
        if name in self.names:
            message = f"{name} is native code (of {self.names[name]}), which is not built for the guest"
            raise ModuleNotFoundError(message, name=name)
        return None


def preload():
    """Called while the snapshot is made."""
    with open(f"{PLACE}/environment.json") as file:
        environment = json.load(file)
    sys.path.insert(0, SITE)
    global native_hint
    native_hint = environment["hint"]
    if environment["native"]:
        sys.meta_path.insert(0, Native(environment["native"]))
    missing = {}
    with sockets.none():
        for name in environment["imports"]:
            try_import(name, missing)
        for name, more in _WITH.items():
            if name in sys.modules:
                for name in more:
                    try_import(name, {})
    for patch, name in ((_werkzeug, "werkzeug.serving"), (_anyio, "anyio.to_thread"), (_waitress, "waitress"), (_uvicorn, "uvicorn.config"), (_bottle, "bottle"), (_django, "django.utils.autoreload")):
        if name in sys.modules:
            patch(sys.modules[name])
    with open(f"{PLACE}/missing.json", "w") as file:
        json.dump(missing, file)


def try_import(name, missing):
    try:
        importlib.import_module(name)
    except BaseException as error:
        # It may be well when the program runs; if not, that is where it shows.
        missing[name] = str(error)


def _werkzeug(serving):
    original = serving.run_simple

    def run_simple(hostname, port, application, use_reloader=False, *args, **kwargs):
        if use_reloader:
            _say_no_reloader()
        # There are no processes; `wasmrun os --watch` is the reloader.
        kwargs.pop("processes", None)
        return original(hostname, port, application, False, *args, **kwargs)

    serving.run_simple = run_simple
    # It asks by which address the world would be reached; there is no world.
    serving.get_interface_ip = lambda family: "::1" if family == socket.AF_INET6 else "127.0.0.1"


def _anyio(to_thread):
    async def run_sync(func, *args, abandon_on_cancel=False, cancellable=None, limiter=None):
        return func(*args)

    to_thread.run_sync = run_sync


def _say_no_reloader():
    print("reloading is off in a guest: `wasmrun os --watch` starts the program anew when it changes", file=sys.stderr)


def _uvicorn(config):
    original = config.Config.__init__

    def init(self, *args, **options):
        original(self, *args, **options)
        if self.reload:
            _say_no_reloader()
        # There are no processes for them.
        self.reload, self.workers = False, 1

    config.Config.__init__ = init


def _bottle(bottle):
    original = bottle.run

    def run(*args, reloader=False, **options):
        if reloader:
            _say_no_reloader()
        return original(*args, reloader=False, **options)

    bottle.run = run


def _django(autoreload):
    def run_with_reloader(main, *args, **options):
        _say_no_reloader()
        return main(*args, **options)

    autoreload.run_with_reloader = run_with_reloader


def _waitress(waitress):
    def serve(app, **options):
        from . import start

        listen = options.get("listen", "").split()
        host, port = options.get("host", "0.0.0.0"), options.get("port", 8080)
        if listen:
            host, _, port = listen[0].rpartition(":")
        start.serve_wsgi(app, host.strip("*") or "0.0.0.0", int(port))

    waitress.serve = serve
