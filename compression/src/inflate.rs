//! Deflate, zlib and gzip (RFC 1951, 1950, 1952): the decompressor.

use crate::Failure;
use crate::coder::{Coder, Step};
use zlib_rs::{Inflate, InflateError, InflateFlush, Status};

/// As inflateInit2 of zlib has it.
#[derive(Debug, Clone)]
pub struct Inflating {
    /// 0 or 8 to 15: zlib; 16 more: gzip; 32 more: what the header says; -15 to -8: no header.
    pub window_bits: i32,
    /// Whether what follows a gzip member is another one, unless it begins with a zero: as gzip(1) and Node have it.
    pub members: bool,
    pub dictionary: Option<Vec<u8>>,
}

/// Z_NEED_DICT, which is also said of one that does not fit.
const NEED_DICTIONARY: i32 = 2;
/// The first two bytes of a gzip member.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

pub(crate) struct Decoder {
    inflate: Inflate,
    settings: Inflating,
    head: Head,
    is_end: bool,
}

/// What is known of the header.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Head {
    Unknown,
    /// The first byte of [`MAGIC`] was there.
    Begun,
    Gzip,
    Other,
}

impl Head {
    fn of(window_bits: i32) -> Head {
        match window_bits {
            16..=31 => Head::Gzip,
            32.. => Head::Unknown,
            _ => Head::Other,
        }
    }

    fn after(self, byte: u8) -> Head {
        match self {
            Head::Unknown if byte == MAGIC[0] => Head::Begun,
            Head::Begun if byte == MAGIC[1] => Head::Gzip,
            Head::Gzip => Head::Gzip,
            _ => Head::Other,
        }
    }
}

pub(crate) fn size(settings: &Inflating) -> usize {
    (48 << 10) + settings.dictionary.as_ref().map_or(0, Vec::len)
}

impl Decoder {
    pub(crate) fn open(settings: Inflating) -> Result<Decoder, Failure> {
        let mut decoder = Decoder {
            inflate: begun(settings.window_bits)?,
            head: Head::of(settings.window_bits),
            settings,
            is_end: false,
        };
        decoder.begin()?;
        Ok(decoder)
    }

    fn begin(&mut self) -> Result<(), Failure> {
        self.is_end = false;
        match &self.settings.dictionary {
            // Without a header nothing will ask for it.
            Some(dictionary) if self.settings.window_bits < 0 => {
                self.inflate.set_dictionary(dictionary).map_err(plain)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// One call of zlib's, and one more where it asks for the dictionary.
    fn inflate(&mut self, input: &[u8], flush: InflateFlush, output: &mut [u8]) -> Result<Step, Failure> {
        let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
        let mut status = self.inflate.decompress(input, output, flush);
        if let Err(InflateError::NeedDict { .. }) = status {
            let Some(dictionary) = &self.settings.dictionary else {
                return Err(Failure::new(NEED_DICTIONARY, "Missing dictionary"));
            };
            self.inflate.set_dictionary(dictionary).map_err(|error| match error {
                InflateError::DataError => Failure::new(NEED_DICTIONARY, "Bad dictionary"),
                error => plain(error),
            })?;
            let taken = (self.inflate.total_in() - before_in) as usize;
            status = self.inflate.decompress(&input[taken..], output, flush);
        }
        let status = status.map_err(|error| self.failure(error))?;
        Ok(Step {
            taken: (self.inflate.total_in() - before_in) as usize,
            made: (self.inflate.total_out() - before_out) as usize,
            is_end: status == Status::StreamEnd,
        })
    }

    /// Whether another member follows here.
    fn goes_on(&self, input: &[u8]) -> bool {
        self.settings.members && self.head == Head::Gzip && input.first().is_some_and(|byte| *byte != 0)
    }

    fn failure(&self, error: InflateError) -> Failure {
        let text = match error {
            InflateError::DataError => self.inflate.error_message().unwrap_or(error.as_str()),
            _ => error.as_str(),
        };
        Failure::new(plain(error).number, text)
    }
}

fn plain(error: InflateError) -> Failure {
    let number = match error {
        InflateError::NeedDict { .. } => NEED_DICTIONARY,
        InflateError::StreamError => -2,
        InflateError::DataError => -3,
        InflateError::MemError => -4,
    };
    Failure::new(number, error.as_str())
}

fn begun(window_bits: i32) -> Result<Inflate, Failure> {
    let has_header = window_bits >= 0;
    match window_bits {
        0 | 8..=15 | 16 | 24..=31 | 32 | 40..=47 | -15..=-8 => {
            Ok(Inflate::new(has_header, window_bits.unsigned_abs() as u8))
        }
        _ => Err(Failure::misuse()),
    }
}

impl Coder for Decoder {
    fn step(&mut self, input: &[u8], operation: u8, output: &mut [u8]) -> Result<Step, Failure> {
        let flush = match operation {
            0 => InflateFlush::NoFlush,
            // zlib's own does not look at these.
            1..=3 => InflateFlush::SyncFlush,
            4 => InflateFlush::Finish,
            5 => InflateFlush::Block,
            6 => InflateFlush::Trees,
            _ => return Err(Failure::misuse()),
        };
        self.head = input
            .iter()
            .take(MAGIC.len())
            .fold(self.head, |head, byte| head.after(*byte));
        let mut all = Step {
            is_end: self.is_end,
            ..Step::default()
        };
        if !all.is_end {
            all = self.inflate(input, flush, output)?;
        }
        while all.is_end && self.goes_on(&input[all.taken..]) {
            self.inflate = begun(self.settings.window_bits)?;
            all.is_end = false;
            if all.made == output.len() {
                // The member waits for room.
                break;
            }
            let next = self.inflate(&input[all.taken..], flush, &mut output[all.made..])?;
            all.taken += next.taken;
            all.made += next.made;
            all.is_end = next.is_end;
        }
        self.is_end = all.is_end;
        Ok(all)
    }

    fn restart(&mut self) -> Result<(), Failure> {
        self.inflate = begun(self.settings.window_bits)?;
        self.head = Head::of(self.settings.window_bits);
        self.begin()
    }

    fn size(&self) -> usize {
        size(&self.settings)
    }
}
