//! Keys as bytes: PKCS #8 (RFC 5958), SubjectPublicKeyInfo (RFC 5280, 4.1.2.7), PKCS #1 (RFC 8017) and SEC 1 (RFC 5915), each as DER or
//! PEM.

use super::curve::Curve;
use super::rsa::{RsaPrivate, RsaPublic};
use super::{Key, Private, Public, pem};
use crate::Failure;
use pkcs8::der::asn1::{BitStringRef, OctetStringRef};
use pkcs8::der::{AnyRef, Decode, Encode};
use pkcs8::pkcs5::pbes2;
use pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use pkcs8::{EncryptedPrivateKeyInfo, ObjectIdentifier, PrivateKeyInfo};
use sec1::{EcParameters, EcPrivateKey};

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");
/// Longest key, in bytes.
const LONGEST: usize = 1 << 20;
/// Of what encrypts a key: what reading one may cost.
const ROUNDS: u32 = 10_000_000;
/// As OpenSSL writes them.
const OWN_ROUNDS: u32 = 2048;

/// How a key is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Form {
    Pkcs1,
    Pkcs8,
    Sec1,
    Spki,
}

/// What encrypts a key.
pub struct Lock<'a> {
    /// Bytes of AES's key: 16 or 32.
    pub key: usize,
    #[expect(missing_docs, reason = "the name says it")]
    pub password: &'a [u8],
}

impl Key {
    /// Reads PEM.
    ///
    /// # Errors
    ///
    /// There is no key, or none of a known kind; [`Failure::Locked`] and [`Failure::Mismatch`] of one that is encrypted.
    pub fn read_pem(text: &[u8], password: Option<&[u8]>) -> Result<Key, Failure> {
        if text.len() > LONGEST {
            return Err(Failure::Limit);
        }
        let (label, der) = pem::read(text, password)?;
        match label.as_str() {
            "PRIVATE KEY" | "ENCRYPTED PRIVATE KEY" => Key::read(Form::Pkcs8, &der, password),
            "PUBLIC KEY" => Key::read(Form::Spki, &der, None),
            "RSA PRIVATE KEY" => Ok(Key::Private(Private::Rsa(Box::new(RsaPrivate::read(&der)?)))),
            "RSA PUBLIC KEY" => Ok(Key::Public(Public::Rsa(RsaPublic::read(&der)?))),
            "EC PRIVATE KEY" => Key::read(Form::Sec1, &der, None),
            _ => Err(Failure::Unsupported),
        }
    }

    /// Reads DER.
    ///
    /// # Errors
    ///
    /// As of [`Key::read_pem`].
    pub fn read(form: Form, der: &[u8], password: Option<&[u8]>) -> Result<Key, Failure> {
        if der.len() > LONGEST {
            return Err(Failure::Limit);
        }
        match form {
            Form::Spki => read_spki(der).map(Key::Public),
            Form::Sec1 => read_sec1(der, None).map(Key::Private),
            Form::Pkcs1 => match RsaPublic::read(der) {
                Ok(key) => Ok(Key::Public(Public::Rsa(key))),
                Err(_) => Ok(Key::Private(Private::Rsa(Box::new(RsaPrivate::read(der)?)))),
            },
            Form::Pkcs8 => match EncryptedPrivateKeyInfo::try_from(der) {
                Ok(locked) => {
                    let opened = unlock(&locked, password.ok_or(Failure::Locked)?)?;
                    read_pkcs8(&opened).map(Key::Private)
                }
                Err(_) => read_pkcs8(der).map(Key::Private),
            },
        }
    }

