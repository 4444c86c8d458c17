"""Says once that the project's folder cannot be written, where a program tries: all that it gets is a PermissionError."""

import os
import sys

# O_RDWR is O_RDONLY | O_WRONLY in WASI.
_CHANGES = os.O_WRONLY | os.O_CREAT
_EVENTS = {"open", "os.mkdir", "os.remove", "os.rename", "sqlite3.connect"}


def watch(folder):
    is_said = False

    def hook(event, arguments):
        nonlocal is_said
        if is_said or event not in _EVENTS or not isinstance(arguments[0], (str, os.PathLike)):
            return
        if event == "open" and not (arguments[2] or 0) & _CHANGES:
            return
        name = os.fspath(arguments[0])
        path = os.path.normpath(os.path.join(os.getcwd(), name)) if isinstance(name, str) else ""
        # Compiled modules are Python's own attempt, not the program's.
        if not path.startswith(f"{folder}/") or name.startswith((":", "file:")) or "/__pycache__" in path:
            return
        is_said = True
        if not _is_writable(os.path.dirname(path)):
            print(
                f"hint: the program writes {os.path.relpath(path, folder)}, and its folder is read-only in the guest: "
                f"`--dir {folder}::{folder}` lets it, and files that need not last go to /tmp",
                file=sys.stderr,
            )

    sys.addaudithook(hook)


def _is_writable(folder):
    probe = f"{folder}/.wasmrun-probe"
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        os.unlink(probe)
    except PermissionError:
        return False
    except OSError:
        # Something else is wrong, and that is said.
        pass
    return True
