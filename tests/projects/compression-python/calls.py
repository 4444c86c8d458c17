"""Calls of zlib, gzip, bz2 and lzma, each with a line: the same here and in a guest. What is packed is not shown where encoders
differ."""

import bz2, gzip, io, lzma, pickle, random, zlib

count = 0


def told(value):
    if isinstance(value, (bytes, bytearray)):
        return f"{len(value)}:{bytes(value[:30])!r}"
    if isinstance(value, BaseException):
        return f"{type(value).__module__}.{type(value).__qualname__} {value}"
    return repr(value)


def call(name, function, *arguments, **named):
    global count
    count += 1
    try:
        value = function(*arguments, **named)
    except Exception as error:
        value = error
    print(f"{count} {name}: {told(value)}")


text = b"".join(b"word %d " % (i * 7919 % 613) for i in range(8000))
random.seed(5)
noise = bytes(random.randrange(256) for _ in range(5000))

# zlib
packed = zlib.compress(text)
call("round", lambda: zlib.decompress(packed) == text)
call("nothing", lambda: zlib.decompress(zlib.compress(b"")))
for level in (-1, 0, 1, 6, 9, 10, -2):
    call(f"level {level}", lambda: len(zlib.decompress(zlib.compress(text, level))))
for wbits in (15, 9, -15, -9, 31, 25, 0, 7, 16, 40, 47, 99):
    call(f"wbits {wbits}", lambda: zlib.decompress(zlib.compress(text, wbits=wbits), wbits=wbits) == text)
    call(f"decompress wbits {wbits}", lambda: len(zlib.decompress(packed, wbits)))
for method in (8, 9):
    call(f"method {method}", lambda: len(zlib.decompress((c := zlib.compressobj(6, method), c.compress(text) + c.flush())[1])))
for memory in (0, 1, 8, 9, 10):
    call(f"memory {memory}", lambda: len(zlib.decompress((c := zlib.compressobj(memLevel=memory), c.compress(text) + c.flush())[1])))
for strategy in (0, 1, 2, 3, 4, 5):
    call(f"strategy {strategy}", lambda: len(zlib.decompress((c := zlib.compressobj(strategy=strategy), c.compress(text) + c.flush())[1])))
ODD = (b"", b"x", b"something", bytes(20), b"\xff" * 20, packed[:1], packed[:50], packed[:-1], packed[:-4] + b"xxxx", "text", None, 5)
for number, data in enumerate(ODD):
    call(f"decompress, odd {number}", zlib.decompress, data)
call("compress a text", zlib.compress, "text")
call("bufsize", lambda: len(zlib.decompress(packed, bufsize=1)))
call("bufsize 0", lambda: len(zlib.decompress(packed, bufsize=0)))
call("bufsize less", lambda: len(zlib.decompress(packed, bufsize=-1)))
call("views", lambda: zlib.decompress(memoryview(bytearray(zlib.compress(memoryview(b"abcdef")[::2].tobytes())))))
for kind in (bytearray, memoryview):
    call(f"of a {kind.__name__}", lambda: zlib.decompress(kind(zlib.compress(kind(b"hello")))))
call("crc32", zlib.crc32, b"hello")
call("crc32 that goes on", zlib.crc32, b"lo", zlib.crc32(b"hel"))
call("adler32", zlib.adler32, b"hello")
call("adler32 of much", zlib.adler32, text * 20)
call("crc32 of much", zlib.crc32, text * 20, 7)
call("names", lambda: [zlib.MAX_WBITS, zlib.DEFLATED, zlib.DEF_MEM_LEVEL, zlib.Z_SYNC_FLUSH, zlib.Z_FIXED, zlib.DEF_BUF_SIZE])
for flush in (zlib.Z_NO_FLUSH, zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_BLOCK, zlib.Z_PARTIAL_FLUSH):
    def flushed(flush=flush):
        packer, unpacker = zlib.compressobj(), zlib.decompressobj()
        head = packer.compress(text) + packer.flush(flush)
        first = unpacker.decompress(head)
        rest = unpacker.decompress(packer.compress(text) + packer.flush())
        return [len(first) <= len(text), len(first + rest), unpacker.eof]
    call(f"flush {flush}", flushed)
def finished():
    packer = zlib.compressobj()
    packer.compress(b"a")
    packer.flush()
    return packer.flush()
