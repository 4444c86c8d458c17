"""Python's own library: in the snapshot where programs commonly need it, else kept as text until somebody imports it."""

import importlib
import importlib.abc
import importlib.util
import os
import sys
import zlib

# Where componentize-py has it while the snapshot is made. It is gone afterwards.
_PLACE = "/python"
# Not for services, or not there without the system.
_LEFT_OUT = {"idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "pydoc_data", "site-packages", "__pycache__", "test", "turtle", "curses", "venv"}
# What services commonly import, soon after the start or with their first request.
_AT_ONCE = """
    __future__ abc argparse array ast asyncio base64 binascii bisect calendar collections.abc colorsys concurrent.futures
    configparser contextlib contextvars copy csv dataclasses datetime decimal difflib email email.mime.multipart
    email.mime.text email.policy email.utils encodings.ascii encodings.idna encodings.latin_1 encodings.utf_8 enum errno
    fnmatch fractions functools gc getpass gettext glob gzip hashlib heapq hmac html html.parser http.client http.cookies
    http.server importlib.metadata importlib.resources importlib.util inspect io ipaddress itertools json linecache locale
    logging logging.config logging.handlers math mimetypes numbers operator os pathlib pickle pkgutil platform posixpath
    pprint queue quopri random re reprlib runpy sched secrets select selectors shlex shutil signal socket socketserver
    sqlite3 ssl stat statistics string stringprep struct subprocess sys sysconfig tempfile textwrap threading time timeit
    tokenize tomllib traceback types typing unicodedata unittest.mock urllib.parse urllib.request uuid warnings weakref
    wsgiref.handlers wsgiref.simple_server xml.etree.ElementTree zipfile zlib zoneinfo
""".split()

_texts = {}


class Kept(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds what is kept."""

    def find_spec(self, name, path=None, target=None):
        if name not in _texts:
            return None
        file, is_package, _ = _texts[name]
        spec = importlib.util.spec_from_loader(name, self, origin=file, is_package=is_package)
        spec.has_location = True
        return spec

    def get_source(self, name):
        return importlib.util.decode_source(zlib.decompress(_texts[name][2]))

    def get_code(self, name):
        return compile(zlib.decompress(_texts[name][2]), _texts[name][0], "exec", dont_inherit=True)

    def is_package(self, name):
        return _texts[name][1]


def is_kept(name):
    return name in _texts


def code_of(name):
    return Kept().get_code(name)


def remember():
    """Called while the snapshot is made."""
    for folder, folders, files in os.walk(_PLACE):
        folders[:] = [name for name in folders if name not in _LEFT_OUT and name != "tests"]
        package = os.path.relpath(folder, _PLACE).replace("/", ".").removeprefix(".")
        for file in files:
            name, extension = os.path.splitext(file)
            if extension != ".py" or name in _LEFT_OUT:
                continue
            is_package = name == "__init__"
            name = package if is_package else f"{package}.{name}" if package else name
            path = f"{folder}/{file}"
            with open(path, "rb") as text:
                _texts[name] = (path, is_package, zlib.compress(text.read()))
    for name in _AT_ONCE:
        try:
            importlib.import_module(name)
        except ImportError:
            pass  # A few are native code that is not there.
    sys.meta_path.append(Kept())
