"""Standard output and error as CPython has them elsewhere: with a buffer, which writes again what was written in part.

Without one, which is how componentize-py leaves them, all but the first 64 KiB of a text is lost.
"""

import io
import sys


def install():
    for number, name in ((1, "stdout"), (2, "stderr")):
        raw = io.FileIO(number, "wb", closefd=False)
        raw.name = f"<{name}>"
        errors = "strict" if number == 1 else "backslashreplace"
        stream = io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", errors=errors, line_buffering=True)
        stream.mode = "w"
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
