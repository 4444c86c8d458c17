#!/usr/bin/env python3
"""A large component that is not compiled yet: from exec to the first byte of its answer, with the baseline code first and
with the optimised code only, in turn; and when the optimised one has taken over, with a client asking all the while.

    bench/tiered.py FILE.wasm... [--rounds N]     after `cargo build --profile dist`

FILE is a component that serves on 8080, or a core module: that is put into the hello example, where it is compiled and
never used.
"""
import argparse, os, re, signal, socket, statistics, subprocess, tempfile, threading, time

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
BINARY = os.environ.get("TEST_BINARY", "target/dist/wasmrun")


def leb(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def component(path):
    """The component's bytes. A binary's version word is 1 for core modules; 1 is also the id of a core module section."""
    data = open(path, "rb").read()
    if data[4:8] != b"\x01\0\0\0":
        return data
    return open("examples/hello/hello.wasm", "rb").read() + b"\x01" + leb(len(data)) + data


def ask(port):
    with socket.create_connection(("127.0.0.1", port)) as stream:
        stream.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        answer = b""
        while part := stream.recv(65536):
            answer += part
        assert answer.startswith(b"HTTP/1.1 2"), answer[:80]


def once(guest, tiered):
    began = time.perf_counter()
    command = [BINARY, "os", guest, "-f", "127.0.0.1:0:8080", "--no-cache", "--tiered", tiered]
    run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ, NO_COLOR="1"))
    line = run.stderr.readline()
    assert "ready: " in line, line
    port = int(re.search(r"ready: \S+:(\d+) ", line)[1])
    ask(port)
    first = time.perf_counter() - began
    asked, failed = [0], []
    if tiered == "always":
        over = threading.Event()

        def client():
            while not over.is_set():
                try:
                    ask(port)
                    asked[0] += 1
                except (OSError, AssertionError) as error:
                    failed.append(error)

        thread = threading.Thread(target=client)
        thread.start()
        line = run.stderr.readline()
        assert "optimized as #2" in line, line
        time.sleep(0.2)
        over.set()
        thread.join()
    behind = time.perf_counter() - began
    run.send_signal(signal.SIGINT)
    run.wait()
    return first * 1000, behind * 1000, asked[0], failed


parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("files", nargs="+")
parser.add_argument("--rounds", type=int, default=5)
options = parser.parse_args()
print("| guest | bytes | first answer, optimised only | first answer, baseline | sooner | optimised one serves | requests meanwhile | failed |")
print("|---|---|---|---|---|---|---|---|")
for path in options.files:
    with tempfile.NamedTemporaryFile(suffix=".wasm") as guest:
        data = component(path)
        guest.write(data)
        guest.flush()
        rounds = [(once(guest.name, "never"), once(guest.name, "always")) for _ in range(options.rounds)]
    full = statistics.median(full[0] for full, _ in rounds)
    soon = statistics.median(soon[0] for _, soon in rounds)
    behind = statistics.median(soon[1] for _, soon in rounds)
    asked = sum(soon[2] for _, soon in rounds)
    failed = [error for _, soon in rounds for error in soon[3]]
    print(f"| {os.path.basename(path)} | {len(data):,} | {full:.0f} ms | {soon:.0f} ms | {full / soon:.1f} | {behind:.0f} ms | {asked:,} | {len(failed)} |")
    assert not failed, failed[0]
