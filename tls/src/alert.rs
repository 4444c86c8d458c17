//! Alerts (RFC 8446, 6): their texts when they are received, and which of them was sent.

use rustls::{AlertDescription, Error, PeerIncompatible};

/// Bytes of a record's header (RFC 8446, 5.1), and its type where it carries an alert.
const HEADER: usize = 5;
const ALERT: u8 = 21;

/// The text of an alert that a peer has sent: the reason that OpenSSL 3.0 gives.
pub fn text(alert: u8) -> &'static str {
    match alert {
        10 => "sslv3 alert unexpected message",
        20 => "sslv3 alert bad record mac",
        21 => "tlsv1 alert decryption failed",
        22 => "tlsv1 alert record overflow",
        30 => "sslv3 alert decompression failure",
        40 => "sslv3 alert handshake failure",
        41 => "sslv3 alert no certificate",
        42 => "sslv3 alert bad certificate",
        43 => "sslv3 alert unsupported certificate",
        44 => "sslv3 alert certificate revoked",
        45 => "sslv3 alert certificate expired",
        46 => "sslv3 alert certificate unknown",
        47 => "sslv3 alert illegal parameter",
        48 => "tlsv1 alert unknown ca",
        49 => "tlsv1 alert access denied",
        50 => "tlsv1 alert decode error",
        51 => "tlsv1 alert decrypt error",
        60 => "tlsv1 alert export restriction",
        70 => "tlsv1 alert protocol version",
        71 => "tlsv1 alert insufficient security",
        80 => "tlsv1 alert internal error",
        86 => "tlsv1 alert inappropriate fallback",
        90 => "tlsv1 alert user cancelled",
        100 => "tlsv1 alert no renegotiation",
        109 => "tlsv13 alert missing extension",
        110 => "tlsv1 unsupported extension",
        111 => "tlsv1 certificate unobtainable",
        112 => "tlsv1 unrecognized name",
        113 => "tlsv1 bad certificate status response",
        114 => "tlsv1 bad certificate hash value",
        115 => "tlsv1 alert unknown psk identity",
        116 => "tlsv13 alert certificate required",
        120 => "tlsv1 alert no application protocol",
        _ => "unknown alert type",
    }
}

/// The alert among records, where it is not encrypted.
fn plain(mut records: &[u8]) -> Option<u8> {
    loop {
        let (header, rest) = records.split_at_checked(HEADER)?;
        let (record, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([header[3], header[4]])))?;
        if let (ALERT, [_, alert]) = (header[0], record) {
            return Some(*alert);
        }
        records = rest;
    }
}

/// The alert that was sent for an error: from what is to be sent, and where that cannot be read, what rustls sends.
pub(crate) fn sent(error: &Error, records: &[u8]) -> Option<u8> {
    if records.is_empty() {
        return None;
    }
    let known = || match error {
        Error::InvalidCertificate(error) => Some(AlertDescription::from(error.clone())),
        Error::NoCertificatesPresented => Some(AlertDescription::CertificateRequired),
        Error::NoApplicationProtocol => Some(AlertDescription::NoApplicationProtocol),
        Error::DecryptError => Some(AlertDescription::BadRecordMac),
        Error::PeerSentOversizedRecord => Some(AlertDescription::RecordOverflow),
        Error::InappropriateHandshakeMessage { .. } | Error::InappropriateMessage { .. } => {
            Some(AlertDescription::UnexpectedMessage)
        }
        Error::InvalidMessage(_) => Some(AlertDescription::DecodeError),
        Error::PeerMisbehaved(_) => Some(AlertDescription::IllegalParameter),
        Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon) => Some(AlertDescription::HandshakeFailure),
        _ => None,
    };
    plain(records).or_else(|| known().map(u8::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_alert_is_found_behind_other_records() {
        assert_eq!(plain(&[22, 3, 3, 0, 1, 9, ALERT, 3, 3, 0, 2, 2, 48]), Some(48));
        assert_eq!(plain(&[23, 3, 3, 0, 2, 2, 48]), None);
        assert_eq!(plain(&[ALERT, 3, 3, 0, 2, 2]), None);
    }
}
