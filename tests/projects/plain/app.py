"""What programs expect of the world: arguments, variables, files, threads, time."""

import json
import os
import queue
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import words

jobs = queue.Queue()
done = []
one_at_a_time = threading.Semaphore(1)
count = 0


def work():
    while True:
        done.append(jobs.get())
        jobs.task_done()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        global count
        count += 1
        if self.path == "/slow":
            time.sleep(2)
        if self.path == "/exit":
            sys.exit(3)
        if self.path == "/guarded":
            with one_at_a_time:
                time.sleep(0.2)
        if self.path == "/crash":
            raise ValueError("crashed on purpose")
        self.answer(
            {
                "count": count,
                "arguments": sys.argv[1:],
                "script": sys.argv[0],
                "variable": os.environ.get("GREETING"),
                "folder": os.getcwd(),
                "file": open("data.txt").read(),
                "word": words.WORD,
                "random": random_number(),
            }
        )

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        jobs.put(len(body))
        jobs.join()
        with tempfile.TemporaryFile() as file:
            file.write(body)
            file.seek(0)
            length = len(file.read())
        self.answer({"length": length, "done": done})

    def answer(self, what):
        body = json.dumps(what).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def random_number():
    import random

    return random.random()


threading.Thread(target=work, daemon=True).start()
server = ThreadingHTTPServer(("localhost", 8000), Handler)
serving = threading.Thread(target=server.serve_forever)
serving.start()
print("it serves")
serving.join()
