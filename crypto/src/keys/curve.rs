//! The curves: P-256, P-384, P-521 (NIST SP 800-186) and secp256k1 (SEC 2).

use crate::Failure;
use elliptic_curve::sec1::ToEncodedPoint;
use pkcs8::ObjectIdentifier;

/// A curve of Weierstrass' form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Curve {
    P256,
    P384,
    P521,
    Secp256k1,
}

/// Evaluates an expression with the crate of a curve.
macro_rules! with_curve {
    ($curve:expr, $crate_of:ident => $value:expr) => {
        match $curve {
            Curve::P256 => {
                use p256 as $crate_of;
                $value
            }
            Curve::P384 => {
                use p384 as $crate_of;
                $value
            }
            Curve::P521 => {
                use p521 as $crate_of;
                $value
            }
            Curve::Secp256k1 => {
                use k256 as $crate_of;
                $value
            }
        }
    };
}
pub(crate) use with_curve;

impl Curve {
    /// All of them.
    pub const ALL: [Curve; 4] = [Curve::P256, Curve::Secp256k1, Curve::P384, Curve::P521];

    /// The one of OpenSSL's, NIST's or the web's name.
    pub fn find(name: &str) -> Option<Curve> {
        Some(match name {
            "prime256v1" | "P-256" | "secp256r1" => Curve::P256,
            "secp384r1" | "P-384" => Curve::P384,
            "secp521r1" | "P-521" => Curve::P521,
            "secp256k1" => Curve::Secp256k1,
            _ => return None,
        })
    }

    /// OpenSSL's name.
    pub fn name(self) -> &'static str {
        match self {
            Curve::P256 => "prime256v1",
            Curve::P384 => "secp384r1",
            Curve::P521 => "secp521r1",
            Curve::Secp256k1 => "secp256k1",
        }
    }

    /// The name in a JWK (RFC 7518, 6.2.1.1; RFC 8812).
    pub(crate) fn web_name(self) -> &'static str {
        match self {
            Curve::P256 => "P-256",
            Curve::P384 => "P-384",
            Curve::P521 => "P-521",
            Curve::Secp256k1 => "secp256k1",
        }
    }

    pub(crate) fn bits(self) -> u32 {
        match self {
            Curve::P256 | Curve::Secp256k1 => 256,
            Curve::P384 => 384,
            Curve::P521 => 521,
        }
    }

    /// Bytes of a coordinate.
    pub(crate) fn length(self) -> usize {
        self.bits().div_ceil(8) as usize
    }

    pub(crate) fn oid(self) -> ObjectIdentifier {
        ObjectIdentifier::new_unwrap(match self {
            Curve::P256 => "1.2.840.10045.3.1.7",
            Curve::P384 => "1.3.132.0.34",
            Curve::P521 => "1.3.132.0.35",
            Curve::Secp256k1 => "1.3.132.0.10",
        })
    }

    pub(crate) fn of_oid(oid: ObjectIdentifier) -> Option<Curve> {
        Curve::ALL.into_iter().find(|curve| curve.oid() == oid)
    }

    /// A number of the curve's length, with zeros in front; one that is no key is refused.
    pub(crate) fn secret(self, number: &[u8]) -> Result<Vec<u8>, Failure> {
        let number = padded(number, self.length())?;
        with_curve!(self, ec => ec::SecretKey::from_slice(&number).map(drop)).map_err(|_| Failure::Invalid)?;
        Ok(number)
    }

    /// The point of a secret.
    pub(crate) fn point_of(self, secret: &[u8]) -> Result<Vec<u8>, Failure> {
        with_curve!(self, ec => {
            let secret = ec::SecretKey::from_slice(secret).map_err(|_| Failure::Invalid)?;
            Ok(secret.public_key().to_encoded_point(false).as_bytes().to_vec())
        })
    }

    /// A point, uncompressed; what is no point of the curve is refused.
    pub fn point(self, encoded: &[u8]) -> Result<Vec<u8>, Failure> {
        with_curve!(self, ec => {
            let point = ec::PublicKey::from_sec1_bytes(encoded).map_err(|_| Failure::Invalid)?;
            Ok(point.to_encoded_point(false).as_bytes().to_vec())
        })
    }

    /// A point, compressed (SEC 1, 2.3.3).
    ///
    /// # Errors
    ///
    /// It is none of the curve.
    pub fn compressed(self, point: &[u8]) -> Result<Vec<u8>, Failure> {
        with_curve!(self, ec => {
            let point = ec::PublicKey::from_sec1_bytes(point).map_err(|_| Failure::Invalid)?;
            Ok(point.to_encoded_point(true).as_bytes().to_vec())
        })
    }
}

/// A number of so many bytes.
pub(crate) fn padded(number: &[u8], length: usize) -> Result<Vec<u8>, Failure> {
    let number = without_zeros(number);
    let zeros = length.checked_sub(number.len()).ok_or(Failure::Invalid)?;
    Ok([vec![0; zeros].as_slice(), number].concat())
}

pub(crate) fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}
