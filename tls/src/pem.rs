//! PEM (RFC 7468), as OpenSSL reads it: sections between other text.

use crate::der;
use crate::failure::Failure;
use data_encoding::BASE64;
use rustls::pki_types::CertificateDer;

/// A section of a text.
pub(crate) struct Section {
    /// `CERTIFICATE`, `PRIVATE KEY`, ...
    pub(crate) label: String,
    /// None where it is not Base64.
    pub(crate) der: Option<Vec<u8>>,
    /// A header says so (RFC 1421): the format that `openssl rsa -aes256 -traditional` writes.
    pub(crate) is_encrypted: bool,
}

/// Whether the bytes are text with sections; otherwise they can only be DER.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    bytes.first() != Some(&der::SEQUENCE)
}

/// The sections that have an end.
pub(crate) fn sections(text: &[u8]) -> impl Iterator<Item = Section> {
    let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    std::iter::from_fn(move || {
        let label = lines.find_map(|line| edge(line, b"-----BEGIN "))?;
        let (mut base64, mut is_encrypted) = (Vec::new(), false);
        loop {
            let line = lines.next()?;
            if edge(line, b"-----END ").is_some_and(|end| end == label) {
                let der = BASE64.decode(&base64).ok();
                let label = String::from_utf8_lossy(label).into_owned();
                return Some(Section {
                    label,
                    der,
                    is_encrypted,
                });
            }
            match line.contains(&b':') {
                true => is_encrypted |= line.starts_with(b"Proc-Type:") && line.ends_with(b"ENCRYPTED"),
                false => base64.extend_from_slice(line),
            }
        }
    })
}

fn edge<'a>(line: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    line.strip_prefix(prefix)?.strip_suffix(b"-----")
}

/// The certificate of a section that has one. Of a trusted one, only the certificate: what it is trusted for comes after it.
fn certificate(section: &Section) -> Option<Option<&[u8]>> {
    let is_certificate = matches!(
        section.label.as_str(),
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE"
    );
    let whole = |der: &'_ Vec<u8>| der::element(der).map(|element| element.whole.len());
    is_certificate.then(|| {
        let der = section.der.as_ref()?;
        whole(der).map(|length| &der[..length])
    })
}

/// The certificates in PEM text, in DER; what cannot be read is left out.
pub fn split(pem: &[u8]) -> Vec<Vec<u8>> {
    let found = sections(pem).filter_map(|section| certificate(&section).flatten().map(<[u8]>::to_vec));
    found.collect()
}

/// Certificates in DER as PEM text.
pub fn join<'a>(certificates: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut text = String::new();
    for certificate in certificates {
        text += "-----BEGIN CERTIFICATE-----\n";
        let base64 = BASE64.encode(certificate);
        // RFC 7468, 2: 64 characters a line.
        for line in base64.as_bytes().chunks(64) {
            text += &String::from_utf8_lossy(line);
            text.push('\n');
        }
        text += "-----END CERTIFICATE-----\n";
    }
    text
}

/// All certificates of a text, or of DER in which they stand one after another.
///
/// # Errors
///
/// There is none, or one that cannot be read.
pub fn certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let mut found = Vec::new();
    if is_text(bytes) {
        for section in sections(bytes) {
            match certificate(&section) {
                Some(Some(der)) => found.push(der.to_vec().into()),
                Some(None) => return Err(Failure::new("bad base64 decode")),
                None => {}
            }
        }
        return match found.is_empty() {
            true => Err(Failure::new("no start line")),
            false => Ok(found),
        };
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        let element = der::element(rest).filter(|element| element.tag == der::SEQUENCE);
        let element = element.ok_or_else(|| Failure::new("not enough data"))?;
        found.push(element.whole.to_vec().into());
        rest = element.rest;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_found_between_text_and_headers_are_no_base64() {
        let text = "subject=CN = x\r\n-----BEGIN CERTIFICATE-----\r\nMAA=\r\n-----END CERTIFICATE-----\r\n\
                    -----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMAA=\n\
                    -----END RSA PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\n****\n-----END CERTIFICATE-----\n\
                    -----BEGIN CERTIFICATE-----\nMAA=\n";
        let found: Vec<_> = sections(text.as_bytes()).collect();
        let labels: Vec<_> = found
            .iter()
            .map(|section| (&*section.label, section.is_encrypted))
            .collect();
        assert_eq!(
            labels,
            [
                ("CERTIFICATE", false),
                ("RSA PRIVATE KEY", true),
                ("CERTIFICATE", false)
            ]
        );
        assert_eq!(found[0].der.as_deref(), Some(&[0x30, 0][..]));
        assert_eq!(split(text.as_bytes()), [[0x30, 0]]);
        let long = [&[0x30, 0x81, 0xc8][..], &[7; 0xc8]].concat();
        let joined = join([&long[..], &[0x30, 0]]);
        assert_eq!(split(joined.as_bytes()), [&long[..], &[0x30, 0]]);
        assert!(joined.lines().all(|line| line.len() <= 64));
        assert_eq!(
            certificates(text.as_bytes()).expect_err("a failure").text,
            "bad base64 decode"
        );
    }

    #[test]
    fn der_stands_one_after_another() {
        assert_eq!(certificates(&[0x30, 0, 0x30, 1, 7]).expect("two").len(), 2);
        assert_eq!(
            certificates(&[0x30, 0, 0x30, 2, 7]).expect_err("a failure").text,
            "not enough data"
        );
        assert_eq!(certificates(b"").expect_err("a failure").text, "no start line");
    }
}
