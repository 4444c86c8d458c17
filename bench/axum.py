#!/usr/bin/env python3
"""The service of examples/axum natively, and the same source as a guest behind a forward: by the default path and by the
relay. wrk on kept connections; all sides in turn in each round.

    bench/axum.py [ROUNDS]        after `cargo build --profile dist`; needs wrk, and Rust's wasm32-wasip2

WASMRUN_TEST_RUSTC names another compiler for the guest (.ci/guest-toolchains). The native build lies in bench/.native, which
this makes.
"""
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
BINARY = os.path.abspath(os.environ.get("TEST_BINARY", "target/dist/wasmrun"))
FOLDER = os.path.abspath("examples/axum")
NATIVE = os.path.abspath("bench/.native/axum")
CONNECTIONS = (1, 8, 64)
# The native service has the port that its source says.
NATIVE_PORT, GUEST_PORT = 3000, 18091


def guest(*more):
    return [BINARY, "os", FOLDER, "--quiet", "--forward", f"127.0.0.1:{GUEST_PORT}:3000", *more]


SIDES = {
    "native": ([f"{NATIVE}/release/axum-notes"], NATIVE_PORT),
    "in a guest": (guest(), GUEST_PORT),
    "in a guest, `--forward-path splice`": (guest("--forward-path", "splice"), GUEST_PORT),
}


def environment():
    """Its build goes beside the native one, so that the example's folder stays as it is."""
    variables = dict(os.environ, CARGO_TARGET_DIR=NATIVE)
    # What the guest is built with is what its own configuration says.
    variables.pop("RUSTFLAGS", None)
    if "WASMRUN_TEST_RUSTC" in variables:
        variables["RUSTC"] = variables["WASMRUN_TEST_RUSTC"]
    return variables


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as stream:
            stream.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            return b" 200 " in stream.recv(64)
    except OSError:
        return False


def start(side):
    command, port = SIDES[side]
    if answers(port):
        sys.exit(f"port {port} is in use")
    process = subprocess.Popen(command, env=environment())
    end = time.monotonic() + 300
    while not answers(port):
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            sys.exit(f"{side} does not answer")
        time.sleep(0.01)
    return process


def wrk(port, connections):
    command = ["wrk", "-t1", f"-c{connections}", "-d3", f"http://127.0.0.1:{port}/"]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        print(said, file=sys.stderr)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])


rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
subprocess.run(
    ["cargo", "build", "--release", "--quiet", "--manifest-path", f"{FOLDER}/Cargo.toml", "--target-dir", NATIVE], check=True
)
rates = {side: {connections: [] for connections in CONNECTIONS} for side in SIDES}
for _ in range(rounds):
    for side, found in rates.items():
        process = start(side)
        try:
            for connections, measured in found.items():
                measured.append(wrk(SIDES[side][1], connections))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
heads = [f"{connections} connection{'s'[:connections > 1]}" for connections in CONNECTIONS]
print(f"| requests/s, median (of native's) | {' | '.join(heads)} |\n|---{'|---' * len(heads)}|")
for side, found in rates.items():
    cells = []
    for connections, measured in found.items():
        median = statistics.median(measured)
        cells.append(f"{median:,.0f} ({median / statistics.median(rates['native'][connections]):.2f})")
    print(f"| {side} | {' | '.join(cells)} |")
