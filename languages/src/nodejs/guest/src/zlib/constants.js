// zlib's, Brotli's and zstd's numbers (zlib.h, brotli/encode.h and decode.h, zstd.h), by Node's names and in its order.
const numbered = (prefix, names, from = 0) => Object.fromEntries(names.map((name, i) => [prefix + name, from + i]));

export const constants = {
  ...numbered('Z_', ['NO_FLUSH', 'PARTIAL_FLUSH', 'SYNC_FLUSH', 'FULL_FLUSH', 'FINISH', 'BLOCK']),
  Z_OK: 0, Z_STREAM_END: 1, Z_NEED_DICT: 2, Z_ERRNO: -1, Z_STREAM_ERROR: -2, Z_DATA_ERROR: -3, Z_MEM_ERROR: -4, Z_BUF_ERROR: -5, Z_VERSION_ERROR: -6,
  Z_NO_COMPRESSION: 0, Z_BEST_SPEED: 1, Z_BEST_COMPRESSION: 9, Z_DEFAULT_COMPRESSION: -1,
  Z_FILTERED: 1, Z_HUFFMAN_ONLY: 2, Z_RLE: 3, Z_FIXED: 4, Z_DEFAULT_STRATEGY: 0, ZLIB_VERNUM: 0x1310,
  DEFLATE: 1, INFLATE: 2, GZIP: 3, GUNZIP: 4, DEFLATERAW: 5, INFLATERAW: 6, UNZIP: 7, BROTLI_DECODE: 8, BROTLI_ENCODE: 9, ZSTD_DECOMPRESS: 11, ZSTD_COMPRESS: 10,
  Z_MIN_WINDOWBITS: 8, Z_MAX_WINDOWBITS: 15, Z_DEFAULT_WINDOWBITS: 15, Z_MIN_CHUNK: 64, Z_MAX_CHUNK: Infinity, Z_DEFAULT_CHUNK: 16384,
  Z_MIN_MEMLEVEL: 1, Z_MAX_MEMLEVEL: 9, Z_DEFAULT_MEMLEVEL: 8, Z_MIN_LEVEL: -1, Z_MAX_LEVEL: 9, Z_DEFAULT_LEVEL: -1,
  ...numbered('BROTLI_OPERATION_', ['PROCESS', 'FLUSH', 'FINISH', 'EMIT_METADATA']),
  BROTLI_PARAM_MODE: 0, BROTLI_MODE_GENERIC: 0, BROTLI_MODE_TEXT: 1, BROTLI_MODE_FONT: 2, BROTLI_DEFAULT_MODE: 0,
  BROTLI_PARAM_QUALITY: 1, BROTLI_MIN_QUALITY: 0, BROTLI_MAX_QUALITY: 11, BROTLI_DEFAULT_QUALITY: 11,
  BROTLI_PARAM_LGWIN: 2, BROTLI_MIN_WINDOW_BITS: 10, BROTLI_MAX_WINDOW_BITS: 24, BROTLI_LARGE_MAX_WINDOW_BITS: 30, BROTLI_DEFAULT_WINDOW: 22,
  BROTLI_PARAM_LGBLOCK: 3, BROTLI_MIN_INPUT_BLOCK_BITS: 16, BROTLI_MAX_INPUT_BLOCK_BITS: 24,
  ...numbered('BROTLI_PARAM_', ['DISABLE_LITERAL_CONTEXT_MODELING', 'SIZE_HINT', 'LARGE_WINDOW', 'NPOSTFIX', 'NDIRECT'], 4),
  ...numbered('BROTLI_DECODER_RESULT_', ['ERROR', 'SUCCESS', 'NEEDS_MORE_INPUT', 'NEEDS_MORE_OUTPUT']),
  ...numbered('BROTLI_DECODER_PARAM_', ['DISABLE_RING_BUFFER_REALLOCATION', 'LARGE_WINDOW']),
  ...numbered('BROTLI_DECODER_', ['NO_ERROR', 'SUCCESS', 'NEEDS_MORE_INPUT', 'NEEDS_MORE_OUTPUT']),
  ...Object.fromEntries([
    'FORMAT_EXUBERANT_NIBBLE', 'FORMAT_RESERVED', 'FORMAT_EXUBERANT_META_NIBBLE', 'FORMAT_SIMPLE_HUFFMAN_ALPHABET', 'FORMAT_SIMPLE_HUFFMAN_SAME', 'FORMAT_CL_SPACE',
    'FORMAT_HUFFMAN_SPACE', 'FORMAT_CONTEXT_MAP_REPEAT', 'FORMAT_BLOCK_LENGTH_1', 'FORMAT_BLOCK_LENGTH_2', 'FORMAT_TRANSFORM', 'FORMAT_DICTIONARY', 'FORMAT_WINDOW_BITS',
    'FORMAT_PADDING_1', 'FORMAT_PADDING_2', 'FORMAT_DISTANCE',
  ].map((name, i) => [`BROTLI_DECODER_ERROR_${name}`, -1 - i])),
  BROTLI_DECODER_ERROR_DICTIONARY_NOT_SET: -19, BROTLI_DECODER_ERROR_INVALID_ARGUMENTS: -20, BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES: -21,
  BROTLI_DECODER_ERROR_ALLOC_TREE_GROUPS: -22, BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MAP: -25, BROTLI_DECODER_ERROR_ALLOC_RING_BUFFER_1: -26,
  BROTLI_DECODER_ERROR_ALLOC_RING_BUFFER_2: -27, BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES: -30, BROTLI_DECODER_ERROR_UNREACHABLE: -31,
  ...numbered('ZSTD_e_', ['continue', 'flush', 'end']),
  ...numbered('ZSTD_', ['fast', 'dfast', 'greedy', 'lazy', 'lazy2', 'btlazy2', 'btopt', 'btultra', 'btultra2'], 1),
  ...numbered('ZSTD_c_', ['compressionLevel', 'windowLog', 'hashLog', 'chainLog', 'searchLog', 'minMatch', 'targetLength', 'strategy'], 100),
  ...numbered('ZSTD_c_', ['enableLongDistanceMatching', 'ldmHashLog', 'ldmMinMatch', 'ldmBucketSizeLog', 'ldmHashRateLog'], 160),
  ...numbered('ZSTD_c_', ['contentSizeFlag', 'checksumFlag', 'dictIDFlag'], 200),
  ...numbered('ZSTD_c_', ['nbWorkers', 'jobSize', 'overlapLog'], 400),
  ZSTD_d_windowLogMax: 100, ZSTD_CLEVEL_DEFAULT: 3,
  ZSTD_error_no_error: 0, ZSTD_error_GENERIC: 1, ZSTD_error_prefix_unknown: 10, ZSTD_error_version_unsupported: 12, ZSTD_error_frameParameter_unsupported: 14,
  ZSTD_error_frameParameter_windowTooLarge: 16, ZSTD_error_corruption_detected: 20, ZSTD_error_checksum_wrong: 22, ZSTD_error_literals_headerWrong: 24,
  ZSTD_error_dictionary_corrupted: 30, ZSTD_error_dictionary_wrong: 32, ZSTD_error_dictionaryCreation_failed: 34, ZSTD_error_parameter_unsupported: 40,
  ZSTD_error_parameter_combination_unsupported: 41, ZSTD_error_parameter_outOfBound: 42, ZSTD_error_tableLog_tooLarge: 44, ZSTD_error_maxSymbolValue_tooLarge: 46,
  ZSTD_error_maxSymbolValue_tooSmall: 48, ZSTD_error_stabilityCondition_notRespected: 50, ZSTD_error_stage_wrong: 60, ZSTD_error_init_missing: 62,
  ZSTD_error_memory_allocation: 64, ZSTD_error_workSpace_tooSmall: 66, ZSTD_error_dstSize_tooSmall: 70, ZSTD_error_srcSize_wrong: 72, ZSTD_error_dstBuffer_null: 74,
  ZSTD_error_noForwardProgress_destFull: 80, ZSTD_error_noForwardProgress_inputEmpty: 82,
};
for (const name of Object.keys(constants)) Object.defineProperty(constants, name, { writable: false, configurable: false });

export const codes = { Z_OK: 0, Z_STREAM_END: 1, Z_NEED_DICT: 2, Z_ERRNO: -1, Z_STREAM_ERROR: -2, Z_DATA_ERROR: -3, Z_MEM_ERROR: -4, Z_BUF_ERROR: -5, Z_VERSION_ERROR: -6 };
for (const [name, number] of Object.entries(codes)) codes[number] = name;
Object.freeze(codes);
const zstd = new Map(Object.entries(constants).filter(([name]) => name.startsWith('ZSTD_error_')).map(([name, number]) => [number, name]));
export const zstdError = (number) => zstd.get(number) ?? 'ZSTD_error_GENERIC';
