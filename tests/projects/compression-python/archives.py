"""Archives by the standard library: what is made is read, and what other programs have made."""

import bz2, io, lzma, os, shutil, tarfile, tempfile, zipfile

count = 0
text = b"".join(b"line %d of a file\n" % number for number in range(5000))


def call(name, function):
    global count
    count += 1
    try:
        value = function()
    except Exception as error:
        value = f"{type(error).__name__} {error}"
    print(f"{count} {name}: {value!r}")


def tar(mode):
    def made():
        place = io.BytesIO()
        with tarfile.open(fileobj=place, mode=f"w:{mode}") as archive:
            entry = tarfile.TarInfo("folder/file.txt")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
        size = place.tell()
        place.seek(0)
        with tarfile.open(fileobj=place, mode="r:*") as archive:
            return [archive.getnames(), archive.extractfile("folder/file.txt").read() == text, size < 60_000]

    return made


def streamed(mode):
    def made():
        place = io.BytesIO()
        with tarfile.open(fileobj=place, mode=f"w|{mode}") as archive:
            entry = tarfile.TarInfo("file.txt")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
        place.seek(0)
        with tarfile.open(fileobj=place, mode="r|*") as archive:
            return [(entry.name, archive.extractfile(entry).read() == text) for entry in archive]

    return made


def zipped(method):
    def made():
        place = io.BytesIO()
        with zipfile.ZipFile(place, "w", method) as archive:
            archive.writestr("folder/file.txt", text)
            archive.writestr("empty", b"")
        with zipfile.ZipFile(place) as archive:
            return [archive.namelist(), archive.read("folder/file.txt") == text, archive.testzip(), place.tell() < 60_000]

    return made


for mode in ("gz", "bz2", "xz"):
    call(f"tar of {mode}", tar(mode))
    call(f"stream of {mode}", streamed(mode))
for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
    call(f"zip of {method}", zipped(method))
call("formats", lambda: [name for name, _ in shutil.get_archive_formats() if "zst" not in name])
with tempfile.TemporaryDirectory() as folder:
    os.makedirs(f"{folder}/from")
    with open(f"{folder}/from/file.txt", "wb") as file:
        file.write(text)
    for format in ("zip", "gztar", "bztar", "xztar"):

        def archived():
            made = shutil.make_archive(f"{folder}/archive", format, f"{folder}/from")
            shutil.unpack_archive(made, f"{folder}/{format}")
            with open(f"{folder}/{format}/file.txt", "rb") as file:
                return [os.path.basename(made), file.read() == text]

        call(f"archive as {format}", archived)
# By bzip2(1) and xz(1).
call("of bzip2(1)", lambda: bz2.decompress(bytes.fromhex("425a68393141592653594eece83600000251800010400006449080200031064c4101a7a9a580bb9431f8bb9229c28482776741b0")))
call("of xz(1)", lambda: lzma.decompress(bytes.fromhex("fd377a585a000004e6d6b4460200210116000000742fe5a301000b68656c6c6f20776f726c640a00a1f2ffc46a7fbfcf0001240ca618d8d81fb6f37d010000000004595a")))
print(f"{count} calls")
