"""`_lzma`."""

import operator
import struct

from . import host

FORMAT_AUTO, FORMAT_XZ, FORMAT_ALONE, FORMAT_RAW = range(4)
CHECK_NONE, CHECK_CRC32, CHECK_CRC64, CHECK_SHA256, CHECK_ID_MAX, CHECK_UNKNOWN = 0, 1, 4, 10, 15, 16
FILTER_LZMA1, FILTER_LZMA2, FILTER_DELTA = 0x4000000000000001, 0x21, 3
FILTER_X86, FILTER_POWERPC, FILTER_IA64, FILTER_ARM, FILTER_ARMTHUMB, FILTER_SPARC = range(4, 10)
MF_HC3, MF_HC4, MF_BT2, MF_BT3, MF_BT4 = 0x03, 0x04, 0x12, 0x13, 0x14
MODE_FAST, MODE_NORMAL = 1, 2
PRESET_DEFAULT, PRESET_EXTREME = 6, 1 << 31
_BCJ = range(FILTER_X86, FILTER_SPARC + 1)
_RUN, _FINISH = 0, 3
# liblzma's: MEM_ERROR, FORMAT_ERROR.
_NO_MEMORY = 5
_HEADER = b"\xfd7zXZ\x00"
_MOST_FILTERS = 4
_format = host.interface
_setting = _format.Setting
_OPTIONS = {
    "preset": _setting.PRESET,
    "dict_size": _setting.DICTIONARY_SIZE,
    "lc": _setting.LITERAL_CONTEXT_BITS,
    "lp": _setting.LITERAL_POSITION_BITS,
    "pb": _setting.POSITION_BITS,
    "mode": _setting.MODE,
    "nice_len": _setting.NICE_LENGTH,
    "mf": _setting.MATCH_FINDER,
    "depth": _setting.DEPTH,
}
_CHECKS = {CHECK_NONE: _format.Check.NONE, CHECK_CRC32: _format.Check.CRC32, CHECK_CRC64: _format.Check.CRC64, CHECK_SHA256: _format.Check.SHA256}
_CONTAINERS = (_format.Container.AUTO, _format.Container.XZ, _format.Container.ALONE, _format.Container.RAW)


class LZMAError(Exception):
    """Call to liblzma failed."""

    __module__ = "_lzma"


def _error(failure):
    return MemoryError() if failure.number == _NO_MEMORY else LZMAError(failure.text)


def _unsigned(value, bits=32):
    value = operator.index(value)
    if value < 0:
        raise OverflowError("can't convert negative int to unsigned")
    if value >> bits:
        raise OverflowError(f"Value too large for {'uint32_t' if bits == 32 else 'lzma_vli'} type")
    return value


def _check_preset(preset):
    if preset & 31 > 9 or preset & ~(31 | PRESET_EXTREME):
        raise LZMAError(f"Invalid compression preset: {preset}")
    return preset


def _options(spec, kind, names):
    """The settings of a filter, by name."""
    found = {}
    for name, value in dict(spec).items():
        if name == "id":
            continue
        if name not in names:
            raise ValueError(f"Invalid filter specifier for {kind} filter")
        try:
            found[names[name]] = _unsigned(value)
        except (TypeError, OverflowError):
            if name == "preset":
                raise
            raise ValueError(f"Invalid filter specifier for {kind} filter") from None
    return found


def _filter(spec):
    try:
        number = spec["id"]
    except KeyError:
        raise ValueError('Filter specifier must have an "id" entry') from None
    except (TypeError, IndexError):
        raise TypeError("Filter specifier must be a dict or dict-like object") from None
    number = _unsigned(number, 64)
    if number in (FILTER_LZMA1, FILTER_LZMA2):
        options = _options(spec, "LZMA", _OPTIONS)
        _check_preset(options.get(_setting.PRESET, PRESET_DEFAULT))
    elif number == FILTER_DELTA:
        options = _options(spec, "delta", {"dist": _setting.DISTANCE})
    elif number in _BCJ:
        options = _options(spec, "BCJ", {"start_offset": _setting.START_OFFSET})
    else:
        raise ValueError(f"Invalid filter ID: {number}")
    return number, options


