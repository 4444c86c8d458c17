"""Waits to be ended, in each way that programs do."""

import asyncio
import atexit
import http.server
import os
import signal
import socketserver
import sys
import threading
import time

how = os.environ["HOW"]
atexit.register(lambda: print("exit function", flush=True))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/slow":
            time.sleep(1)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


def handle(number, frame):
    print("signal", number, flush=True)
    time.sleep(0.2)
    sys.exit(3)


async def serve():
    async def answer(reader, writer):
        while head := await reader.readuntil(b"\r\n\r\n"):
            if how == "plain":
                await asyncio.sleep(1)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            if b"/slow" in head:
                writer.close()

    ended = asyncio.Event()
    if how == "asyncio":
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await asyncio.start_server(answer, "127.0.0.1", 3000)
    await ended.wait()
    print("loop ends", flush=True)


if how in ("asyncio", "plain"):
    asyncio.run(serve())
else:
    if how == "handler":
        signal.signal(signal.SIGTERM, handle)
    server = Server(("127.0.0.1", 3000), Handler)
    try:
        server.serve_forever()
    finally:
        print("main ends", threading.current_thread().name, flush=True)
