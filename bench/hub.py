#!/usr/bin/env python3
"""Ports that lead to a guest of another machine, beside `ssh -L` and rathole, each in turn in each round. The guest
(bench/outbound-client) is one; peers reach it by the port that wasmrun forwards on its own machine.

    bench/hub.py [ROUNDS] [SECTION...]          after `cargo build --profile dist`; openssh-server, openssl, and
                                                RATHOLE, a rathole 0.5 (`bench/peers.sh rathole` builds one)

| section | what |
|---|---|
| carriers | streams, requests and connects over each carrier and each peer |
| line | one stream through a line with 50 ms, as its round trip |
| first | from the command to the first byte, beside `ssh -W` |
| stall | one stream beside 63 whose readers stop; memory of the hub, and with 1,000 idle streams |
| datagrams | echoes a second, many at once |
"""
import os
import shlex
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from rounds import ROOT, WASMRUN, compare, inside, measure, run, rustc, serve, stream, table, times

os.chdir(ROOT)
RATHOLE = os.path.abspath(os.environ.get("RATHOLE", "bench/.peers/rathole"))
GUEST, SSHD = 18000, 18022


def write(name, text, mode=0o600):
    with open(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(text)
    return os.path.abspath(name)


def machine(name):
    """The variables of one: its runs, its hub."""
    os.makedirs(f"{name}/run", 0o700, exist_ok=True)
    folder = os.path.abspath(name)
    return {"XDG_RUNTIME_DIR": f"{folder}/run", "XDG_CONFIG_HOME": f"{folder}/config", "XDG_STATE_HOME": f"{folder}/state"}


def at(variables, *command):
    return ["env", *(f"{name}={value}" for name, value in variables.items()), *map(str, command)]


def there(name, *options):
    """Another machine with the guest on one of its ports."""
    variables = machine(name)
    serve(at(variables, WASMRUN, "os", "guest.wasm", "--quiet", "--name", "bench", *options, "--", "serve", "3000"))
    return variables


def context(name, *options):
    """A hub on that machine, and a context of this one that leads there."""
    variables = there(name, "--expose", "3000")
    with open(f"{name}/hub.log", "w") as log:
        subprocess.Popen(at(variables, WASMRUN, "hub", *options), stdout=log, stderr=log, start_new_session=True)
    for _ in range(500):
        said = open(f"{name}/hub.log").read()
        if "listening: " in said:
            break
        time.sleep(0.01)
    url = said.split("listening: ")[1].split()[0]
    pin = ["--pin", said.split("--pin ")[1].split()[0]] if "--pin " in said else []
    token = run(at(variables, WASMRUN, "hub", "token", "add", "laptop")).strip()
    subprocess.run([WASMRUN, "context", "add", name, url, *pin, "--token-stdin"], input=token, text=True, check=True)


def forward(target, port, *more):
    serve([WASMRUN, "forward", f"{target}/bench", f"127.0.0.1:{port}:3000", "--wait", *more], port)
    return port


def sshd():
    """sshd with keys of its own, and an `ssh` that knows them."""
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    write("authorized", open("user.pub").read())
    variables = there("lab", "--expose", "3000")
    shown = " ".join(f"{name}={value}" for name, value in variables.items())
    os.mkdir("bin")
    os.symlink(WASMRUN, "bin/wasmrun")
    here = os.getcwd()
    os.makedirs("/run/sshd", exist_ok=True)
    serve(["/usr/sbin/sshd", "-D", "-f", write("sshd_config", f"""
        Port {SSHD}
        ListenAddress 127.0.0.1
        HostKey {here}/host
        AuthorizedKeysFile {here}/authorized
        PidFile none
        UsePAM no
        StrictModes no
        SetEnv PATH={here}/bin:/usr/bin:/bin WASMRUN_CACHE_DIR={here}/cache {shown}
        """)], SSHD)
    write("ssh_config", f"""
        Host lab
        HostName 127.0.0.1
        Port {SSHD}
        User root
        IdentityFile {here}/user
        UserKnownHostsFile {here}/known
        StrictHostKeyChecking accept-new
        """)
    write("bin/ssh", f'#!/bin/sh\nexec /usr/bin/ssh -F {here}/ssh_config "$@"\n', 0o700)
    os.environ["PATH"] = f"{here}/bin:{os.environ['PATH']}"


def rathole(name, port, is_tls):
    """Its server takes the port, its client reaches the guest: where a peer of wasmrun has both the other way round."""
    transport = '[{0}.transport]\ntype = "websocket"\n[{0}.transport.websocket]\ntls = %s\n' % str(is_tls).lower()
    mine = '[server.transport.tls]\npkcs12 = "tls.p12"\npkcs12_password = "x"\n' if is_tls else ""
    its = '[client.transport.tls]\ntrusted_root = "tls.pem"\nhostname = "localhost"\n' if is_tls else ""
    service = '[{0}.services.bench]\ntoken = "x"\n'
    server = f'[server]\nbind_addr = "127.0.0.1:{port + 1}"\n' + (transport + service).format("server") + f'bind_addr = "127.0.0.1:{port}"\n' + mine
    client = f'[client]\nremote_addr = "localhost:{port + 1}"\n' + (transport + service).format("client") + f'local_addr = "127.0.0.1:{GUEST}"\n' + its
    serve([RATHOLE, "--server", write(f"{name}-server.toml", server)], port + 1)
    serve([RATHOLE, "--client", write(f"{name}-client.toml", client)])
    time.sleep(1)
    return port


def certificate():
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout tls.key -out tls.pem -days 2 -subj /CN=localhost"
    subprocess.run([*shlex.split(command), "-addext", "subjectAltName=DNS:localhost"], check=True, stderr=subprocess.DEVNULL)
    subprocess.run(shlex.split("openssl pkcs12 -export -inkey tls.key -in tls.pem -out tls.p12 -passout pass:x"), check=True)


def ways():
    """The port of each."""
    ports = {"the guest itself": GUEST}
    serve(["ssh", "-N", "-L", f"127.0.0.1:18010:127.0.0.1:{GUEST}", "lab"], 18010)
    ports["ssh -L"] = 18010
    if os.path.exists(RATHOLE):
        certificate()
        ports["rathole websocket"] = rathole("plain", 18020, False)
        ports["rathole websocket, TLS"] = rathole("tls", 18030, True)
    ports["ssh://"] = forward("ssh://lab", 18040)
    context("plain", "--bind", "127.0.0.1:18050")
    ports["ws://"] = forward("plain", 18051)
    context("secret", "--bind", "127.0.0.1:18060", "--tls", "self")
    ports["wss://"] = forward("secret", 18061)
    return ports


def carriers(rounds):
    paths = {name: (["./native"], {"HOST": "127.0.0.1", "PORT": port}) for name, port in ways().items()}
    size = 1 << 28
    kinds = [stream("out", 1, size), stream("in", 1, size), stream("out", 8, size), stream("in", 8, size),
             times("requests on one connection", ["requests", "HOST", "PORT"], 5_000),
             times("connect, byte, close", ["connects", "HOST", "PORT"], 1_000)]
    pairs = [("ssh://", "ssh -L"), ("wss://", "ssh -L")]
    bars = [0.9, 1.2]
    if os.path.exists(RATHOLE):
        pairs += [("ws://", "rathole websocket"), ("wss://", "rathole websocket, TLS")]
        bars += [1.0, 1.0]
    rows = {name: bars for _, figures in kinds[:4] for name in figures}
    rows |= {"requests on one connection, median us": [0.8, 0.8, 0.67, 0.67], "connect, byte, close/s": [2.0, 2.0, None, None]}
    table(f"Carriers, medians of {rounds}", measure(kinds, paths, rounds, tries=5), pairs, rows)


class Line(threading.Thread):
    """A port that leads to another one, by a line that takes 25 ms each way and carries 1 Gbit/s."""

    def __init__(self, port, target):
        super().__init__(daemon=True)
        self.listener, self.target = socket.create_server(("127.0.0.1", port), backlog=64), target
        self.start()

    def run(self):
        while True:
            near, _ = self.listener.accept()
            far = socket.create_connection(("127.0.0.1", self.target))
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self.carry, args=pair, daemon=True).start()

    @staticmethod
    def carry(source, target):
        source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        target.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        flying, there = [], threading.Condition()

        def land():
            while True:
                with there:
                    while not flying:
                        there.wait()
                    due, data = flying.pop(0)
                time.sleep(max(0, due - time.monotonic()))
                try:
                    target.sendall(data) if data else target.shutdown(socket.SHUT_WR)
                except OSError:
                    return
                if not data:
                    return

        threading.Thread(target=land, daemon=True).start()
        data, free = True, 0
        while data:
            # What the line cannot carry yet waits with its sender.
            time.sleep(max(0, free - time.monotonic()))
            try:
                data = source.recv(1 << 17)
            except OSError:
                data = b""
            free = max(free, time.monotonic()) + len(data) / 125e6
            with there:
                flying.append((free + 0.025, data))
                there.notify()


