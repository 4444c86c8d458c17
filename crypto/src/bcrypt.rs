//! bcrypt (Provos and Mazières, "A Future-Adaptable Password Scheme", 1999): the hash without its text.

use crate::Failure;
use blowfish::Blowfish;
use byteorder::BE;

/// The costs that OpenBSD takes, up to a minute's work.
const COSTS: std::ops::RangeInclusive<u32> = 4..=20;
/// Of a password, more is passed over.
const LONGEST: usize = 72;
/// "OrpheanBeholderScryDoubt".
const TEXT: [[u32; 2]; 3] = [
    [0x4f72_7068, 0x6561_6e42],
    [0x6568_6f6c, 0x6465_7253],
    [0x6372_7944, 0x6f75_6274],
];

/// The 23 bytes of `$2b$`: of a password, to which a zero is added and of which 72 bytes count.
///
/// # Errors
///
/// The salt has not 16 bytes, or the cost is not one of 4 to 20.
pub fn bcrypt(password: &[u8], salt: &[u8], cost: u32) -> Result<Vec<u8>, Failure> {
    if cost > *COSTS.end() {
        return Err(Failure::Limit);
    }
    if salt.len() != 16 || !COSTS.contains(&cost) {
        return Err(Failure::Invalid);
    }
    let mut key = password[..password.len().min(LONGEST)].to_vec();
    if key.len() < LONGEST {
        key.push(0);
    }
    let mut state = Blowfish::<BE>::bc_init_state();
    state.salted_expand_key(salt, &key);
    for _ in 0..1_u32 << cost {
        state.bc_expand_key(&key);
        state.bc_expand_key(salt);
    }
    let encrypted = TEXT.iter().flat_map(|block| {
        let halves = (0..64).fold(*block, |halves, _| state.bc_encrypt(halves));
        halves.into_iter().flat_map(u32::to_be_bytes)
    });
    Ok(encrypted.take(23).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The alphabet of `crypt(3)`.
    fn text(bytes: &[u8]) -> String {
        let mut specification = data_encoding::Specification::new();
        specification.symbols = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".to_owned();
        specification.encoding().unwrap().encode(bytes)
    }

    fn bytes(text: &str) -> Vec<u8> {
        let mut specification = data_encoding::Specification::new();
        specification.symbols = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".to_owned();
        specification.check_trailing_bits = false;
        specification.encoding().unwrap().decode(text.as_bytes()).unwrap()
    }

    /// Of jBCrypt's and Openwall's crypt_blowfish's own tests.
    #[test]
    fn hashes_are_as_elsewhere() {
        let known = [
            ("", "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s."),
            ("a", "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe"),
            ("abc", "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"),
            ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
            (
                "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored",
                "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
            ),
        ];
        for (password, wanted) in known {
            let cost = wanted[4..6].parse().unwrap();
            let salt = bytes(&wanted[7..29]);
            let hash = bcrypt(password.as_bytes(), &salt, cost).unwrap();
            assert_eq!(text(&hash), wanted[29..], "{password}");
        }
    }

    #[test]
    fn what_takes_too_long_or_has_no_meaning_is_refused() {
        assert_eq!(bcrypt(b"", &[0; 16], 21), Err(Failure::Limit));
        assert_eq!(bcrypt(b"", &[0; 16], u32::MAX), Err(Failure::Limit));
        assert_eq!(bcrypt(b"", &[0; 16], 3), Err(Failure::Invalid));
        assert_eq!(bcrypt(b"", &[0; 15], 4), Err(Failure::Invalid));
    }
}
