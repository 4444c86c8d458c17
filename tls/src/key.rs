//! Private keys: PKCS #8 (RFC 5958), PKCS #1 (RFC 8017) and SEC 1 (RFC 5915), and their encryption (PBES2, RFC 8018).

use crate::der;
use crate::failure::Failure;
use crate::pem;
use pkcs5::EncryptionScheme;
use pkcs5::pbes2::Kdf;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};

/// Most rounds of PBKDF2, and most memory of scrypt in bytes: some seconds' work. OpenSSL writes 2,048 rounds.
const ROUNDS: u32 = 2_000_000;
const MEMORY: u128 = 256 << 20;

/// The key of a text, or of DER.
///
/// # Errors
///
/// There is none, it cannot be read, or it is encrypted and the password is missing or wrong.
pub(crate) fn load(bytes: &[u8], password: Option<&[u8]>) -> Result<PrivateKeyDer<'static>, Failure> {
    if !pem::is_text(bytes) {
        let inner = der::element(bytes).and_then(|outer| der::element(outer.content));
        // An encrypted key begins with how it is encrypted, others with their version.
        if inner.is_some_and(|first| first.tag == der::SEQUENCE) {
            return decrypt(bytes, password);
        }
        let key = PrivateKeyDer::try_from(bytes).map_err(|_| Failure::new("unsupported private key"))?;
        return Ok(key.clone_key());
    }
    for section in pem::sections(bytes) {
        let is_key = section.label.ends_with("PRIVATE KEY");
        if !is_key {
            continue;
        }
        if section.is_encrypted {
            return Err(Failure::new(
                "unsupported encryption of the key: `openssl pkcs8 -topk8` writes it in one that can be read",
            ));
        }
        let der = section.der.ok_or_else(|| Failure::new("bad base64 decode"))?;
        return match section.label.as_str() {
            "PRIVATE KEY" => Ok(PrivatePkcs8KeyDer::from(der).into()),
            "RSA PRIVATE KEY" => Ok(PrivatePkcs1KeyDer::from(der).into()),
            "EC PRIVATE KEY" => Ok(PrivateSec1KeyDer::from(der).into()),
            "ENCRYPTED PRIVATE KEY" => decrypt(&der, password),
            _ => Err(Failure::new("unsupported private key")),
        };
    }
    Err(Failure::new("no start line"))
}

/// `EncryptedPrivateKeyInfo` (RFC 5958, 3).
fn decrypt(bytes: &[u8], password: Option<&[u8]>) -> Result<PrivateKeyDer<'static>, Failure> {
    let unsupported = || Failure::new("unsupported encryption of the key");
    let password = password.ok_or_else(|| Failure::new("bad password read"))?;
    let parts = der::element(bytes).and_then(|outer| {
        let mut parts = der::elements(outer.content);
        Some((parts.next()?, parts.next()?))
    });
    let (scheme, sealed) = parts
        .filter(|(_, sealed)| sealed.tag == der::OCTETS)
        .ok_or_else(unsupported)?;
    let scheme = EncryptionScheme::try_from(scheme.whole).map_err(|_| unsupported())?;
    let is_bounded = match scheme.pbes2().map(|parameters| &parameters.kdf) {
        Some(Kdf::Pbkdf2(parameters)) => parameters.iteration_count <= ROUNDS,
        Some(Kdf::Scrypt(parameters)) => {
            let [n, r, p] = [
                u128::from(parameters.cost_parameter),
                u128::from(parameters.block_size),
                u128::from(parameters.parallelization),
            ];
            // Each of the lanes takes as long as one.
            (n + p).saturating_mul(128 * r) <= MEMORY && p <= 16
        }
        _ => return Err(unsupported()),
    };
    if !is_bounded {
        return Err(unsupported());
    }
    let bad = || Failure::new("bad decrypt");
    let der = scheme.decrypt(password, sealed.content).map_err(|error| match error {
        pkcs5::Error::DecryptFailed | pkcs5::Error::EncryptFailed => bad(),
        _ => unsupported(),
    })?;
    // A wrong password leaves a good padding once in 256 times.
    match der::element(&der) {
        Some(element) if element.tag == der::SEQUENCE => Ok(PrivatePkcs8KeyDer::from(der).into()),
        _ => Err(bad()),
    }
}