def _chain(specs):
    if isinstance(specs, dict):
        raise TypeError("dict is not a sequence")
    if len(specs) > _MOST_FILTERS:
        raise ValueError(f"Too many filters - liblzma supports a maximum of {_MOST_FILTERS}")
    return [_filter(spec) for spec in specs]


def _given(chain):
    return [_format.Filter(number, list(options.items())) for number, options in chain]


class LZMACompressor:
    """Create a compressor object for compressing data incrementally."""

    __module__ = "_lzma"

    def __init__(self, format=FORMAT_XZ, check=-1, preset=None, filters=None):
        format, check = operator.index(format), operator.index(check)
        if preset is not None and filters is not None:
            raise ValueError("Cannot specify both preset and filter chain")
        level = PRESET_DEFAULT if preset is None else _unsigned(preset)
        if format != FORMAT_XZ and check not in (-1, CHECK_NONE):
            raise ValueError("Integrity checks are only supported by FORMAT_XZ")
        chain = []
        if format == FORMAT_XZ:
            check = CHECK_CRC64 if check == -1 else check
            chain = _chain(filters) if filters is not None else []
            if check not in _CHECKS:
                raise LZMAError("Unsupported integrity check" if 0 <= check <= CHECK_ID_MAX else "Internal error")
        elif format == FORMAT_ALONE:
            if filters is None:
                _check_preset(level)
            else:
                chain = _chain(filters)
                if [number for number, _ in chain] != [FILTER_LZMA1]:
                    raise ValueError("Invalid filter chain for FORMAT_ALONE - must be a single LZMA1 filter")
        elif format == FORMAT_RAW:
            if filters is None:
                raise ValueError("Must specify filters for FORMAT_RAW")
            chain = _chain(filters)
        else:
            raise ValueError(f"Invalid container format: {format}")
        if filters is not None and not chain:
            raise LZMAError("Internal error")
        known = _CHECKS.get(check, _format.Check.NONE)
        self._flushed = False
        try:
            self._stream = host.Stream(lambda: _format.Format_LzmaEncode(_format.Encoding(_CONTAINERS[format], known, level, _given(chain))))
        except host.Failure as failure:
            raise _error(failure) from None

    def compress(self, data, /):
        data = host.contents(data)
        if self._flushed:
            raise ValueError("Compressor has been flushed")
        return self._made(data, _RUN)

    def flush(self):
        if self._flushed:
            raise ValueError("Repeated call to flush()")
        self._flushed = True
        return self._made(b"", _FINISH)

    def _made(self, data, operation):
        try:
            return self._stream.all_of(data, operation)
        except host.Failure as failure:
            raise _error(failure) from None

    def __reduce__(self):
        raise TypeError(f"cannot pickle {host.kind(self)!r} object")


class LZMADecompressor(host.Decompressor):
    """Create a decompressor object for decompressing data incrementally."""

    __module__ = "_lzma"
    _ended = "Already at end of stream"

    def __init__(self, format=FORMAT_AUTO, memlimit=None, filters=None):
        format = operator.index(format)
        if memlimit is not None:
            if format == FORMAT_RAW:
                raise ValueError("Cannot specify memory limit with FORMAT_RAW")
            memlimit = _unsigned(memlimit, 64)
        if format == FORMAT_RAW and filters is None:
            raise ValueError("Must specify filters for FORMAT_RAW")
        if format != FORMAT_RAW and filters is not None:
            raise ValueError("Cannot specify filters except with FORMAT_RAW")
        if not FORMAT_AUTO <= format <= FORMAT_RAW:
            raise ValueError(f"Invalid container format: {format}")
        chain = _chain(filters) if filters is not None else []
        self._check = CHECK_UNKNOWN if format in (FORMAT_AUTO, FORMAT_XZ) else CHECK_NONE
        self._head = b""
        try:
            super().__init__(host.Stream(lambda: _format.Format_LzmaDecode(_format.Decoding(_CONTAINERS[format], memlimit, _given(chain)))))
        except host.Failure as failure:
            raise _error(failure) from None

    def decompress(self, data, max_length=-1):
        data = host.contents(data)
        if self._check == CHECK_UNKNOWN and not self._eof:
            self._look(data)
        return self._decompress(data, operator.index(max_length))

    def _look(self, data):
        # The second byte of an .xz stream's flags; .lzma has none.
        self._head = (self._head + data)[:12]
        if len(self._head) >= 12 and self._head.startswith(_HEADER):
            self._check = self._head[7] & 15
        elif self._head and not _HEADER.startswith(self._head[:6]):
            self._check = CHECK_NONE

    check = property(lambda self: self._check, doc="ID of the integrity check used by the input stream.")

    def _failed(self, failure):
        return _error(failure)


