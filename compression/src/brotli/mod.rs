//! Brotli (RFC 7932).

mod decoder;
mod encoder;

pub(crate) use decoder::{Decoder, SIZE as DECODER_SIZE};
pub(crate) use encoder::{Encoder, size as encoder_size};
