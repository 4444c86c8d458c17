#!/usr/bin/env python3
"""What slow and hostile clients of a wasi:http guest cost the others: requests a second of wrk beside each kind of them, as a
share of what wrk does at the same time with a second run of the same guest that has none (the two change places after each
round); memory of the guest's process; and how many of them are left when every time-out is over.

    bench/hostile.py [ROUNDS [BINARY [KIND]]]        after `cargo build --profile dist`, bench/peers.sh (wrk), and `cargo test --workspace --test it http::`, which
                                              makes the guest (tests/guests/clients.wat); WASMRUN names another binary.
                                              With a KIND only the rows that have it in their names, and no second table
"""
import atexit
import glob
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
WASMRUN = sys.argv[2] if len(sys.argv) > 2 else os.environ.get("WASMRUN", "target/dist/wasmrun")
GUEST = glob.glob("target/tmp/guests-*/clients.wasm")[0]
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def http_2(method, path, ends):
    """A connection with 200 streams, all windows of the client closed."""
    block = bytes([0x80 | method, 0x86, 0x04, len(path)]) + path + b"\x01\x01a"
    streams = [frame(1, 4 | ends, 2 * number + 1, block) for number in range(200)]
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, struct.pack(">HI", 4, 0)) + b"".join(streams)


SLOW = b"POST /r HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nx"
KINDS = {
    "1,000 with a body that stops": (1000, SLOW),
    "200 that say nothing": (200, b""),
    "1,000 that say nothing": (1000, b""),
    "200 with half a preface of HTTP/2": (200, b"PRI * HT"),
    "3 of HTTP/2, 200 streams each, windows of 0": (3, http_2(2, b"/a", 1)),
    "30 of the same": (30, http_2(2, b"/a", 1)),
    "3 of HTTP/2, 200 streams each, bodies that stop": (3, http_2(3, b"/r", 0)),
}


class Run:
    """One wasmrun with its guest."""

    def __init__(self, port):
        self.port, self.name = port, f"hostile-{port}-{os.getpid()}"
        command = [WASMRUN, "os", GUEST, "--quiet", "--name", self.name, "--forward",
                   f"127.0.0.1:{port}:80"]
        self.process = subprocess.Popen(command, start_new_session=True)
        atexit.register(self.process.kill)
        for _ in range(500):
            try:
                return self.connect().close()
            except OSError:
                time.sleep(0.01)
        sys.exit(f"nothing listens on {port}")

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port))

    def wrk(self):
        command = ["wrk", "-t1", "-c16", "-d3", "--timeout", "10", f"http://127.0.0.1:{self.port}/a"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def clients(self, kind):
        count, says = KINDS[kind]
        streams = [self.connect() for _ in range(count)]
        [stream.sendall(says) for stream in streams]
        return streams

    def memory(self):
        """What only the guest's process has, in MiB (proc_pid_smaps(5))."""
        state = json.loads(subprocess.run([WASMRUN, "inspect", self.name], stdout=subprocess.PIPE, check=True).stdout)
        with open(f"/proc/{state['guest_pid']}/smaps_rollup") as file:
            return sum(int(line.split()[1]) for line in file if line.startswith("Private")) / 1024


def rate(wrk):
    return float(re.search(r"Requests/sec:\s+([\d.]+)", wrk.communicate()[0])[1])


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


runs = [Run(18301), Run(18302)]
[rate(run.wrk()) for run in runs]
print(f"{WASMRUN}, {rounds} rounds\n\n| clients | requests/s beside them | of those without them (least to most) | MiB before | with them |\n"
      "|---|---|---|---|---|")
only = sys.argv[3] if len(sys.argv) > 3 else ""
for kind in [None, *(kind for kind in KINDS if only in kind)]:
    beside, shares, sizes = [], [], []
    for _ in range(2 * rounds):
        runs.reverse()
        before = runs[0].memory()
        hostile = runs[0].clients(kind) if kind else []
        # What they ask for is done.
        time.sleep(4)
        with_them, without = [rate(wrk) for wrk in [run.wrk() for run in runs]]
        sizes.append((before, runs[0].memory()))
        [stream.close() for stream in hostile]
        time.sleep(1)
        beside.append(with_them)
        shares.append(with_them / without)
    before, full = (statistics.median(column) for column in zip(*sizes))
    print(f"| {kind or 'none'} | {statistics.median(beside):,.0f} | {statistics.median(shares):.2f} ({min(shares):.2f} to "
          f"{max(shares):.2f}) | {before:.1f} | {full:.1f} |", flush=True)

if not only:
    print("\n| clients | open at first | after 35 s | after 65 s | after 130 s |\n|---|---|---|---|---|")
    began = time.monotonic()
    left = {kind: runs[0].clients(kind) for kind in KINDS}
    counts = {kind: [len(streams)] for kind, streams in left.items()}
    for moment in (35, 65, 130):
        time.sleep(max(0, began + moment - time.monotonic()))
        for kind, streams in left.items():
            counts[kind].append(sum(is_open(stream) for stream in streams))
    for kind, numbers in counts.items():
        print(f"| {kind} | " + " | ".join(str(number) for number in numbers) + " |")
for run in runs:
    run.process.send_signal(signal.SIGINT)
    run.process.wait()
    atexit.unregister(run.process.kill)
