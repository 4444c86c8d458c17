"""Fetches the source of a package, and what its setup.py tells setuptools-rust: fetch.py URL SHA256 FOLDER SETUP."""

import ast
import hashlib
import json
import os
import sys
import tarfile
import urllib.request

LONGEST = 256 << 20
ARCHIVE = "source.tar.gz"

url, digest, folder, setup = sys.argv[1:]
if not url.startswith("https://") and not url.startswith("http://"):
    sys.exit(f"the source is nowhere on the net: {url}")
with urllib.request.urlopen(url, timeout=60) as answer:
    whole = answer.read(LONGEST + 1)
if len(whole) > LONGEST:
    sys.exit(f"the source has more than {LONGEST >> 20} MiB: {url}")
if hashlib.sha256(whole).hexdigest() != digest:
    sys.exit(f"the source is not the one that the package index names: {url}")
with open(ARCHIVE, "xb") as file:
    file.write(whole)
with tarfile.open(ARCHIVE) as archive:
    # Since 3.11.4; before, the build jail alone holds what is unpacked.
    safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    archive.extractall("unpacking", **safe)
os.remove(ARCHIVE)
# One folder, NAME-VERSION (PEP 625).
(only,) = os.listdir("unpacking")
os.rename(os.path.join("unpacking", only), folder)
os.rmdir("unpacking")
# The user's compiler counts, because it has to have the guest's target.
for name in ("rust-toolchain", "rust-toolchain.toml"):
    if os.path.lexists(os.path.join(folder, name)):
        os.remove(os.path.join(folder, name))
# Read, not run.
if os.path.exists(os.path.join(folder, "setup.py")):
    with open(os.path.join(folder, "setup.py"), encoding="utf-8") as file:
        nodes = ast.walk(ast.parse(file.read()))
    calls = (node for node in nodes if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "RustExtension")
    for call in calls:
        words = {word.arg: word.value for word in call.keywords if word.arg in ("path", "features")}
        with open(setup, "x") as file:
            json.dump({name: ast.literal_eval(value) for name, value in words.items()}, file)
        break
