//! A stream of any format, and the bounds of one call.

use crate::coder::Coder;
use crate::{Failure, Format};

/// Most bytes that one call takes, and most that it gives: 1 MiB.
pub const MOST: usize = 1 << 20;
/// Output of one step. What a step had made when it failed is lost, as in Node, whose buffers are as long.
const BLOCK: usize = 16 << 10;
/// The operation of every format that only takes bytes.
const GO_ON: u8 = 0;

/// What a call came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub output: Vec<u8>,
    /// Of the input. The rest has to be pushed again, unless the stream is at its end.
    pub taken: usize,
    /// The end of what is decompressed, or of what `finish` has made.
    pub is_end: bool,
    /// There is more: push again.
    pub is_full: bool,
}

pub struct Stream {
    coder: Box<dyn Coder>,
    /// What failed when there already was output to give.
    failed: Option<Failure>,
}

impl Stream {
    pub fn open(format: Format) -> Result<Stream, Failure> {
        let coder = format.open()?;
        Ok(Stream { coder, failed: None })
    }

    /// Gives at most `most` bytes, and never more than [`MOST`]. The operation is for the end of the input.
    pub fn push(&mut self, input: &[u8], operation: u8, most: usize) -> Result<Progress, Failure> {
        if let Some(failure) = self.failed.take() {
            return Err(failure);
        }
        let most = most.clamp(1, MOST);
        let (input, operation) = match input.get(..MOST) {
            Some(part) if input.len() > MOST => (part, GO_ON),
            _ => (input, operation),
        };
        let mut progress = Progress::default();
        loop {
            let from = progress.output.len();
            let to = most.min(from + BLOCK);
            progress.output.resize(to, 0);
            let stepped = self
                .coder
                .step(&input[progress.taken..], operation, &mut progress.output[from..]);
            let step = match stepped {
                Ok(step) => step,
                Err(failure) if from == 0 => return Err(failure),
                Err(failure) => {
                    progress.output.truncate(from);
                    progress.is_full = true;
                    self.failed = Some(failure);
                    return Ok(progress);
                }
            };
            progress.output.truncate(from + step.made);
            progress.taken += step.taken;
            progress.is_end = step.is_end;
            let is_room_left = from + step.made < to;
            if step.is_end || is_room_left {
                return Ok(progress);
            }
            if to == most {
                progress.is_full = true;
                return Ok(progress);
            }
        }
    }

    /// Begins again, with the same settings.
    pub fn restart(&mut self) -> Result<(), Failure> {
        self.failed = None;
        self.coder.restart()
    }

    /// Another level and strategy from here on, for deflate.
    pub fn tune(&mut self, level: i32, strategy: u8) -> Result<(), Failure> {
        self.coder.tune(level, strategy)
    }

    /// How long the next frame's content will be, for zstd.
    pub fn pledge(&mut self, size: Option<u64>) -> Result<(), Failure> {
        self.coder.pledge(size)
    }

    /// What it keeps, in bytes; about.
    pub fn size(&self) -> usize {
        self.coder.size()
    }
}
