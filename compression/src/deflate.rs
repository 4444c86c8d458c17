//! Deflate, zlib and gzip (RFC 1951, 1950, 1952): the compressor.

use crate::Failure;
use crate::checksum::{adler32, crc32};
use crate::coder::{Coder, Step};
use zlib_rs::{Deflate, DeflateConfig, DeflateError, DeflateFlush, Method, Status, Strategy};

/// As deflateInit2 of zlib has it.
#[derive(Debug, Clone)]
pub struct Deflating {
    /// -1 to 9.
    pub level: i32,
    /// 8 to 15: zlib; 25 to 31: gzip; -15 to -9: neither's header.
    pub window_bits: i32,
    /// 1 to 9.
    pub memory_level: u8,
    /// Z_DEFAULT_STRATEGY to Z_FIXED.
    pub strategy: u8,
    pub dictionary: Option<Vec<u8>>,
}

pub(crate) struct Encoder {
    deflate: Deflate,
    settings: Deflating,
    /// What another deflater needs to go on after this one.
    past: Past,
    /// The trailer of a stream that another deflater has gone on with, as far as it is not written yet.
    trailer: Vec<u8>,
    is_end: bool,
}

/// What was taken so far.
#[derive(Default)]
struct Past {
    /// The last of it, as much as a window has.
    window: Vec<u8>,
    crc32: u32,
    adler32: u32,
    length: u64,
    /// All of it is written, up to a whole byte.
    is_flushed: bool,
    /// The deflater is one that has gone on, which writes no trailer.
    is_later: bool,
}

/// The header that a stream has, and so its trailer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wrapping {
    None,
    Zlib,
    Gzip,
}

/// As zlib.h counts it, with the dictionary and what is kept of the past.
pub(crate) fn size(settings: &Deflating) -> usize {
    let memory = u32::from(settings.memory_level.min(9));
    (5 << settings.bits()) + (512 << memory) + (8 << 10) + settings.dictionary.as_ref().map_or(0, Vec::len)
}

impl Deflating {
    fn bits(&self) -> u32 {
        (self.window_bits.unsigned_abs() & 15).clamp(9, 15)
    }

    fn wrapping(&self) -> Wrapping {
        match self.window_bits {
            16.. => Wrapping::Gzip,
            0..16 => Wrapping::Zlib,
            _ => Wrapping::None,
        }
    }
}

impl Past {
    fn new() -> Past {
        Past {
            adler32: 1,
            is_flushed: true,
            ..Past::default()
        }
    }

    fn take(&mut self, bytes: &[u8], settings: &Deflating) {
        match settings.wrapping() {
            Wrapping::Gzip => self.crc32 = crc32(self.crc32, bytes),
            Wrapping::Zlib => self.adler32 = adler32(self.adler32, bytes),
            Wrapping::None => {}
        }
        self.length += bytes.len() as u64;
        let most = 1 << settings.bits();
        let kept = bytes.len().min(most);
        let over = (self.window.len() + kept).saturating_sub(most);
        self.window.drain(..over);
        self.window.extend(&bytes[bytes.len() - kept..]);
    }

    fn trailer(&self, wrapping: Wrapping) -> Vec<u8> {
        match wrapping {
            Wrapping::None => Vec::new(),
            Wrapping::Zlib => self.adler32.to_be_bytes().to_vec(),
            // The length of gzip is that of 32 bits.
            Wrapping::Gzip => [self.crc32.to_le_bytes(), (self.length as u32).to_le_bytes()].concat(),
        }
    }
}

impl Encoder {
    pub(crate) fn open(settings: Deflating) -> Result<Encoder, Failure> {
        let is_known = matches!(settings.window_bits, 8..=15 | 25..=31 | -15..=-9);
        if !is_known || !(-1..=9).contains(&settings.level) || !(1..=9).contains(&settings.memory_level) {
            return Err(Failure::misuse());
        }
        Ok(Encoder {
            deflate: begun(&settings)?,
            settings,
            past: Past::new(),
            trailer: Vec::new(),
            is_end: false,
        })
    }

