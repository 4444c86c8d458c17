//! Signatures: RSA with PKCS #1 v1.5 and PSS (RFC 8017), ECDSA (FIPS 186-5), Ed25519 (RFC 8032).
//!
//! ring has the usual ones in assembly; what it does not take, RustCrypto does.

use super::curve::{Curve, padded, with_curve};
use super::rsa::{RsaPrivate, RsaPublic};
use super::{Private, Public, pss};
use crate::{Algorithm, Failure, digest};
use ecdsa::hazmat::{SignPrimitive, VerifyPrimitive};
use elliptic_curve::Field;
use pkcs8::der::asn1::{ObjectIdentifier, UintRef};
use pkcs8::der::{Decode, Encode, Reader, SliceReader};
use rand_core::OsRng;
use ring::rand::SystemRandom;
use ring::signature::{self as fast, EcdsaKeyPair, Ed25519KeyPair, UnparsedPublicKey};

/// How an ECDSA signature is written: DER (RFC 3279, 2.2.3), or both numbers in their full length (IEEE P1363).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Encoding {
    Der,
    P1363,
}

/// How an RSA signature is padded; others have an encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// v1.5.
    Pkcs1,
    /// With so many bytes of salt; without a number: any when verifying, and the most when signing.
    Pss(Option<usize>),
}

impl Private {
    /// Signs a message. Ed25519 has a hash of its own, and none is given.
    ///
    /// # Errors
    ///
    /// The key does not sign, or not with this hash, or is too short for it.
    pub fn sign(
        &self,
        hash: Option<Algorithm>,
        scheme: Scheme,
        encoding: Encoding,
        message: &[u8],
    ) -> Result<Vec<u8>, Failure> {
        match (self, hash) {
            (Private::Rsa(key), Some(hash)) => sign_rsa(key, hash, scheme, message),
            (Private::Ec(curve, secret, point), Some(hash)) => {
                let signature = sign_ec(*curve, secret, point, hash, message)?;
                match encoding {
                    Encoding::P1363 => Ok(signature),
                    Encoding::Der => to_der(&signature),
                }
            }
            (Private::Ed25519(seed), None) => {
                let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| Failure::Invalid)?;
                Ok(pair.sign(message).as_ref().to_vec())
            }
            _ => Err(Failure::Unsupported),
        }
    }
}

impl Public {
    /// Whether it is the key's signature of the message.
    ///
    /// # Errors
    ///
    /// The key does not sign, or not with this hash.
    pub fn verify(
        &self,
        hash: Option<Algorithm>,
        scheme: Scheme,
        encoding: Encoding,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, Failure> {
        match (self, hash) {
            (Public::Rsa(key), Some(hash)) => verify_rsa(key, hash, scheme, message, signature),
            (Public::Ec(curve, point), Some(hash)) => {
                let signature = match encoding {
                    Encoding::P1363 => Ok(signature.to_vec()),
                    Encoding::Der => of_der(signature, curve.length()),
                };
                Ok(signature.is_ok_and(|signature| verify_ec(*curve, point, hash, message, &signature)))
            }
            (Public::Ed25519(key), None) => {
                let key = UnparsedPublicKey::new(&fast::ED25519, key);
                Ok(key.verify(message, signature).is_ok())
            }
            _ => Err(Failure::Unsupported),
        }
    }
}

pub(super) fn ed25519_public(seed: &[u8; 32]) -> [u8; 32] {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed);
    let public = pair.ok().map(|pair| *fast::KeyPair::public_key(&pair));
    public.and_then(|key| key.as_ref().try_into().ok()).unwrap_or_default()
}

fn sign_rsa(key: &RsaPrivate, hash: Algorithm, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, Failure> {
    let usual: Option<&'static dyn fast::RsaEncoding> = match (hash, scheme) {
        (Algorithm::Sha256, Scheme::Pkcs1) => Some(&fast::RSA_PKCS1_SHA256),
        (Algorithm::Sha384, Scheme::Pkcs1) => Some(&fast::RSA_PKCS1_SHA384),
        (Algorithm::Sha512, Scheme::Pkcs1) => Some(&fast::RSA_PKCS1_SHA512),
        (Algorithm::Sha256, Scheme::Pss(Some(32))) => Some(&fast::RSA_PSS_SHA256),
        (Algorithm::Sha384, Scheme::Pss(Some(48))) => Some(&fast::RSA_PSS_SHA384),
        (Algorithm::Sha512, Scheme::Pss(Some(64))) => Some(&fast::RSA_PSS_SHA512),
        _ => None,
    };
    if let (Some(pair), Some(usual)) = (&key.fast, usual) {
        let mut signature = vec![0; key.public.length()];
        let signed = pair.sign(usual, &SystemRandom::new(), message, &mut signature);
        return signed.map(|()| signature).map_err(|_| Failure::Length);
    }
    let hashed = digest(hash, message, None)?;
    match scheme {
        Scheme::Pkcs1 => {
            let padding = pkcs1(hash)?;
            key.key
                .sign_with_rng(&mut OsRng, padding, &hashed)
                .map_err(|_| Failure::Length)
        }
        Scheme::Pss(salt) => pss::sign(key, hash, &hashed, salt),
    }
}

