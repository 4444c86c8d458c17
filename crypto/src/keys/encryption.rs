//! Encryption with RSA (RFC 8017, 7).

use super::rsa::RsaPublic;
use super::{Private, Public};
use crate::algorithm::with_hash;
use crate::{Algorithm, Failure};
use rand_core::OsRng;
use rsa::{Oaep, Pkcs1v15Encrypt};

/// How what is encrypted is padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding<'a> {
    /// v1.5.
    Pkcs1,
    /// OAEP with this hash, also of its mask, and this label.
    Oaep(Algorithm, &'a [u8]),
}

impl Public {
    /// Encrypts.
    ///
    /// # Errors
    ///
    /// The key does not encrypt, or the data is longer than it takes.
    pub fn encrypt(&self, padding: Padding<'_>, data: &[u8]) -> Result<Vec<u8>, Failure> {
        let Public::Rsa(key) = self else {
            return Err(Failure::Unsupported);
        };
        let engine = key.engine()?;
        let encrypted = match padding {
            Padding::Pkcs1 => engine.encrypt(&mut OsRng, Pkcs1v15Encrypt, data),
            Padding::Oaep(hash, label) => {
                fits(key, hash)?;
                engine.encrypt(&mut OsRng, oaep(hash, label)?, data)
            }
        };
        encrypted.map_err(|_| Failure::Length)
    }
}

impl Private {
    /// Decrypts.
    ///
    /// # Errors
    ///
    /// The key does not encrypt, or this was not encrypted for it; nothing says which part is wrong.
    pub fn decrypt(&self, padding: Padding<'_>, data: &[u8]) -> Result<Vec<u8>, Failure> {
        let Private::Rsa(key) = self else {
            return Err(Failure::Unsupported);
        };
        if data.len() != key.public.length() {
            return Err(Failure::Length);
        }
        let decrypted = match padding {
            Padding::Pkcs1 => key.key.decrypt_blinded(&mut OsRng, Pkcs1v15Encrypt, data),
            Padding::Oaep(hash, label) => {
                fits(&key.public, hash)?;
                key.key.decrypt_blinded(&mut OsRng, oaep(hash, label)?, data)
            }
        };
        decrypted.map_err(|_| Failure::Mismatch)
    }
}

/// Two hashes and two bytes are the least.
fn fits(key: &RsaPublic, hash: Algorithm) -> Result<(), Failure> {
    if key.length() < 2 * hash.length() + 2 {
        Err(Failure::Length)
    } else {
        Ok(())
    }
}

fn oaep(hash: Algorithm, label: &[u8]) -> Result<Oaep, Failure> {
    let label = std::str::from_utf8(label).map_err(|_| Failure::Unsupported)?;
    Ok(with_hash!(hash, D => Oaep::new_with_label::<D, _>(label),
        Algorithm::Shake128 | Algorithm::Shake256 => return Err(Failure::Unsupported)
    ))
}