def line(rounds):
    """The line is between the carrier's two ends."""
    Line(18100, GUEST)
    Line(18101, SSHD)
    Line(18102, 18150)
    serve(["ssh", "-N", "-p", "18101", "-L", f"127.0.0.1:18110:127.0.0.1:{GUEST}", "lab"], 18110)
    context("near", "--bind", "127.0.0.1:18150")
    token = run(at(machine("near"), WASMRUN, "hub", "token", "add", "far")).strip()
    subprocess.run([WASMRUN, "context", "add", "far", "ws://127.0.0.1:18102", "--token-stdin"], input=token, text=True, check=True)
    ports = {"the line": 18100, "ssh -L": 18110, "ssh://": forward("ssh://lab:18101", 18120), "ws://": forward("far", 18121)}
    paths = {name: (["./native"], {"HOST": "127.0.0.1", "PORT": port}) for name, port in ports.items()}
    kinds = [stream("out", 1, 1 << 27), stream("in", 1, 1 << 27)]
    pairs = [("ws://", "the line"), ("ws://", "ssh -L"), ("ssh://", "ssh -L")]
    table(f"50 ms there and back, medians of {rounds}", measure(kinds, paths, rounds), pairs,
          {name: [0.8, 2.0, None] for _, figures in kinds for name in figures})


