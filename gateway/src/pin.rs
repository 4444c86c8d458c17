//! A pin: what a client knows a hub's certificate by, where no authority has signed it.

use data_encoding::BASE64URL_NOPAD;
use rustls::pki_types::CertificateDer;
use rustls::server::ParsedCertificate;
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use subtle::ConstantTimeEq;

const PREFIX: &str = "sha256:";

/// SHA-256 of a certificate's SubjectPublicKeyInfo (RFC 7469, 2.4), written `sha256:` and base64url without padding: nothing of
/// it needs quotes in a shell. It stays when a certificate is made anew for the same key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pin([u8; 32]);

/// Text that is no pin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no pin: `sha256:` and 43 characters, as `wasmrun hub` prints it")]
pub struct InvalidPin(String);

impl Pin {
    /// Of a certificate.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Pin, rustls::Error> {
        let parsed = ParsedCertificate::try_from(certificate)?;
        Ok(Pin(Sha256::digest(parsed.subject_public_key_info()).into()))
    }

    /// Whether it is the same.
    pub fn is(&self, other: &Pin) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", BASE64URL_NOPAD.encode(&self.0))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Pin {
    type Err = InvalidPin;

    fn from_str(text: &str) -> Result<Pin, InvalidPin> {
        let digest = text
            .strip_prefix(PREFIX)
            .and_then(|text| BASE64URL_NOPAD.decode(text.as_bytes()).ok());
        let digest = digest.and_then(|digest| digest.try_into().ok());
        digest
            .map(Pin)
            .ok_or_else(|| InvalidPin(text.chars().take(64).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_read_as_it_was_written() {
        let pin = Pin([0xfb; 32]);
        assert_eq!(pin.to_string().parse(), Ok(pin));
        assert_eq!(pin.to_string().len(), 7 + 43);
        for wrong in [
            "",
            "sha256:",
            "sha1:AAAA",
            &pin.to_string()[..49],
            &pin.to_string()[7..],
        ] {
            assert!(wrong.parse::<Pin>().is_err(), "{wrong}");
        }
    }
}