def is_check_supported(check_id, /):
    return operator.index(check_id) in _CHECKS


def _encode_filter_properties(spec, /):
    number, options = _filter(spec)
    if number in (FILTER_LZMA1, FILTER_LZMA2):
        size = options.get(_setting.DICTIONARY_SIZE, _size_of(options.get(_setting.PRESET, PRESET_DEFAULT)))
    if number == FILTER_LZMA1:
        lc, lp, pb = (options.get(name, usual) for name, usual in ((_setting.LITERAL_CONTEXT_BITS, 3), (_setting.LITERAL_POSITION_BITS, 0), (_setting.POSITION_BITS, 2)))
        if lc + lp > 4 or pb > 4:
            raise LZMAError("Internal error")
        return struct.pack("<BI", (pb * 5 + lp) * 9 + lc, size)
    if number == FILTER_LZMA2:
        # The least 2^n or 2^n + 2^(n-1) that has room for it.
        return bytes([next((code for code in range(40) if (2 | code & 1) << code // 2 + 11 >= size), 40)])
    if number == FILTER_DELTA:
        distance = options.get(_setting.DISTANCE, 1)
        if not 1 <= distance <= 256:
            raise LZMAError("Internal error")
        return bytes([distance - 1])
    offset = options.get(_setting.START_OFFSET, 0)
    return struct.pack("<I", offset) if offset else b""


def _size_of(preset):
    return 1 << (18, 20, 21, 22, 22, 23, 23, 24, 25, 26)[preset & 31]


def _decode_filter_properties(filter_id, encoded_props, /):
    number, properties = _unsigned(filter_id, 64), host.contents(encoded_props)
    invalid = LZMAError("Invalid or unsupported options")
    if number == FILTER_LZMA1:
        if len(properties) != 5 or properties[0] > (4 * 5 + 4) * 9 + 8:
            raise invalid
        packed, size = struct.unpack("<BI", properties)
        pb, rest = divmod(packed, 45)
        lp, lc = divmod(rest, 9)
        if lc + lp > 4:
            raise invalid
        return {"id": number, "lc": lc, "lp": lp, "pb": pb, "dict_size": size}
    if number == FILTER_LZMA2:
        if len(properties) != 1 or properties[0] > 40:
            raise invalid
        code = properties[0]
        return {"id": number, "dict_size": 0xFFFFFFFF if code == 40 else (2 | code & 1) << code // 2 + 11}
    if number == FILTER_DELTA:
        if len(properties) != 1:
            raise invalid
        return {"id": number, "dist": properties[0] + 1}
    if number in _BCJ:
        if len(properties) not in (0, 4):
            raise invalid
        return {"id": number, "start_offset": struct.unpack("<I", properties)[0] if properties else 0}
    raise invalid


def names():
    own = {name: value for name, value in globals().items() if name.isupper() and not name.startswith("_")}
    functions = (LZMAError, LZMACompressor, LZMADecompressor, is_check_supported, _encode_filter_properties, _decode_filter_properties)
    return own | {function.__name__: function for function in functions}
