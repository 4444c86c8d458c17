//! Certificates that are trusted because somebody named them.

use crate::failure::Failure;
use crate::pem;
use rustls::pki_types::{CertificateDer, TrustAnchor};
use std::collections::HashSet;
use std::fmt;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Version;

/// Roots, parsed once and shared.
#[derive(Default)]
pub struct Roots {
    /// All of them: a peer may have one as its own certificate.
    certificates: HashSet<CertificateDer<'static>>,
    /// Of those that may vouch for others.
    anchors: Vec<TrustAnchor<'static>>,
    /// From when to when each anchor is valid, in seconds since 1970, in the same order.
    validity: Vec<(i64, i64)>,
}

impl Roots {
    /// What can be read of a bundle: PEM, or DER one after another. One certificate that cannot be read is no reason to do
    /// without the others.
    pub fn of_bundle(bytes: &[u8]) -> Roots {
        let mut roots = Roots::default();
        let found = match pem::is_text(bytes) {
            true => pem::split(bytes).into_iter().map(CertificateDer::from).collect(),
            false => pem::certificates(bytes).unwrap_or_default(),
        };
        for certificate in found {
            roots.add(certificate);
        }
        roots
    }

    /// Those of lists that a user has named.
    ///
    /// # Errors
    ///
    /// A list has none, or one that cannot be read.
    pub(crate) fn named(lists: &[Vec<u8>]) -> Result<Roots, Failure> {
        let mut roots = Roots::default();
        for list in lists {
            for certificate in pem::certificates(list)? {
                if !roots.add(certificate) {
                    return Err(Failure::new("bad certificate among the roots"));
                }
            }
        }
        Ok(roots)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.certificates.len()
    }

    /// Whether nothing is trusted.
    pub fn is_empty(&self) -> bool {
        self.certificates.is_empty()
    }

    fn add(&mut self, certificate: CertificateDer<'static>) -> bool {
        let Ok((_, parsed)) = X509Certificate::from_der(&certificate) else {
            return false;
        };
        // What is trusted itself need not be trusted with others.
        if is_authority(&parsed) {
            let Ok(anchor) = webpki::anchor_from_trusted_cert(&certificate) else {
                return false;
            };
            let validity = parsed.validity();
            self.validity
                .push((validity.not_before.timestamp(), validity.not_after.timestamp()));
            self.anchors.push(anchor.to_owned());
        }
        self.certificates.insert(certificate);
        true
    }

    pub(crate) fn contain(&self, certificate: &CertificateDer<'_>) -> bool {
        self.certificates.contains(certificate)
    }

    pub(crate) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }

    /// From when to when an anchor is valid.
    pub(crate) fn validity(&self, anchor: &TrustAnchor<'_>) -> Option<(i64, i64)> {
        let same = |own: &TrustAnchor<'_>| {
            own.subject_public_key_info == anchor.subject_public_key_info && own.subject == anchor.subject
        };
        // One that was made anew for the same key vouches as long as any of them.
        let all = self.anchors.iter().zip(&self.validity).filter(|(own, _)| same(own));
        let all = all.map(|(_, validity)| *validity);
        all.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
    }
}

/// Whether a certificate may sign others, as OpenSSL sees it: X509_check_ca(3).
fn is_authority(certificate: &X509Certificate<'_>) -> bool {
    let usage = certificate.key_usage().ok().flatten();
    if usage.as_ref().is_some_and(|usage| !usage.value.key_cert_sign()) {
        return false;
    }
    match certificate.basic_constraints() {
        Ok(Some(constraints)) => constraints.value.ca,
        Ok(None) if certificate.version() == X509Version::V1 => certificate.subject() == certificate.issuer(),
        Ok(None) => usage.is_some(),
        Err(_) => false,
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roots({})", self.len())
    }
}
