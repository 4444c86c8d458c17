//! bzip2.

use crate::Failure;
use crate::coder::{Coder, Step};
use bzip2::{Action, Compress, Compression, Decompress, Error, Status};

/// As bzip2's manual counts it, with blocks of the best level.
pub(crate) const DECOMPRESSOR_SIZE: usize = 4 << 20;

pub(crate) fn compressor_size(level: u8) -> usize {
    (400 << 10) + usize::from(level.min(9)) * 800_000
}

pub(crate) struct Compressor {
    compress: Compress,
    level: u8,
    is_end: bool,
}

pub(crate) struct Decompressor {
    decompress: Decompress,
    is_end: bool,
    /// After an error the library may only be told to end (bzip2's manual, 3.3.2): its state is one that it does not go on from.
    failed: Option<Failure>,
}

/// BZ_SEQUENCE_ERROR and its kin.
fn failure(error: Error) -> Failure {
    match error {
        Error::Sequence => Failure::new(-1, "Invalid sequence of commands"),
        Error::Param => Failure::new(-2, "Internal error - invalid parameters passed to libbzip2"),
        Error::Data => Failure::new(-4, "Invalid data stream"),
        Error::DataMagic => Failure::new(-5, "Invalid data stream"),
    }
}

const ENDED: Step = Step {
    taken: 0,
    made: 0,
    is_end: true,
};

impl Compressor {
    pub(crate) fn open(level: u8) -> Result<Compressor, Failure> {
        if !(1..=9).contains(&level) {
            return Err(failure(Error::Param));
        }
        Ok(Compressor {
            compress: Compress::new(Compression::new(level.into()), 0),
            level,
            is_end: false,
        })
    }
}

impl Coder for Compressor {
    fn step(&mut self, input: &[u8], operation: u8, output: &mut [u8]) -> Result<Step, Failure> {
        let action = match operation {
            0 => Action::Run,
            1 => Action::Flush,
            2 => Action::Finish,
            _ => return Err(failure(Error::Sequence)),
        };
        if self.is_end {
            return Ok(ENDED);
        }
        let (before_in, before_out) = (self.compress.total_in(), self.compress.total_out());
        let status = self.compress.compress(input, output, action).map_err(failure)?;
        self.is_end = status == Status::StreamEnd;
        Ok(Step {
            taken: (self.compress.total_in() - before_in) as usize,
            made: (self.compress.total_out() - before_out) as usize,
            is_end: self.is_end,
        })
    }

    fn restart(&mut self) -> Result<(), Failure> {
        *self = Compressor::open(self.level)?;
        Ok(())
    }

    fn size(&self) -> usize {
        compressor_size(self.level)
    }
}

impl Decompressor {
    pub(crate) fn open() -> Decompressor {
        Decompressor {
            decompress: Decompress::new(false),
            is_end: false,
            failed: None,
        }
    }
}

impl Coder for Decompressor {
    fn step(&mut self, input: &[u8], _operation: u8, output: &mut [u8]) -> Result<Step, Failure> {
        if self.is_end {
            return Ok(ENDED);
        }
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        let (before_in, before_out) = (self.decompress.total_in(), self.decompress.total_out());
        let failed = match self.decompress.decompress(input, output) {
            Ok(Status::MemNeeded) => Failure::new(-3, "Out of memory"),
            Err(error) => failure(error),
            Ok(status) => {
                self.is_end = status == Status::StreamEnd;
                return Ok(Step {
                    taken: (self.decompress.total_in() - before_in) as usize,
                    made: (self.decompress.total_out() - before_out) as usize,
                    is_end: self.is_end,
                });
            }
        };
        self.failed = Some(failed.clone());
        Err(failed)
    }

    fn restart(&mut self) -> Result<(), Failure> {
        *self = Decompressor::open();
        Ok(())
    }

    fn size(&self) -> usize {
        DECOMPRESSOR_SIZE
    }
}
