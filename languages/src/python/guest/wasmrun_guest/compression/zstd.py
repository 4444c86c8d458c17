"""`_zstd`."""

import operator
import struct

from . import host

_format = host.interface
_ZSTD = {
    100: "compressionLevel", 101: "windowLog", 102: "hashLog", 103: "chainLog", 104: "searchLog", 105: "minMatch", 106: "targetLength",
    107: "strategy", 160: "enableLongDistanceMatching", 161: "ldmHashLog", 162: "ldmMinMatch", 163: "ldmBucketSizeLog",
    164: "ldmHashRateLog", 200: "contentSizeFlag", 201: "checksumFlag", 202: "dictIDFlag", 400: "nbWorkers", 401: "jobSize", 402: "overlapLog",
}  # fmt: skip
_STRATEGIES = ("fast", "dfast", "greedy", "lazy", "lazy2", "btlazy2", "btopt", "btultra", "btultra2")
# Names of compression.zstd, and bounds. Windows are of this process, and have no more than 128 MiB.
_COMPRESSION = {
    100: ("compression_level", -131072, 22), 101: ("window_log", 10, 27), 102: ("hash_log", 6, 27), 103: ("chain_log", 6, 27),
    104: ("search_log", 1, 30), 105: ("min_match", 3, 7), 106: ("target_length", 0, 131072), 107: ("strategy", 1, 9),
    160: ("enable_long_distance_matching", 0, 1), 161: ("ldm_hash_log", 6, 27), 162: ("ldm_min_match", 4, 4096),
    163: ("ldm_bucket_size_log", 1, 8), 164: ("ldm_hash_rate_log", 0, 25), 200: ("content_size_flag", 0, 1), 201: ("checksum_flag", 0, 1),
    202: ("dict_id_flag", 0, 1), 400: ("nb_workers", 0, 256), 401: ("job_size", 0, 1 << 30), 402: ("overlap_log", 0, 9),
}  # fmt: skip
_DECOMPRESSION = {100: ("window_log_max", 10, 28)}
_LEVEL, _USUAL_LEVEL = 100, 3
_MAGIC = 0xEC30A437
_types = (type(None), type(None))


class ZstdError(Exception):
    """An error occurred in the zstd library."""

    __module__ = "compression.zstd"


def _set_types(compression, decompression):
    global _types
    for given in (compression, decompression):
        if not isinstance(given, type):
            raise ValueError("The two arguments should be CompressionParameter and DecompressionParameter types.")
    _types = (compression, decompression)


def get_param_bounds(parameter, is_compress):
    row = (_COMPRESSION if is_compress else _DECOMPRESSION).get(operator.index(parameter))
    if row is None:
        kind = "compression" if is_compress else "decompression"
        raise ZstdError(f"Unable to get zstd {kind} parameter bounds: Unsupported parameter")
    return row[1:]


def _parameters(options, compresses, owner):
    if options is None:
        return []
    if not isinstance(options, dict):
        raise TypeError(f"{owner}() argument 'options' must be dict, not {type(options).__name__}")
    known = _COMPRESSION if compresses else _DECOMPRESSION
    kind, other = ("compression", "Decompression") if compresses else ("decompression", "Compression")
    found = []
    for name, value in options.items():
        if isinstance(name, _types[1 if compresses else 0]) and _types[0] is not type(None):
            raise TypeError(f"{kind} options dictionary key must not be a {other}Parameter attribute")
        name, value = operator.index(name), operator.index(value)
        if name not in known:
            raise ValueError(f"invalid {kind} parameter 'unknown parameter (key {name})'")
        text, least, most = known[name]
        # Zero is the usual value of many whose least is more.
        if not least <= value <= most and value != 0:
            raise ValueError(f"{kind} parameter '{text}' received an illegal value {value}; the valid range is [{least}, {most}]")
        found.append((name, value))
    return found


class ZstdDict:
    """Represents a Zstandard dictionary."""

    __module__ = "compression.zstd"

    def __init__(self, dict_content, /, *, is_raw=False):
        content = host.contents(dict_content)
        if len(content) < 8:
            raise ValueError("Zstandard dictionary content too short (must have at least eight bytes)")
        number = struct.unpack_from("<I", content, 4)[0] if struct.unpack_from("<I", content)[0] == _MAGIC else 0
        if not is_raw and number == 0:
            raise ValueError("invalid Zstandard dictionary")
        self._content, self._number = content, 0 if is_raw and number == 0 else number

    dict_content = property(lambda self: self._content)
    dict_id = property(lambda self: self._number)
    as_digested_dict = property(lambda self: (self, 0))
    as_undigested_dict = property(lambda self: (self, 1))
    as_prefix = property(lambda self: (self, 2))

    def __len__(self):
        return len(self._content)

    def __repr__(self):
        return f"<ZstdDict dict_id={self._number} dict_size={len(self._content)}>"

    def __reduce__(self):
        raise TypeError(f"cannot pickle {host.kind(self)!r} object")


def _dictionary(given):
    if given is None:
        return None
    if isinstance(given, tuple) and len(given) == 2 and given[1] in (0, 1, 2):
        given = given[0]
    if not isinstance(given, ZstdDict):
        raise TypeError("zstd_dict argument should be a ZstdDict object.")
    return given.dict_content


