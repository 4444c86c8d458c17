//! The compressor.

use super::process::{failure, process};
use super::settings::{Check, Container, Encoding, chain, invalid, of_preset};
use crate::Failure;
use crate::coder::{Coder, Step};
use liblzma::stream::{Action, LzmaOptions, Stream};

/// A larger dictionary would be more memory than a guest may have here.
const LARGEST: u32 = 96 << 20;

pub(crate) struct Encoder {
    stream: Stream,
    settings: Encoding,
    is_end: bool,
}

/// Match finders keep some eleven times their dictionary.
pub(crate) fn size(settings: &Encoding) -> usize {
    let own = settings.filters.iter().map(|filter| filter.dictionary()).max();
    let dictionary = own.unwrap_or_else(|| of_preset(settings.preset)) as usize;
    dictionary.saturating_mul(11).saturating_add(4 << 20)
}

impl Encoder {
    pub(crate) fn open(settings: Encoding) -> Result<Encoder, Failure> {
        Ok(Encoder {
            stream: begun(&settings)?,
            settings,
            is_end: false,
        })
    }
}

fn begun(settings: &Encoding) -> Result<Stream, Failure> {
    if settings.filters.iter().any(|filter| filter.dictionary() > LARGEST) {
        return Err(failure(liblzma::stream::Error::Mem));
    }
    let check = match settings.check {
        Check::None => liblzma::stream::Check::None,
        Check::Crc32 => liblzma::stream::Check::Crc32,
        Check::Crc64 => liblzma::stream::Check::Crc64,
        Check::Sha256 => liblzma::stream::Check::Sha256,
    };
    let begun = match (settings.container, settings.filters.is_empty()) {
        (Container::Xz, true) => Stream::new_easy_encoder(settings.preset, check),
        (Container::Xz, false) => Stream::new_stream_encoder(&chain(&settings.filters)?, check),
        (Container::Alone, true) => {
            let options = LzmaOptions::new_preset(settings.preset).map_err(|_| invalid())?;
            Stream::new_lzma_encoder(&options)
        }
        (Container::Alone, false) => match settings.filters.as_slice() {
            [filter] => Stream::new_lzma_encoder(&filter.lzma1_options()?),
            _ => return Err(invalid()),
        },
        (Container::Raw, _) => Stream::new_raw_encoder(&chain(&settings.filters)?),
        (Container::Auto, _) => return Err(invalid()),
    };
    begun.map_err(failure)
}

impl Coder for Encoder {
    fn step(&mut self, input: &[u8], operation: u8, output: &mut [u8]) -> Result<Step, Failure> {
        let action = match operation {
            0 => Action::Run,
            1 => Action::SyncFlush,
            2 => Action::FullFlush,
            3 => Action::Finish,
            _ => return Err(failure(liblzma::stream::Error::Program)),
        };
        if self.is_end {
            return Ok(Step {
                is_end: true,
                ..Step::default()
            });
        }
        let step = process(&mut self.stream, input, action, output).map_err(failure)?;
        self.is_end = step.is_end && operation == 3;
        Ok(Step {
            is_end: self.is_end,
            ..step
        })
    }

    fn restart(&mut self) -> Result<(), Failure> {
        self.stream = begun(&self.settings)?;
        self.is_end = false;
        Ok(())
    }

    fn size(&self) -> usize {
        size(&self.settings)
    }
}
