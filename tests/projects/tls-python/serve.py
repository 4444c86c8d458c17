"""Servers of TLS, for clients of either kind: in a guest, and with any Python. `serve.py KIND PORT [CLIENTS]`; the certificate is beside it."""

import asyncio
import http.server
import json
import pathlib
import socket
import ssl
import sys
import threading

HERE = pathlib.Path(__file__).parent
kind, port, *clients = sys.argv[1:]


def context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(HERE / "server.pem", HERE / "server.key")
    context.set_alpn_protocols(["http/1.1"])
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(HERE / clients[0])
    return context


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path.startswith("/large/"):
            return self.answer(b"x" * int(self.path[7:]))
        connection = self.connection
        peer = connection.getpeercert()
        told = {
            "version": connection.version(),
            "alpn": connection.selected_alpn_protocol(),
            "bits": connection.cipher()[2],
            "client": peer and peer["subject"][-1][-1][-1],
        }
        self.answer(json.dumps(told).encode())

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers["content-length"])))

    def answer(self, body):
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve_threads():
    server = http.server.ThreadingHTTPServer(("0.0.0.0", int(port)), Handler)
    server.socket = context().wrap_socket(server.socket, server_side=True)
    print("serving", flush=True)
    server.serve_forever()


async def echo(reader, writer):
    """Lines, in capitals, until the client has no more."""
    try:
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()
    finally:
        writer.close()


async def serve_asyncio():
    server = await asyncio.start_server(echo, "0.0.0.0", int(port), ssl=context())
    print("serving", flush=True)
    await server.serve_forever()


def serve_one_by_one():
    """Reads until the client has closed its direction, and answers then: a connection that is half closed."""
    listener = context().wrap_socket(socket.create_server(("0.0.0.0", int(port))), server_side=True)
    print("serving", flush=True)
    while True:
        try:
            connection, _ = listener.accept()
            said = b""
            while piece := connection.recv(1000):
                said += piece
            connection.sendall(b"heard " + said)
            connection.close()
        except OSError as error:
            print("refused", error, flush=True)


def serve_names():
    """Another context for another name."""
    plain, other = context(), context()
    other.load_cert_chain(HERE / "self.pem", HERE / "self.key")

    def choose(connection, name, _):
        if name == "self.example":
            connection.context = other
        return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME if name == "nobody.example" else None

    plain.sni_callback = choose
    server = http.server.ThreadingHTTPServer(("0.0.0.0", int(port)), Handler)
    server.socket = plain.wrap_socket(server.socket, server_side=True)
    print("serving", flush=True)
    server.serve_forever()


{
    "threads": serve_threads,
    "asyncio": lambda: asyncio.run(serve_asyncio()),
    "one-by-one": serve_one_by_one,
    "names": serve_names,
}[kind]()
