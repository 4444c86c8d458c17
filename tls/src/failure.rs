//! What failed, in the words of OpenSSL where it has some.

use crate::alert;
use crate::verification;
use rustls::{CertificateError, Error, InvalidMessage, PeerIncompatible};

/// The end of a session, or settings that cannot be used.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    /// The alert that was sent or received (RFC 8446, 6.2).
    pub alert: Option<u8>,
    /// The peer sent that alert.
    pub received: bool,
    /// What was wrong with the peer's certificate: a code of [`verification`].
    pub verification: Option<u16>,
    /// To be sent before the connection is closed: the alert.
    pub to_send: Vec<u8>,
    /// OpenSSL's reason (`ERR_reason_error_string(3)`), without its number; of a certificate, its text follows.
    pub text: String,
}

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Failure {
        Failure {
            text: text.into(),
            ..Failure::default()
        }
    }

    /// Of a session: with the code of the peer's certificate, where that was refused, and what is to be sent.
    pub(crate) fn of(error: &Error, refused: Option<u16>, to_send: Vec<u8>) -> Failure {
        if let Error::AlertReceived(description) = error {
            let received = u8::from(*description);
            return Failure {
                alert: Some(received),
                received: true,
                to_send,
                ..Failure::new(alert::text(received))
            };
        }
        let verification = match error {
            // Of the handshake: the peer does not have the key.
            Error::InvalidCertificate(CertificateError::BadSignature) => refused,
            Error::InvalidCertificate(_) => Some(refused.unwrap_or(verification::UNSPECIFIED)),
            _ => None,
        };
        let text = match verification {
            Some(code) => format!("certificate verify failed: {}", verification::text(code)),
            None => reason(error),
        };
        Failure {
            alert: alert::sent(error, &to_send),
            received: false,
            verification,
            to_send,
            text,
        }
    }
}

/// OpenSSL's reason for what it would have seen, or what rustls says.
fn reason(error: &Error) -> String {
    let known = match error {
        Error::InvalidCertificate(CertificateError::BadSignature) => "bad signature",
        Error::DecryptError => "decryption failed or bad record mac",
        Error::PeerSentOversizedRecord => "packet length too long",
        Error::NoApplicationProtocol => "no application protocol",
        Error::NoCertificatesPresented => "peer did not return a certificate",
        // What answers is no TLS, most often.
        Error::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion) => {
            "wrong version number"
        }
        Error::InvalidMessage(InvalidMessage::MessageTooLarge) => "packet length too long",
        Error::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge) => "excessive message size",
        Error::InvalidMessage(_) => return format!("bad message: {error}"),
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => "unexpected message",
        Error::PeerIncompatible(
            PeerIncompatible::NoCipherSuitesInCommon
            | PeerIncompatible::NoKxGroupsInCommon
            | PeerIncompatible::NoSignatureSchemesInCommon
            | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon,
        ) => "no shared cipher",
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::SupportedVersionsExtensionRequired,
        ) => "unsupported protocol",
        _ => return error.to_string(),
    };
    known.to_owned()
}
