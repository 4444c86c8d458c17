"""Each way to write a file, where there is no room; and what is there of files that have some."""

import errno
import os
import pathlib
import shutil
import tempfile

LARGE = b"x" * 5_000_000


def raw():
    with open("/tmp/file", "wb", buffering=0) as file:
        while True:
            file.write(LARGE)


def small_pieces():
    with open("/tmp/file", "a") as file:
        while True:
            file.write("line\n")


def descriptor():
    file = os.open("/tmp/file", os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(file, LARGE)
    finally:
        os.close(file)


def copied():
    with open("/tmp/file", "x+b") as file, open(__file__, "rb") as source:
        while True:
            shutil.copyfileobj(source, file)
            source.seek(0)


for write in (
    lambda: open("/tmp/file", "wb").write(LARGE),
    lambda: pathlib.Path("/tmp/file").write_text(LARGE.decode()),
    lambda: tempfile.TemporaryFile().write(LARGE),
    raw,
    small_pieces,
    descriptor,
    copied,
):
    try:
        write()
        print("written")
    except OSError as error:
        print(errno.errorcode[error.errno])
    if os.path.exists("/tmp/file"):
        os.unlink("/tmp/file")

with open("/tmp/file", "w+", newline="\r\n", encoding="utf-16") as file:
    file.write("ä\n" * 10_000)
    file.seek(0)
    assert file.read() == "ä\r\n" * 10_000, "what was written is read"
with open("/tmp/file", "r+b") as file:
    file.seek(2)
    file.write(b"12")
    file.seek(0)
    assert file.read(4)[2:] == b"12", "in its middle"
with open("/tmp/file", "a", buffering=1) as file:
    assert file.line_buffering and file.mode == "a" and file.buffer.raw.name == "/tmp/file"
assert os.path.getsize("/tmp/file") == 2 + 3 * 2 * 10_000, "all of it is still there"
for wrong in (("wb", 1, "utf-8"), ("rw",), ("w", 0), ("q",)):
    try:
        open("/tmp/file", *wrong)
        print(wrong, "was opened")
    except ValueError:
        pass
with open("/tmp/file", "wb", buffering=0) as file, open("/tmp/other", "wb") as other:
    other.write(b"x" * 900_000)
    other.flush()
    try:
        while True:
            file.write(b"y" * 4096)
    except OSError:
        os.truncate(other.fileno(), 0)
    assert file.write(b"z" * 4096) == 4096, "there is room again"
print("whole")
