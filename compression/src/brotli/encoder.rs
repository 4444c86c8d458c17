//! The compressor.

use crate::Failure;
use crate::coder::{Coder, Step};
use brotli::enc::StandardAlloc;
use brotli::enc::encode::{BrotliEncoderOperation, BrotliEncoderParameter, BrotliEncoderStateStruct};

/// BrotliEncoderParameter of encode.h: those that a program may set.
const MODE: u32 = 0;
const QUALITY: u32 = 1;
const WINDOW: u32 = 2;
const BLOCK: u32 = 3;
const SIZE_HINT: u32 = 5;
const LARGE_WINDOW: u32 = 6;
/// BROTLI_PARAM_NPOSTFIX and BROTLI_PARAM_NDIRECT: this encoder chooses them.
const CHOSEN: [u32; 2] = [7, 8];

pub(crate) struct Encoder {
    state: BrotliEncoderStateStruct<StandardAlloc>,
    parameters: Vec<(u32, u32)>,
    taken: usize,
}

fn value(parameters: &[(u32, u32)], name: u32, usual: u32) -> u32 {
    let found = parameters.iter().rev().find(|(of, _)| *of == name);
    found.map_or(usual, |(_, value)| *value)
}

/// Of what was taken, the last bytes up to the window are kept twice, and the best qualities have a tree of them.
pub(crate) fn size(parameters: &[(u32, u32)], taken: usize) -> usize {
    let window = value(parameters, WINDOW, 22)
        .max(value(parameters, BLOCK, 0))
        .clamp(10, 24);
    let times = match value(parameters, QUALITY, 11) {
        0..=1 => 2,
        2..=9 => 6,
        _ => 14,
    };
    times * taken.min(1 << window) + (1 << 20)
}

impl Encoder {
    pub(crate) fn open(parameters: Vec<(u32, u32)>) -> Result<Encoder, Failure> {
        Ok(Encoder {
            state: begun(&parameters)?,
            parameters,
            taken: 0,
        })
    }
}

fn begun(parameters: &[(u32, u32)]) -> Result<BrotliEncoderStateStruct<StandardAlloc>, Failure> {
    let mut state = BrotliEncoderStateStruct::new(StandardAlloc::default());
    for (name, value) in parameters {
        let parameter = match *name {
            MODE => BrotliEncoderParameter::BROTLI_PARAM_MODE,
            QUALITY => BrotliEncoderParameter::BROTLI_PARAM_QUALITY,
            WINDOW => BrotliEncoderParameter::BROTLI_PARAM_LGWIN,
            BLOCK => BrotliEncoderParameter::BROTLI_PARAM_LGBLOCK,
            4 => BrotliEncoderParameter::BROTLI_PARAM_DISABLE_LITERAL_CONTEXT_MODELING,
            SIZE_HINT => BrotliEncoderParameter::BROTLI_PARAM_SIZE_HINT,
            // Windows of up to 1 GiB, which decoders for the web do not take.
            LARGE_WINDOW if *value == 0 => continue,
            name if CHOSEN.contains(&name) => continue,
            _ => return Err(Failure::misuse()),
        };
        // The encoder would take other modes, which are none of Brotli's.
        let value = if *name == MODE { (*value).min(2) } else { *value };
        let value = value.min(i32::MAX as u32);
        if !state.set_parameter(parameter, value) {
            return Err(Failure::misuse());
        }
    }
    Ok(state)
}

impl Coder for Encoder {
    fn step(&mut self, input: &[u8], operation: u8, output: &mut [u8]) -> Result<Step, Failure> {
        let operation = match operation {
            0 => BrotliEncoderOperation::BROTLI_OPERATION_PROCESS,
            1 => BrotliEncoderOperation::BROTLI_OPERATION_FLUSH,
            2 => BrotliEncoderOperation::BROTLI_OPERATION_FINISH,
            3 => BrotliEncoderOperation::BROTLI_OPERATION_EMIT_METADATA,
            _ => return Err(Failure::misuse()),
        };
        let (mut left, mut taken, mut room, mut made) = (input.len(), 0, output.len(), 0);
        let is_done = self.state.compress_stream(
            operation,
            &mut left,
            input,
            &mut taken,
            &mut room,
            output,
            &mut made,
            &mut None,
            &mut |_, _, _, _| (),
        );
        if !is_done {
            return Err(Failure::misuse());
        }
        self.taken = self.taken.saturating_add(taken);
        Ok(Step {
            taken,
            made,
            is_end: self.state.is_finished(),
        })
    }

    fn restart(&mut self) -> Result<(), Failure> {
        self.state = begun(&self.parameters)?;
        self.taken = 0;
        Ok(())
    }

    fn size(&self) -> usize {
        size(&self.parameters, self.taken)
    }
}
