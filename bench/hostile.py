#!/usr/bin/env python3
"""What slow and hostile clients of a wasi:http guest cost the others: requests a second of wrk beside each kind of them, as a
share of what it does alone right before and after; memory of the guest's process; and how many of them are left when every
time-out is over.

    bench/hostile.py [ROUNDS [BINARY]]        after `cargo build --release` and bench/peers.sh (wrk); WASMRUN names another binary
"""
import atexit
import json
import os
import re
import resource
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
WASMRUN = sys.argv[2] if len(sys.argv) > 2 else os.environ.get("WASMRUN", "target/release/wasmrun")
PORT = 18301
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def http_2(method, ends):
    """A connection with 200 streams, all windows of the client closed."""
    block = bytes([0x80 | method, 0x86, 0x84, 0x01, 1]) + b"a"
    streams = [frame(1, 4 | ends, 2 * number + 1, block) for number in range(200)]
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, struct.pack(">HI", 4, 0)) + b"".join(streams)


SLOW = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nx"
KINDS = {
    "1,000 with a body that stops": (1000, SLOW),
    "200 that say nothing": (200, b""),
    "1,000 that say nothing": (1000, b""),
    "200 with half a preface of HTTP/2": (200, b"PRI * HT"),
    "3 of HTTP/2, 200 streams each, windows of 0": (3, http_2(2, 1)),
    "30 of the same": (30, http_2(2, 1)),
    "3 of HTTP/2, 200 streams each, bodies that stop": (3, http_2(3, 0)),
}


def wrk():
    command = ["wrk", "-t1", "-c16", "-d2", "--timeout", "10", f"http://127.0.0.1:{PORT}/"]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])


def clients(kind):
    count, says = KINDS[kind]
    streams = []
    for _ in range(count):
        stream = socket.create_connection(("127.0.0.1", PORT))
        stream.sendall(says)
        streams.append(stream)
    # What they ask for is done.
    time.sleep(2)
    return streams


def is_open(stream):
    stream.setblocking(False)
    try:
        while stream.recv(1 << 16):
            pass
        return False
    except BlockingIOError:
        return True
    except OSError:
        return False


def memory():
    """What only the guest's process has, in bytes (proc_pid_smaps(5))."""
    state = json.loads(subprocess.run([WASMRUN, "inspect", NAME], stdout=subprocess.PIPE, check=True).stdout)
    with open(f"/proc/{state['guest_pid']}/smaps_rollup") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("Private")) / 1024


NAME = f"hostile-{os.getpid()}"
run = subprocess.Popen([WASMRUN, "os", "examples/hello/hello.wasm", "--quiet", "--name", NAME, "--forward",
                        f"127.0.0.1:{PORT}:80"], start_new_session=True)
atexit.register(run.kill)
for _ in range(500):
    try:
        socket.create_connection(("127.0.0.1", PORT)).close()
        break
    except OSError:
        time.sleep(0.01)
wrk()
print(f"{WASMRUN}, {rounds} rounds\n\n| clients | requests/s beside them | of those without | MiB before | with them |\n"
      "|---|---|---|---|---|")
for kind in KINDS:
    beside, shares, sizes = [], [], []
    for _ in range(rounds):
        before, size = wrk(), memory()
        hostile = clients(kind)
        with_them = wrk()
        sizes.append((size, memory()))
        [stream.close() for stream in hostile]
        time.sleep(0.5)
        alone = (before + wrk()) / 2
        beside.append(with_them)
        shares.append(with_them / alone)
    before, full = (statistics.median(column) for column in zip(*sizes))
    print(f"| {kind} | {statistics.median(beside):,.0f} | {statistics.median(shares):.2f} | {before:.1f} | {full:.1f} |",
          flush=True)

print("\n| clients | open at first | after 35 s | after 65 s | after 130 s |\n|---|---|---|---|---|")
began = time.monotonic()
left = {kind: clients(kind) for kind in KINDS}
counts = {kind: [len(streams)] for kind, streams in left.items()}
for moment in (35, 65, 130):
    time.sleep(max(0, began + moment - time.monotonic()))
    for kind, streams in left.items():
        counts[kind].append(sum(is_open(stream) for stream in streams))
for kind, numbers in counts.items():
    print(f"| {kind} | " + " | ".join(str(number) for number in numbers) + " |")
run.send_signal(signal.SIGINT)
run.wait()
atexit.unregister(run.kill)
