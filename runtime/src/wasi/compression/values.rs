//! Values of `wasmrun:zlib/compression` as the component model has them.

use wasmtime::component::{ComponentType, Lift, Lower};

#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct Deflating {
    level: i32,
    #[component(name = "window-bits")]
    window_bits: i32,
    #[component(name = "memory-level")]
    memory_level: u8,
    strategy: u8,
    dictionary: Option<Vec<u8>>,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct Inflating {
    #[component(name = "window-bits")]
    window_bits: i32,
    members: bool,
    dictionary: Option<Vec<u8>>,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct Frames {
    parameters: Vec<(u32, i32)>,
    dictionary: Option<Vec<u8>>,
    pledged: Option<u64>,
}

#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "the component model makes them")]
pub(super) enum Container {
    #[component(name = "auto")]
    Auto,
    #[component(name = "xz")]
    Xz,
    #[component(name = "alone")]
    Alone,
    #[component(name = "raw")]
    Raw,
}

#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "the component model makes them")]
pub(super) enum Check {
    #[component(name = "none")]
    None,
    #[component(name = "crc32")]
    Crc32,
    #[component(name = "crc64")]
    Crc64,
    #[component(name = "sha256")]
    Sha256,
}

#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "the component model makes them")]
pub(super) enum Setting {
    #[component(name = "preset")]
    Preset,
    #[component(name = "dictionary-size")]
    DictionarySize,
    #[component(name = "literal-context-bits")]
    LiteralContextBits,
    #[component(name = "literal-position-bits")]
    LiteralPositionBits,
    #[component(name = "position-bits")]
    PositionBits,
    #[component(name = "mode")]
    Mode,
    #[component(name = "nice-length")]
    NiceLength,
    #[component(name = "match-finder")]
    MatchFinder,
    #[component(name = "depth")]
    Depth,
    #[component(name = "distance")]
    Distance,
    #[component(name = "start-offset")]
    StartOffset,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct Filter {
    id: u64,
    settings: Vec<(Setting, u32)>,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct Encoding {
    container: Container,
    check: Check,
    preset: u32,
    filters: Vec<Filter>,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct Decoding {
    container: Container,
    limit: Option<u64>,
    filters: Vec<Filter>,
}

#[derive(ComponentType, Lift)]
#[component(variant)]
pub(super) enum Format {
    #[component(name = "deflate")]
    Deflate(Deflating),
    #[component(name = "inflate")]
    Inflate(Inflating),
    #[component(name = "brotli-encode")]
    BrotliEncode(Vec<(u32, u32)>),
    #[component(name = "brotli-decode")]
    BrotliDecode(Vec<(u32, u32)>),
    #[component(name = "zstd-compress")]
    ZstdCompress(Frames),
    #[component(name = "zstd-decompress")]
    ZstdDecompress(Frames),
    #[component(name = "bzip2-compress")]
    Bzip2Compress(u8),
    #[component(name = "bzip2-decompress")]
    Bzip2Decompress,
    #[component(name = "lzma-encode")]
    LzmaEncode(Encoding),
    #[component(name = "lzma-decode")]
    LzmaDecode(Decoding),
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct Failure {
    number: i32,
    text: String,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct Progress {
    output: Vec<u8>,
    taken: u32,
    #[component(name = "is-end")]
    is_end: bool,
    #[component(name = "is-full")]
    is_full: bool,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct Frame {
    length: Option<u64>,
    content: Option<u64>,
    dictionary: u32,
}

impl From<compression::Failure> for Failure {
    fn from(failure: compression::Failure) -> Failure {
        Failure {
            number: failure.number,
            text: failure.text,
        }
    }
}

impl From<compression::Progress> for Progress {
    fn from(progress: compression::Progress) -> Progress {
        Progress {
            output: progress.output,
            taken: u32::try_from(progress.taken).unwrap_or(u32::MAX),
            is_end: progress.is_end,
            is_full: progress.is_full,
        }
    }
}

impl From<compression::Frame> for Frame {
    fn from(frame: compression::Frame) -> Frame {
        Frame {
            length: frame.length,
            content: frame.content,
            dictionary: frame.dictionary,
        }
    }
}

impl From<Format> for compression::Format {
    fn from(format: Format) -> compression::Format {
        match format {
            Format::Deflate(settings) => compression::Format::Deflate(compression::Deflating {
                level: settings.level,
                window_bits: settings.window_bits,
                memory_level: settings.memory_level,
                strategy: settings.strategy,
                dictionary: settings.dictionary,
            }),
            Format::Inflate(settings) => compression::Format::Inflate(compression::Inflating {
                window_bits: settings.window_bits,
                members: settings.members,
                dictionary: settings.dictionary,
            }),
            Format::BrotliEncode(parameters) => compression::Format::BrotliEncode(parameters),
            Format::BrotliDecode(parameters) => compression::Format::BrotliDecode(parameters),
            Format::ZstdCompress(frames) => compression::Format::ZstdCompress(frames.into()),
            Format::ZstdDecompress(frames) => compression::Format::ZstdDecompress(frames.into()),
            Format::Bzip2Compress(level) => compression::Format::Bzip2Compress(level),
            Format::Bzip2Decompress => compression::Format::Bzip2Decompress,
            Format::LzmaEncode(settings) => compression::Format::LzmaEncode(compression::Encoding {
                container: settings.container.into(),
                check: match settings.check {
                    Check::None => compression::Check::None,
                    Check::Crc32 => compression::Check::Crc32,
                    Check::Crc64 => compression::Check::Crc64,
                    Check::Sha256 => compression::Check::Sha256,
                },
                preset: settings.preset,
                filters: chain(settings.filters),
            }),
            Format::LzmaDecode(settings) => compression::Format::LzmaDecode(compression::Decoding {
                container: settings.container.into(),
                limit: settings.limit,
                filters: chain(settings.filters),
            }),
        }
    }
}

impl From<Frames> for compression::Frames {
    fn from(frames: Frames) -> compression::Frames {
        compression::Frames {
            parameters: frames.parameters,
            dictionary: frames.dictionary,
            pledged: frames.pledged,
        }
    }
}

impl From<Container> for compression::Container {
    fn from(container: Container) -> compression::Container {
        match container {
            Container::Auto => compression::Container::Auto,
            Container::Xz => compression::Container::Xz,
            Container::Alone => compression::Container::Alone,
            Container::Raw => compression::Container::Raw,
        }
    }
}

fn chain(filters: Vec<Filter>) -> Vec<compression::Filter> {
    let filters = filters.into_iter().map(|filter| compression::Filter {
        id: filter.id,
        settings: filter
            .settings
            .into_iter()
            .map(|(setting, value)| (setting.into(), value))
            .collect(),
    });
    filters.collect()
}

impl From<Setting> for compression::Setting {
    fn from(setting: Setting) -> compression::Setting {
        match setting {
            Setting::Preset => compression::Setting::Preset,
            Setting::DictionarySize => compression::Setting::DictionarySize,
            Setting::LiteralContextBits => compression::Setting::LiteralContextBits,
            Setting::LiteralPositionBits => compression::Setting::LiteralPositionBits,
            Setting::PositionBits => compression::Setting::PositionBits,
            Setting::Mode => compression::Setting::Mode,
            Setting::NiceLength => compression::Setting::NiceLength,
            Setting::MatchFinder => compression::Setting::MatchFinder,
            Setting::Depth => compression::Setting::Depth,
            Setting::Distance => compression::Setting::Distance,
            Setting::StartOffset => compression::Setting::StartOffset,
        }
    }
}
