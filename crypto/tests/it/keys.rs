//! Keys and signatures, beside OpenSSL's.

use super::openssl;
use crypto::keys::{Curve, Encoding, Form, Key, Lock, Padding, Private, Public, Scheme, Wanted};
use crypto::{Algorithm, Failure};
use proptest::prelude::*;
use std::path::Path;

const RSA: &[&str] = &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];

fn made(arguments: &[&str]) -> Key {
    Key::read_pem(&openssl::run(arguments, b""), None).expect("a key")
}

fn made_on(curve: &str) -> Key {
    made(&[
        "genpkey",
        "-algorithm",
        "EC",
        "-pkeyopt",
        &format!("ec_paramgen_curve:{curve}"),
    ])
}

/// A key of each kind.
fn keys() -> Vec<Key> {
    let curves = Curve::ALL.map(|curve| made_on(curve.name()));
    let others = [
        RSA,
        &["genpkey", "-algorithm", "ED25519"],
        &["genpkey", "-algorithm", "X25519"],
    ];
    curves.into_iter().chain(others.map(made)).collect()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("written");
    path.to_str().expect("a name").to_owned()
}

#[test]
fn keys_are_written_as_openssl_writes_them() {
    let folder = tempfile::tempdir().expect("a folder");
    for key in keys() {
        let public = Key::Public(key.public());
        let pem = key.write_pem(Form::Pkcs8, None).unwrap();
        let file = write(folder.path(), "key", &pem);
        let kind = key.details().kind;
        assert_eq!(openssl::run(&["pkey", "-in", &file], b""), pem, "{kind}");
        assert_eq!(
            openssl::run(&["pkey", "-in", &file, "-pubout"], b""),
            public.write_pem(Form::Spki, None).unwrap()
        );
        let traditional = match kind {
            "rsa" => Some(Form::Pkcs1),
            "ec" => Some(Form::Sec1),
            _ => None,
        };
        if let Some(form) = traditional {
            let theirs = openssl::run(&["pkey", "-in", &file, "-traditional"], b"");
            assert_eq!(key.write_pem(form, None).unwrap(), theirs, "{kind}");
            assert_eq!(Key::read_pem(&theirs, None).unwrap().parts(), key.parts());
            let locked = openssl::run(
                &[
                    "pkey",
                    "-in",
                    &file,
                    "-traditional",
                    "-aes128",
                    "-passout",
                    "pass:secret",
                ],
                b"",
            );
            assert_eq!(Key::read_pem(&locked, Some(b"secret")).unwrap().parts(), key.parts());
            assert_eq!(Key::read_pem(&locked, None).err(), Some(Failure::Locked));
            assert!(Key::read_pem(&locked, Some(b"wrong")).is_err());
        }
        assert_eq!(Key::assemble(&key.parts()).unwrap().parts(), key.parts(), "{kind}");
        assert_eq!(
            Key::assemble(&public.parts()).unwrap().parts(),
            public.parts(),
            "{kind}"
        );
        for bytes in [16, 32] {
            let lock = Lock {
                key: bytes,
                password: b"secret",
            };
            let ours = key.write_pem(Form::Pkcs8, Some(&lock)).unwrap();
            let file = write(folder.path(), "locked", &ours);
            assert_eq!(
                openssl::run(&["pkey", "-in", &file, "-passin", "pass:secret"], b""),
                pem,
                "{kind}"
            );
            assert_eq!(Key::read_pem(&ours, None).err(), Some(Failure::Locked));
            assert_eq!(Key::read_pem(&ours, Some(b"wrong")).err(), Some(Failure::Mismatch));
        }
    }
}

