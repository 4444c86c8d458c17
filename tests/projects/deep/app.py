"""Each path is something that recurses without end, or through values that are nested very deep."""
import ast
import copy
import json
import pickle
import re
from http.server import BaseHTTPRequestHandler, HTTPServer

DEPTH = 200_000


def nested(make=lambda value: [value]):
    value = []
    for _ in range(DEPTH):
        value = make(value)
    return value


class Own:
    def __init__(self, value=None):
        self.value = value

    def __eq__(self, other):
        return self.value == other.value

    def __repr__(self):
        return repr(self.value)

    def __index__(self):
        return int(self)


def endless():
    return endless() + 1


def delegating():
    yield from delegating()


CASES = {
    "call": endless,
    "generator": lambda: list(delegating()),
    "index": lambda: int(Own()),
    "loads": lambda: json.loads("[" * DEPTH + "]" * DEPTH),
    "dumps": lambda: json.dumps(nested()),
    "repr": lambda: repr(nested()),
    "own repr": lambda: repr(nested(Own)),
    "equal": lambda: nested() == nested(),
    "own equal": lambda: nested(Own) == nested(Own),
    "copy": lambda: copy.deepcopy(nested()),
    "pickle": lambda: pickle.dumps(nested()),
    "isinstance": lambda: isinstance(1, nested(lambda value: (value,))),
    "parse": lambda: ast.parse("(" * DEPTH + ")" * DEPTH),
    "compile": lambda: compile("a" + "[0]" * DEPTH, "text", "exec"),
    "sum": lambda: eval("1" + "+1" * DEPTH),
    "pattern": lambda: re.compile("(" * DEPTH + ")" * DEPTH),
    "free": lambda: nested() and "freed",
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            said = str(CASES[self.path[1:].replace("-", " ")]())[:20]
        except Exception as error:
            said = type(error).__name__
        body = said.encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


HTTPServer(("", 8000), Handler).serve_forever()