    /// Writes what fits of the trailer.
    fn end(&mut self, output: &mut [u8]) -> Step {
        let made = self.trailer.len().min(output.len());
        output[..made].copy_from_slice(&self.trailer[..made]);
        self.trailer.drain(..made);
        Step {
            taken: 0,
            made,
            is_end: self.trailer.is_empty(),
        }
    }
}

fn begun(settings: &Deflating) -> Result<Deflate, Failure> {
    let mut deflate = Deflate::new_with_config(DeflateConfig {
        level: settings.level,
        method: Method::Deflated,
        window_bits: settings.window_bits,
        mem_level: settings.memory_level.into(),
        strategy: strategy(settings.strategy)?,
    });
    if let Some(dictionary) = &settings.dictionary {
        deflate.set_dictionary(dictionary).map_err(failure)?;
    }
    Ok(deflate)
}

fn strategy(number: u8) -> Result<Strategy, Failure> {
    Ok(match number {
        0 => Strategy::Default,
        1 => Strategy::Filtered,
        2 => Strategy::HuffmanOnly,
        3 => Strategy::Rle,
        4 => Strategy::Fixed,
        _ => return Err(Failure::misuse()),
    })
}

fn failure(error: DeflateError) -> Failure {
    Failure::new(error as i32, error.as_str())
}

impl Coder for Encoder {
    fn step(&mut self, input: &[u8], operation: u8, output: &mut [u8]) -> Result<Step, Failure> {
        let flush = DeflateFlush::try_from(i32::from(operation)).map_err(|()| Failure::misuse())?;
        if self.is_end && self.past.is_later {
            return Ok(self.end(output));
        }
        let (before_in, before_out) = (self.deflate.total_in(), self.deflate.total_out());
        let status = self.deflate.compress(input, output, flush).map_err(failure)?;
        let taken = (self.deflate.total_in() - before_in) as usize;
        let made = (self.deflate.total_out() - before_out) as usize;
        self.past.take(&input[..taken], &self.settings);
        self.is_end = status == Status::StreamEnd;
        // A flush is done when there is room left.
        let is_flush = matches!(flush, DeflateFlush::SyncFlush | DeflateFlush::FullFlush);
        let was_flushed = self.past.is_flushed && taken == 0 && made == 0;
        self.past.is_flushed = made < output.len() && (is_flush || was_flushed) && !self.is_end;
        let mut step = Step {
            taken,
            made,
            is_end: self.is_end,
        };
        if self.is_end && self.past.is_later {
            self.trailer = self.past.trailer(self.settings.wrapping());
            let end = self.end(&mut output[made..]);
            step.made += end.made;
            step.is_end = end.is_end;
        }
        Ok(step)
    }

    fn restart(&mut self) -> Result<(), Failure> {
        self.deflate = begun(&self.settings)?;
        self.past = Past::new();
        self.trailer.clear();
        self.is_end = false;
        Ok(())
    }

    /// zlib-rs cannot change its algorithm on the way: another deflater goes on where this one has flushed.
    fn tune(&mut self, level: i32, number: u8) -> Result<(), Failure> {
        strategy(number)?;
        if !(-1..=9).contains(&level) {
            return Err(Failure::misuse());
        }
        if !self.past.is_flushed {
            return Err(Failure::new(-5, "buffer error"));
        }
        self.settings.level = level;
        self.settings.strategy = number;
        if self.past.length == 0 && self.deflate.total_out() == 0 && !self.past.is_later {
            self.deflate = begun(&self.settings)?;
            return Ok(());
        }
        let later = Deflating {
            window_bits: -(self.settings.bits() as i32),
            // Where nothing was taken, the dictionary is what stands before.
            dictionary: match self.past.window.is_empty() {
                true => self.settings.dictionary.clone(),
                false => Some(self.past.window.clone()),
            },
            ..self.settings.clone()
        };
        self.deflate = begun(&later)?;
        self.past.is_later = true;
        Ok(())
    }

    fn size(&self) -> usize {
        size(&self.settings)
    }
}
