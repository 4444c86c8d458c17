//! What one call may cost.

use crate::support::{KINDS, pair, whole};
use compression::{MOST, Stream};

#[test]
fn a_bomb_comes_in_parts() {
    let zeros = vec![0; 64 << 20];
    for kind in [0, 8, 10, 12, 13] {
        let pair = pair(kind);
        let bomb = whole(pair.packs, &zeros, pair.finish).unwrap();
        let mut stream = Stream::open(pair.unpacks).unwrap();
        let (mut rest, mut all, mut calls) = (&bomb[..], 0, 0);
        loop {
            let progress = stream.push(rest, 0, usize::MAX).unwrap();
            assert!(progress.output.len() <= MOST, "{}", pair.name);
            assert!(stream.size() < 16 << 20, "{}", pair.name);
            all += progress.output.len();
            rest = &rest[progress.taken..];
            calls += 1;
            if progress.is_end {
                break;
            }
        }
        assert_eq!((all, rest.len()), (zeros.len(), 0), "{}", pair.name);
        assert!(calls >= 64);
    }
}

#[test]
fn a_call_takes_a_part_of_long_input() {
    for kind in 0..KINDS {
        let pair = pair(kind);
        let content = vec![7; 3 * MOST];
        let mut stream = Stream::open(pair.packs).unwrap();
        let progress = stream.push(&content, pair.finish, MOST).unwrap();
        assert!(progress.taken <= MOST, "{}", pair.name);
        assert!(!progress.is_end);
    }
}

#[test]
fn what_failed_comes_after_what_was_good() {
    let pair = pair(0);
    let content = crate::support::text(200_000);
    let mut packed = whole(pair.packs, &content, pair.finish).unwrap();
    let checksum = packed.len() - 6;
    packed[checksum] ^= 1;
    let mut stream = Stream::open(pair.unpacks).unwrap();
    let progress = stream.push(&packed, 0, MOST).unwrap();
    assert!(progress.is_full);
    assert!(content.starts_with(&progress.output) && progress.output.len() > 150_000);
    let failure = stream.push(&packed[progress.taken..], 0, MOST).unwrap_err();
    assert_eq!((failure.number, failure.text.as_str()), (-3, "incorrect data check"));
}
