//! Shared secrets: ECDH (SEC 1, 3.3.1) and X25519 (RFC 7748, 6.1).

use super::curve::{Curve, with_curve};
use super::{Private, Public};
use crate::Failure;
use x25519_dalek::{PublicKey, StaticSecret};

impl Private {
    /// The secret that both sides have.
    ///
    /// # Errors
    ///
    /// The keys are of different kinds, or it would be zero.
    pub fn agree(&self, with: &Public) -> Result<Vec<u8>, Failure> {
        match (self, with) {
            (Private::Ec(curve, secret, _), Public::Ec(other, point)) if curve == other => ecdh(*curve, secret, point),
            (Private::X25519(secret), Public::X25519(point)) => {
                let shared = StaticSecret::from(*secret).diffie_hellman(&PublicKey::from(*point));
                match shared.was_contributory() {
                    true => Ok(shared.as_bytes().to_vec()),
                    false => Err(Failure::Invalid),
                }
            }
            _ => Err(Failure::Unsupported),
        }
    }
}

fn ecdh(curve: Curve, secret: &[u8], point: &[u8]) -> Result<Vec<u8>, Failure> {
    with_curve!(curve, ec => {
        let secret = ec::SecretKey::from_slice(secret).map_err(|_| Failure::Invalid)?;
        let point = ec::PublicKey::from_sec1_bytes(point).map_err(|_| Failure::Invalid)?;
        let shared = ec::ecdh::diffie_hellman(secret.to_nonzero_scalar(), point.as_affine());
        Ok(shared.raw_secret_bytes().to_vec())
    })
}

pub(super) fn x25519_public(secret: &[u8; 32]) -> [u8; 32] {
    PublicKey::from(&StaticSecret::from(*secret)).to_bytes()
}
