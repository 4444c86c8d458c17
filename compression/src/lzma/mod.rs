//! xz and its kin, by liblzma itself: no crate in Rust has its filters, checks and raw streams with pushed input.

mod decoder;
mod encoder;
mod process;
mod settings;

pub(crate) use decoder::{Decoder, size as decoder_size};
pub(crate) use encoder::{Encoder, size as encoder_size};
pub use settings::{Check, Container, Decoding, Encoding, Filter, Setting};
