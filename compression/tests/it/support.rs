//! Pairs of formats, and streams that are pushed to their end.

use compression::{
    Check, Container, Decoding, Deflating, Encoding, Failure, Filter, Format, Frames, Inflating, Setting, Stream,
};

pub const KINDS: usize = 16;
pub const LZMA2: u64 = 0x21;

pub struct Pair {
    pub name: &'static str,
    pub packs: Format,
    pub unpacks: Format,
    /// The operations that finish and that flush.
    pub finish: u8,
    pub flush: u8,
}

pub fn deflating(level: i32, window_bits: i32) -> Deflating {
    Deflating {
        level,
        window_bits,
        memory_level: 8,
        strategy: 0,
        dictionary: None,
    }
}

pub fn inflating(window_bits: i32) -> Inflating {
    Inflating {
        window_bits,
        members: true,
        dictionary: None,
    }
}

pub fn encoding(container: Container, filters: Vec<Filter>) -> Encoding {
    Encoding {
        container,
        check: Check::Crc64,
        preset: 1,
        filters,
    }
}

pub fn decoding(container: Container, filters: Vec<Filter>) -> Decoding {
    Decoding {
        container,
        limit: None,
        filters,
    }
}

pub fn frames(parameters: &[(u32, i32)]) -> Frames {
    Frames {
        parameters: parameters.to_vec(),
        ..Frames::default()
    }
}

pub fn pair(kind: usize) -> Pair {
    let zlib = |name, packs, unpacks| Pair {
        name,
        packs: Format::Deflate(packs),
        unpacks: Format::Inflate(unpacks),
        finish: 4,
        flush: 2,
    };
    let brotli = |name, quality, window| Pair {
        name,
        packs: Format::BrotliEncode(vec![(1, quality), (2, window)]),
        unpacks: Format::BrotliDecode(Vec::new()),
        finish: 2,
        flush: 1,
    };
    let zstd = |name, parameters: &[(u32, i32)]| Pair {
        name,
        packs: Format::ZstdCompress(frames(parameters)),
        unpacks: Format::ZstdDecompress(frames(&[])),
        finish: 2,
        flush: 1,
    };
    let lzma = |name, packs: Encoding, unpacks: Decoding, flush| Pair {
        name,
        packs: Format::LzmaEncode(packs),
        unpacks: Format::LzmaDecode(unpacks),
        finish: 3,
        flush,
    };
    let dictionary = Some(b"words that are known before".to_vec());
    match kind {
        0 => zlib("gzip", deflating(6, 31), inflating(31)),
        1 => zlib("zlib", deflating(1, 9), inflating(0)),
        2 => zlib("raw", deflating(9, -15), inflating(-15)),
        3 => zlib("unzip", deflating(-1, 31), inflating(47)),
        4 => zlib("stored", deflating(0, 15), inflating(47)),
        5 => zlib(
            "with a dictionary",
            Deflating {
                dictionary: dictionary.clone(),
                ..deflating(6, 15)
            },
            Inflating {
                dictionary,
                ..inflating(15)
            },
        ),
        6 => zlib(
            "of Huffman alone, with little memory",
            Deflating {
                strategy: 2,
                memory_level: 1,
                ..deflating(6, -9)
            },
            inflating(-9),
        ),
        7 => brotli("Brotli, best", 11, 16),
        8 => brotli("Brotli, fast", 1, 22),
        9 => brotli("Brotli, for answers", 4, 18),
        10 => zstd("zstd", &[]),
        11 => zstd("zstd, with a checksum", &[(100, 19), (101, 17), (201, 1)]),
        12 => Pair {
            name: "bzip2",
            packs: Format::Bzip2Compress(1),
            unpacks: Format::Bzip2Decompress,
            finish: 2,
            flush: 0,
        },
        13 => lzma(
            "xz",
            encoding(Container::Xz, Vec::new()),
            decoding(Container::Auto, Vec::new()),
            1,
        ),
        14 => lzma(
            "lzma",
            encoding(Container::Alone, Vec::new()),
            decoding(Container::Auto, Vec::new()),
            0,
        ),
        _ => {
            let filters = || {
                let delta = Filter {
                    id: 3,
                    settings: vec![(Setting::Distance, 4)],
                };
                let lzma2 = Filter {
                    id: LZMA2,
                    settings: vec![(Setting::Preset, 0)],
                };
                vec![delta, lzma2]
            };
            lzma(
                "raw, by filters",
                encoding(Container::Raw, filters()),
                decoding(Container::Raw, filters()),
                0,
            )
        }
    }
}

/// Pushes pieces, each with an operation; most bytes that a call may give.
pub fn run(stream: &mut Stream, pieces: &[(&[u8], u8)], most: usize) -> Result<Vec<u8>, Failure> {
    let mut all = Vec::new();
    for (piece, operation) in pieces {
        let mut rest = *piece;
        loop {
            let progress = stream.push(rest, *operation, most)?;
            assert!(progress.output.len() <= most.clamp(1, compression::MOST));
            let made = progress.output.len();
            all.extend(progress.output);
            rest = &rest[progress.taken..];
            let is_over = progress.is_end || (rest.is_empty() && !progress.is_full);
            if is_over || (progress.taken == 0 && made == 0) {
                break;
            }
        }
    }
    Ok(all)
}

pub fn whole(format: Format, bytes: &[u8], finish: u8) -> Result<Vec<u8>, Failure> {
    run(&mut Stream::open(format)?, &[(bytes, finish)], compression::MOST)
}

/// Bytes as texts have them: words that come again.
pub fn text(length: usize) -> Vec<u8> {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut text = Vec::with_capacity(length + 16);
    while text.len() < length {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        text.extend(format!("{} ", ["a", "guest", "asks", "its", "host", "for"][(seed % 6) as usize]).bytes());
        if seed.is_multiple_of(11) {
            text.extend((seed >> 20).to_string().bytes());
        }
    }
    text.truncate(length);
    text
}
