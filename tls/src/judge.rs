//! Whether a chain of certificates is to be trusted: RFC 5280, with the answers of OpenSSL.
//!
//! webpki builds paths. Three kinds of certificates that developers' servers have are none of its business, and are looked at
//! here: one that is named as a root itself, and, directly below a root, one with `CA:TRUE` or of version 1. A root need not
//! have signed itself (OpenSSL's `X509_V_FLAG_PARTIAL_CHAIN`).

use crate::der;
use crate::roots::Roots;
use crate::verification as code;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use webpki::{EndEntityCert, Error, KeyUsage, RawPublicKeyEntity, VerifiedPath, spki_for_anchor};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer;

/// What a certificate has to be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Server,
    Client,
}

/// Knows roots.
pub(crate) struct Judge {
    pub(crate) named: Roots,
    pub(crate) system: Option<Arc<Roots>>,
    pub(crate) algorithms: WebPkiSupportedAlgorithms,
}

/// A peer's certificates.
#[derive(Clone, Copy)]
pub(crate) struct Chain<'a> {
    pub(crate) leaf: &'a CertificateDer<'a>,
    pub(crate) others: &'a [CertificateDer<'a>],
    pub(crate) purpose: Purpose,
}

type Verdict = Result<(), u16>;

impl Judge {
    /// Whether a root vouches for the peer at this time, and where there is a name, whether the certificate is for it. The error
    /// is a code, of the fault that OpenSSL finds first: in the chain, the name, the dates.
    pub(crate) fn judge(&self, chain: Chain<'_>, name: Option<&ServerName<'_>>, now: UnixTime) -> Verdict {
        let (_, leaf) = X509Certificate::from_der(chain.leaf).map_err(|_| code::UNSPECIFIED)?;
        let mut verdict = self.trusted(chain, &leaf, now);
        let is_late = matches!(verdict, Err(code::EXPIRED | code::NOT_YET_VALID));
        if let (true, Ok(end)) = (is_late, u64::try_from(leaf.validity().not_after.timestamp())) {
            let earlier = UnixTime::since_unix_epoch(Duration::from_secs(end.saturating_sub(1)));
            match self.trusted(chain, &leaf, earlier) {
                Ok(()) | Err(code::EXPIRED | code::NOT_YET_VALID) => {}
                worse => verdict = worse,
            }
        }
        match verdict {
            Ok(()) | Err(code::EXPIRED | code::NOT_YET_VALID) => {
                name.map_or(Ok(()), |name| is_for(chain.leaf, name))?;
                verdict
            }
            worse => worse,
        }
    }

    fn roots(&self) -> impl Iterator<Item = &Roots> {
        std::iter::once(&self.named).chain(self.system.as_deref())
    }

    fn trusted(&self, chain: Chain<'_>, leaf: &X509Certificate<'_>, now: UnixTime) -> Verdict {
        if self.roots().any(|roots| roots.contain(chain.leaf)) {
            // OpenSSL looks no further: the user has named exactly this one.
            return usable(leaf, chain.purpose, now);
        }
        let usage = match chain.purpose {
            Purpose::Server => KeyUsage::server_auth(),
            Purpose::Client => KeyUsage::client_auth(),
        };
        let mut verdict = Err(Error::UnknownIssuer);
        match EndEntityCert::try_from(chain.leaf) {
            Ok(entity) => {
                for roots in self.roots() {
                    let is_now = |path: &VerifiedPath<'_>| in_time(roots.validity(path.anchor()), now);
                    let found = entity.verify_for_usage(
                        self.algorithms.all,
                        roots.anchors(),
                        chain.others,
                        now,
                        usage,
                        None,
                        Some(&is_now),
                    );
                    verdict = match (found, verdict) {
                        (Ok(_), _) => return usable(leaf, chain.purpose, now),
                        (Err(Error::UnknownIssuer), before) => before,
                        (Err(error), _) => Err(error),
                    };
                }
            }
            Err(error) => verdict = Err(error),
        }
        match verdict {
            Err(Error::CaUsedAsEndEntity | Error::UnsupportedCertVersion) => self.below_a_root(chain, leaf, now),
            Err(error) => Err(code_of(&error, chain, leaf)),
            Ok(()) => Ok(()),
        }
    }

    /// What a root has signed, whatever the certificate says of itself: nothing is between them.
    fn below_a_root(&self, chain: Chain<'_>, leaf: &X509Certificate<'_>, now: UnixTime) -> Verdict {
        let issuer = der::element(leaf.issuer().as_raw()).map(|name| name.content);
        let signed = der::element(chain.leaf).and_then(|outer| {
            let mut parts = der::elements(outer.content);
            Some((parts.next()?.whole, parts.next()?.content))
        });
        let (Some(issuer), Some((body, algorithm))) = (issuer, signed) else {
            return Err(code::UNSPECIFIED);
        };
        let signature = &leaf.signature_value.data;
        let has_signed = |anchor: &TrustAnchor<'_>| {
            let key = spki_for_anchor(anchor);
            let Ok(key) = RawPublicKeyEntity::try_from(&key) else {
                return false;
            };
            let mut known = self.algorithms.all.iter();
            known.any(|known| {
                known.signature_alg_id().as_ref() == algorithm && key.verify_signature(*known, body, signature).is_ok()
            })
        };
        for roots in self.roots() {
            for anchor in roots.anchors() {
                if &*anchor.subject != issuer || !has_signed(anchor) {
                    continue;
                }
                if anchor.name_constraints.is_some() {
                    return Err(code::NOT_PERMITTED);
                }
                usable(leaf, chain.purpose, now)?;
                return in_time(roots.validity(anchor), now).map_err(|error| code_of(&error, chain, leaf));
            }
        }
        Err(unknown(chain, leaf))
    }
}