    /// Writes DER.
    ///
    /// # Errors
    ///
    /// A key of this kind has not this form, or only PKCS #8 can be encrypted so.
    pub fn write(&self, form: Form, lock: Option<&Lock<'_>>) -> Result<Vec<u8>, Failure> {
        match (self, form) {
            (Key::Private(key), Form::Pkcs8) => {
                let plain = write_pkcs8(key)?;
                lock.map_or(Ok(plain.clone()), |lock| locked(&plain, lock))
            }
            _ if lock.is_some() => Err(Failure::Unsupported),
            (Key::Private(Private::Rsa(key)), Form::Pkcs1) => key.write(),
            (Key::Private(Private::Ec(curve, secret, point)), Form::Sec1) => write_sec1(Some(*curve), secret, point),
            (Key::Public(Public::Rsa(key)), Form::Pkcs1) => key.write(),
            (Key::Public(key), Form::Spki) => write_spki(key),
            _ => Err(Failure::Unsupported),
        }
    }

    /// Writes PEM.
    ///
    /// # Errors
    ///
    /// As of [`Key::write`].
    pub fn write_pem(&self, form: Form, lock: Option<&Lock<'_>>) -> Result<Vec<u8>, Failure> {
        let label = match (self, form) {
            (Key::Private(_), Form::Pkcs8) if lock.is_some() => "ENCRYPTED PRIVATE KEY",
            (Key::Private(_), Form::Pkcs8) => "PRIVATE KEY",
            (Key::Private(_), Form::Pkcs1) => "RSA PRIVATE KEY",
            (Key::Private(_), Form::Sec1) => "EC PRIVATE KEY",
            (Key::Public(_), Form::Pkcs1) => "RSA PUBLIC KEY",
            _ => "PUBLIC KEY",
        };
        pem::write(label, &self.write(form, lock)?)
    }
}

fn invalid<E>(_: E) -> Failure {
    Failure::Invalid
}

fn read_spki(der: &[u8]) -> Result<Public, Failure> {
    let key = SubjectPublicKeyInfoRef::try_from(der).map_err(invalid)?;
    let bits = key.subject_public_key.as_bytes().ok_or(Failure::Invalid)?;
    match key.algorithm.oid {
        RSA => Ok(Public::Rsa(RsaPublic::read(bits)?)),
        EC => {
            let curve = curve_of(&key.algorithm)?;
            Ok(Public::Ec(curve, curve.point(bits)?))
        }
        ED25519 => Ok(Public::Ed25519(bits.try_into().map_err(invalid)?)),
        X25519 => Ok(Public::X25519(bits.try_into().map_err(invalid)?)),
        _ => Err(Failure::Unsupported),
    }
}

fn write_spki(key: &Public) -> Result<Vec<u8>, Failure> {
    let (bits, oid, curve) = match key {
        Public::Rsa(key) => (key.write()?, RSA, None),
        Public::Ec(curve, point) => (point.clone(), EC, Some(curve.oid())),
        Public::Ed25519(key) => (key.to_vec(), ED25519, None),
        Public::X25519(key) => (key.to_vec(), X25519, None),
    };
    let key = SubjectPublicKeyInfoRef {
        algorithm: algorithm(oid, curve.as_ref()),
        subject_public_key: BitStringRef::from_bytes(&bits).map_err(invalid)?,
    };
    key.to_der().map_err(invalid)
}

fn algorithm(oid: ObjectIdentifier, curve: Option<&ObjectIdentifier>) -> AlgorithmIdentifierRef<'_> {
    let parameters = match oid {
        RSA => Some(AnyRef::NULL),
        _ => curve.map(AnyRef::from),
    };
    AlgorithmIdentifierRef { oid, parameters }
}

