//! Digests and HMAC (RFC 2104), at once and in parts.

use crate::Failure;
use crate::algorithm::{Algorithm, with_hash};
use digest::core_api::BlockSizeUser;
use digest::{Digest, ExtendableOutput, FixedOutput, Update, XofReader};
use hmac::{Mac, SimpleHmac};
use subtle::ConstantTimeEq;

/// Longest digest, in bytes.
const LONGEST: usize = 1 << 20;

/// A digest in the making.
pub struct Hash(Box<dyn State>);

/// What its algorithm keeps.
trait State: Send {
    fn update(&mut self, data: &[u8]);
    fn finish(&self) -> Vec<u8>;
    fn copy(&self) -> Box<dyn State>;
}

#[derive(Clone)]
struct Plain<D>(D);

#[derive(Clone)]
struct Keyed<M>(M);

#[derive(Clone)]
struct Extendable<X> {
    state: X,
    length: usize,
}

impl<D: Digest + Clone + Send + 'static> State for Plain<D> {
    fn update(&mut self, data: &[u8]) {
        Digest::update(&mut self.0, data);
    }

    fn finish(&self) -> Vec<u8> {
        self.0.clone().finalize().to_vec()
    }

    fn copy(&self) -> Box<dyn State> {
        Box::new(self.clone())
    }
}

impl<M: Mac + Clone + Send + 'static> State for Keyed<M> {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finish(&self) -> Vec<u8> {
        self.0.clone().finalize().into_bytes().to_vec()
    }

    fn copy(&self) -> Box<dyn State> {
        Box::new(self.clone())
    }
}

impl<X: ExtendableOutput + Update + Clone + Send + 'static> State for Extendable<X> {
    fn update(&mut self, data: &[u8]) {
        self.state.update(data);
    }

    fn finish(&self) -> Vec<u8> {
        let mut digest = vec![0; self.length];
        self.state.clone().finalize_xof().read(&mut digest);
        digest
    }

    fn copy(&self) -> Box<dyn State> {
        Box::new(self.clone())
    }
}

fn plain<D: Digest + Clone + Send + 'static>() -> Box<dyn State> {
    Box::new(Plain(D::new()))
}

fn keyed<D>(key: &[u8]) -> Result<Box<dyn State>, Failure>
where
    D: Digest + BlockSizeUser + FixedOutput + Clone + Send + 'static,
{
    let state = <SimpleHmac<D> as Mac>::new_from_slice(key).map_err(|_| Failure::Invalid)?;
    Ok(Box::new(Keyed(state)))
}

impl Hash {
    /// Begins a digest. Only an extendable one may have another length than its own.
    ///
    /// # Errors
    ///
    /// The length is another one, or too great.
    pub fn new(algorithm: Algorithm, length: Option<usize>) -> Result<Hash, Failure> {
        let length = length.unwrap_or(algorithm.length());
        if length > LONGEST {
            return Err(Failure::Limit);
        }
        if !algorithm.is_extendable() && length != algorithm.length() {
            return Err(Failure::Invalid);
        }
        Ok(Hash(with_hash!(algorithm, D => plain::<D>(),
            Algorithm::Shake128 | Algorithm::Shake256 => match algorithm {
                Algorithm::Shake128 => Box::new(Extendable { state: sha3::Shake128::default(), length }),
                _ => Box::new(Extendable { state: sha3::Shake256::default(), length }),
            }
        )))
    }

    /// Begins an HMAC.
    ///
    /// # Errors
    ///
    /// The hash is extendable.
    pub fn keyed(algorithm: Algorithm, key: &[u8]) -> Result<Hash, Failure> {
        with_hash!(algorithm, D => keyed::<D>(key),
            Algorithm::Shake128 | Algorithm::Shake256 => Err(Failure::Unsupported)
        )
        .map(Hash)
    }

    /// Adds data.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The digest of all data until now.
    pub fn finish(&self) -> Vec<u8> {
        self.0.finish()
    }
}

impl Clone for Hash {
    fn clone(&self) -> Hash {
        Hash(self.0.copy())
    }
}

/// A digest at once.
///
/// # Errors
///
/// As of [`Hash::new`].
pub fn digest(algorithm: Algorithm, data: &[u8], length: Option<usize>) -> Result<Vec<u8>, Failure> {
    if length.is_none_or(|length| length == algorithm.length()) {
        return Ok(with_hash!(algorithm, D => D::digest(data).to_vec(),
            Algorithm::Shake128 | Algorithm::Shake256 => in_parts(algorithm, data, length)?
        ));
    }
    in_parts(algorithm, data, length)
}

fn in_parts(algorithm: Algorithm, data: &[u8], length: Option<usize>) -> Result<Vec<u8>, Failure> {
    let mut hash = Hash::new(algorithm, length)?;
    hash.update(data);
    Ok(hash.finish())
}

/// An HMAC at once.
///
/// # Errors
///
/// As of [`Hash::keyed`].
pub fn hmac(algorithm: Algorithm, key: &[u8], data: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut hash = Hash::keyed(algorithm, key)?;
    hash.update(data);
    Ok(hash.finish())
}

/// Whether they are equal, in a time that says nothing of where they differ.
pub fn equal(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}