fn verify_rsa(
    key: &RsaPublic,
    hash: Algorithm,
    scheme: Scheme,
    message: &[u8],
    signature: &[u8],
) -> Result<bool, Failure> {
    let usual = match (hash, scheme) {
        (Algorithm::Sha1, Scheme::Pkcs1) => Some(&fast::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY),
        (Algorithm::Sha256, Scheme::Pkcs1) => Some(&fast::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY),
        (Algorithm::Sha512, Scheme::Pkcs1) => Some(&fast::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY),
        (Algorithm::Sha384, Scheme::Pkcs1) => Some(&fast::RSA_PKCS1_2048_8192_SHA384),
        (Algorithm::Sha256, Scheme::Pss(_)) => Some(&fast::RSA_PSS_2048_8192_SHA256),
        (Algorithm::Sha384, Scheme::Pss(_)) => Some(&fast::RSA_PSS_2048_8192_SHA384),
        (Algorithm::Sha512, Scheme::Pss(_)) => Some(&fast::RSA_PSS_2048_8192_SHA512),
        _ => None,
    };
    // Its salt is as long as the hash.
    let is_usual = match scheme {
        Scheme::Pkcs1 => true,
        Scheme::Pss(salt) => salt.is_none_or(|salt| salt == hash.length()),
    };
    if let Some(usual) = usual.filter(|_| is_usual) {
        let parts = fast::RsaPublicKeyComponents { n: &key.n, e: &key.e };
        if parts.verify(usual, message, signature).is_ok() {
            return Ok(true);
        }
    }
    let hashed = digest(hash, message, None)?;
    match scheme {
        Scheme::Pkcs1 => Ok(key.engine()?.verify(pkcs1(hash)?, &hashed, signature).is_ok()),
        Scheme::Pss(salt) => pss::verify(key, hash, &hashed, salt, signature),
    }
}

/// The padding, with the hash's DigestInfo (RFC 8017, 9.2, note 1).
fn pkcs1(hash: Algorithm) -> Result<rsa::Pkcs1v15Sign, Failure> {
    let oid = ObjectIdentifier::new_unwrap(match hash {
        Algorithm::Md5 => "1.2.840.113549.2.5",
        Algorithm::Ripemd160 => "1.3.36.3.2.1",
        Algorithm::Sha1 => "1.3.14.3.2.26",
        Algorithm::Sha224 => "2.16.840.1.101.3.4.2.4",
        Algorithm::Sha256 => "2.16.840.1.101.3.4.2.1",
        Algorithm::Sha384 => "2.16.840.1.101.3.4.2.2",
        Algorithm::Sha512 => "2.16.840.1.101.3.4.2.3",
        Algorithm::Sha512_224 => "2.16.840.1.101.3.4.2.5",
        Algorithm::Sha512_256 => "2.16.840.1.101.3.4.2.6",
        Algorithm::Sha3_224 => "2.16.840.1.101.3.4.2.7",
        Algorithm::Sha3_256 => "2.16.840.1.101.3.4.2.8",
        Algorithm::Sha3_384 => "2.16.840.1.101.3.4.2.9",
        Algorithm::Sha3_512 => "2.16.840.1.101.3.4.2.10",
        Algorithm::Blake2b512 | Algorithm::Blake2s256 | Algorithm::Shake128 | Algorithm::Shake256 => {
            return Err(Failure::Unsupported);
        }
    });
    let oid = oid.to_der().map_err(|_| Failure::Invalid)?;
    let length = hash.length();
    let (inner, all) = (oid.len() + 2, oid.len() + 6 + length);
    let mut prefix = vec![0x30, all as u8, 0x30, inner as u8];
    prefix.extend(oid);
    prefix.extend([5, 0, 4, length as u8]);
    Ok(rsa::Pkcs1v15Sign {
        hash_len: Some(length),
        prefix: prefix.into(),
    })
}

