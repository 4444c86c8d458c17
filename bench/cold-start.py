#!/usr/bin/env python3
"""Cold start with a warm cache: from exec to the first byte of an HTTP answer, beside wasmtime's own server without
isolation, on the same component, one after the other in each round.

    bench/cold-start.py [ROUNDS]        after `cargo build --profile dist` and bench/peers.sh; TEST_BINARY is another binary
"""
import os
import signal
import socket
import statistics
import subprocess
import sys
import time

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
WASMRUN = os.environ.get("TEST_BINARY", "target/dist/wasmrun")
HELLO = "examples/hello/hello.wasm"
CANDIDATES = {
    "wasmrun os": (18080, [WASMRUN, "os", HELLO, "--quiet", "--forward", "127.0.0.1:18080:80"]),
    "wasmtime serve": (18081, ["bench/.peers/wasmtime", "serve", "-Scli", "-Ccache=y", "--addr=127.0.0.1:18081", HELLO]),
}


def once(port, command):
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port)) as stream:
                stream.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                if stream.recv(64):
                    break
        except OSError:
            time.sleep(0.0001)
    took = time.perf_counter() - started
    process.send_signal(signal.SIGKILL)
    process.wait()
    return took * 1000


rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
times = {name: [] for name in CANDIDATES}
for _ in range(rounds + 1):
    for name, (port, command) in CANDIDATES.items():
        times[name].append(once(port, command))
        time.sleep(0.03)
print("| exec to first byte | min | median | max |\n|---|---|---|---|")
for name, values in times.items():
    values = values[1:]  # the first fills the caches
    print("| %s | %.1f ms | %.1f ms | %.1f ms |" % (name, min(values), statistics.median(values), max(values)))
ours, theirs = (statistics.median(values[1:]) for values in times.values())
print("\nratio of the medians: %.2f" % (ours / theirs))