call("flush twice", finished)
call("compress after the flush", lambda: (c := zlib.compressobj(), c.flush(), c.compress(b"a"))[0])
call("a dictionary", lambda: (c := zlib.compressobj(zdict=b"hello world"), d := zlib.decompressobj(zdict=b"hello world"), d.decompress(c.compress(b"hello world") + c.flush()))[2])
with_dictionary = (lambda c: c.compress(b"hello world") + c.flush())(zlib.compressobj(zdict=b"hello world"))
call("no dictionary", lambda: zlib.decompressobj().decompress(with_dictionary))
call("another dictionary", lambda: zlib.decompressobj(zdict=b"other").decompress(with_dictionary))
call("a dictionary that is none", lambda: zlib.compressobj(zdict="x"))
call("a raw dictionary", lambda: (c := zlib.compressobj(wbits=-15, zdict=b"hello world"), d := zlib.decompressobj(-15, zdict=b"hello world"), d.decompress(c.compress(b"hello world") + c.flush()))[2])
def parts():
    unpacker, out = zlib.decompressobj(), []
    data = packed + b"rest"
    while not unpacker.eof:
        out.append(unpacker.decompress(data, 1000))
        data = unpacker.unconsumed_tail
    return [len(out), len(b"".join(out)), unpacker.unused_data, unpacker.unconsumed_tail]
call("at most 1000", parts)
call("at most -1", lambda: zlib.decompressobj().decompress(packed, -1))
call("at most 0", lambda: len(zlib.decompressobj().decompress(packed, 0)))
call("flush of a decompressor", lambda: (d := zlib.decompressobj(), len(d.decompress(packed, 10)), len(d.flush()), d.eof)[1:])
call("flush of nothing", lambda: (d := zlib.decompressobj(), d.flush(), d.eof)[1:])
call("flush of 0", lambda: zlib.decompressobj().flush(0))
call("unused data", lambda: (d := zlib.decompressobj(), d.decompress(zlib.compress(b"a") + b"bc"), d.decompress(b"de"), d.unused_data)[1:])
call("cut", lambda: (d := zlib.decompressobj(), len(d.decompress(packed[:-10])), d.eof, d.flush())[2:])
call("broken", lambda: zlib.decompressobj().decompress(b"something"))
call("broken later", lambda: zlib.decompressobj().decompress(packed[:-4] + b"xxxx"))
def copied():
    packer = zlib.compressobj()
    head = packer.compress(text)
    other = packer.copy()
    return [zlib.decompress(head + packer.compress(b"one") + packer.flush())[-3:], zlib.decompress(head + other.compress(b"two") + other.flush())[-3:]]
call("a copy", copied)
def copied_back():
    unpacker = zlib.decompressobj()
    head = unpacker.decompress(packed[:2000])
    other = unpacker.copy()
    return [head + unpacker.decompress(packed[2000:]) == text, head + other.decompress(packed[2000:]) == text]
call("a copy of a decompressor", copied_back)
call("pickled", lambda: pickle.dumps(zlib.compressobj()))
call("a byte at a time", lambda: (d := zlib.decompressobj(31), b"".join(d.decompress(bytes([byte])) for byte in gzip.compress(b"hello hello")))[1])

# gzip
call("gzip", lambda: gzip.decompress(gzip.compress(text)) == text)
call("gzip of members", lambda: gzip.decompress(gzip.compress(b"one ") + gzip.compress(b"two")))
call("gzip and zeros", lambda: gzip.decompress(gzip.compress(b"one") + bytes(10)))
call("gzip and a word", lambda: gzip.decompress(gzip.compress(b"one") + b"word"))
call("gzip that is cut", lambda: gzip.decompress(gzip.compress(text)[:100]))
call("gzip that is none", gzip.decompress, b"something")
call("gzip with a wrong checksum", lambda: gzip.decompress(gzip.compress(b"one")[:-8] + bytes(8)))
call("gzip's head", lambda: gzip.compress(b"one", mtime=0)[:8])
def file_of(module, opens):
    place = io.BytesIO()
    with opens(place, "wb") as file:
        for _ in range(5):
            file.write(text)
    place.seek(0)
    with opens(place) as file:
        first = file.read(10)
        file.seek(len(text))
        return [first, file.readline(20), len(file.read()), place.tell() > 100]
call("a file of gzip", file_of, gzip, gzip.open)

# bz2
call("bz2", lambda: bz2.decompress(bz2.compress(text)) == text)
call("bz2's bytes", bz2.compress, b"hello")
call("bz2 of noise", lambda: bz2.decompress(bz2.compress(noise)) == noise)
for level in (0, 1, 9, 10):
    call(f"bz2 {level}", lambda: len(bz2.decompress(bz2.compress(text, level))))
