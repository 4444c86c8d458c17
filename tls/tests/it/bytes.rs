//! Ciphertext in pieces, in masses, and from strangers.

use super::authority::{ROOT, localhost};
use super::pair::{Pair, config, settings};
use proptest::prelude::*;
use std::sync::{Arc, LazyLock};
use std::time::Instant;
use tls::{Config, Session, Settings};

static CLIENT: LazyLock<Arc<Config>> = LazyLock::new(|| {
    config(&Settings {
        roots: vec![ROOT.der.clone()],
        ..settings()
    })
});
static SERVER: LazyLock<Arc<Config>> = LazyLock::new(|| {
    config(&Settings {
        server: true,
        identity: Some(ROOT.sign(localhost()).identity(&[])),
        ..settings()
    })
});

fn text(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 % 251) as u8).collect()
}

#[test]
fn a_session_can_be_fed_byte_by_byte() {
    let mut pair = Pair::new(&CLIENT, &SERVER, Some("localhost"));
    let said = text(40_000);
    pair.client.seal(&said).expect("sealed");
    let mut heard = Vec::new();
    let mut to_server = pair.client.feed(&[], false).expect("progress").to_send;
    while !to_server.is_empty() {
        let mut to_client = Vec::new();
        for byte in to_server.drain(..) {
            let progress = pair.server.feed(&[byte], false).expect("progress");
            heard.extend(progress.plaintext);
            to_client.extend(progress.to_send);
        }
        for byte in to_client {
            to_server.extend(pair.client.feed(&[byte], false).expect("progress").to_send);
        }
    }
    assert_eq!(heard, said);
}

#[test]
fn any_amount_is_taken_at_once_and_fast() {
    const LENGTH: usize = 100 << 20;
    let said = text(LENGTH);
    for version in [0x0303, 0x0304] {
        let client = config(&Settings {
            roots: vec![ROOT.der.clone()],
            minimum: version,
            maximum: version,
            ..settings()
        });
        let begin = Instant::now();
        const HANDSHAKES: u32 = 20;
        for _ in 0..HANDSHAKES {
            // A fresh context, so nothing is resumed.
            let fresh = config(&Settings {
                roots: vec![ROOT.der.clone()],
                minimum: version,
                maximum: version,
                ..settings()
            });
            Pair::shaken(&fresh, &SERVER, Some("localhost"));
        }
        let handshake = begin.elapsed() / HANDSHAKES;
        let mut pair = Pair::shaken(&client, &SERVER, Some("localhost"));
        let begin = Instant::now();
        let sealed = pair.client.seal(&said).expect("sealed");
        let middle = Instant::now();
        let heard = pair.server.feed(&sealed, false).expect("progress").plaintext;
        let end = Instant::now();
        assert!(heard == said);
        let rate = |elapsed: std::time::Duration| LENGTH as f64 / 1e6 / elapsed.as_secs_f64();
        // As guests do it: 64 KiB at a time.
        let small = Instant::now();
        let mut total = 0;
        for piece in said.chunks(64 << 10) {
            let sealed = pair.server.seal(piece).expect("sealed");
            total += pair.client.feed(&sealed, false).expect("progress").plaintext.len();
        }
        assert_eq!(total, LENGTH);
        println!(
            "{version:#x}: handshake of both sides {handshake:?}; seal {:.0} MB/s, feed {:.0} MB/s; both by 64 KiB {:.0} MB/s",
            rate(middle - begin),
            rate(end - middle),
            rate(small.elapsed())
        );
    }
}

/// A handshake and some text in all directions, in pieces of these lengths.
fn in_pieces(lengths: &[usize], said: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut pair = Pair::new(&CLIENT, &SERVER, Some("localhost"));
    pair.client.seal(said).expect("sealed");
    pair.server.seal(said).expect("sealed");
    let mut lengths = lengths.iter().copied().cycle();
    let (mut by_client, mut by_server) = (Vec::new(), Vec::new());
    let mut feed = |session: &mut Session, bytes: &[u8], heard: &mut Vec<u8>| {
        let (mut rest, mut to_send) = (bytes, Vec::new());
        loop {
            let (piece, after) = rest.split_at(lengths.next().unwrap_or(1).min(rest.len()));
            let progress = session.feed(piece, false).expect("progress");
            heard.extend(progress.plaintext);
            to_send.extend(progress.to_send);
            rest = after;
            if rest.is_empty() {
                return to_send;
            }
        }
    };
    let mut to_server = feed(&mut pair.client, &[], &mut by_client);
    while !to_server.is_empty() {
        let to_client = feed(&mut pair.server, &to_server, &mut by_server);
        to_server = feed(&mut pair.client, &to_client, &mut by_client);
    }
    (by_client, by_server)
}

/// Whether a place in records is of the type or the version in a head, which are always the same (RFC 8446, 5.2): rustls counts with
/// what they have to be.
fn is_constant(records: &[u8], place: usize) -> bool {
    let mut head = 0;
    while head + 5 <= place {
        let length = usize::from(u16::from_be_bytes([records[head + 3], records[head + 4]]));
        if place < head + 5 + length {
            return false;
        }
        head += 5 + length;
    }
    place - head < 3
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn where_ciphertext_is_cut_makes_no_difference(lengths in prop::collection::vec(1usize..20_000, 1..20), length in 0usize..100_000) {
        let said = text(length);
        let (by_client, by_server) = in_pieces(&lengths, &said);
        prop_assert!(by_client == said && by_server == said);
    }

    #[test]
    fn fuzzed_random_bytes_end_with_a_failure(bytes in prop::collection::vec(any::<u8>(), 0..2000), is_record in any::<bool>(), server in any::<bool>()) {
        let config = if server { &SERVER } else { &CLIENT };
        let mut session = Session::open(config, Some("localhost")).expect("a session");
        session.feed(&[], false).expect("progress");
        let bytes = if is_record { [&[22, 3, 3, (bytes.len() >> 8) as u8, bytes.len() as u8], &bytes[..]].concat() } else { bytes };
        let first = session.feed(&bytes, false);
        let second = session.feed(&[], true);
        prop_assert!(second.is_err(), "{first:?} {second:?}");
    }

    #[test]
    fn fuzzed_a_changed_byte_is_noticed(at in any::<prop::sample::Index>(), bit in 0u8..8, length in 1usize..40_000) {
        let mut pair = Pair::shaken(&CLIENT, &SERVER, Some("localhost"));
        let mut sealed = pair.client.seal(&text(length)).expect("sealed");
        let at = at.index(length);
        sealed[at] ^= 1 << bit;
        let first = pair.server.feed(&sealed, false);
        let heard = first.map(|progress| progress.plaintext).unwrap_or_default();
        prop_assert!(text(length).starts_with(&heard));
        prop_assert!(heard.len() < length || is_constant(&sealed, at));
        prop_assert!(pair.server.feed(&[], true).is_err());
    }

    #[test]
    fn fuzzed_certificates_and_keys_are_read_or_refused(at in any::<prop::sample::Index>(), value in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut der = ROOT.der.clone();
        let place = at.index(der.len());
        der[place] = value;
        let _ = tls::describe(&der);
        let _ = tls::describe(&der[..cut.index(der.len())]);
        let _ = tls::split(&der);
        let identity = tls::Identity { certificates: der.clone(), key: der.clone(), password: Some(Vec::new()) };
        prop_assert!(tls::check(&identity).is_err());
        let _ = Config::create(&Settings { roots: vec![der], ..settings() }, || Err(String::new()));
    }
}
