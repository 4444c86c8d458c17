//! What every format does.

use crate::Failure;

/// What a format does. Operations are numbered as its library numbers them.
pub(crate) trait Coder: Send {
    /// Takes from `input` and writes to `output`, which has room. With room left, it has nothing more to give for now.
    fn step(&mut self, input: &[u8], operation: u8, output: &mut [u8]) -> Result<Step, Failure>;

    /// Begins again, with the same settings.
    fn restart(&mut self) -> Result<(), Failure>;

    fn tune(&mut self, _level: i32, _strategy: u8) -> Result<(), Failure> {
        Err(Failure::misuse())
    }

    fn pledge(&mut self, _size: Option<u64>) -> Result<(), Failure> {
        Err(Failure::misuse())
    }

    /// What it keeps, in bytes.
    fn size(&self) -> usize;
}

/// Bytes taken and made, and whether that was the end of the format's stream.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) taken: usize,
    pub(crate) made: usize,
    pub(crate) is_end: bool,
}