/// Whether a certificate may be used for this, now: what webpki does not look at, or has not.
fn usable(leaf: &X509Certificate<'_>, purpose: Purpose, now: UnixTime) -> Verdict {
    let unknown = |extension: &x509_parser::extensions::X509Extension<'_>| {
        let parsed = extension.parsed_extension();
        extension.critical
            && matches!(
                parsed,
                ParsedExtension::UnsupportedExtension { .. } | ParsedExtension::ParseError { .. }
            )
    };
    if leaf.extensions().iter().any(unknown) {
        return Err(code::CRITICAL);
    }
    let extended = leaf.extended_key_usage().map_err(|_| code::UNSPECIFIED)?;
    let is_extended = extended.is_none_or(|usage| match purpose {
        Purpose::Server => usage.value.server_auth,
        Purpose::Client => usage.value.client_auth,
    });
    let usage = leaf.key_usage().map_err(|_| code::UNSPECIFIED)?;
    // X509_check_purpose(3): X509_PURPOSE_SSL_SERVER and X509_PURPOSE_SSL_CLIENT.
    let is_usable = usage.is_none_or(|usage| {
        let for_both = usage.value.digital_signature() || usage.value.key_agreement();
        for_both || (purpose == Purpose::Server && usage.value.key_encipherment())
    });
    if !is_extended || !is_usable {
        return Err(code::PURPOSE);
    }
    let validity = leaf.validity();
    let validity = (validity.not_before.timestamp(), validity.not_after.timestamp());
    in_time(Some(validity), now).map_err(|error| match error {
        Error::CertNotValidYet { .. } => code::NOT_YET_VALID,
        _ => code::EXPIRED,
    })
}

fn in_time(validity: Option<(i64, i64)>, now: UnixTime) -> Result<(), Error> {
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    match validity {
        Some((begin, _)) if seconds < begin => Err(Error::CertNotValidYet {
            time: now,
            not_before: now,
        }),
        Some((_, end)) if seconds > end => Err(Error::CertExpired {
            time: now,
            not_after: now,
        }),
        _ => Ok(()),
    }
}

/// Whether a certificate is for a name (RFC 9525): subject alternative names alone.
fn is_for(leaf: &CertificateDer<'_>, name: &ServerName<'_>) -> Verdict {
    let fits = EndEntityCert::try_from(leaf).is_ok_and(|entity| entity.verify_is_valid_for_subject_name(name).is_ok());
    match (fits, name) {
        (true, _) => Ok(()),
        (false, ServerName::IpAddress(_)) => Err(code::ADDRESS),
        (false, _) => Err(code::HOSTNAME),
    }
}

fn code_of(error: &Error, chain: Chain<'_>, leaf: &X509Certificate<'_>) -> u16 {
    match error {
        Error::CertExpired { .. } | Error::InvalidCertValidity => code::EXPIRED,
        Error::CertNotValidYet { .. } => code::NOT_YET_VALID,
        Error::UnknownIssuer => unknown(chain, leaf),
        Error::InvalidSignatureForPublicKey if is_self_issued(leaf) => code::SELF_SIGNED,
        Error::InvalidSignatureForPublicKey => code::SIGNATURE,
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => code::PURPOSE,
        Error::EndEntityUsedAsCa => code::NO_AUTHORITY,
        Error::PathLenConstraintViolated => code::PATH_LENGTH,
        Error::NameConstraintViolation => code::NOT_PERMITTED,
        Error::UnsupportedCriticalExtension => code::CRITICAL,
        Error::CertDistrusted => code::REJECTED,
        Error::MaximumPathDepthExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumSignatureChecksExceeded => code::TOO_LONG,
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
        | Error::SignatureAlgorithmMismatch => code::WEAK_SIGNATURE,
        _ => code::UNSPECIFIED,
    }
}

fn is_self_issued(certificate: &X509Certificate<'_>) -> bool {
    certificate.subject().as_raw() == certificate.issuer().as_raw()
}

/// Which of three codes it is that nobody known has signed.
fn unknown(chain: Chain<'_>, leaf: &X509Certificate<'_>) -> u16 {
    if is_self_issued(leaf) {
        return code::SELF_SIGNED;
    }
    let parsed = |der| X509Certificate::from_der(der).ok().map(|(_, certificate)| certificate);
    let mut others: Vec<_> = chain.others.iter().filter_map(|der| parsed(der)).collect();
    let mut issuer = leaf.issuer().as_raw().to_vec();
    while let Some(next) = others.iter().position(|other| other.subject().as_raw() == issuer) {
        // Each is passed once, so a circle ends.
        let next = others.swap_remove(next);
        if is_self_issued(&next) {
            return code::SELF_SIGNED_IN_CHAIN;
        }
        issuer = next.issuer().as_raw().to_vec();
    }
    code::UNKNOWN_ISSUER
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Judge({:?}, {:?})", self.named, self.system)
    }
}
