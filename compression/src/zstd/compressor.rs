//! The compressor.

use super::failure::{failure, out_of_bounds, unsupported};
use super::settings::Frames;
use crate::Failure;
use crate::coder::{Coder, Step};
use zstd_safe::zstd_sys::ZSTD_EndDirective;
use zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer, ResetDirective, Strategy};

const LEVEL: u32 = 100;
const WINDOW_LOG: u32 = 101;
const HASH_LOG: u32 = 102;
const CHAIN_LOG: u32 = 103;
const LONG_DISTANCE: u32 = 160;
const LONG_HASH_LOG: u32 = 161;
/// Larger windows are not read without being asked to (ZSTD_WINDOWLOG_LIMIT_DEFAULT).
const LARGEST_LOG: i32 = 27;
/// What a level keeps at most, in MiB. A test measures it.
const LEVELS: [(i32, usize); 8] = [
    (2, 3),
    (4, 6),
    (9, 34),
    (15, 96),
    (19, 128),
    (20, 256),
    (21, 480),
    (22, 900),
];

pub(crate) struct Compressor {
    context: CCtx<'static>,
    frames: Frames,
}

/// The window, its tables, and a copy of the dictionary as it is and as it is used.
pub(crate) fn size(frames: &Frames) -> usize {
    let level = frames.value(LEVEL).unwrap_or(3);
    let row = LEVELS.iter().find(|(up_to, _)| level <= *up_to);
    let of_level = row.map_or(LEVELS[7].1, |(_, size)| *size) << 20;
    // Larger ones are refused.
    let log = |name| {
        frames
            .value(name)
            .filter(|log| (0..=LARGEST_LOG).contains(log))
            .unwrap_or(0)
    };
    let own = [(WINDOW_LOG, 1), (HASH_LOG, 4), (CHAIN_LOG, 4), (LONG_HASH_LOG, 8)];
    let own: usize = own
        .iter()
        .map(|(name, each)| (log(*name), each))
        .map(|(log, each)| if log == 0 { 0 } else { each << log })
        .sum();
    let distant = if frames.value(LONG_DISTANCE) == Some(1) {
        160 << 20
    } else {
        0
    };
    of_level + own + distant + 2 * frames.dictionary_size()
}

impl Compressor {
    pub(crate) fn open(frames: Frames) -> Result<Compressor, Failure> {
        let mut context = CCtx::try_create().ok_or_else(|| Failure::new(64, "Allocation error : not enough memory"))?;
        for (name, value) in &frames.parameters {
            if let Some(parameter) = parameter(*name, *value)? {
                context.set_parameter(parameter).map_err(failure)?;
            }
        }
        if let Some(dictionary) = &frames.dictionary {
            context.load_dictionary(dictionary).map_err(failure)?;
        }
        let mut compressor = Compressor { context, frames };
        compressor.pledge(compressor.frames.pledged)?;
        Ok(compressor)
    }
}

/// None of one that does nothing here.
fn parameter(name: u32, value: i32) -> Result<Option<CParameter>, Failure> {
    let number = || u32::try_from(value).map_err(|_| out_of_bounds());
    let flag = || match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(out_of_bounds()),
    };
    Ok(Some(match name {
        LEVEL => CParameter::CompressionLevel(value),
        WINDOW_LOG | HASH_LOG | CHAIN_LOG | LONG_HASH_LOG if value > LARGEST_LOG => return Err(out_of_bounds()),
        WINDOW_LOG => CParameter::WindowLog(number()?),
        HASH_LOG => CParameter::HashLog(number()?),
        CHAIN_LOG => CParameter::ChainLog(number()?),
        104 => CParameter::SearchLog(number()?),
        105 => CParameter::MinMatch(number()?),
        106 => CParameter::TargetLength(number()?),
        107 if value == 0 => return Ok(None),
        107 => CParameter::Strategy(strategy(value)?),
        130 => CParameter::TargetCBlockSize(number()?),
        LONG_DISTANCE => CParameter::EnableLongDistanceMatching(flag()?),
        LONG_HASH_LOG => CParameter::LdmHashLog(number()?),
        162 => CParameter::LdmMinMatch(number()?),
        163 => CParameter::LdmBucketSizeLog(number()?),
        164 => CParameter::LdmHashRateLog(number()?),
        200 => CParameter::ContentSizeFlag(flag()?),
        201 => CParameter::ChecksumFlag(flag()?),
        202 => CParameter::DictIdFlag(flag()?),
        // Workers, the size of their jobs, and how far these overlap.
        400..=402 => {
            number()?;
            return Ok(None);
        }
        _ => return Err(unsupported()),
    }))
}

fn strategy(number: i32) -> Result<Strategy, Failure> {
    Ok(match number {
        1 => Strategy::ZSTD_fast,
        2 => Strategy::ZSTD_dfast,
        3 => Strategy::ZSTD_greedy,
        4 => Strategy::ZSTD_lazy,
        5 => Strategy::ZSTD_lazy2,
        6 => Strategy::ZSTD_btlazy2,
        7 => Strategy::ZSTD_btopt,
        8 => Strategy::ZSTD_btultra,
        9 => Strategy::ZSTD_btultra2,
        _ => return Err(out_of_bounds()),
    })
}

impl Coder for Compressor {
    fn step(&mut self, input: &[u8], operation: u8, output: &mut [u8]) -> Result<Step, Failure> {
        let directive = match operation {
            0 => ZSTD_EndDirective::ZSTD_e_continue,
            1 => ZSTD_EndDirective::ZSTD_e_flush,
            2 => ZSTD_EndDirective::ZSTD_e_end,
            _ => return Err(Failure::misuse()),
        };
        let mut from = InBuffer::around(input);
        let mut to = OutBuffer::around(output);
        let left = self.context.compress_stream2(&mut to, &mut from, directive);
        let left = left.map_err(failure)?;
        Ok(Step {
            taken: from.pos(),
            made: to.pos(),
            is_end: operation == 2 && left == 0,
        })
    }

    fn restart(&mut self) -> Result<(), Failure> {
        self.context.reset(ResetDirective::SessionOnly).map_err(failure)?;
        Ok(())
    }

    fn pledge(&mut self, size: Option<u64>) -> Result<(), Failure> {
        self.context.set_pledged_src_size(size).map_err(failure)?;
        Ok(())
    }

    fn size(&self) -> usize {
        self.context.sizeof() + self.frames.dictionary_size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Format, Stream};

    #[test]
    fn a_level_keeps_no_more_than_is_said_before() {
        for level in [-7, -1, 0, 1, 2, 3, 4, 5, 8, 9, 12, 15, 17, 18, 19, 20, 21, 22] {
            let frames = Frames {
                parameters: vec![(LEVEL, level)],
                ..Frames::default()
            };
            let before = size(&frames);
            let mut stream = Stream::open(Format::ZstdCompress(frames)).expect("a stream");
            stream.push(b"bytes", 0, 1000).expect("taken");
            let kept = stream.size();
            assert!(kept <= before, "level {level} keeps {kept}, not {before}");
            assert!(before <= 8 * kept, "level {level} keeps {kept}, far less than {before}");
        }
    }
}
