#!/usr/bin/env python3
"""What the jail costs a build: `wasmrun os` of a Makefile that does nothing, with its jail and with `--no-build-jail`, in turn;
median milliseconds from start to end, and the difference.

    bench/build-jail.py [ROUNDS]        after `cargo build --profile dist`; WASMRUN names another binary
"""
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
root = pathlib.Path(__file__).resolve().parent.parent
binary = os.environ.get("WASMRUN", root / "target/dist/wasmrun")

with tempfile.TemporaryDirectory() as folder:
    project = pathlib.Path(folder, "project")
    project.mkdir()
    (project / "Makefile").write_text("all:\n\t@true\n")
    (project / "app.wat").write_text('(module (func (export "_start")))')
    environment = {**os.environ, "WASMRUN_CACHE_DIR": str(pathlib.Path(folder, "cache"))}

    def run(*options):
        began = time.perf_counter()
        subprocess.run([binary, "os", project, "--quiet", *options], env=environment, check=True)
        return (time.perf_counter() - began) * 1000

    run()
    jailed, plain = [], []
    for _ in range(rounds):
        jailed.append(run())
        plain.append(run("--no-build-jail"))
    middle = statistics.median
    print(f"in a jail {middle(jailed):.1f} ms, without {middle(plain):.1f} ms, the jail {middle(jailed) - middle(plain):.1f} ms ({rounds} rounds)")