fn curve_of(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<Curve, Failure> {
    let oid = algorithm.parameters_oid().map_err(|_| Failure::Unsupported)?;
    Curve::of_oid(oid).ok_or(Failure::Unsupported)
}

fn read_pkcs8(der: &[u8]) -> Result<Private, Failure> {
    let key = PrivateKeyInfo::try_from(der).map_err(invalid)?;
    let inner = || {
        let octets = OctetStringRef::from_der(key.private_key).map_err(invalid)?;
        octets.as_bytes().try_into().map_err(invalid)
    };
    match key.algorithm.oid {
        RSA => Ok(Private::Rsa(Box::new(RsaPrivate::read(key.private_key)?))),
        EC => read_sec1(key.private_key, Some(curve_of(&key.algorithm)?)),
        ED25519 => Ok(Private::Ed25519(inner()?)),
        X25519 => Ok(Private::X25519(inner()?)),
        _ => Err(Failure::Unsupported),
    }
}

fn write_pkcs8(key: &Private) -> Result<Vec<u8>, Failure> {
    let octets = |secret: &[u8; 32]| {
        OctetStringRef::new(secret)
            .and_then(|octets| octets.to_der())
            .map_err(invalid)
    };
    let (inner, oid, curve) = match key {
        Private::Rsa(key) => (key.write()?, RSA, None),
        // The curve is said outside.
        Private::Ec(curve, secret, point) => (write_sec1(None, secret, point)?, EC, Some(curve.oid())),
        Private::Ed25519(seed) => (octets(seed)?, ED25519, None),
        Private::X25519(secret) => (octets(secret)?, X25519, None),
    };
    PrivateKeyInfo::new(algorithm(oid, curve.as_ref()), &inner)
        .to_der()
        .map_err(invalid)
}

fn read_sec1(der: &[u8], outside: Option<Curve>) -> Result<Private, Failure> {
    let key = EcPrivateKey::from_der(der).map_err(invalid)?;
    let named = key.parameters.and_then(|parameters| parameters.named_curve());
    let curve = outside
        .or_else(|| named.and_then(Curve::of_oid))
        .ok_or(Failure::Unsupported)?;
    let secret = curve.secret(key.private_key)?;
    let point = curve.point_of(&secret)?;
    let is_own = key
        .public_key
        .is_none_or(|own| curve.point(own).is_ok_and(|own| own == point));
    if is_own {
        Ok(Private::Ec(curve, secret, point))
    } else {
        Err(Failure::Invalid)
    }
}

fn write_sec1(curve: Option<Curve>, secret: &[u8], point: &[u8]) -> Result<Vec<u8>, Failure> {
    let key = EcPrivateKey {
        private_key: secret,
        parameters: curve.map(|curve| EcParameters::NamedCurve(curve.oid())),
        public_key: Some(point),
    };
    key.to_der().map_err(invalid)
}

/// By PBES2 (RFC 8018, 6.2), whose cost the file chooses.
fn unlock(key: &EncryptedPrivateKeyInfo<'_>, password: &[u8]) -> Result<Vec<u8>, Failure> {
    let parameters = key.encryption_algorithm.pbes2().ok_or(Failure::Unsupported)?;
    let is_cheap = match &parameters.kdf {
        pbes2::Kdf::Pbkdf2(kdf) => kdf.iteration_count <= ROUNDS,
        pbes2::Kdf::Scrypt(kdf) => {
            let memory = 128_u128 * u128::from(kdf.block_size) * u128::from(kdf.cost_parameter);
            memory <= 256 << 20 && memory * u128::from(kdf.parallelization) <= 16 << 30
        }
        _ => return Err(Failure::Unsupported),
    };
    if !is_cheap {
        return Err(Failure::Limit);
    }
    let opened = key.decrypt(password).map_err(|_| Failure::Mismatch)?;
    Ok(opened.as_bytes().to_vec())
}

fn locked(plain: &[u8], lock: &Lock<'_>) -> Result<Vec<u8>, Failure> {
    let (salt, iv): ([u8; 16], [u8; 16]) = (crate::random()?, crate::random()?);
    let parameters = match lock.key {
        16 => pbes2::Parameters::pbkdf2_sha256_aes128cbc(OWN_ROUNDS, &salt, &iv),
        32 => pbes2::Parameters::pbkdf2_sha256_aes256cbc(OWN_ROUNDS, &salt, &iv),
        _ => return Err(Failure::Unsupported),
    };
    let key = PrivateKeyInfo::try_from(plain).map_err(invalid)?;
    let locked = key.encrypt_with_params(parameters.map_err(invalid)?, lock.password);
    Ok(locked.map_err(invalid)?.as_bytes().to_vec())
}
