//! Keys of two halves: RSA, ECDSA and ECDH on four curves, Ed25519 and X25519.
//!
//! ```text
//!   PEM, DER, a JWK's parts --form, parts--> Private, Public --form, parts--> PEM, DER, parts
//!                                               |
//!                     signature, encryption, exchange, generation
//! ```

mod curve;
mod encryption;
mod exchange;
mod form;
mod generation;
mod parts;
mod pem;
mod pss;
mod rsa;
mod signature;

pub use curve::Curve;
pub use encryption::Padding;
pub use form::{Form, Lock};
pub use generation::Wanted;
pub use parts::Part;
pub use signature::{Encoding, Scheme};

use self::rsa::{RsaPrivate, RsaPublic};
use crate::Failure;

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Public {
    /// For signatures and encryption (RFC 8017).
    Rsa(RsaPublic),
    /// A point, uncompressed (SEC 1, 2.3.3).
    Ec(Curve, Vec<u8>),
    /// RFC 8032.
    Ed25519([u8; 32]),
    /// RFC 7748.
    X25519([u8; 32]),
}

/// A private key.
#[derive(Clone)]
pub enum Private {
    /// For signatures and encryption (RFC 8017).
    Rsa(Box<RsaPrivate>),
    /// A number of the curve's length, and its point.
    Ec(Curve, Vec<u8>, Vec<u8>),
    /// RFC 8032.
    Ed25519([u8; 32]),
    /// RFC 7748.
    X25519([u8; 32]),
}

/// Either.
#[derive(Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Key {
    Public(Public),
    Private(Private),
}

/// What a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// As Node names it: "rsa", "ec", "ed25519" or "x25519".
    pub kind: &'static str,
    /// Of the modulus, or of the curve.
    pub bits: u32,
    /// The public exponent, of RSA.
    pub exponent: Vec<u8>,
    /// OpenSSL's name of the curve.
    pub curve: Option<&'static str>,
}

impl Private {
    /// The other half.
    pub fn public(&self) -> Public {
        match self {
            Private::Rsa(key) => Public::Rsa(key.public.clone()),
            Private::Ec(curve, _, point) => Public::Ec(*curve, point.clone()),
            Private::Ed25519(seed) => Public::Ed25519(signature::ed25519_public(seed)),
            Private::X25519(secret) => Public::X25519(exchange::x25519_public(secret)),
        }
    }
}

impl Key {
    /// The public half.
    pub fn public(&self) -> Public {
        match self {
            Key::Public(key) => key.clone(),
            Key::Private(key) => key.public(),
        }
    }

    /// The private one.
    ///
    /// # Errors
    ///
    /// There is only the other.
    pub fn private(&self) -> Result<&Private, Failure> {
        match self {
            Key::Private(key) => Ok(key),
            Key::Public(_) => Err(Failure::Unsupported),
        }
    }

    /// What it is.
    pub fn details(&self) -> Details {
        let (kind, bits, curve, exponent) = match self.public() {
            Public::Rsa(key) => ("rsa", key.bits() as u32, None, key.e),
            Public::Ec(curve, _) => ("ec", curve.bits(), Some(curve.name()), vec![]),
            Public::Ed25519(_) => ("ed25519", 256, None, vec![]),
            Public::X25519(_) => ("x25519", 256, None, vec![]),
        };
        Details {
            kind,
            bits,
            exponent,
            curve,
        }
    }
}