call("bz2 of streams", lambda: bz2.decompress(bz2.compress(b"one ") + bz2.compress(b"two")))
call("bz2 and a word", lambda: bz2.decompress(bz2.compress(b"one") + b"word"))
for data in (b"", b"something", bz2.compress(text)[:30], bz2.compress(text)[:-5] + b"xxxxx", "text"):
    call(f"bz2 {told(data)}", bz2.decompress, data)
call("bz2 flushed twice", lambda: (c := bz2.BZ2Compressor(), c.flush(), c.flush()))
call("bz2 after the flush", lambda: (c := bz2.BZ2Compressor(), c.flush(), c.compress(b"a")))
call("bz2 of a text", lambda: bz2.BZ2Compressor().compress("text"))
def bounded(decompressor, data):
    out, sizes = [], []
    while not decompressor.eof:
        out.append(decompressor.decompress(data if decompressor.needs_input else b"", 10_000))
        data = b""
        sizes.append(len(out[-1]))
    return [sizes, b"".join(out) == text, decompressor.unused_data, decompressor.needs_input]
call("bz2 at most", lambda: bounded(bz2.BZ2Decompressor(), bz2.compress(text) + b"rest"))
call("bz2 after the end", lambda: (d := bz2.BZ2Decompressor(), d.decompress(bz2.compress(b"a")), d.decompress(b"b")))
call("bz2 at most 0", lambda: (d := bz2.BZ2Decompressor(), d.decompress(bz2.compress(b"a"), 0), d.needs_input)[1:])
call("bz2 pickled", lambda: pickle.dumps(bz2.BZ2Compressor()))
call("bz2 unpickled", lambda: pickle.dumps(bz2.BZ2Decompressor()))
call("a file of bz2", file_of, bz2, bz2.open)
call("bz2 a byte at a time", lambda: (d := bz2.BZ2Decompressor(), b"".join(d.decompress(bytes([byte])) for byte in bz2.compress(b"hello")))[1])

# lzma
call("lzma", lambda: lzma.decompress(lzma.compress(text)) == text)
call("lzma's bytes", lzma.compress, b"hello")
for format in (lzma.FORMAT_XZ, lzma.FORMAT_ALONE, lzma.FORMAT_AUTO, 9):
    call(f"format {format}", lambda: len(lzma.decompress(lzma.compress(text, format))))
for check in (-1, lzma.CHECK_NONE, lzma.CHECK_CRC32, lzma.CHECK_CRC64, lzma.CHECK_SHA256, 3, 99):
    call(f"check {check}", lambda: len(lzma.decompress(lzma.compress(text, check=check))))
call("check of .lzma", lambda: lzma.compress(text, lzma.FORMAT_ALONE, lzma.CHECK_CRC32))
for preset in (0, 6, 9, 6 | lzma.PRESET_EXTREME, 10, -1, 1 << 33):
    call(f"preset {preset}", lambda: len(lzma.decompress(lzma.compress(text, preset=preset))))
call("preset of .lzma", lambda: lzma.compress(text, lzma.FORMAT_ALONE, preset=77))
call("preset and filters", lambda: lzma.compress(text, preset=1, filters=[{"id": lzma.FILTER_LZMA2}]))
CHAINS = [
    [{"id": lzma.FILTER_LZMA2}],
    [{"id": lzma.FILTER_LZMA2, "preset": 9, "dict_size": 1 << 16, "lc": 1, "lp": 2, "pb": 0, "mode": lzma.MODE_FAST, "nice_len": 32, "mf": lzma.MF_HC4, "depth": 5}],
    [{"id": lzma.FILTER_DELTA, "dist": 5}, {"id": lzma.FILTER_LZMA2, "preset": 1}],
    [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2}],
    [{"id": lzma.FILTER_ARM, "start_offset": 4}, {"id": lzma.FILTER_LZMA2}],
    [{"id": lzma.FILTER_LZMA1}],
    [], [{}], [{"id": 99}], [{"id": lzma.FILTER_LZMA2, "x": 1}], [{"id": lzma.FILTER_DELTA, "dist": 500}, {"id": lzma.FILTER_LZMA2}], [5], 5,
    [{"id": lzma.FILTER_LZMA2}] * 5, [{"id": lzma.FILTER_LZMA2, "lc": 9}], [{"id": lzma.FILTER_LZMA2, "preset": 77}],
]
for number, chain in enumerate(CHAINS):
    call(f"filters {number}", lambda: len(lzma.decompress(lzma.compress(text, filters=chain))))
    call(f"filters {number}, raw", lambda: len(lzma.decompress(lzma.compress(text, lzma.FORMAT_RAW, filters=chain), lzma.FORMAT_RAW, filters=chain)))
