//! One call of liblzma's, and what it says.

use crate::Failure;
use crate::coder::Step;
use liblzma::stream::{Action, Error, Status, Stream};

/// lzma_ret, and what Python's `lzma` says of it.
pub(super) fn failure(error: Error) -> Failure {
    match error {
        Error::NoCheck => Failure::new(2, "No integrity check"),
        Error::UnsupportedCheck => Failure::new(3, "Unsupported integrity check"),
        Error::Mem => Failure::new(5, "Cannot allocate memory"),
        Error::MemLimit => Failure::new(6, "Memory usage limit exceeded"),
        Error::Format => Failure::new(7, "Input format not supported by decoder"),
        Error::Options => Failure::new(8, "Invalid or unsupported options"),
        Error::Data => Failure::new(9, "Corrupt input data"),
        Error::Program => Failure::new(11, "Internal error"),
    }
}

pub(super) fn process(stream: &mut Stream, input: &[u8], action: Action, output: &mut [u8]) -> Result<Step, Error> {
    let (before_in, before_out) = (stream.total_in(), stream.total_out());
    let status = stream.process(input, output, action)?;
    Ok(Step {
        taken: (stream.total_in() - before_in) as usize,
        made: (stream.total_out() - before_out) as usize,
        is_end: status == Status::StreamEnd,
    })
}
