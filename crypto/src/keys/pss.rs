//! RSASSA-PSS (RFC 8017, 8.1 and 9.1) with MGF1 by the same hash. The crate `rsa` has it without "any salt", which OpenSSL takes.

use super::rsa::{RsaPrivate, RsaPublic};
use crate::{Algorithm, Failure, digest, equal};
use rand_core::OsRng;
use rsa::BigUint;
use rsa::hazmat::{rsa_decrypt_and_check, rsa_encrypt};

pub(super) fn sign(key: &RsaPrivate, hash: Algorithm, hashed: &[u8], salt: Option<usize>) -> Result<Vec<u8>, Failure> {
    let (length, top) = form(&key.public);
    let most = length.checked_sub(hash.length() + 2).ok_or(Failure::Length)?;
    let salt =
        crate::random_bytes(salt.map_or(
            Ok(most),
            |salt| if salt <= most { Ok(salt) } else { Err(Failure::Length) },
        )?)?;
    let end = digest(hash, &[&[0; 8], hashed, salt.as_slice()].concat(), None)?;
    let mut block = vec![0; length - hash.length() - salt.len() - 2];
    block.push(1);
    block.extend(salt);
    mask(hash, &mut block, &end)?;
    block[0] &= top;
    block.extend(end);
    block.push(0xbc);
    let signature = rsa_decrypt_and_check(&*key.key, Some(&mut OsRng), &BigUint::from_bytes_be(&block));
    super::curve::padded(
        &signature.map_err(|_| Failure::Invalid)?.to_bytes_be(),
        key.public.length(),
    )
}

pub(super) fn verify(
    key: &RsaPublic,
    hash: Algorithm,
    hashed: &[u8],
    salt: Option<usize>,
    signature: &[u8],
) -> Result<bool, Failure> {
    let number = BigUint::from_bytes_be(signature);
    if signature.len() != key.length() || number >= BigUint::from_bytes_be(&key.n) {
        return Ok(false);
    }
    let block = rsa_encrypt(&key.engine()?, &number)
        .map_err(|_| Failure::Invalid)?
        .to_bytes_be();
    let (length, top) = form(key);
    let Ok(mut block) = super::curve::padded(&block, length) else {
        return Ok(false);
    };
    let Some(masked) = length.checked_sub(hash.length() + 1) else {
        return Ok(false);
    };
    if block.pop() != Some(0xbc) {
        return Ok(false);
    }
    let end = block.split_off(masked);
    if block.first().is_none_or(|first| first & !top != 0) {
        return Ok(false);
    }
    mask(hash, &mut block, &end)?;
    block[0] &= top;
    let zeros = block.iter().take_while(|byte| **byte == 0).count();
    if block.get(zeros) != Some(&1) {
        return Ok(false);
    }
    let own = &block[zeros + 1..];
    if salt.is_some_and(|salt| salt != own.len()) {
        return Ok(false);
    }
    Ok(equal(&digest(hash, &[&[0; 8], hashed, own].concat(), None)?, &end))
}

/// Bytes of the block, and the bits of its first one.
fn form(key: &RsaPublic) -> (usize, u8) {
    let bits = key.bits() - 1;
    let length = bits.div_ceil(8);
    (length, 0xff >> (8 * length - bits))
}

/// MGF1 (B.2.1).
fn mask(hash: Algorithm, block: &mut [u8], seed: &[u8]) -> Result<(), Failure> {
    for (counter, part) in (0_u32..).zip(block.chunks_mut(hash.length())) {
        let mask = digest(hash, &[seed, &counter.to_be_bytes()].concat(), None)?;
        part.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    }
    Ok(())
}
