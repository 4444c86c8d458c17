//! The decompressor: one frame, then the next.

use super::failure::{failure, out_of_bounds, unsupported};
use super::settings::Frames;
use crate::Failure;
use crate::coder::{Coder, Step};
use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, ResetDirective};

/// ZSTD_d_windowLogMax, and the most of it: a window is memory of this process.
const WINDOW_LOG_MAX: u32 = 100;
const LARGEST_LOG: i32 = 28;

pub(crate) struct Decompressor {
    context: DCtx<'static>,
    frames: Frames,
}

/// Without a window, which is known when a frame begins.
pub(crate) fn size(frames: &Frames) -> usize {
    (192 << 10) + 2 * frames.dictionary_size()
}

impl Decompressor {
    pub(crate) fn open(frames: Frames) -> Result<Decompressor, Failure> {
        let mut context = DCtx::try_create().ok_or_else(|| Failure::new(64, "Allocation error : not enough memory"))?;
        for (name, value) in &frames.parameters {
            match (*name, *value) {
                (WINDOW_LOG_MAX, 0) => {}
                (WINDOW_LOG_MAX, log) => {
                    let log = u32::try_from(log.min(LARGEST_LOG)).map_err(|_| out_of_bounds())?;
                    context.set_parameter(DParameter::WindowLogMax(log)).map_err(failure)?;
                }
                _ => return Err(unsupported()),
            }
        }
        if let Some(dictionary) = &frames.dictionary {
            context.load_dictionary(dictionary).map_err(failure)?;
        }
        Ok(Decompressor { context, frames })
    }
}

impl Coder for Decompressor {
    fn step(&mut self, input: &[u8], _operation: u8, output: &mut [u8]) -> Result<Step, Failure> {
        let mut from = InBuffer::around(input);
        let mut to = OutBuffer::around(output);
        let hint = self.context.decompress_stream(&mut to, &mut from).map_err(failure)?;
        let (taken, made) = (from.pos(), to.pos());
        Ok(Step {
            taken,
            made,
            is_end: hint == 0 && taken + made > 0,
        })
    }

    fn restart(&mut self) -> Result<(), Failure> {
        self.context.reset(ResetDirective::SessionOnly).map_err(failure)?;
        Ok(())
    }

    fn size(&self) -> usize {
        self.context.sizeof() + self.frames.dictionary_size()
    }
}
