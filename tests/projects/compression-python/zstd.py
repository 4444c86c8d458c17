"""Calls of compression.zstd, each with a line; before Python 3.14 it is the package backports.zstd."""

import io
import pickle

try:
    from compression import zstd
except ImportError:
    from backports import zstd

count = 0


def call(name, function):
    global count
    count += 1
    try:
        value = function()
    except Exception as error:
        value = f"{type(error).__name__} {error}"
    print(f"{count} {name}: {value!r}".replace("backports.zstd", "compression.zstd"))


text = b"".join(b"word %d " % (i * 7919 % 613) for i in range(8000))
packed = zstd.compress(text)
C, D = zstd.CompressionParameter, zstd.DecompressionParameter
call("round", lambda: zstd.decompress(packed) == text)
call("nothing", lambda: zstd.decompress(zstd.compress(b"")))
for level in (-7, 1, 3, 19, 22, 23, "x", None):
    call(f"level {level}", lambda: len(zstd.decompress(zstd.compress(text, level))))
for options in ({C.window_log: 15}, {C.checksum_flag: 1, C.content_size_flag: 0}, {C.strategy: zstd.Strategy.btultra}, {C.enable_long_distance_matching: 1},
                {C.nb_workers: 0}, {999: 1}, {"a": 1}, {C.window_log: "a"}, 5, {D.window_log_max: 20}, {C.compression_level: 5}):
    call(f"options {options}", lambda: len(zstd.decompress(zstd.compress(text, options=options))))
for options in ({D.window_log_max: 20}, {D.window_log_max: 10}, {C.window_log: 20}, {200: 1}):
    call(f"options to read {options}", lambda: len(zstd.decompress(packed, options=options)))
call("level and options", lambda: zstd.ZstdCompressor(1, {C.window_log: 15}))
for name, data in (("nothing", b""), ("a word", b"something"), ("a part", packed[:50]), ("a word behind", packed + b"something"), ("a text", "text")):
    call(f"decompress {name}", lambda: zstd.decompress(data))
call("two frames", lambda: len(zstd.decompress(packed + packed)))
def broken():
    bytes_ = bytearray(zstd.compress(text, options={C.checksum_flag: 1}))
    bytes_[-1] ^= 1
    return zstd.decompress(bytes_)
call("a wrong checksum", broken)
def flushed():
    packer, unpacker = zstd.ZstdCompressor(), zstd.ZstdDecompressor()
    first = unpacker.decompress(packer.compress(b"hello ") + packer.flush(packer.FLUSH_BLOCK))
    modes = [packer.last_mode]
    rest = unpacker.decompress(packer.compress(b"world", packer.FLUSH_FRAME))
    return [first, rest, unpacker.eof, modes, packer.last_mode]
call("flush", flushed)
call("modes", lambda: [zstd.ZstdCompressor.CONTINUE, zstd.ZstdCompressor.FLUSH_BLOCK, zstd.ZstdCompressor.FLUSH_FRAME])
call("a mode that is none", lambda: zstd.ZstdCompressor().compress(b"a", mode=9))
call("a flush that is none", lambda: zstd.ZstdCompressor().flush(0))
def pledged(size):
    packer = zstd.ZstdCompressor()
    packer.set_pledged_input_size(size)
    frame = packer.compress(text[:100]) + packer.flush()
    return zstd.get_frame_info(frame).decompressed_size
call("pledged", lambda: pledged(100))
call("pledged too much", lambda: pledged(200))
call("pledged none", lambda: pledged(None))
call("pledged late", lambda: (c := zstd.ZstdCompressor(), c.compress(b"a"), c.set_pledged_input_size(5)))
def bounded():
    unpacker, sizes, data = zstd.ZstdDecompressor(), [], packed + b"rest"
    while not unpacker.eof:
        sizes.append(len(unpacker.decompress(data if unpacker.needs_input else b"", 10_000)))
        data = b""
    return [sizes, unpacker.unused_data, unpacker.needs_input]
call("at most", bounded)
call("after the end", lambda: (d := zstd.ZstdDecompressor(), d.decompress(packed), d.decompress(b"a")))
call("frame", lambda: [zstd.get_frame_info(packed).decompressed_size, zstd.get_frame_info(packed).dictionary_id, zstd.get_frame_size(packed + b"rest") == len(packed)])
call("no frame", lambda: zstd.get_frame_info(b"xx"))
call("no frame size", lambda: zstd.get_frame_size(b"xxxxxxxx"))
samples = [b'{"name": "guest %d", "host": "here"}' % number for number in range(400)]
def trained():
    dictionary = zstd.train_dict(samples, 4096)
    small = zstd.compress(samples[7], zstd_dict=dictionary)
    return [len(dictionary) <= 4096, dictionary.dict_id != 0, len(small) < len(zstd.compress(samples[7])), zstd.decompress(small, zstd_dict=dictionary) == samples[7]]
call("a dictionary", trained)
raw = zstd.ZstdDict(b"hello world, hello", is_raw=True)
call("a raw dictionary", lambda: [repr(raw), len(raw), raw.dict_id, zstd.decompress(zstd.compress(b"hello world", zstd_dict=raw), zstd_dict=raw)])
call("dictionaries as they are used", lambda: zstd.decompress(zstd.compress(b"hello world", zstd_dict=raw.as_undigested_dict), zstd_dict=raw.as_digested_dict))
for name, content, is_raw in (("short", b"abc", True), ("none", b"something else", False), ("text", "text", True)):
    call(f"dictionary {name}", lambda: zstd.ZstdDict(content, is_raw=is_raw))
call("dictionary of a number", lambda: zstd.compress(b"a", zstd_dict=5))
call("no samples", lambda: zstd.train_dict([], 100))
call("few samples", lambda: zstd.train_dict([b"a"], 100))
call("a dictionary of 0", lambda: zstd.train_dict([b"abc"], 0))
call("pickled", lambda: pickle.dumps(zstd.ZstdCompressor()))
call("a dictionary pickled", lambda: pickle.dumps(raw))
def file():
    place = io.BytesIO()
    with zstd.open(place, "wb") as file:
        for _ in range(5):
            file.write(text)
    place.seek(0)
    with zstd.open(place) as file:
        first = file.read(10)
        file.seek(len(text))
        return [first, file.readline(20), len(file.read())]
call("a file", file)
call("names", lambda: [name for name in dir(zstd) if name in zstd.__all__])
call("parameters", lambda: [(p.name, p.value) for p in C] + [(p.name, p.value) for p in D] + [(s.name, s.value) for s in zstd.Strategy])
call("bounds", lambda: [C.compression_level.bounds(), C.strategy.bounds(), C.min_match.bounds()])
call("version", lambda: [zstd.zstd_version_info[:2], zstd.COMPRESSION_LEVEL_DEFAULT])
print(f"{count} calls")
