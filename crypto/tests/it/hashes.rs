//! Digests and HMAC.

use super::openssl;
use crypto::{Algorithm, Failure, Hash, digest, equal, hmac};
use data_encoding::HEXLOWER;
use proptest::prelude::*;

fn hash(name: &str) -> Algorithm {
    Algorithm::find(name).expect(name)
}

/// FIPS 180-4, FIPS 202, RFC 1321 and RFC 7693: "abc", or the empty text.
#[test]
fn digests_are_as_in_the_standards() {
    let of_abc = [
        ("md5", "900150983cd24fb0d6963f7d28e17f72"),
        ("sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (
            "sha256",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        ("sha3-224", "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf"),
        ("ripemd160", "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"),
    ];
    for (name, wanted) in of_abc {
        assert_eq!(
            HEXLOWER.encode(&digest(hash(name), b"abc", None).unwrap()),
            wanted,
            "{name}"
        );
    }
    let wanted = "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26";
    assert_eq!(
        HEXLOWER.encode(&digest(hash("shake128"), b"", Some(32)).unwrap()),
        wanted
    );
}

/// RFC 4231, case 2, and RFC 2202, case 2.
#[test]
fn macs_are_as_in_the_standards() {
    let (key, data) = (b"Jefe", b"what do ya want for nothing?");
    let mac = |name| HEXLOWER.encode(&hmac(hash(name), key, data).unwrap());
    assert_eq!(
        mac("sha256"),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
    assert_eq!(mac("md5"), "750c783e6ab0b503eaa86e310a5db738");
    assert_eq!(hmac(hash("shake256"), key, data), Err(Failure::Unsupported));
}

#[test]
fn every_hash_is_as_openssls() {
    let data: Vec<u8> = (0..100_000_u32).map(|n| n.wrapping_mul(n) as u8).collect();
    for algorithm in Algorithm::ALL {
        let flag = format!("-{}", algorithm.name());
        let theirs = openssl::run(&["dgst", &flag, "-binary"], &data);
        assert_eq!(digest(algorithm, &data, None).unwrap(), theirs, "{}", algorithm.name());
        assert_eq!(theirs.len(), algorithm.length(), "{}", algorithm.name());
        if !algorithm.is_extendable() {
            let theirs = openssl::run(&["dgst", &flag, "-hmac", "a key", "-binary"], &data);
            assert_eq!(
                hmac(algorithm, b"a key", &data).unwrap(),
                theirs,
                "{}",
                algorithm.name()
            );
        }
    }
}

#[test]
fn lengths_are_those_that_there_are() {
    assert_eq!(digest(hash("sha256"), b"", Some(20)), Err(Failure::Invalid));
    assert_eq!(digest(hash("shake128"), b"", Some(1 << 30)), Err(Failure::Limit));
    assert_eq!(digest(hash("shake128"), b"", Some(0)), Ok(vec![]));
    assert!(equal(b"same", b"same") && !equal(b"same", b"some") && !equal(b"same", b"same "));
}

proptest! {
    #[test]
    fn parts_give_what_the_whole_gives(
        index in 0..Algorithm::ALL.len(),
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..6),
        key in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let algorithm = Algorithm::ALL[index];
        let whole = parts.concat();
        let mut hash = Hash::new(algorithm, None).unwrap();
        for part in &parts {
            let before = hash.clone();
            hash.update(part);
            prop_assert!(part.is_empty() || before.finish() != hash.finish());
        }
        prop_assert_eq!(hash.finish(), digest(algorithm, &whole, None).unwrap());
        if let Ok(mut mac) = Hash::keyed(algorithm, &key) {
            parts.iter().for_each(|part| mac.update(part));
            prop_assert_eq!(mac.finish(), hmac(algorithm, &key, &whole).unwrap());
        }
    }

    #[test]
    fn fuzzed_names_are_known_or_refused(name in ".{0,20}|(rsa-){0,3}sha[0-9/-]{0,8}") {
        if let Some(found) = Algorithm::find(&name) {
            prop_assert_eq!(Algorithm::find(found.name()), Some(found));
        }
    }
}
