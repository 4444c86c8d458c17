"""A lane of others' tests: its source in Debian's archive, the list of what fails for a known reason, its report."""
import hashlib
import lzma
import sys
import urllib.request

ARCHIVE = "http://deb.debian.org/debian"


def index(path):
    """An index of the archive, as text."""
    return lzma.decompress(urllib.request.urlopen(f"{ARCHIVE}/dists/{path}").read()).decode()


def fetch(path, digest):
    """A file of the archive, of which its index says the SHA-256."""
    content = urllib.request.urlopen(f"{ARCHIVE}/{path}").read()
    assert hashlib.sha256(content).hexdigest() == digest, f"{path}: another file than the index says"
    return content


def expected(file):
    """Test to the reason why it fails."""
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    assert lines == sorted(lines), f"{file} is not sorted"
    return dict(line.split(": ", 1) for line in lines)


def report(file, surprises, notes):
    """Prints what `file` does not expect and what to look at; ends the lane, with exit code 1 after a surprise."""
    for title, lines in ((f"Failures that .ci/{file.name} does not have:", surprises), ("To look at:", notes)):
        if lines:
            print(f"\n{title}\n" + "\n".join(lines))
    sys.exit(bool(surprises))
