//! A certificate of our own, and its key.

use crate::failure::Failure;
use crate::key;
use crate::pem;
use crate::provider::provider;
use rustls::sign::CertifiedKey;
use std::sync::Arc;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

/// What a session shows and proves who it is by.
#[derive(Clone, Default)]
pub struct Identity {
    /// PEM or DER: the certificate, and those between it and the root.
    pub certificates: Vec<u8>,
    /// PEM or DER: PKCS #8, PKCS #1 or SEC 1.
    pub key: Vec<u8>,
    /// Of an encrypted key.
    pub password: Option<Vec<u8>>,
}

/// Whether certificate and key belong together and can be used.
///
/// # Errors
///
/// `key values mismatch`, or what cannot be read, in OpenSSL's words.
pub fn check(identity: &Identity) -> Result<(), Failure> {
    load(identity).map(drop)
}

pub(crate) fn load(identity: &Identity) -> Result<Arc<CertifiedKey>, Failure> {
    let certificates = pem::certificates(&identity.certificates)?;
    let key = key::load(&identity.key, identity.password.as_deref())?;
    let key = provider().key_provider.load_private_key(key);
    let key = key.map_err(|_| Failure::new("unsupported private key"))?;
    // rustls reads no certificate of version 1, which `openssl x509 -req` makes.
    let first = certificates.first().map_or(&[][..], |first| first);
    let (_, leaf) = X509Certificate::from_der(first).map_err(|_| Failure::new("bad certificate"))?;
    if key
        .public_key()
        .is_some_and(|public| public.as_ref() != leaf.public_key().raw)
    {
        return Err(Failure::new("key values mismatch"));
    }
    Ok(Arc::new(CertifiedKey::new(certificates, key)))
}
