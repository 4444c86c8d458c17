//! New keys.

use super::curve::with_curve;
use super::rsa::RsaPrivate;
use super::{Curve, Private};
use crate::Failure;
use rand_core::OsRng;
use rsa::BigUint;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};

/// Bits of a modulus: up to a minute's work.
const BITS: std::ops::RangeInclusive<u32> = 512..=4096;

/// A kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Wanted {
    Rsa { bits: u32, exponent: u32 },
    Ec(Curve),
    Ed25519,
    X25519,
}

impl Private {
    /// Makes one.
    ///
    /// # Errors
    ///
    /// A modulus that nobody should have, or that takes too long; an exponent that is none.
    pub fn generate(wanted: Wanted) -> Result<Private, Failure> {
        match wanted {
            Wanted::Rsa { bits, exponent } => rsa(bits, exponent),
            Wanted::Ec(curve) => {
                let secret = with_curve!(curve, ec => ec::SecretKey::random(&mut OsRng).to_bytes().to_vec());
                let point = curve.point_of(&secret)?;
                Ok(Private::Ec(curve, secret, point))
            }
            Wanted::Ed25519 => Ok(Private::Ed25519(crate::random()?)),
            Wanted::X25519 => Ok(Private::X25519(crate::random()?)),
        }
    }
}

fn rsa(bits: u32, exponent: u32) -> Result<Private, Failure> {
    if bits > *BITS.end() {
        return Err(Failure::Limit);
    }
    if !BITS.contains(&bits) || exponent < 3 || exponent.is_multiple_of(2) {
        return Err(Failure::Invalid);
    }
    let key = rsa::RsaPrivateKey::new_with_exp(&mut OsRng, bits as usize, &BigUint::from(exponent));
    let key = key.map_err(|_| Failure::Invalid)?;
    let [p, q] = key.primes() else {
        return Err(Failure::Invalid);
    };
    // OpenSSL's is the greater one.
    let (p, q) = if p > q { (p, q) } else { (q, p) };
    let one = BigUint::from(1_u8);
    let (dp, dq) = (key.d() % (p - &one), key.d() % (q - &one));
    // q is prime to p, so that q^(p-2) is its inverse (Fermat).
    let qi = q.modpow(&(p - BigUint::from(2_u8)), p);
    let numbers = [key.n(), key.e(), key.d(), p, q, &dp, &dq, &qi].map(BigUint::to_bytes_be);
    let key = RsaPrivate::new(numbers.each_ref().map(Vec::as_slice))?;
    Ok(Private::Rsa(Box::new(key)))
}