fn sign_ec(curve: Curve, secret: &[u8], point: &[u8], hash: Algorithm, message: &[u8]) -> Result<Vec<u8>, Failure> {
    let usual = match (curve, hash) {
        (Curve::P256, Algorithm::Sha256) => Some(&fast::ECDSA_P256_SHA256_FIXED_SIGNING),
        (Curve::P384, Algorithm::Sha384) => Some(&fast::ECDSA_P384_SHA384_FIXED_SIGNING),
        _ => None,
    };
    if let Some(usual) = usual {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_private_key_and_public_key(usual, secret, point, &random);
        let signature = pair.map_err(|_| Failure::Invalid)?.sign(&random, message);
        return Ok(signature.map_err(|_| Failure::Invalid)?.as_ref().to_vec());
    }
    let hashed = prehash(curve, hash, message)?;
    with_curve!(curve, ec => {
        let secret = ec::SecretKey::from_slice(secret).map_err(|_| Failure::Invalid)?;
        let secret = secret.to_nonzero_scalar();
        let hashed = ec::FieldBytes::clone_from_slice(&hashed);
        let once = ec::Scalar::random(&mut OsRng);
        let (signature, _) = secret.try_sign_prehashed(once, &hashed).map_err(|_| Failure::Invalid)?;
        Ok(signature.to_bytes().to_vec())
    })
}

fn verify_ec(curve: Curve, point: &[u8], hash: Algorithm, message: &[u8], signature: &[u8]) -> bool {
    let usual = match (curve, hash) {
        (Curve::P256, Algorithm::Sha256) => Some(&fast::ECDSA_P256_SHA256_FIXED),
        (Curve::P384, Algorithm::Sha384) => Some(&fast::ECDSA_P384_SHA384_FIXED),
        _ => None,
    };
    if let Some(usual) = usual {
        return UnparsedPublicKey::new(usual, point).verify(message, signature).is_ok();
    }
    let Ok(hashed) = prehash(curve, hash, message) else {
        return false;
    };
    with_curve!(curve, ec => {
        let point = ec::PublicKey::from_sec1_bytes(point);
        let signature = ec::ecdsa::Signature::from_slice(signature);
        let (Ok(point), Ok(signature)) = (point, signature) else {
            return false;
        };
        // secp256k1 takes one of the two that are signatures.
        let signature = signature.normalize_s().unwrap_or(signature);
        let hashed = ec::FieldBytes::clone_from_slice(&hashed);
        point.as_affine().verify_prehashed(&hashed, &signature).is_ok()
    })
}

/// The leftmost bits of the digest, as a number of the curve's length (FIPS 186-5, 6.4.1).
fn prehash(curve: Curve, hash: Algorithm, message: &[u8]) -> Result<Vec<u8>, Failure> {
    let hashed = digest(hash, message, None)?;
    let length = curve.length();
    match hashed.len() > length {
        true => Ok(hashed[..length].to_vec()),
        false => Ok([vec![0; length - hashed.len()], hashed].concat()),
    }
}

fn to_der(signature: &[u8]) -> Result<Vec<u8>, Failure> {
    let (r, s) = signature.split_at(signature.len() / 2);
    let mut numbers = Vec::new();
    for number in [r, s] {
        let number = UintRef::new(number).and_then(|number| number.to_der());
        numbers.extend(number.map_err(|_| Failure::Invalid)?);
    }
    let length = u8::try_from(numbers.len()).map_err(|_| Failure::Invalid)?;
    let mut der = vec![0x30];
    if length >= 0x80 {
        der.push(0x81);
    }
    der.push(length);
    der.extend(numbers);
    Ok(der)
}

fn of_der(der: &[u8], length: usize) -> Result<Vec<u8>, Failure> {
    let read = || {
        let mut reader = SliceReader::new(der)?;
        let numbers: [UintRef<'_>; 2] =
            reader.sequence(|inner| Ok([UintRef::decode(inner)?, UintRef::decode(inner)?]))?;
        reader.finish(numbers)
    };
    let [r, s] = read().map_err(|_: pkcs8::der::Error| Failure::Invalid)?;
    Ok([padded(r.as_bytes(), length)?, padded(s.as_bytes(), length)?].concat())
}
