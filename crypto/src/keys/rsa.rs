//! RSA keys as numbers, and what computes with them.

use super::curve::without_zeros;
use crate::Failure;
use pkcs1::UintRef;
use pkcs8::der::{Decode, Encode};
use ring::rsa::KeyPair;
use rsa::BigUint;
use std::sync::Arc;

/// Longest modulus, in bits.
const LONGEST: usize = 8192;
/// Shortest, as OpenSSL has it.
const SHORTEST: usize = 512;

/// A public key, in bytes without zeros in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RsaPublic {
    pub(crate) n: Vec<u8>,
    pub(crate) e: Vec<u8>,
}

/// A private key, the same way, and its engines.
#[derive(Clone)]
pub struct RsaPrivate {
    pub(crate) public: RsaPublic,
    /// d, p, q, dp, dq, qi.
    pub(crate) numbers: [Vec<u8>; 6],
    pub(crate) key: Arc<rsa::RsaPrivateKey>,
    /// ring's is four times as fast, and takes keys of 2048 to 4096 bits.
    pub(crate) fast: Option<Arc<KeyPair>>,
}

impl RsaPublic {
    pub(crate) fn new(n: &[u8], e: &[u8]) -> Result<RsaPublic, Failure> {
        let key = RsaPublic {
            n: without_zeros(n).to_vec(),
            e: without_zeros(e).to_vec(),
        };
        let bits = key.bits();
        if bits > LONGEST {
            return Err(Failure::Limit);
        }
        if bits < SHORTEST || key.e.len() > 8 {
            return Err(Failure::Invalid);
        }
        key.engine()?;
        Ok(key)
    }

    pub(crate) fn bits(&self) -> usize {
        let first = self.n.first().copied().unwrap_or_default();
        (8 * self.n.len()).saturating_sub(first.leading_zeros() as usize)
    }

    /// Bytes of the modulus, of a signature and of what is encrypted.
    pub(crate) fn length(&self) -> usize {
        self.n.len()
    }

    pub(crate) fn engine(&self) -> Result<rsa::RsaPublicKey, Failure> {
        let (n, e) = (BigUint::from_bytes_be(&self.n), BigUint::from_bytes_be(&self.e));
        rsa::RsaPublicKey::new_with_max_size(n, e, LONGEST).map_err(|_| Failure::Invalid)
    }

    pub(crate) fn read(der: &[u8]) -> Result<RsaPublic, Failure> {
        let read = pkcs1::RsaPublicKey::from_der(der).map_err(|_| Failure::Invalid)?;
        RsaPublic::new(read.modulus.as_bytes(), read.public_exponent.as_bytes())
    }

    /// PKCS #1.
    pub(crate) fn write(&self) -> Result<Vec<u8>, Failure> {
        let key = pkcs1::RsaPublicKey {
            modulus: number(&self.n)?,
            public_exponent: number(&self.e)?,
        };
        key.to_der().map_err(|_| Failure::Invalid)
    }
}

fn number(bytes: &[u8]) -> Result<UintRef<'_>, Failure> {
    UintRef::new(bytes).map_err(|_| Failure::Invalid)
}

impl RsaPrivate {
    /// Of n, e, d, p, q, dp, dq and qi. The last three are computed once more and have to be the same.
    pub(crate) fn new([n, e, d, p, q, dp, dq, qi]: [&[u8]; 8]) -> Result<RsaPrivate, Failure> {
        let public = RsaPublic::new(n, e)?;
        if [d, p, q, dp, dq, qi]
            .iter()
            .any(|number| without_zeros(number).len() > public.length())
        {
            return Err(Failure::Invalid);
        }
        let [big_n, big_e, big_d, big_p, big_q] = [&public.n, &public.e, d, p, q].map(BigUint::from_bytes_be);
        let one = BigUint::from(1_u8);
        let is_odd = |number: &BigUint| number.to_bytes_le().first().is_some_and(|byte| byte & 1 == 1);
        // What the engine divides by, or inverts.
        let sound = [&big_p, &big_q].iter().all(|prime| **prime > one && is_odd(prime)) && big_p != big_q;
        if !sound || big_d <= one || big_d >= big_n {
            return Err(Failure::Invalid);
        }
        let [wanted_dp, wanted_dq] = [&big_d % (&big_p - &one), &big_d % (&big_q - &one)];
        let [big_dp, big_dq, big_qi] = [dp, dq, qi].map(BigUint::from_bytes_be);
        if wanted_dp != big_dp || wanted_dq != big_dq || (&big_qi * &big_q) % &big_p != one {
            return Err(Failure::Invalid);
        }
        let key = rsa::RsaPrivateKey::from_components(big_n, big_e, big_d, vec![big_p, big_q])
            .map_err(|_| Failure::Invalid)?;
        let numbers = [d, p, q, dp, dq, qi].map(|number| without_zeros(number).to_vec());
        let mut made = RsaPrivate {
            public,
            numbers,
            key: Arc::new(key),
            fast: None,
        };
        made.fast = KeyPair::from_der(&made.write()?).ok().map(Arc::new);
        Ok(made)
    }

    pub(crate) fn read(der: &[u8]) -> Result<RsaPrivate, Failure> {
        let key = pkcs1::RsaPrivateKey::from_der(der).map_err(|_| Failure::Invalid)?;
        if key.other_prime_infos.is_some() {
            return Err(Failure::Unsupported);
        }
        RsaPrivate::new(
            [
                key.modulus,
                key.public_exponent,
                key.private_exponent,
                key.prime1,
                key.prime2,
                key.exponent1,
                key.exponent2,
                key.coefficient,
            ]
            .each_ref()
            .map(UintRef::as_bytes),
        )
    }

    /// PKCS #1.
    pub(crate) fn write(&self) -> Result<Vec<u8>, Failure> {
        let [d, p, q, dp, dq, qi] = &self.numbers;
        let key = pkcs1::RsaPrivateKey {
            modulus: number(&self.public.n)?,
            public_exponent: number(&self.public.e)?,
            private_exponent: number(d)?,
            prime1: number(p)?,
            prime2: number(q)?,
            exponent1: number(dp)?,
            exponent2: number(dq)?,
            coefficient: number(qi)?,
            other_prime_infos: None,
        };
        key.to_der().map_err(|_| Failure::Invalid)
    }
}
