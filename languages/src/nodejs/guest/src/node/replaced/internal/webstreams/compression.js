export { CompressionStream, DecompressionStream } from '../../../../zlib/web.js';
