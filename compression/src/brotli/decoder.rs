//! The decompressor.

use crate::Failure;
use crate::coder::{Coder, Step};
use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, HuffmanCode, StandardAlloc};

type State = BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>;

/// Tables; the window comes on top when it is known.
pub(crate) const SIZE: usize = 256 << 10;
/// BROTLI_DECODER_PARAM_LARGE_WINDOW: windows of up to 1 GiB.
const LARGE_WINDOW: u32 = 1;

pub(crate) struct Decoder {
    state: Box<State>,
    is_end: bool,
}

impl Decoder {
    pub(crate) fn open(parameters: &[(u32, u32)]) -> Result<Decoder, Failure> {
        for (name, value) in parameters {
            if *name > LARGE_WINDOW || (*name == LARGE_WINDOW && *value != 0) {
                return Err(Failure::misuse());
            }
        }
        Ok(Decoder {
            state: begun(),
            is_end: false,
        })
    }
}

fn begun() -> Box<State> {
    let codes: StandardAlloc = StandardAlloc::default();
    let _: &dyn brotli_decompressor::Allocator<HuffmanCode, AllocatedMemory = _> = &codes;
    Box::new(BrotliState::new_strict(
        StandardAlloc::default(),
        StandardAlloc::default(),
        codes,
    ))
}

impl Coder for Decoder {
    fn step(&mut self, input: &[u8], operation: u8, output: &mut [u8]) -> Result<Step, Failure> {
        if operation > 3 {
            return Err(Failure::misuse());
        }
        if self.is_end {
            return Ok(Step {
                is_end: true,
                ..Step::default()
            });
        }
        let (mut left, mut taken, mut room, mut made, mut all) = (input.len(), 0, output.len(), 0, 0);
        let state = &mut *self.state;
        let result = BrotliDecompressStream(
            &mut left, &mut taken, input, &mut room, &mut made, output, &mut all, state,
        );
        match result {
            BrotliResult::ResultFailure => {
                let code = self.state.error_code;
                let name = format!("{code:?}");
                let name = name.strip_prefix("BROTLI_DECODER").unwrap_or(&name);
                Err(Failure::new(code as i32, name))
            }
            BrotliResult::ResultSuccess => {
                self.is_end = true;
                Ok(Step {
                    taken,
                    made,
                    is_end: true,
                })
            }
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => Ok(Step {
                taken,
                made,
                is_end: false,
            }),
        }
    }

    fn restart(&mut self) -> Result<(), Failure> {
        self.state = begun();
        self.is_end = false;
        Ok(())
    }

    fn size(&self) -> usize {
        SIZE + usize::try_from(self.state.ringbuffer_size).unwrap_or(0)
    }
}
