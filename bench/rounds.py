"""Figures of several paths, one path after the other in each round: what the benches in Python have in common.

All of a bench runs in namespaces of its own, loopback and hosts file included, and ends with the script. TEST_BINARY names
another binary than target/dist/wasmrun.
"""
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
WASMRUN = os.path.abspath(os.environ.get("TEST_BINARY", f"{ROOT}/target/dist/wasmrun"))
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


def rustc(*arguments, target=None):
    """Compiles `bench/outbound-client`, the program of the streams and times below. WASMRUN_TEST_RUSTC is a rustc with
    wasm32-wasip2, where rustc itself has none (.ci/guest-toolchains)."""
    compiler = [os.environ.get("WASMRUN_TEST_RUSTC", "rustc"), f"--target={target}"] if target else ["rustc"]
    command = [*compiler, "--edition=2024", "-O", f"{ROOT}/bench/outbound-client/main.rs", *arguments]
    if subprocess.call(command):
        sys.exit(f"{' '.join(command)} failed")


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


def measure(kinds, paths, rounds, tries=1):
    """The figures of each name and path: one path after the other, each round beginning with another. What a peer breaks is tried
    again, and said."""
    names, measured = list(paths), {}
    for arguments, figures in kinds:
        for number in range(rounds):
            for path in names[number % len(names):] + names[:number % len(names)]:
                command, place = paths[path]
                whole = [*command, *(str(place.get(argument, argument)) for argument in arguments)]
                for left in reversed(range(tries)):
                    try:
                        said = run(whole)
                        break
                    except SystemExit as failure:
                        if not left:
                            raise
                        print(f"{path}: {failure}", file=sys.stderr)
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


def inside(main, variable):
    """Runs main(ROUNDS, SECTIONS) of the command line in a folder and namespaces of its own."""
    if variable in os.environ:
        os.chdir(os.environ[variable])
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        numbers = [int(argument) for argument in sys.argv[1:] if argument.isdigit()]
        return main(numbers[0] if numbers else 9, [argument for argument in sys.argv[1:] if not argument.isdigit()])
    # As pid 1 of a namespace: what it has started ends with it, however it ends, and so do its networks.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory() as work:
        os.mkdir(f"{work}/run", 0o700)
        mine = {variable: work, "XDG_RUNTIME_DIR": f"{work}/run", "WASMRUN_CACHE_DIR": f"{work}/cache", "NO_COLOR": "1"}
        apart = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        apart += ["--map-root-user"] if os.geteuid() else []
        sys.exit(subprocess.call([*apart, sys.executable, os.path.abspath(sys.argv[0]), *sys.argv[1:]], env=dict(os.environ, **mine)))
