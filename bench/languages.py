#!/usr/bin/env python3
"""Programs in languages with an interpreter, in a guest and natively, one after the other in each round: exec to the first
answer with warm caches, requests a second, memory, and the time from an edit to the first answer that has it.

    bench/languages.py [ROUNDS] [NAME...]        after `cargo build --profile dist`; needs wrk, and python3 (node, npm) with the packages

The native side runs in bench/.native, which this makes.
"""
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
NATIVE = os.path.abspath("bench/.native")
# Name: the folder, its port, a path, a file and a word in it to edit, what it is run with natively.
PROGRAMS = {
    "Flask": ("examples/flask-status", 5000, "/api/status", "app.py", "running", [f"{NATIVE}/python/bin/python", "app.py"]),
    "Express": ("examples/express-hello", 3000, "/", "server.js", "Hello", ["node", "server.js"]),
    "http": ("bench/http-hello", 3100, "/", "server.js", "Hello", ["node", "server.js"]),
}
OURS = 18090


def prepare(name, folder):
    if name == "Express" and not os.path.exists(f"{NATIVE}/node"):
        shutil.copytree(folder, f"{NATIVE}/node")
        subprocess.run(["npm", "install", "--silent"], cwd=f"{NATIVE}/node", check=True)
    if name == "Flask" and not os.path.exists(f"{NATIVE}/python"):
        subprocess.run([sys.executable, "-m", "venv", f"{NATIVE}/python"], check=True)
        subprocess.run([f"{NATIVE}/python/bin/pip", "install", "-q", "-r", f"{folder}/requirements.txt"], check=True)


def native_folder(name, folder):
    """Where the native side runs: with the packages beside it."""
    return f"{NATIVE}/node" if name == "Express" else folder


def ask(port, path):
    """The whole answer, or nothing."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as stream:
            stream.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
            text = b""
            while piece := stream.recv(65536):
                text += piece
            return text if b" 200 " in text[:16] else b""
    except OSError:
        return b""


def start(command, folder, port, path):
    """The process, and the milliseconds to its first answer."""
    if ask(port, path):
        sys.exit(f"somebody else answers on port {port}")
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not ask(port, path):
        if process.poll() is not None or time.perf_counter() - started > 300:
            sys.exit(f"{command} does not answer")
        time.sleep(0.0005)
    return process, (time.perf_counter() - started) * 1000


def stop(process):
    process.send_signal(signal.SIGTERM)
    process.wait()


def family(pid):
    pids = [pid]
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            try:
                with open(f"/proc/{pid}/task/{task}/children") as file:
                    pids += [int(child) for child in file.read().split()]
            except FileNotFoundError:  # a thread that has ended
                pass
    return pids


def memory(pid):
    """Private memory of a process and those that it has started, in MB."""
    total = 0
    for pid in family(pid):
        with open(f"/proc/{pid}/smaps_rollup") as file:
            total += sum(int(line.split()[1]) for line in file if line.startswith("Private_"))
    return total / 1000


def load(port, path, connections):
    out = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", "-d4", f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True
    ).stdout
    if "Non-2xx" in out or "Socket errors" in out and not re.search(r"connect 0, read \d+, write 0, timeout 0", out):
        print(out, file=sys.stderr)
    return float(re.search(r"Requests/sec: +([\d.]+)", out)[1])


def edits(command, folder, path, file, word, rounds):
    """Milliseconds from a save to the first answer that has it."""
    with tempfile.TemporaryDirectory() as copy:
        copy = shutil.copytree(folder, f"{copy}/project")
        with open(f"{copy}/{file}") as text:
            text = text.read()
        command = [*command[:2], copy, *command[3:]]
        warm(command, copy)
        process, _ = start([*command, "--watch"], copy, OURS, path)
        times = []
        for number in range(rounds):
            time.sleep(0.3)
            started = time.perf_counter()
            with open(f"{copy}/{file}", "w") as out:
                out.write(text.replace(word, f"edit-{number}"))
            while f"edit-{number}".encode() not in ask(OURS, path):
                time.sleep(0.001)
            times.append((time.perf_counter() - started) * 1000)
        stop(process)
    return times


def warm(command, folder):
    """Runs it once until all that a later start uses is in the cache."""
    command = [*command, "-v"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    has_node = os.path.exists(f"{command[2]}/package.json")
    done = "compiled for the next start" if has_node else "ready:"
    for line in process.stderr:
        if done in line or "compiled before" in line:
            break
    stop(process)


rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
names = sys.argv[2:] or list(PROGRAMS)
for name in names:
    folder, port, path, file, word, native = PROGRAMS[name]
    prepare(name, folder)
    ours = [os.path.abspath("target/dist/wasmrun"), "os", os.path.abspath(folder), "--forward", f"{OURS}:{port}"]
    sides = {"in a guest": (ours, OURS), "native": (native, port)}
    places = {"in a guest": folder, "native": native_folder(name, folder)}
    warm(ours, folder)
    times = {side: [] for side in sides}
    for _ in range(rounds + 1):
        for side, (command, at) in sides.items():
            process, took = start(command, places[side], at, path)
            times[side].append(took)
            stop(process)
    rates = {side: {1: [], 64: []} for side in sides}
    sizes = {}
    for _ in range(3):
        for side, (command, at) in sides.items():
            process, _ = start(command, places[side], at, path)
            for connections, found in rates[side].items():
                found.append(load(at, path, connections))
            sizes[side] = memory(process.pid)
            stop(process)
    print(f"| {name} | first answer, median (worst) | requests/s, 1 connection | 64 connections | private memory |\n|---|---|---|---|---|")
    for side in sides:
        first = times[side][1:]  # the first fills the caches
        one, many = (statistics.median(found) for found in rates[side].values())
        print(f"| {side} | {statistics.median(first):.0f} ms ({max(first):.0f}) | {one:,.0f} | {many:,.0f} | {sizes[side]:.0f} MB |")
    live = edits(ours, folder, path, file, word, rounds)
    print(f"\nedit to live: median {statistics.median(live):.0f} ms, worst {max(live):.0f} ms\n")
