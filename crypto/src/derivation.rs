//! Keys from passwords, which are made to be slow, and keys from keys.

use crate::Failure;
use crate::algorithm::{Algorithm, with_hash};
use hmac::SimpleHmac;

/// Longest key, in bytes.
const LONGEST: usize = 1 << 16;
/// Most memory that scrypt may take, in bytes. It is not the guest's.
const MEMORY: u128 = 256 << 20;
/// Most that it may write there in all, in bytes: half a minute's work.
const WORK: u128 = 16 << 30;
/// Most blocks of PBKDF2, in all: two minutes' work.
const ROUNDS: u64 = 200_000_000;

/// PBKDF2 with HMAC (RFC 8018).
///
/// # Errors
///
/// The hash is extendable, or it would take too long.
pub fn pbkdf2(
    algorithm: Algorithm,
    password: &[u8],
    salt: &[u8],
    rounds: u32,
    length: usize,
) -> Result<Vec<u8>, Failure> {
    let blocks = length as u64 / algorithm.length() as u64 + 1;
    if length > LONGEST || u64::from(rounds).saturating_mul(blocks) > ROUNDS {
        return Err(Failure::Limit);
    }
    if rounds == 0 {
        return Err(Failure::Invalid);
    }
    let mut key = vec![0; length];
    match algorithm {
        Algorithm::Blake2b512 => {
            pbkdf2::pbkdf2::<SimpleHmac<blake2::Blake2b512>>(password, salt, rounds, &mut key)
                .map_err(|_| Failure::Invalid)?;
        }
        Algorithm::Blake2s256 => {
            pbkdf2::pbkdf2::<SimpleHmac<blake2::Blake2s256>>(password, salt, rounds, &mut key)
                .map_err(|_| Failure::Invalid)?;
        }
        Algorithm::Md5 => pbkdf2::pbkdf2_hmac::<md5::Md5>(password, salt, rounds, &mut key),
        Algorithm::Ripemd160 => pbkdf2::pbkdf2_hmac::<ripemd::Ripemd160>(password, salt, rounds, &mut key),
        Algorithm::Sha1 => pbkdf2::pbkdf2_hmac::<sha1::Sha1>(password, salt, rounds, &mut key),
        Algorithm::Sha224 => pbkdf2::pbkdf2_hmac::<sha2::Sha224>(password, salt, rounds, &mut key),
        Algorithm::Sha256 => pbkdf2::pbkdf2_hmac::<sha2::Sha256>(password, salt, rounds, &mut key),
        Algorithm::Sha384 => pbkdf2::pbkdf2_hmac::<sha2::Sha384>(password, salt, rounds, &mut key),
        Algorithm::Sha512 => pbkdf2::pbkdf2_hmac::<sha2::Sha512>(password, salt, rounds, &mut key),
        Algorithm::Sha512_224 => pbkdf2::pbkdf2_hmac::<sha2::Sha512_224>(password, salt, rounds, &mut key),
        Algorithm::Sha512_256 => pbkdf2::pbkdf2_hmac::<sha2::Sha512_256>(password, salt, rounds, &mut key),
        Algorithm::Sha3_224 => pbkdf2::pbkdf2_hmac::<sha3::Sha3_224>(password, salt, rounds, &mut key),
        Algorithm::Sha3_256 => pbkdf2::pbkdf2_hmac::<sha3::Sha3_256>(password, salt, rounds, &mut key),
        Algorithm::Sha3_384 => pbkdf2::pbkdf2_hmac::<sha3::Sha3_384>(password, salt, rounds, &mut key),
        Algorithm::Sha3_512 => pbkdf2::pbkdf2_hmac::<sha3::Sha3_512>(password, salt, rounds, &mut key),
        Algorithm::Shake128 | Algorithm::Shake256 => return Err(Failure::Unsupported),
    }
    Ok(key)
}

/// scrypt (RFC 7914) with N, r and p.
///
/// # Errors
///
/// N is no power of two that is greater than one, or it would take too much memory or time.
pub fn scrypt(password: &[u8], salt: &[u8], [n, r, p]: [u32; 3], length: usize) -> Result<Vec<u8>, Failure> {
    let [wide_n, wide_r, wide_p] = [n, r, p].map(u128::from);
    let (takes, works) = (128 * wide_r * (wide_n + wide_p), 128 * wide_r * wide_n * wide_p);
    if length > LONGEST || takes > MEMORY || works > WORK {
        return Err(Failure::Limit);
    }
    if n < 2 || !n.is_power_of_two() {
        return Err(Failure::Invalid);
    }
    let parameters =
        scrypt::Params::new(n.ilog2() as u8, r, p, scrypt::Params::RECOMMENDED_LEN).map_err(|_| Failure::Invalid)?;
    let mut key = vec![0; length];
    // An empty key is one, elsewhere.
    if length > 0 {
        scrypt::scrypt(password, salt, &parameters, &mut key).map_err(|_| Failure::Invalid)?;
    }
    Ok(key)
}

/// HKDF (RFC 5869).
///
/// # Errors
///
/// The hash is extendable, or the key longer than 255 digests.
pub fn hkdf(algorithm: Algorithm, key: &[u8], salt: &[u8], info: &[u8], length: usize) -> Result<Vec<u8>, Failure> {
    if length > LONGEST {
        return Err(Failure::Invalid);
    }
    let mut derived = vec![0; length];
    let done = with_hash!(algorithm,
        D => hkdf::SimpleHkdf::<D>::new(Some(salt), key).expand(info, &mut derived),
        Algorithm::Shake128 | Algorithm::Shake256 => return Err(Failure::Unsupported)
    );
    done.map_err(|_| Failure::Invalid)?;
    Ok(derived)
}
