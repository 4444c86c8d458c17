#!/usr/bin/env python3
"""Guests that accept from the host's listeners themselves, beside the relay, beside the same guest asked directly (inside its
own namespace, and in the host's without one), and beside wasmtime's own server, which does not isolate. All paths in turn
in each round.

    bench/adoption.py [ROUNDS]        after `cargo build --profile dist` and bench/peers.sh (wrk, wasmtime)
"""
import atexit
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
WASMRUN = os.path.abspath("target/dist/wasmrun")
HELLO = "examples/hello/hello.wasm"
ECHO = "tests/guests/p1_echo.wat"
OWN = "examples/echo/echo.wasm"
BYTES = 128 << 20


def wrk(address, connections, *more):
    command = ["wrk", "-t1", f"-c{connections}", "-d2", *more, f"http://{address[0]}:{address[1]}/"]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        print(f"{address}: {said}", file=sys.stderr)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])


def round_trip(address):
    """Median of one byte there and back, in microseconds."""
    times = []
    with socket.create_connection(address) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(10_000):
            began = time.perf_counter_ns()
            stream.sendall(b"x")
            stream.recv(1)
            times.append(time.perf_counter_ns() - began)
    return statistics.median(times) / 1000


def throughput(address):
    """Gbit/s of what is sent and comes back, one direction counted."""
    block = bytes(1 << 18)
    with socket.create_connection(address) as stream:

        def send():
            for _ in range(BYTES // len(block)):
                stream.sendall(block)

        sender = threading.Thread(target=send)
        began = time.perf_counter()
        sender.start()
        left, buffer = BYTES, bytearray(1 << 18)
        while left:
            left -= stream.recv_into(buffer)
        sender.join()
        return BYTES * 8 / (time.perf_counter() - began) / 1e9


HTTP = {
    "keep-alive/s, 1": lambda a: wrk(a, 1),
    "keep-alive/s, 32": lambda a: wrk(a, 32),
    "new connections/s": lambda a: wrk(a, 16, "-H", "Connection: close"),
}
TCP = {"round trip us": round_trip, "Gbit/s": throughput}


class Guest:
    """One wasmrun with its guest on port 3000 inside, and a port of this machine."""

    def __init__(self, path, port, guest, *more):
        self.command = [WASMRUN, "os", guest, "--quiet", "--name", f"bench-{port}-{os.getpid()}",
                        "--forward-path", path, "--forward", f"127.0.0.1:{port}:3000", *more]
        self.address = ("127.0.0.1", port)
        # A jail is a session of its own, which the scheduler treats as a group of its own (sched(7), autogroup): so is every
        # server here.
        self.process = subprocess.Popen(self.command, start_new_session=True)
        atexit.register(self.stop)
        wait(self.address)

    def inside(self):
        """The command that enters its namespace."""
        state = subprocess.run([WASMRUN, "inspect", self.command[5]], stdout=subprocess.PIPE, check=True).stdout
        pid = re.search(rb'"guest_pid": ?(\d+)', state)[1].decode()
        return ["nsenter", "--target", pid, "--user", "--net", "--preserve-credentials"]

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        atexit.unregister(self.stop)


def wait(address):
    for _ in range(500):
        try:
            socket.create_connection(address).close()
            return
        except OSError:
            time.sleep(0.01)
    sys.exit(f"nothing listens on {address}")


def measure(kind, address, inside=()):
    """One figure of one path; inside a namespace by this script again."""
    if not inside:
        return {**HTTP, **TCP}[kind](address)
    command = [*inside, sys.executable, os.path.abspath(__file__), "--client", kind, *map(str, address)]
    return float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def compare(title, guest, kinds, rounds, peer):
    adopt, splice = Guest("adopt", 18090, guest), Guest("splice", 18091, guest)
    bare = Guest("splice", 18093, guest, "--no-isolation")
    paths = {
        "no namespace, asked directly": lambda kind: measure(kind, ("127.0.0.1", 3000)),
        "inside its namespace": lambda kind: measure(kind, ("127.0.0.1", 3000), adopt.inside()),
        "adopt": lambda kind: measure(kind, adopt.address),
        "splice": lambda kind: measure(kind, splice.address),
    }
    served = None
    if peer:
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        served = subprocess.Popen(peer[1], start_new_session=True, **silent)
        atexit.register(served.kill)
        wait(("127.0.0.1", peer[2]))
        paths[peer[0]] = lambda kind: measure(kind, ("127.0.0.1", peer[2]))
    rows = {name: [] for name in paths}
    # One kind after the other, new connections last: tens of thousands of them in TIME_WAIT are felt by what follows.
    for kind in kinds:
        figures = [[path(kind) for path in paths.values()] for _ in range(rounds)]
        for name, column in zip(rows, zip(*figures)):
            rows[name].append(statistics.median(column))
    for run in (adopt, splice, bare):
        run.stop()
    if served:
        served.kill()
        served.wait()
        atexit.unregister(served.kill)
    print(f"\n{title}, medians (as a multiple of the first)\n\n| path | {' | '.join(kinds)} |")
    print("|---|" + "---|" * len(kinds))
    direct = next(iter(rows.values()))
    for name, figures in rows.items():
        form = lambda figure: f"{figure:.1f}" if figure < 1000 else f"{figure:.0f}"
        cells = [f"{form(figure)} ({figure / base:.2f})" for figure, base in zip(figures, direct)]
        print(f"| {name} | {' | '.join(cells)} |")


if sys.argv[1:2] == ["--client"]:
    print(measure(sys.argv[2], (sys.argv[3], int(sys.argv[4]))))
else:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    serve = ["bench/.peers/wasmtime", "serve", "-Scli", "-Ccache=y", "--addr=127.0.0.1:18092", HELLO]
    compare("`examples/hello`, wasi:http 0.2", HELLO, HTTP, rounds, ("wasmtime serve, not isolated", serve, 18092))
    # The same guest on another port, for one that has no namespace of its own: `i32.const 3000` is there once.
    with tempfile.NamedTemporaryFile(suffix=".wasm") as elsewhere:
        binary = open(OWN, "rb").read()
        assert binary.count(b"\x41\xb8\x17") == 1
        elsewhere.write(binary.replace(b"\x41\xb8\x17", b"\x41\xb9\x17"))
        elsewhere.flush()
        run = ["bench/.peers/wasmtime", "run", "-Sinherit-network", "-Ccache=y", elsewhere.name]
        peer = ("wasmtime run -S inherit-network, not isolated", run, 3001)
        compare("`examples/echo`, wasi:sockets 0.2", OWN, TCP, 3 * rounds, peer)
    compare("`tests/guests/p1_echo.wat`, wasip1", ECHO, TCP, 3 * rounds, None)
