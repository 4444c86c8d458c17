//! Zstandard (RFC 8878), by zstd itself: no encoder in Rust has its levels, dictionaries and parameters.

mod compressor;
mod decompressor;
mod dictionary;
mod failure;
mod settings;

pub(crate) use compressor::{Compressor, size as compressor_size};
pub(crate) use decompressor::{Decompressor, size as decompressor_size};
pub use dictionary::{Frame, frame, train};
pub use settings::Frames;