def first(rounds):
    """With a hub that is not there before: `hub --stdio` is all that ssh starts."""
    def ours():
        program = subprocess.Popen([WASMRUN, "forward", "ssh://lab/bench", "127.0.0.1:18200:3000"], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, start_new_session=True)
        while True:
            try:
                client = socket.create_connection(("127.0.0.1", 18200))
                break
            except OSError:
                time.sleep(0.0005)
        client.sendall(b"e")
        assert client.recv(1)
        return program

    def theirs():
        program = subprocess.Popen(["ssh", "-W", f"127.0.0.1:{GUEST}", "lab"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        program.stdin.write(b"e")
        program.stdin.flush()
        assert program.stdout.read(1)
        return program

    took = {"wasmrun forward ssh://": [], "ssh -W": []}
    for _ in range(rounds):
        for way, column in zip((ours, theirs), took.values()):
            began = time.perf_counter()
            program = way()
            column.append((time.perf_counter() - began) * 1e6)
            program.send_signal(signal.SIGTERM)
            program.wait()
    table(f"From the command to the first byte, medians of {rounds}", {"first byte, us": took},
          [("wasmrun forward ssh://", "ssh -W")], {"first byte, us": [0.5]})


def resident(pid):
    return int(open(f"/proc/{pid}/status").read().split("VmRSS:")[1].split()[0]) / 1024


def hub_of(name):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = open(f"/proc/{pid}/cmdline").read().split("\0")
            if command[1:2] == ["hub"] and f"{name}/run" in open(f"/proc/{pid}/environ").read():
                return int(pid)
        except OSError:
            pass
    sys.exit("no hub")


def used(pid):
    return sum(map(int, open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[11:13])) * 10


def stall(rounds):
    context("slow", "--bind", "127.0.0.1:18160")
    port = forward("slow", 18161)
    hub = hub_of("slow")
    place = {"HOST": "127.0.0.1", "PORT": port}
    kind = [stream("in", 1, 1 << 28)]
    before = resident(hub)
    alone, beside = [], []
    for _ in range(rounds):
        alone.append(next(iter(measure(kind, {"x": (["./native"], place)}, 1).values()))["x"][0])
        silent = []
        for _ in range(63):
            client = socket.create_connection(("127.0.0.1", port))
            client.sendall(b"s" + (1 << 30).to_bytes(8, "little"))
            silent.append(client)
        time.sleep(1)
        beside.append(next(iter(measure(kind, {"x": (["./native"], place)}, 1).values()))["x"][0])
        stalled = resident(hub)
        for client in silent:
            client.close()
    print(f"\nA stream beside 63 that stall: {compare(beside, alone, False, 0.9)}; the hub has {stalled:.0f} MiB, before {before:.0f}; < 128")
    time.sleep(1)
    before = resident(hub)
    idle = []
    for _ in range(1000):
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(b"e")
        assert client.recv(1)
        idle.append(client)
    time.sleep(1)
    print(f"1,000 idle streams: {resident(hub) - before:.1f} MiB more in the hub; < 24")
    began = used(hub)
    time.sleep(30)
    print(f"the hub used {used(hub) - began} ms of a processor in 30 s of that")


def datagrams(rounds):
    context("udp", "--bind", "127.0.0.1:18170")
    serve(at(machine("udp"), WASMRUN, "os", "guest.wasm", "--quiet", "--name", "echo", "--", "datagrams", "5300"))
    serve([WASMRUN, "forward", "udp/echo", "127.0.0.1:18400:5300/udp", "--wait"])
    late = time.monotonic() + 20
    while f":{18400:04X} " not in open("/proc/net/udp").read():
        time.sleep(0.01)
        if time.monotonic() > late:
            sys.exit(f"the port is not there: {open('server.log').read()}")
    time.sleep(0.5)
    rates = []
    for _ in range(rounds):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.connect(("127.0.0.1", 18400))
        client.settimeout(1)
        for _ in range(20):
            client.send(b"x" * 64)
            try:
                client.recv(100)
                break
            except TimeoutError:
                pass
        sent = got = 0
        began = time.perf_counter()
        while time.perf_counter() - began < 2:
            while sent - got < 32:
                client.send(b"x" * 64)
                sent += 1
            try:
                got += len(client.recv(100)) == 64
            except TimeoutError:
                sent = got
        rates.append(got / (time.perf_counter() - began))
    print(f"\nDatagrams, 32 at once: {statistics.median(rates):,.0f} echoes/s; >= 20,000")


def main(rounds, sections):
    rustc("-o", "native")
    rustc("-o", "guest.wasm", target="wasm32-wasip2")
    os.environ |= machine("here")
    there("own", "--forward", f"127.0.0.1:{GUEST}:3000")
    sshd()
    for section in sections or ["carriers"]:
        {"carriers": carriers, "line": line, "first": first, "stall": stall, "datagrams": datagrams}[section](rounds)


inside(main, "HUB_INSIDE")