class ZstdCompressor:
    """Create a compressor object for compressing data incrementally."""

    __module__ = "compression.zstd"
    CONTINUE, FLUSH_BLOCK, FLUSH_FRAME = range(3)

    def __init__(self, level=None, options=None, zstd_dict=None):
        if level is not None and options is not None:
            raise TypeError("Only one of level or options should be used.")
        if level is not None:
            if not isinstance(level, int):
                raise TypeError("invalid type for level, expected int")
            _, least, most = _COMPRESSION[_LEVEL]
            if not least <= level <= most:
                raise ValueError(f"illegal compression level {level}; the valid range is [{least}, {most}]")
            options = {_LEVEL: level}
        parameters, dictionary = _parameters(options, True, "ZstdCompressor"), _dictionary(zstd_dict)
        self._last_mode = self.FLUSH_FRAME
        try:
            self._stream = host.Stream(lambda: _format.Format_ZstdCompress(_format.Frames(parameters, dictionary, None)))
        except host.Failure as failure:
            raise ZstdError(f"Unable to load Zstandard dictionary or prefix for compression: {failure.text}") from None

    last_mode = property(lambda self: self._last_mode)

    def compress(self, data, mode=CONTINUE):
        if mode not in (0, 1, 2):
            raise ValueError("mode argument wrong value, it should be one of ZstdCompressor.CONTINUE, ZstdCompressor.FLUSH_BLOCK, ZstdCompressor.FLUSH_FRAME.")
        return self._made(host.contents(data), mode)

    def flush(self, mode=FLUSH_FRAME):
        if mode not in (1, 2):
            raise ValueError("mode argument wrong value, it should be ZstdCompressor.FLUSH_FRAME or ZstdCompressor.FLUSH_BLOCK.")
        return self._made(b"", mode)

    def _made(self, data, mode):
        try:
            made = self._stream.all_of(data, mode)
        except host.Failure as failure:
            self._last_mode = self.FLUSH_FRAME
            raise ZstdError(f"Unable to compress Zstandard data: {failure.text}") from None
        self._last_mode = mode
        return made

    def set_pledged_input_size(self, size, /):
        if size is not None:
            size = operator.index(size)
            if not 0 <= size < (1 << 64) - 2:
                raise ValueError("size argument should be a positive int less than 0xFFFFFFFFFFFFFFFE")
        if self._last_mode != self.FLUSH_FRAME:
            raise ValueError("set_pledged_input_size() method must be called when last_mode == FLUSH_FRAME")
        self._stream.pledge(size)

    def __reduce__(self):
        raise TypeError(f"cannot pickle {host.kind(self)!r} object")


class ZstdDecompressor(host.Decompressor):
    """Create a decompressor object for decompressing data incrementally."""

    __module__ = "compression.zstd"
    _ended = "Already at the end of a Zstandard frame."

    def __init__(self, zstd_dict=None, options=None):
        parameters, dictionary = _parameters(options, False, "ZstdDecompressor"), _dictionary(zstd_dict)
        try:
            super().__init__(host.Stream(lambda: _format.Format_ZstdDecompress(_format.Frames(parameters, dictionary, None))))
        except host.Failure as failure:
            raise ZstdError(f"Unable to load Zstandard dictionary or prefix for decompression: {failure.text}") from None

    def decompress(self, data, max_length=-1):
        return self._decompress(data, operator.index(max_length))

    def _failed(self, failure):
        return ZstdError(f"Unable to decompress Zstandard data: {failure.text}")


def get_frame_info(frame_buffer):
    try:
        facts = host.call(_format.frame, host.contents(frame_buffer))
    except host.Failure:
        raise ZstdError(
            "Error when getting information from the header of a Zstandard frame. Ensure the frame_buffer argument starts from the beginning of a "
            "frame, and its length is not less than the frame header (6~18 bytes)."
        ) from None
    return facts.content, facts.dictionary


def get_frame_size(frame_buffer):
    cause = "Src size is incorrect"
    try:
        length = host.call(_format.frame, host.contents(frame_buffer)).length
    except host.Failure:
        length, cause = None, "Unknown frame descriptor"
    if length is None:
        raise ZstdError(
            "Error when finding the compressed size of a Zstandard frame. Ensure the frame_buffer argument starts from the beginning of a frame, and "
            f"its length is not less than this complete frame. Zstd error message: {cause}."
        )
    return length


def train_dict(samples_bytes, samples_sizes, dict_size, /):
    if dict_size <= 0:
        raise ValueError("dict_size argument should be positive number.")
    if sum(samples_sizes) != len(samples_bytes):
        raise ValueError("The samples size tuple doesn't match the concatenation's size.")
    try:
        return host.call(_format.train, samples_bytes, list(samples_sizes), dict_size)
    except host.Failure as failure:
        raise ZstdError(f"Unable to train the Zstandard dictionary: {failure.text}") from None


def finalize_dict(*_):
    raise NotImplementedError("a guest cannot finalize dictionaries of zstd: train_dict makes one of samples")


def names():
    own = {f"ZSTD_c_{name}": number for number, name in _ZSTD.items()} | {f"ZSTD_{name}": number for number, name in enumerate(_STRATEGIES, 1)}
    own |= {"ZSTD_d_windowLogMax": 100, "ZSTD_CLEVEL_DEFAULT": _USUAL_LEVEL, "ZSTD_DStreamOutSize": 131072}
    own |= {"zstd_version": "1.5.7", "zstd_version_number": 10507, "set_parameter_types": _set_types}
    functions = (ZstdError, ZstdDict, ZstdCompressor, ZstdDecompressor, get_param_bounds, get_frame_info, get_frame_size, train_dict, finalize_dict)
    return own | {function.__name__: function for function in functions}
