//! Compression for guests, without I/O: who has the bytes pushes them, and is given bytes in bounded parts.
//!
//! ```text
//!   Format (what, and how) --open--> Stream --push(bytes, operation, most)--> Progress | Failure
//! ```
//!
//! Numbers and texts are those of the libraries whose formats these are (zlib, Brotli, zstd, bzip2, liblzma), because
//! programs compare them. All input may be hostile: a call takes at most 1 MiB and gives at most 1 MiB, so neither its time
//! nor its memory is the input's to choose, and [`Stream::size`] says what a stream keeps.

mod brotli;
mod bzip2;
mod checksum;
mod coder;
mod deflate;
mod failure;
mod format;
mod inflate;
mod lzma;
mod stream;
mod zstd;

pub use checksum::{adler32, crc32};
pub use deflate::Deflating;
pub use failure::Failure;
pub use format::Format;
pub use inflate::Inflating;
pub use lzma::{Check, Container, Decoding, Encoding, Filter, Setting};
pub use stream::{MOST, Progress, Stream};
pub use zstd::{Frame, Frames, frame, train};
