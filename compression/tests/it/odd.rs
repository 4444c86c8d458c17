//! Bytes that nobody meant: they are an error or an end, soon, and never more than was asked for.

use crate::support::{KINDS, LZMA2, pair, text, whole};
use compression::{Check, Container, Decoding, Encoding, Filter, Format, Setting, Stream};
use proptest::prelude::*;

const LZMA1: u64 = 0x4000_0000_0000_0001;
const SETTINGS: [Setting; 11] = [
    Setting::Preset,
    Setting::DictionarySize,
    Setting::LiteralContextBits,
    Setting::LiteralPositionBits,
    Setting::PositionBits,
    Setting::Mode,
    Setting::NiceLength,
    Setting::MatchFinder,
    Setting::Depth,
    Setting::Distance,
    Setting::StartOffset,
];

/// As a guest that does all that it can.
fn push_all(stream: &mut Stream, input: &[u8], operations: &[u8], mosts: &[usize]) {
    let mut rest = input;
    for step in 0..200 {
        let operation = operations[step % operations.len()];
        let most = mosts[step % mosts.len()];
        match stream.push(rest, operation, most) {
            Ok(progress) => {
                assert!(progress.output.len() <= most.max(1));
                assert!(progress.taken <= rest.len());
                rest = &rest[progress.taken..];
                if progress.is_end && rest.is_empty() {
                    return;
                }
            }
            Err(failure) => assert!(!failure.text.is_empty()),
        }
        assert!(stream.size() < 1 << 30);
        match operation {
            7 => drop(stream.restart()),
            8 => drop(stream.tune(step as i32 % 12 - 1, (step % 6) as u8)),
            9 => drop(stream.pledge(Some(step as u64))),
            _ => {}
        }
    }
}

fn operations() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(prop_oneof![Just(0), 0_u8..10, any::<u8>()], 1..6)
}

fn mosts() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(prop_oneof![0_usize..40, Just(16_384), Just(1 << 20)], 1..4)
}

proptest! {
    #[test]
    fn fuzzed_random_bytes_end_nothing(
        kind in 0..KINDS,
        input in proptest::collection::vec(any::<u8>(), 0..2000),
        operations in operations(),
        mosts in mosts(),
        packs in any::<bool>(),
    ) {
        let pair = pair(kind);
        let mut stream = Stream::open(if packs { pair.packs } else { pair.unpacks }).unwrap();
        push_all(&mut stream, &input, &operations, &mosts);
    }

    #[test]
    fn fuzzed_what_was_changed_on_its_way_ends_nothing(
        kind in 0..KINDS,
        length in 0_usize..20_000,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        cut in 0_usize..3,
        operations in operations(),
        mosts in mosts(),
    ) {
        let pair = pair(kind);
        let mut packed = whole(pair.packs, &text(length), pair.finish).unwrap();
        for (place, byte) in changes {
            let place = place.index(packed.len());
            packed[place] = byte;
        }
        packed.truncate(packed.len() - packed.len() * cut / 5);
        push_all(&mut Stream::open(pair.unpacks).unwrap(), &packed, &operations, &mosts);
    }

    #[test]
    fn fuzzed_filters_are_good_or_refused(
        ids in proptest::collection::vec(prop_oneof![0_u64..13, Just(LZMA2), Just(LZMA1), any::<u64>()], 0..5),
        settings in proptest::collection::vec((0_usize..11, prop_oneof![0_u32..40, Just(4096), any::<u32>()]), 0..5),
        preset in prop_oneof![0_u32..12, Just(6 | 1 << 31), any::<u32>()],
        container in 0_usize..4,
        limit in proptest::option::of(any::<u64>()),
        operations in operations(),
    ) {
        let container = [Container::Auto, Container::Xz, Container::Alone, Container::Raw][container];
        let settings = settings.iter().map(|(setting, value)| (SETTINGS[*setting], *value)).collect::<Vec<_>>();
        let chain = || ids.iter().map(|id| Filter { id: *id, settings: settings.clone() }).collect::<Vec<_>>();
        let encoding = Encoding { container, check: Check::Sha256, preset, filters: chain() };
        let decoding = Decoding { container, limit, filters: chain() };
        for format in [Format::LzmaEncode(encoding), Format::LzmaDecode(decoding)] {
            if format.size() > 1 << 28 {
                continue;
            }
            if let Ok(mut stream) = Stream::open(format) {
                push_all(&mut stream, &text(3000), &operations, &[1000, 5]);
            }
        }
    }

    #[test]
    fn fuzzed_settings_are_good_or_refused(
        numbers in proptest::collection::vec(prop_oneof![-20_i32..60, any::<i32>()], 4),
        parameters in proptest::collection::vec(
            (prop_oneof![0_u32..10, 99_u32..110, 159_u32..165, 199_u32..204, 399_u32..403, any::<u32>()],
             prop_oneof![-3_i32..40, any::<i32>()]),
            0..5
        ),
        operations in operations(),
    ) {
        let [level, window_bits, memory_level, strategy] = numbers[..] else { unreachable!() };
        let deflating = compression::Deflating {
            level,
            window_bits,
            memory_level: memory_level as u8,
            strategy: strategy as u8,
            dictionary: (level % 3 == 0).then(|| text(40)),
        };
        let inflating = compression::Inflating {
            window_bits,
            members: level % 2 == 0,
            dictionary: (level % 3 == 0).then(|| text(40)),
        };
        let named: Vec<(u32, u32)> = parameters.iter().map(|(name, value)| (*name, *value as u32)).collect();
        let frames = || compression::Frames {
            parameters: parameters.clone(),
            dictionary: (level % 3 == 0).then(|| text(40)),
            pledged: (level % 5 == 0).then_some(level as u64),
        };
        let formats = [
            Format::Deflate(deflating),
            Format::Inflate(inflating),
            Format::BrotliEncode(named.clone()),
            Format::BrotliDecode(named),
            Format::ZstdCompress(frames()),
            Format::ZstdDecompress(frames()),
            Format::Bzip2Compress(level as u8),
        ];
        for format in formats {
            // A host counts before it opens.
            if format.size() > 1 << 28 {
                continue;
            }
            if let Ok(mut stream) = Stream::open(format) {
                push_all(&mut stream, &text(3000), &operations, &[1000, 5]);
            }
        }
    }
}
