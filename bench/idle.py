#!/usr/bin/env python3
"""Memory of idle connections: 10,000 clients of one guest, each answered once and kept alive, on both paths.

    bench/idle.py [CONNECTIONS]        after `cargo build --profile dist`; needs `ulimit -Hn` of two and a half times as many
"""
import atexit
import json
import os
import resource
import socket
import subprocess
import sys
import time

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
WASMRUN = "target/dist/wasmrun"
count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def memory(pid):
    """What only this process has, in bytes (proc_pid_smaps(5))."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("Private")) * 1024


def state(name):
    return json.loads(subprocess.run([WASMRUN, "inspect", name], stdout=subprocess.PIPE, check=True).stdout)


print(f"{count} connections\n\n| path | process | before | with them | each | after |\n|---|---|---|---|---|---|")
for path, port in (("adopt", 18095), ("splice", 18096)):
    name = f"idle-{path}-{os.getpid()}"
    run = subprocess.Popen([WASMRUN, "os", "examples/hello/hello.wasm", "--quiet", "--name", name,
                            "--forward-path", path, "--forward", f"127.0.0.1:{port}:80"])
    atexit.register(run.kill)
    time.sleep(1)

    def client():
        stream = socket.create_connection(("127.0.0.1", port))
        stream.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert stream.recv(512).startswith(b"HTTP/1.1 200")
        return stream

    def sizes():
        now = state(name)
        return {"guest": memory(now["guest_pid"]), "supervisor": memory(run.pid)}, now["forwards"][0]["live"]

    [stream.close() for stream in [client() for _ in range(100)]]
    time.sleep(0.5)
    before, _ = sizes()
    clients = [client() for _ in range(count)]
    full, live = sizes()
    assert live == count, live
    [stream.close() for stream in clients]
    time.sleep(2)
    after, live = sizes()
    assert live == 0, live
    for process, size in before.items():
        each = (full[process] - size) / count
        print(f"| {path} | {process} | {size / 1e6:.1f} MB | {full[process] / 1e6:.1f} MB | {each / 1e3:.2f} kB "
              f"| {after[process] / 1e6:.1f} MB |")
    run.terminate()
    run.wait()
    atexit.unregister(run.kill)