#[test]
fn openssl_takes_our_signatures_and_we_take_its() {
    let folder = tempfile::tempdir().expect("a folder");
    let message = write(folder.path(), "message", b"a message");
    for key in keys()
        .into_iter()
        .filter(|key| matches!(key.details().kind, "rsa" | "ec"))
    {
        let private = write(folder.path(), "private", &key.write_pem(Form::Pkcs8, None).unwrap());
        let public = write(
            folder.path(),
            "public",
            &Key::Public(key.public()).write_pem(Form::Spki, None).unwrap(),
        );
        let schemes: &[(Scheme, &[&str])] = match key.details().kind {
            "rsa" => &[
                (Scheme::Pkcs1, &[]),
                (
                    Scheme::Pss(None),
                    &["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:max"],
                ),
                (
                    Scheme::Pss(Some(20)),
                    &["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:20"],
                ),
                (
                    Scheme::Pss(Some(32)),
                    &["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"],
                ),
            ],
            _ => &[(Scheme::Pkcs1, &[])],
        };
        for hash in [
            Algorithm::Sha1,
            Algorithm::Sha256,
            Algorithm::Sha384,
            Algorithm::Sha512,
            Algorithm::Sha3_256,
        ] {
            for (scheme, options) in schemes {
                let flag = format!("-{}", hash.name());
                let name = format!("{} {} {scheme:?}", key.details().kind, hash.name());
                let ours = key
                    .private()
                    .unwrap()
                    .sign(Some(hash), *scheme, Encoding::Der, b"a message")
                    .unwrap();
                let file = write(folder.path(), "signature", &ours);
                let all: Vec<&str> = ["dgst", &flag].into_iter().chain(options.iter().copied()).collect();
                let said = openssl::run(
                    &[all.as_slice(), &["-verify", &public, "-signature", &file, &message]].concat(),
                    b"",
                );
                assert_eq!(said, b"Verified OK\n", "{name}");
                let theirs = openssl::run(&[all.as_slice(), &["-sign", &private, &message]].concat(), b"");
                let check = |message: &[u8], signature: &[u8]| {
                    key.public()
                        .verify(Some(hash), *scheme, Encoding::Der, message, signature)
                        .unwrap()
                };
                assert!(check(b"a message", &theirs), "{name}");
                assert!(!check(b"another message", &theirs), "{name}");
                assert!(!check(b"a message", &theirs[1..]), "{name}");
                if let Scheme::Pss(_) = scheme {
                    let any = key
                        .public()
                        .verify(Some(hash), Scheme::Pss(None), Encoding::Der, b"a message", &theirs);
                    assert!(any.unwrap(), "{name}");
                    let other =
                        key.public()
                            .verify(Some(hash), Scheme::Pss(Some(7)), Encoding::Der, b"a message", &theirs);
                    assert!(!other.unwrap(), "{name}");
                }
            }
        }
    }
}

/// RFC 8032, 7.1, test 2.
#[test]
fn values_are_as_in_the_standards() {
    let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
    let seed = hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
    let key = Private::Ed25519(seed.try_into().unwrap());
    let signature = key.sign(None, Scheme::Pkcs1, Encoding::Der, &[0x72]).unwrap();
    assert!(
        data_encoding::HEXLOWER
            .encode(&signature)
            .starts_with("92a009a9f0d4cab8720e820b5f642540")
    );
    assert!(
        key.public()
            .verify(None, Scheme::Pkcs1, Encoding::Der, &[0x72], &signature)
            .unwrap()
    );
    assert!(
        !key.public()
            .verify(None, Scheme::Pkcs1, Encoding::Der, &[0x73], &signature)
            .unwrap()
    );
    let zero = Private::generate(Wanted::X25519)
        .unwrap()
        .agree(&Public::X25519([0; 32]));
    assert_eq!(zero, Err(Failure::Invalid));
}

#[test]
fn secrets_are_shared_with_openssl() {
    let folder = tempfile::tempdir().expect("a folder");
    for key in keys()
        .into_iter()
        .filter(|key| matches!(key.details().kind, "x25519" | "ec"))
    {
        let wanted = match key.details().curve {
            Some(curve) => Wanted::Ec(Curve::find(curve).unwrap()),
            None => Wanted::X25519,
        };
        let ours = Private::generate(wanted).unwrap();
        let private = write(folder.path(), "private", &key.write_pem(Form::Pkcs8, None).unwrap());
        let public = write(
            folder.path(),
            "public",
            &Key::Public(ours.public()).write_pem(Form::Spki, None).unwrap(),
        );
        let theirs = openssl::run(&["pkeyutl", "-derive", "-inkey", &private, "-peerkey", &public], b"");
        assert_eq!(ours.agree(&key.public()).unwrap(), theirs, "{wanted:?}");
    }
}

#[test]
fn both_sides_agree() {
    for curve in Curve::ALL {
        let (one, other) = (
            Private::generate(Wanted::Ec(curve)).unwrap(),
            Private::generate(Wanted::Ec(curve)).unwrap(),
        );
        let shared = one.agree(&other.public()).unwrap();
        assert_eq!(shared, other.agree(&one.public()).unwrap());
        assert!(!shared.is_empty());
        assert_eq!(
            one.agree(&Private::generate(Wanted::X25519).unwrap().public()),
            Err(Failure::Unsupported)
        );
        for encoding in [Encoding::Der, Encoding::P1363] {
            let signature = one
                .sign(Some(Algorithm::Sha256), Scheme::Pkcs1, encoding, b"text")
                .unwrap();
            let check = |key: &Private| {
                key.public()
                    .verify(Some(Algorithm::Sha256), Scheme::Pkcs1, encoding, b"text", &signature)
            };
            assert!(check(&one).unwrap());
            assert!(!check(&other).unwrap());
        }
    }
}

