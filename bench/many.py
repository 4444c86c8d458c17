#!/usr/bin/env python3
"""Many guests at once, each with its own supervisor and a forward: all answer, what each costs, and whether the last
one starts as fast as the first.

    bench/many.py [COUNT] [GUEST]        needs `cargo build --profile dist`
"""
import os, re, socket, statistics, subprocess, sys, tempfile, time

count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
guest = sys.argv[2] if len(sys.argv) > 2 else "examples/hello"
os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
binary = os.environ.get("TEST_BINARY", "target/dist/wasmrun")
folder = tempfile.TemporaryDirectory()
environment = dict(os.environ, XDG_RUNTIME_DIR=folder.name, NO_COLOR="1")


def start(number):
    began = time.perf_counter()
    run = subprocess.Popen([binary, "os", guest, "--name", f"g{number}", "-f", "0:80"], stderr=subprocess.PIPE, text=True, env=environment)
    line = run.stderr.readline()
    port = int(re.search(r"ready: \S+:(\d+) ", line)[1])
    return run, port, get(port) and time.perf_counter() - began


def get(port):
    with socket.create_connection(("127.0.0.1", port)) as stream:
        stream.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        answer = b""
        while part := stream.recv(4096):
            answer += part
    assert answer.startswith(b"HTTP/1.1 200"), answer
    return True


def private(pid):
    with open(f"/proc/{pid}/smaps_rollup") as text:
        return sum(int(line.split()[1]) for line in text if line.startswith("Private_"))


def family(pid):
    members = [pid]
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as text:
            for child in text.read().split():
                members += family(int(child))
    return members


start(0)[0].send_signal(2)  # the cache is warm
runs = []
try:
    for number in range(1, count + 1):
        runs.append(start(number))
    assert all(get(port) for _, port, _ in runs)
    began = time.perf_counter()
    listed = subprocess.run([binary, "ps"], env=environment, capture_output=True, text=True).stdout.count("serving")
    ps = time.perf_counter() - began
    times = [taken * 1000 for _, _, taken in runs]
    families = [family(run.pid) for run, _, _ in runs]
    print(f"{count} guests, all answer, {listed} listed by ps in {ps * 1000:.0f} ms")
    print("| what | median | worst |\n|---|---|---|")
    tenth = max(1, count // 10)
    for name, part in (("start, first tenth", times[:tenth]), ("start, last tenth", times[-tenth:])):
        print(f"| {name} | {statistics.median(part):.1f} ms | {max(part):.1f} ms |")
    for place, name in enumerate(("supervisor", "keeper", "init", "guest")):
        memory = [private(members[place]) for members in families]
        print(f"| private memory, {name} | {statistics.median(memory) / 1024:.2f} MiB | {max(memory) / 1024:.2f} MiB |")
finally:
    for run, _, _ in runs:
        run.send_signal(2)
    for run, _, _ in runs:
        run.wait()
