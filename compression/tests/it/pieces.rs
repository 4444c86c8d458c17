//! What is packed comes back, however it is cut.

use crate::support::{KINDS, pair, run, text};
use compression::Stream;
use proptest::prelude::*;

/// Cuts at these places, which are parts of a thousand.
fn cut<'a>(bytes: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| bytes.len() * place / 1000).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect()
}

fn contents() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..3000),
        (0_usize..200_000).prop_map(text),
        (0_usize..300_000, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]),
    ]
}

proptest! {
    #[test]
    fn what_is_packed_in_pieces_comes_back_in_pieces(
        kind in 0..KINDS,
        content in contents(),
        packed_at in proptest::collection::vec((0_usize..1000, any::<bool>()), 0..6),
        unpacked_at in proptest::collection::vec(0_usize..1000, 0..8),
        most in prop_oneof![1_usize..200, Just(16_384), Just(1 << 20)],
        restarts in any::<bool>(),
    ) {
        let pair = pair(kind);
        // Flushes of a byte each, a byte at a time, are no more than slow.
        let most = if content.len() > 20_000 { most.max(4096) } else { most };
        // With less room a flush of deflate never ends: each call begins another marker (zlib.h, at deflate()).
        let most = if packed_at.iter().any(|(_, flushes)| *flushes) { most.max(7) } else { most };
        let mut packs = Stream::open(pair.packs).unwrap();
        let mut unpacks = Stream::open(pair.unpacks).unwrap();
        for _ in 0..=usize::from(restarts) {
            let places: Vec<usize> = packed_at.iter().map(|(place, _)| *place).collect();
            let parts = cut(&content, &places);
            let last = parts.len() - 1;
            let operations = packed_at.iter().map(|(_, flushes)| if *flushes { pair.flush } else { 0 });
            let mut pieces: Vec<_> = parts.into_iter().zip(operations.chain([0])).collect();
            pieces[last].1 = pair.finish;
            let packed = run(&mut packs, &pieces, most).unwrap();
            let pieces: Vec<_> = cut(&packed, &unpacked_at).into_iter().map(|part| (part, 0)).collect();
            let unpacked = run(&mut unpacks, &pieces, most).unwrap();
            prop_assert!(unpacked == content, "{}: {} of {}", pair.name, unpacked.len(), content.len());
            if restarts {
                packs.restart().unwrap();
                unpacks.restart().unwrap();
            }
        }
    }

    #[test]
    fn what_was_flushed_can_be_read(kind in 0..KINDS, content in contents()) {
        let pair = pair(kind);
        if pair.flush > 0 {
            let mut packs = Stream::open(pair.packs).unwrap();
            let head = run(&mut packs, &[(&content, 0), (&[], pair.flush)], 16_384).unwrap();
            let mut unpacks = Stream::open(pair.unpacks).unwrap();
            let read = run(&mut unpacks, &[(&head, 0)], 16_384).unwrap();
            prop_assert!(read == content, "{}: {} of {}", pair.name, read.len(), content.len());
        }
    }
}