#[test]
fn what_is_encrypted_is_for_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = Key::Private(
        Private::generate(Wanted::Rsa {
            bits: 1024,
            exponent: 65537,
        })
        .unwrap(),
    );
    let private = write(folder.path(), "private", &key.write_pem(Form::Pkcs8, None).unwrap());
    openssl::run(&["pkey", "-in", &private, "-check", "-noout"], b"");
    let ways: [(Padding<'_>, &[&str]); 3] = [
        (Padding::Pkcs1, &[]),
        (
            Padding::Oaep(Algorithm::Sha1, b""),
            &["-pkeyopt", "rsa_padding_mode:oaep"],
        ),
        (
            Padding::Oaep(Algorithm::Sha256, b"label"),
            &[
                "-pkeyopt",
                "rsa_padding_mode:oaep",
                "-pkeyopt",
                "rsa_oaep_md:sha256",
                "-pkeyopt",
                "rsa_oaep_label:6c6162656c",
            ],
        ),
    ];
    for (padding, options) in ways {
        let encrypted = key.public().encrypt(padding, b"a text").unwrap();
        assert_eq!(key.private().unwrap().decrypt(padding, &encrypted).unwrap(), b"a text");
        let file = write(folder.path(), "encrypted", &encrypted);
        let all = [&["pkeyutl", "-decrypt", "-inkey", &private, "-in", &file], options].concat();
        assert_eq!(openssl::run(&all, b""), b"a text", "{padding:?}");
        assert_eq!(key.public().encrypt(padding, &[1; 128]), Err(Failure::Length));
        assert_eq!(key.private().unwrap().decrypt(padding, b"short"), Err(Failure::Length));
    }
    let sealed = key
        .public()
        .encrypt(Padding::Oaep(Algorithm::Sha256, b"label"), b"a text")
        .unwrap();
    let other = Padding::Oaep(Algorithm::Sha256, b"another");
    assert_eq!(key.private().unwrap().decrypt(other, &sealed), Err(Failure::Mismatch));
}

#[test]
fn what_nobody_should_have_is_not_made() {
    for (bits, exponent, failure) in [
        (8192, 65537, Failure::Limit),
        (u32::MAX, 3, Failure::Limit),
        (256, 65537, Failure::Invalid),
        (1024, 2, Failure::Invalid),
        (1024, 0, Failure::Invalid),
        (1024, 1, Failure::Invalid),
    ] {
        assert_eq!(
            Private::generate(Wanted::Rsa { bits, exponent }).err(),
            Some(failure),
            "{bits} {exponent}"
        );
    }
}

proptest! {
    /// Bytes of keys, with some of them changed.
    #[test]
    fn fuzzed_keys_are_read_or_refused(
        index in 0..7_usize,
        form in 0..4_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
        as_pem: bool,
    ) {
        static KEYS: std::sync::OnceLock<Vec<Key>> = std::sync::OnceLock::new();
        let key = &KEYS.get_or_init(keys)[index];
        let form = [Form::Pkcs1, Form::Pkcs8, Form::Sec1, Form::Spki][form];
        let key = if form == Form::Spki { Key::Public(key.public()) } else { key.clone() };
        let written = if as_pem { key.write_pem(form, None) } else { key.write(form, None) };
        let Ok(mut bytes) = written else { return Ok(()) };
        for (index, value) in changes {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        if cut.index(4) == 0 {
            bytes.truncate(cut.index(bytes.len()));
        }
        let read = if as_pem { Key::read_pem(&bytes, Some(b"x")) } else { Key::read(form, &bytes, Some(b"x")) };
        let Ok(key) = read else { return Ok(()) };
        key.details();
        let public = key.public();
        for hash in [None, Some(Algorithm::Sha512), Some(Algorithm::Shake128)] {
            for scheme in [Scheme::Pkcs1, Scheme::Pss(None), Scheme::Pss(Some(usize::MAX))] {
                public.verify(hash, scheme, Encoding::Der, b"m", &bytes).ok();
                if let Ok(private) = key.private() {
                    private.sign(hash, scheme, Encoding::P1363, b"m").ok();
                }
            }
        }
        public.encrypt(Padding::Pkcs1, b"m").ok();
    }

    #[test]
    fn fuzzed_parts_are_a_key_or_refused(
        kty in prop::sample::select(vec!["RSA", "EC", "OKP", "oct"]),
        crv in prop::sample::select(vec!["P-256", "P-521", "secp256k1", "Ed25519", "X25519", "P-1"]),
        numbers in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 10),
        few: bool,
    ) {
        let names = ["n", "e", "p", "q", "dp", "dq", "qi", "x", "y", "d"];
        let mut parts: Vec<_> = names.iter().map(|name| name.to_string()).zip(numbers).collect();
        if few {
            parts.pop();
        }
        parts.extend([("kty".to_owned(), kty.into()), ("crv".to_owned(), crv.into())]);
        if let Ok(key) = Key::assemble(&parts) {
            key.details();
        }
    }

    /// Small numbers find more relations that a key should not have.
    #[test]
    fn fuzzed_small_rsa_keys_are_refused(numbers in prop::collection::vec(0..64_u8, 7), top in 1..4_u8) {
        let names = ["e", "d", "p", "q", "dp", "dq", "qi"];
        let mut parts: Vec<_> = names.iter().map(|name| name.to_string()).zip(numbers.into_iter().map(|n| vec![n])).collect();
        let mut n = vec![0xff; 64];
        n[0] = top << 6 | 0x3f;
        parts.extend([("kty".to_owned(), b"RSA".to_vec()), ("n".to_owned(), n)]);
        prop_assert!(Key::assemble(&parts).is_err());
    }
}
