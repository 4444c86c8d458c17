//! What a stream does, and with which settings.

use crate::coder::Coder;
use crate::{Decoding, Deflating, Encoding, Failure, Frames, Inflating, brotli, bzip2, deflate, inflate, lzma, zstd};

/// A parameter of Brotli's: BrotliEncoderParameter or BrotliDecoderParameter, and its value.
type Parameters = Vec<(u32, u32)>;

pub enum Format {
    Deflate(Deflating),
    Inflate(Inflating),
    BrotliEncode(Parameters),
    BrotliDecode(Parameters),
    ZstdCompress(Frames),
    ZstdDecompress(Frames),
    /// By the level, 1 to 9.
    Bzip2Compress(u8),
    Bzip2Decompress,
    LzmaEncode(Encoding),
    LzmaDecode(Decoding),
}

impl Format {
    /// What a stream of it will keep, in bytes: about, and rather too much.
    pub fn size(&self) -> usize {
        match self {
            Format::Deflate(settings) => deflate::size(settings),
            Format::Inflate(settings) => inflate::size(settings),
            Format::BrotliEncode(parameters) => brotli::encoder_size(parameters, 0),
            Format::BrotliDecode(_) => brotli::DECODER_SIZE,
            Format::ZstdCompress(frames) => zstd::compressor_size(frames),
            Format::ZstdDecompress(frames) => zstd::decompressor_size(frames),
            Format::Bzip2Compress(level) => bzip2::compressor_size(*level),
            Format::Bzip2Decompress => bzip2::DECOMPRESSOR_SIZE,
            Format::LzmaEncode(settings) => lzma::encoder_size(settings),
            Format::LzmaDecode(settings) => lzma::decoder_size(settings),
        }
    }

    pub(crate) fn open(self) -> Result<Box<dyn Coder>, Failure> {
        Ok(match self {
            Format::Deflate(settings) => Box::new(deflate::Encoder::open(settings)?),
            Format::Inflate(settings) => Box::new(inflate::Decoder::open(settings)?),
            Format::BrotliEncode(parameters) => Box::new(brotli::Encoder::open(parameters)?),
            Format::BrotliDecode(parameters) => Box::new(brotli::Decoder::open(&parameters)?),
            Format::ZstdCompress(frames) => Box::new(zstd::Compressor::open(frames)?),
            Format::ZstdDecompress(frames) => Box::new(zstd::Decompressor::open(frames)?),
            Format::Bzip2Compress(level) => Box::new(bzip2::Compressor::open(level)?),
            Format::Bzip2Decompress => Box::new(bzip2::Decompressor::open()),
            Format::LzmaEncode(settings) => Box::new(lzma::Encoder::open(settings)?),
            Format::LzmaDecode(settings) => Box::new(lzma::Decoder::open(settings)?),
        })
    }
}
