//! Puts the judge into rustls, for servers' and for clients' certificates.
//!
//! That a peer has the key of its certificate is always checked, whatever else is.

use crate::judge::{Chain, Judge, Purpose};
use crate::settings::Verify;
use crate::verification as code;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature, verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use std::cell::Cell;
use std::sync::Arc;
use webpki::{EndEntityCert, RawPublicKeyEntity};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

thread_local! {
    // rustls has kinds of errors for alerts, but no place for a code, and calls verifiers on the caller's thread.
    static REFUSED: Cell<Option<u16>> = const { Cell::new(None) };
}

/// Why this thread's last handshake was refused, once.
pub(crate) fn take_refused() -> Option<u16> {
    REFUSED.take()
}

#[derive(Debug)]
pub(crate) struct Verifier {
    pub(crate) judge: Arc<Judge>,
    pub(crate) verify: Verify,
    /// Clients have to have a certificate.
    pub(crate) is_mandatory: bool,
    /// Authorities whose certificates clients are asked for.
    pub(crate) hints: Vec<DistinguishedName>,
    pub(crate) algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    fn judge(&self, chain: Chain<'_>, name: Option<&ServerName<'_>>, now: UnixTime) -> Result<(), Error> {
        if self.verify == Verify::None {
            return Ok(());
        }
        self.judge.judge(chain, name, now).map_err(|code| {
            REFUSED.set(Some(code));
            Error::InvalidCertificate(kind(code))
        })
    }

    fn tls12(&self, message: &[u8], certificate: &CertificateDer<'_>, signed: &DigitallySignedStruct) -> Signature {
        let Some(key) = key_of_version_1(certificate) else {
            return verify_tls12_signature(message, certificate, signed, &self.algorithms);
        };
        let bad = || Error::InvalidCertificate(CertificateError::BadSignature);
        let key = RawPublicKeyEntity::try_from(&key).map_err(|_| bad())?;
        let mut mapping = self.algorithms.mapping.iter();
        let known = mapping.find(|(scheme, _)| *scheme == signed.scheme);
        let mut known = known.map_or(&[][..], |(_, known)| known).iter();
        let verified = known.any(|known| key.verify_signature(*known, message, signed.signature()).is_ok());
        verified.then(HandshakeSignatureValid::assertion).ok_or_else(bad)
    }

    fn tls13(&self, message: &[u8], certificate: &CertificateDer<'_>, signed: &DigitallySignedStruct) -> Signature {
        match key_of_version_1(certificate) {
            Some(key) => verify_tls13_signature_with_raw_key(message, &key, signed, &self.algorithms),
            None => verify_tls13_signature(message, certificate, signed, &self.algorithms),
        }
    }
}

type Signature = Result<HandshakeSignatureValid, Error>;

/// The key of a certificate of version 1, which webpki reads nothing of.
fn key_of_version_1(certificate: &CertificateDer<'_>) -> Option<SubjectPublicKeyInfoDer<'static>> {
    match EndEntityCert::try_from(certificate) {
        Err(webpki::Error::UnsupportedCertVersion) => {
            let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
            Some(parsed.public_key().raw.to_vec().into())
        }
        _ => None,
    }
}

/// The kind of error whose alert is the one that fits a code (RFC 8446, 6.2).
fn kind(code: u16) -> CertificateError {
    match code {
        code::EXPIRED | code::NOT_YET_VALID => CertificateError::Expired,
        code::SELF_SIGNED
        | code::SELF_SIGNED_IN_CHAIN
        | code::UNKNOWN_ISSUER
        | code::TOO_LONG
        | code::PATH_LENGTH
        | code::NO_AUTHORITY => CertificateError::UnknownIssuer,
        code::HOSTNAME | code::ADDRESS => CertificateError::NotValidForName,
        code::SIGNATURE => CertificateError::BadSignature,
        code::PURPOSE => CertificateError::InvalidPurpose,
        _ => CertificateError::BadEncoding,
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = Chain {
            leaf,
            others,
            purpose: Purpose::Server,
        };
        let name = (self.verify == Verify::Full).then_some(name);
        self.judge(chain, name, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Signature {
        self.tls12(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Signature {
        self.tls13(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.is_mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let chain = Chain {
            leaf,
            others,
            purpose: Purpose::Client,
        };
        self.judge(chain, None, now)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Signature {
        self.tls12(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Signature {
        self.tls13(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
