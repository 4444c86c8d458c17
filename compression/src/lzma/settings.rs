//! Settings, in liblzma's numbers.

use super::process::failure;
use crate::Failure;
use liblzma::stream::{Filters, LzmaOptions, MatchFinder, Mode};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// .xz or .lzma, as the input says: for decoders alone.
    Auto,
    Xz,
    /// .lzma
    Alone,
    Raw,
}

/// The integrity check of an .xz stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    None,
    Crc32,
    Crc64,
    Sha256,
}

/// A setting of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    Preset,
    DictionarySize,
    LiteralContextBits,
    LiteralPositionBits,
    PositionBits,
    Mode,
    NiceLength,
    MatchFinder,
    Depth,
    /// Of the delta filter.
    Distance,
    /// Of filters for code.
    StartOffset,
}

#[derive(Debug, Clone)]
pub struct Filter {
    /// LZMA_FILTER_*.
    pub id: u64,
    pub settings: Vec<(Setting, u32)>,
}

#[derive(Debug, Clone)]
pub struct Encoding {
    pub container: Container,
    pub check: Check,
    /// Where there are no filters.
    pub preset: u32,
    pub filters: Vec<Filter>,
}

#[derive(Debug, Clone)]
pub struct Decoding {
    pub container: Container,
    /// Bytes; none is as much as a guest may have.
    pub limit: Option<u64>,
    /// Of a raw stream.
    pub filters: Vec<Filter>,
}

const LZMA1: u64 = 0x4000_0000_0000_0001;
const LZMA2: u64 = 0x21;
const DELTA: u64 = 3;
/// LZMA_PRESET_DEFAULT
const USUAL: u32 = 6;
const MOST_FILTERS: usize = 4;

/// LZMA_OPTIONS_ERROR
pub(super) fn invalid() -> Failure {
    failure(liblzma::stream::Error::Options)
}

impl Filter {
    fn value(&self, setting: Setting) -> Option<u32> {
        let found = self.settings.iter().rev().find(|(of, _)| *of == setting);
        found.map(|(_, value)| *value)
    }

    /// Bytes of the dictionary.
    pub(super) fn dictionary(&self) -> u32 {
        let own = self.value(Setting::DictionarySize);
        own.unwrap_or_else(|| of_preset(self.value(Setting::Preset).unwrap_or(USUAL)))
    }

    /// Those of a filter that is LZMA.
    pub(super) fn lzma1_options(&self) -> Result<LzmaOptions, Failure> {
        match self.id {
            LZMA1 => self.options(),
            _ => Err(invalid()),
        }
    }

    fn options(&self) -> Result<LzmaOptions, Failure> {
        let preset = self.value(Setting::Preset).unwrap_or(USUAL);
        let mut options = LzmaOptions::new_preset(preset).map_err(|_| invalid())?;
        for (setting, value) in &self.settings {
            match setting {
                Setting::Preset => {}
                Setting::DictionarySize => drop(options.dict_size(*value)),
                Setting::LiteralContextBits => drop(options.literal_context_bits(*value)),
                Setting::LiteralPositionBits => drop(options.literal_position_bits(*value)),
                Setting::PositionBits => drop(options.position_bits(*value)),
                Setting::Mode => drop(options.mode(match value {
                    1 => Mode::Fast,
                    2 => Mode::Normal,
                    _ => return Err(invalid()),
                })),
                Setting::NiceLength => drop(options.nice_len(*value)),
                Setting::MatchFinder => drop(options.match_finder(match value {
                    0x03 => MatchFinder::HashChain3,
                    0x04 => MatchFinder::HashChain4,
                    0x12 => MatchFinder::BinaryTree2,
                    0x13 => MatchFinder::BinaryTree3,
                    0x14 => MatchFinder::BinaryTree4,
                    _ => return Err(invalid()),
                })),
                Setting::Depth => drop(options.depth(*value)),
                Setting::Distance | Setting::StartOffset => return Err(invalid()),
            }
        }
        Ok(options)
    }

    fn add_to(&self, filters: &mut Filters) -> Result<(), Failure> {
        let offset = self.value(Setting::StartOffset).unwrap_or(0).to_le_bytes();
        // An offset of zero is written as none.
        let offset = if offset == [0; 4] { &[][..] } else { &offset[..] };
        let added = match self.id {
            LZMA1 => Ok(filters.lzma1(&self.options()?)),
            LZMA2 => Ok(filters.lzma2(&self.options()?)),
            DELTA => {
                let distance = self.value(Setting::Distance).unwrap_or(1);
                let byte = distance.checked_sub(1).and_then(|byte| u8::try_from(byte).ok());
                filters.delta_properties(&[byte.ok_or_else(invalid)?])
            }
            4 => filters.x86_properties(offset),
            5 => filters.powerpc_properties(offset),
            6 => filters.ia64_properties(offset),
            7 => filters.arm_properties(offset),
            8 => filters.arm_thumb_properties(offset),
            9 => filters.sparc_properties(offset),
            10 => filters.arm64_properties(offset),
            11 => filters.riscv_properties(offset),
            _ => return Err(invalid()),
        };
        added.map(drop).map_err(failure)
    }
}

pub(super) fn chain(filters: &[Filter]) -> Result<Filters, Failure> {
    if filters.is_empty() || filters.len() > MOST_FILTERS {
        return Err(invalid());
    }
    let mut chain = Filters::new();
    for filter in filters {
        filter.add_to(&mut chain)?;
    }
    Ok(chain)
}

/// As lzma_lzma_preset has it.
pub(super) fn of_preset(preset: u32) -> u32 {
    match preset & 31 {
        0 => 256 << 10,
        1 => 1 << 20,
        2 => 2 << 20,
        3 | 4 => 4 << 20,
        5 | 6 => 8 << 20,
        7 => 16 << 20,
        8 => 32 << 20,
        _ => 64 << 20,
    }
}