call("filters of .lzma", lambda: len(lzma.decompress(lzma.compress(text, lzma.FORMAT_ALONE, filters=[{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 20}]))))
call("filters that .lzma has not", lambda: lzma.compress(text, lzma.FORMAT_ALONE, filters=[{"id": lzma.FILTER_LZMA2}]))
call("raw without filters", lambda: lzma.compress(text, lzma.FORMAT_RAW))
call("raw to read without filters", lambda: lzma.LZMADecompressor(lzma.FORMAT_RAW))
call("filters to read .xz", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, filters=[{"id": lzma.FILTER_LZMA2}]))
call("a limit", lambda: lzma.decompress(lzma.compress(text), memlimit=1000))
call("a limit that is enough", lambda: len(lzma.decompress(lzma.compress(text), memlimit=1 << 24)))
call("a limit of raw", lambda: lzma.LZMADecompressor(lzma.FORMAT_RAW, memlimit=5, filters=[{"id": lzma.FILTER_LZMA2}]))
call("a large dictionary", lambda: len(lzma.decompress(lzma.compress(text, preset=9))))
call("lzma of streams", lambda: lzma.decompress(lzma.compress(b"one ") + lzma.compress(b"two", lzma.FORMAT_ALONE)))
call("lzma and a word", lambda: lzma.decompress(lzma.compress(b"one") + b"word"))
for data in (b"", b"something that is none", lzma.compress(text)[:40], lzma.compress(text)[:-5] + b"xxxxx", "text"):
    call(f"lzma {told(data)}", lzma.decompress, data)
xz = lzma.compress(text)
broken = xz[:500] + bytes([xz[500] ^ 255]) + xz[501:]
call("lzma that is broken", lzma.decompress, broken)
def checks(data, format=lzma.FORMAT_AUTO):
    decompressor = lzma.LZMADecompressor(format)
    before = decompressor.check
    decompressor.decompress(data)
    return [before, decompressor.check]
call("the check", lambda: [checks(lzma.compress(b"a", check=check)) for check in (0, 1, 4, 10)])
call("the check of .lzma", lambda: checks(lzma.compress(b"a", lzma.FORMAT_ALONE)))
call("the check of a part", lambda: checks(lzma.compress(b"a")[:5]))
call("checks that there are", lambda: [lzma.is_check_supported(check) for check in range(17)])
call("lzma flushed twice", lambda: (c := lzma.LZMACompressor(), c.flush(), c.flush()))
call("lzma after the flush", lambda: (c := lzma.LZMACompressor(), c.flush(), c.compress(b"a")))
call("lzma at most", lambda: bounded(lzma.LZMADecompressor(), lzma.compress(text) + b"rest"))
call("lzma after the end", lambda: (d := lzma.LZMADecompressor(), d.decompress(lzma.compress(b"a")), d.decompress(b"b")))
call("a file of lzma", file_of, lzma, lzma.open)
call("lzma pickled", lambda: pickle.dumps(lzma.LZMACompressor()))
for spec in ({"id": lzma.FILTER_LZMA1}, {"id": lzma.FILTER_LZMA2, "dict_size": 5000}, {"id": lzma.FILTER_DELTA, "dist": 9}, {"id": lzma.FILTER_X86, "start_offset": 16}, {"id": 77}):
    call(f"properties of {spec}", lzma._encode_filter_properties, spec)
for number, properties in ((lzma.FILTER_LZMA1, b"]\x00\x00\x80\x00"), (lzma.FILTER_LZMA2, b"\x08"), (lzma.FILTER_DELTA, b"\x08"), (lzma.FILTER_LZMA1, b""), (lzma.FILTER_LZMA2, b"\x63")):
    call(f"filter of {number} {properties}", lzma._decode_filter_properties, number, properties)
call("kinds", lambda: [bz2.BZ2Compressor.__module__, lzma.LZMADecompressor.__name__, lzma.LZMAError.__mro__[1].__name__, zlib.error.__name__])
print(f"{count} calls")
