//! The decompressor.

use super::process::{failure, process};
use super::settings::{Container, Decoding, chain, invalid};
use crate::Failure;
use crate::coder::{Coder, Step};
use liblzma::stream::{Action, Error, Stream};

/// Memory that a stream may have, in steps, as its head asks for more: those of xz -6, of xz -9, and more.
const LIMITS: [u64; 4] = [1 << 20, 12 << 20, 72 << 20, 256 << 20];
const MOST: u64 = LIMITS[3];

pub(crate) struct Decoder {
    stream: Stream,
    settings: Decoding,
    limit: u64,
    is_end: bool,
}

/// At first.
pub(crate) fn size(settings: &Decoding) -> usize {
    let own = settings.filters.iter().map(|filter| filter.dictionary() as usize).max();
    own.unwrap_or(0).saturating_add(LIMITS[0] as usize)
}

impl Decoder {
    pub(crate) fn open(settings: Decoding) -> Result<Decoder, Failure> {
        let limit = LIMITS[0].min(settings.limit.unwrap_or(MOST));
        Ok(Decoder {
            stream: begun(&settings, limit)?,
            settings,
            limit,
            is_end: false,
        })
    }

    /// The next limit, where there is one.
    fn higher(&self) -> Option<u64> {
        let most = self.settings.limit.unwrap_or(MOST).min(MOST);
        let next = LIMITS.iter().find(|limit| **limit > self.limit)?;
        let next = (*next).min(most);
        (next > self.limit).then_some(next)
    }
}

fn begun(settings: &Decoding, limit: u64) -> Result<Stream, Failure> {
    let begun = match settings.container {
        Container::Auto => Stream::new_auto_decoder(limit, 0),
        Container::Xz => Stream::new_stream_decoder(limit, 0),
        Container::Alone => Stream::new_lzma_decoder(limit),
        Container::Raw => {
            if settings
                .filters
                .iter()
                .any(|filter| u64::from(filter.dictionary()) > MOST)
            {
                return Err(failure(Error::MemLimit));
            }
            Stream::new_raw_decoder(&chain(&settings.filters)?)
        }
    };
    if settings.container != Container::Raw && !settings.filters.is_empty() {
        return Err(invalid());
    }
    begun.map_err(failure)
}

impl Coder for Decoder {
    fn step(&mut self, input: &[u8], _operation: u8, output: &mut [u8]) -> Result<Step, Failure> {
        if self.is_end {
            return Ok(Step {
                is_end: true,
                ..Step::default()
            });
        }
        let (mut taken, mut made) = (0, 0);
        loop {
            let (before_in, before_out) = (self.stream.total_in(), self.stream.total_out());
            let stepped = process(&mut self.stream, &input[taken..], Action::Run, &mut output[made..]);
            taken += (self.stream.total_in() - before_in) as usize;
            made += (self.stream.total_out() - before_out) as usize;
            match stepped {
                Ok(step) => {
                    self.is_end = step.is_end;
                    return Ok(Step {
                        taken,
                        made,
                        is_end: step.is_end,
                    });
                }
                Err(Error::MemLimit) => {
                    let next = self.higher().ok_or_else(|| failure(Error::MemLimit))?;
                    self.limit = next;
                    // Too little still, where the head asks for more: then the next one is tried.
                    let _ = self.stream.set_memlimit(next);
                }
                Err(error) => return Err(failure(error)),
            }
        }
    }

    fn restart(&mut self) -> Result<(), Failure> {
        self.limit = LIMITS[0].min(self.settings.limit.unwrap_or(MOST));
        self.stream = begun(&self.settings, self.limit)?;
        self.is_end = false;
        Ok(())
    }

    fn size(&self) -> usize {
        let filters = size(&self.settings) - LIMITS[0] as usize;
        filters + usize::try_from(self.limit).unwrap_or(usize::MAX)
    }
}
