//! Ciphers.

use super::openssl;
use crypto::{Cipher, CipherKind, Failure, Mode};
use data_encoding::HEXLOWER;
use proptest::prelude::*;

fn cipher(name: &str, encrypts: bool, key: &[u8], iv: &[u8]) -> Cipher {
    Cipher::new(CipherKind::find(name).expect(name), encrypts, key, iv, 16).expect("a cipher")
}

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).expect("hexadecimal")
}

/// Encrypted, and the tag.
fn sealed(name: &str, key: &[u8], iv: &[u8], data: &[u8], text: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut cipher = cipher(name, true, key, iv);
    if !data.is_empty() {
        cipher.authenticate(data).unwrap();
    }
    let mut sealed = cipher.update(text).unwrap();
    sealed.extend(cipher.finish().unwrap());
    (sealed, cipher.tag().to_vec())
}

/// McGrew and Viega, "The Galois/Counter Mode of Operation (GCM)", test cases 4, 5 and 6; RFC 8439, 2.8.2; RFC 3394, 4.6.
#[test]
fn texts_are_as_in_the_standards() {
    let key = hex("feffe9928665731c6d6a8f9467308308");
    let text = hex(concat!(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72",
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
    ));
    let data = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    let tag = |iv: &str| HEXLOWER.encode(&sealed("aes-128-gcm", &key, &hex(iv), &data, &text).1);
    assert_eq!(tag("cafebabefacedbaddecaf888"), "5bc94fbc3221a5db94fae95ae7121a47");
    assert_eq!(tag("cafebabefacedbad"), "3612d2e79e3b0785561be14aaca2fccb");
    let long = concat!(
        "9313225df88406e555909c5aff5269aa6a7a9538534f7da1e4c303d2a318a728",
        "c3c0c95156809539fcf0e2429a6b525416aedbf5a0de6a57a637b39b"
    );
    assert_eq!(tag(long), "619cc5aefffe0bfa462af43c1699d050");
    let key: Vec<u8> = (0x80..=0x9f).collect();
    let text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
    let (sealed, tag) = sealed(
        "chacha20-poly1305",
        &key,
        &hex("070000004041424344454647"),
        &hex("50515253c0c1c2c3c4c5c6c7"),
        text,
    );
    assert!(HEXLOWER.encode(&sealed).starts_with("d31a8d34648e60db7b86afbc53ef7ec2"));
    assert_eq!(HEXLOWER.encode(&tag), "1ae10b594f09e26a7e902ecbd0600691");
    let key: Vec<u8> = (0..0x20).collect();
    let mut wrap = cipher("aes256-wrap", true, &key, &[0xa6; 8]);
    let wrapped = wrap.update(&hex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f"));
    let wanted = "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21";
    assert_eq!(HEXLOWER.encode(&wrapped.unwrap()), wanted);
}

#[test]
fn every_plain_mode_is_as_openssls() {
    let text: Vec<u8> = (0..1000_u32).map(|n| n.wrapping_mul(n) as u8).collect();
    let plain = CipherKind::ALL
        .into_iter()
        .filter(|kind| matches!(kind.mode, Mode::Cbc | Mode::Ctr | Mode::Ecb));
    for kind in plain {
        let (key, iv) = (vec![7; kind.key], vec![9; kind.iv]);
        let (key_text, iv_text) = (HEXLOWER.encode(&key), HEXLOWER.encode(&iv));
        let flag = format!("-{}", kind.name);
        let mut arguments = vec!["enc", &flag, "-K", &key_text];
        if kind.iv > 0 {
            arguments.extend(["-iv", &iv_text]);
        }
        let theirs = openssl::run(&arguments, &text);
        assert_eq!(sealed(kind.name, &key, &iv, b"", &text).0, theirs, "{}", kind.name);
    }
}

#[test]
fn what_was_changed_is_noticed() {
    let (sealed, tag) = sealed("aes-256-gcm", &[1; 32], &[2; 12], b"data", b"text");
    let opened = |tag: &[u8], data: &[u8]| {
        let mut cipher = cipher("aes-256-gcm", false, &[1; 32], &[2; 12]);
        cipher.authenticate(data).unwrap();
        cipher.expect(tag);
        let text = cipher.update(&sealed).unwrap();
        cipher.finish().map(|_| text)
    };
    assert_eq!(opened(&tag, b"data"), Ok(b"text".to_vec()));
    assert_eq!(opened(&tag[..12], b"data"), Ok(b"text".to_vec()));
    assert_eq!(opened(&tag, b"date"), Err(Failure::Mismatch));
    assert_eq!(opened(&tag[..3], b"data"), Err(Failure::Mismatch));
    assert_eq!(opened(b"", b"data"), Err(Failure::Mismatch));
    let mut late = cipher("aes-256-gcm", true, &[1; 32], &[2; 12]);
    late.update(b"text").unwrap();
    assert_eq!(late.authenticate(b"data"), Err(Failure::Invalid));
    let mut cbc = cipher("aes-128-cbc", false, &[1; 16], &[2; 16]);
    cbc.update(&[3; 16]).unwrap();
    assert_eq!(cbc.finish(), Err(Failure::Mismatch));
    let mut cbc = cipher("aes-128-cbc", false, &[1; 16], &[2; 16]);
    cbc.update(&[3; 17]).unwrap();
    assert_eq!(cbc.finish(), Err(Failure::Length));
}

proptest! {
    #[test]
    fn what_is_encrypted_in_parts_is_decrypted_in_others(
        index in 0..CipherKind::ALL.len(),
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..6),
        data in prop::collection::vec(any::<u8>(), 0..50),
        cut in 1..50_usize,
    ) {
        let kind = CipherKind::ALL[index];
        prop_assume!(kind.mode != Mode::Wrap);
        let (key, iv) = (vec![5; kind.key], vec![6; kind.iv]);
        let mut to = Cipher::new(kind, true, &key, &iv, 16).unwrap();
        let mut back = Cipher::new(kind, false, &key, &iv, 16).unwrap();
        if kind.is_authenticated() {
            to.authenticate(&data).unwrap();
            for part in data.chunks(cut) {
                back.authenticate(part).unwrap();
            }
        }
        let mut sealed = Vec::new();
        for part in &parts {
            sealed.extend(to.update(part).unwrap());
        }
        sealed.extend(to.finish().unwrap());
        back.expect(to.tag());
        let mut text = Vec::new();
        for part in sealed.chunks(cut) {
            text.extend(back.update(part).unwrap());
        }
        text.extend(back.finish().unwrap());
        prop_assert_eq!(text, parts.concat());
    }

    #[test]
    fn fuzzed_arguments_are_good_or_refused(
        index in 0..CipherKind::ALL.len(),
        encrypts: bool,
        padding: bool,
        right: bool,
        key in prop::collection::vec(any::<u8>(), 0..40),
        iv in prop::collection::vec(any::<u8>(), 0..40),
        length in 0..40_usize,
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..4),
    ) {
        let kind = CipherKind::ALL[index];
        let (key, iv) = if right { (vec![1; kind.key], vec![0xa6; kind.iv]) } else { (key, iv) };
        let Ok(mut cipher) = Cipher::new(kind, encrypts, &key, &iv, length) else { return Ok(()) };
        cipher.set_padding(padding);
        for part in &parts {
            cipher.authenticate(part).ok();
            cipher.expect(part);
            cipher.update(part).ok();
        }
        cipher.finish().ok();
        cipher.finish().ok();
        cipher.update(&iv).ok();
        prop_assert!(cipher.tag().len() <= 40);
    }
}
