//! Keys from passwords and from keys.

use super::openssl;
use crypto::{Algorithm, Failure, bcrypt, hkdf, pbkdf2, scrypt};
use data_encoding::{HEXLOWER, HEXUPPER};
use proptest::prelude::*;

/// RFC 6070, RFC 7914 ("Test Vectors") and RFC 5869 (A.1).
#[test]
fn keys_are_as_in_the_standards() {
    let key = pbkdf2(Algorithm::Sha1, b"password", b"salt", 4096, 20).unwrap();
    assert_eq!(HEXLOWER.encode(&key), "4b007901b765489abead49d926f721d065a429c1");
    let key = pbkdf2(Algorithm::Sha256, b"passwd", b"salt", 1, 64).unwrap();
    assert!(HEXLOWER.encode(&key).starts_with("55ac046e56e3089fec1691c22544b605"));
    let key = scrypt(b"password", b"NaCl", [1024, 8, 16], 64).unwrap();
    assert!(HEXLOWER.encode(&key).starts_with("fdbabe1c9d3472007856e7190d01e9fe"));
    let key = scrypt(b"", b"", [16, 1, 1], 64).unwrap();
    assert!(HEXLOWER.encode(&key).starts_with("77d6576238657b203b19ca42c18a0497"));
    let (salt, info): (Vec<u8>, Vec<u8>) = ((0..=0x0c).collect(), (0xf0..=0xf9).collect());
    let key = hkdf(Algorithm::Sha256, &[0x0b; 22], &salt, &info, 42).unwrap();
    assert!(
        HEXLOWER
            .encode(&key)
            .starts_with("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf")
    );
}

#[test]
fn every_hash_derives_as_openssl_does() {
    for algorithm in Algorithm::ALL
        .into_iter()
        .filter(|algorithm| !algorithm.is_extendable())
    {
        let digest = format!("digest:{}", algorithm.name());
        let derived = |kind: &str, options: &[&str]| {
            let options = options.iter().flat_map(|option| ["-kdfopt", option]);
            let all: Vec<&str> = ["kdf", "-keylen", "50", "-kdfopt", &digest]
                .into_iter()
                .chain(options)
                .chain([kind])
                .collect();
            let text = String::from_utf8(openssl::run(&all, b"")).unwrap();
            HEXUPPER.decode(text.trim().replace(':', "").as_bytes()).unwrap()
        };
        let theirs = derived("PBKDF2", &["pass:secret", "salt:and pepper", "iter:7", "pkcs5:1"]);
        let ours = pbkdf2(algorithm, b"secret", b"and pepper", 7, 50).unwrap();
        assert_eq!(ours, theirs, "{}", algorithm.name());
        let theirs = derived("HKDF", &["key:secret", "salt:and pepper", "info:more"]);
        let ours = hkdf(algorithm, b"secret", b"and pepper", b"more", 50).unwrap();
        assert_eq!(ours, theirs, "{}", algorithm.name());
    }
}

#[test]
fn what_would_never_end_is_refused() {
    assert_eq!(pbkdf2(Algorithm::Sha256, b"", b"", u32::MAX, 32), Err(Failure::Limit));
    assert_eq!(pbkdf2(Algorithm::Sha256, b"", b"", 1, usize::MAX), Err(Failure::Limit));
    assert_eq!(pbkdf2(Algorithm::Sha256, b"", b"", 0, 32), Err(Failure::Invalid));
    assert_eq!(pbkdf2(Algorithm::Shake128, b"", b"", 1, 32), Err(Failure::Unsupported));
    assert_eq!(scrypt(b"", b"", [1 << 31, 8, 1], 32), Err(Failure::Limit));
    assert_eq!(scrypt(b"", b"", [2, u32::MAX, u32::MAX], 32), Err(Failure::Limit));
    assert_eq!(scrypt(b"", b"", [0, 0, 0], 32), Err(Failure::Invalid));
    assert_eq!(scrypt(b"", b"", [1000, 8, 1], 32), Err(Failure::Invalid));
    assert_eq!(hkdf(Algorithm::Md5, b"", b"", b"", 255 * 16 + 1), Err(Failure::Invalid));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What is not refused is small here, or this would take minutes.
    #[test]
    fn no_argument_panics(
        index in 0..Algorithm::ALL.len(),
        password in prop::collection::vec(any::<u8>(), 0..200),
        salt in prop::collection::vec(any::<u8>(), 0..40),
        numbers in any::<[u32; 3]>(),
        small in [0..9_u32, 0..4_u32, 0..4_u32],
        length in 0..200_usize,
    ) {
        let algorithm = Algorithm::ALL[index];
        let key = pbkdf2(algorithm, &password, &salt, small[0], length);
        prop_assert!(key.is_err() || key.is_ok_and(|key| key.len() == length));
        let key = hkdf(algorithm, &password, &salt, &password, length);
        prop_assert!(key.is_err() || key.is_ok_and(|key| key.len() == length));
        let key = scrypt(&password, &salt, [1 << small[0], small[1], small[2]], length);
        prop_assert!(key.is_err() || key.is_ok_and(|key| key.len() == length));
        let [n, r, p] = numbers.map(|number| number | 1 << 20);
        prop_assert!(scrypt(&password, &salt, [n, r, p], length).is_err());
        prop_assert!(pbkdf2(algorithm, &password, &salt, numbers[0] | 1 << 31, length).is_err());
        prop_assert!(bcrypt(&password, &salt, numbers[0] | 32).is_err());
        let hash = bcrypt(&password, &salt, 4);
        prop_assert_eq!(hash.is_ok(), salt.len() == 16);
    }
}
