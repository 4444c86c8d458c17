//! Fields of a certificate (RFC 5280), as they are printed by OpenSSL (x509(1)).

use crate::der;
use crate::names;
pub use crate::names::Attribute;
use std::net::Ipv6Addr;
use x509_parser::asn1_rs::Oid;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension};
use x509_parser::oid_registry::{OID_KEY_TYPE_EC_PUBLIC_KEY, OID_PKCS1_RSAENCRYPTION, OID_SIG_ED25519};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// Access methods of authority information access (RFC 5280, 4.2.2.1).
const OCSP: &str = "1.3.6.1.5.5.7.48.1";
const ISSUERS: &str = "1.3.6.1.5.5.7.48.2";
/// Bits of Ed25519, as OpenSSL counts them (EVP_PKEY_get_bits(3)).
const ED25519: u32 = 253;
/// Named curves (RFC 5480): their bits, and OpenSSL's names.
const CURVES: [(&str, u32, &str); 5] = [
    ("1.2.840.10045.3.1.7", 256, "prime256v1"),
    ("1.3.132.0.34", 384, "secp384r1"),
    ("1.3.132.0.35", 521, "secp521r1"),
    ("1.3.132.0.10", 256, "secp256k1"),
    ("1.3.132.0.33", 224, "secp224r1"),
];

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is: relative names in their order.
    pub subject: Vec<Attribute>,
    /// Who has signed it.
    pub issuer: Vec<Attribute>,
    /// 1 to 3.
    pub version: u8,
    /// Hexadecimal, upper case, an even number of digits.
    pub serial: String,
    /// From when it is valid, in seconds since 1970.
    pub not_before: i64,
    /// Until when, inclusive.
    pub not_after: i64,
    /// `("DNS", "example.com")`, `("IP Address", "127.0.0.1")`, `("URI", ..)`, `("email", ..)`.
    pub alternatives: Vec<(String, String)>,
    /// It may sign others (basic constraints).
    pub authority: bool,
    /// Where to ask whether it is revoked.
    pub ocsp: Vec<String>,
    /// Where its issuer's certificate is.
    pub ca_issuers: Vec<String>,
    /// Where lists of revoked ones are.
    pub crl: Vec<String>,
    /// Dotted object identifiers of extended key usage.
    pub extended_usage: Vec<String>,
    /// `rsa`, `ec`, `ed25519` or the dotted object identifier.
    pub key_kind: String,
    /// Bits of the key; 0 where they are not known.
    pub key_bits: u32,
    /// OpenSSL's name of the key's curve.
    pub curve: Option<String>,
    /// SubjectPublicKeyInfo in DER.
    pub public_key: Vec<u8>,
}

/// Reads one certificate, in DER.
///
/// # Errors
///
/// It is none, or something follows it.
pub fn describe(der: &[u8]) -> Result<Certificate, String> {
    let (rest, parsed) = X509Certificate::from_der(der).map_err(|error| format!("not a certificate: {error}"))?;
    if !rest.is_empty() {
        return Err("not a certificate: something follows it".to_owned());
    }
    let digits = parsed.raw_serial();
    let zeros = digits
        .iter()
        .take_while(|byte| **byte == 0)
        .count()
        .min(digits.len().saturating_sub(1));
    let (key_kind, key_bits, curve) = key(parsed.public_key());
    let mut certificate = Certificate {
        subject: names::attributes(parsed.subject()),
        issuer: names::attributes(parsed.issuer()),
        version: u8::try_from(parsed.version().0 + 1).unwrap_or(u8::MAX),
        serial: digits[zeros..].iter().map(|byte| format!("{byte:02X}")).collect(),
        not_before: parsed.validity().not_before.timestamp(),
        not_after: parsed.validity().not_after.timestamp(),
        alternatives: Vec::new(),
        authority: false,
        ocsp: Vec::new(),
        ca_issuers: Vec::new(),
        crl: Vec::new(),
        extended_usage: Vec::new(),
        key_kind,
        key_bits,
        curve,
        public_key: parsed.public_key().raw.to_vec(),
    };
    for extension in parsed.extensions() {
        certificate.take(extension.parsed_extension(), extension.value);
    }
    Ok(certificate)
}

impl Certificate {
    fn take(&mut self, extension: &ParsedExtension<'_>, value: &[u8]) {
        match extension {
            ParsedExtension::SubjectAlternativeName(names) => {
                self.alternatives.extend(names.general_names.iter().map(alternative));
            }
            ParsedExtension::BasicConstraints(constraints) => self.authority = constraints.ca,
            ParsedExtension::AuthorityInfoAccess(access) => {
                for description in access.iter() {
                    let GeneralName::URI(uri) = description.access_location else {
                        continue;
                    };
                    match &*description.access_method.to_id_string() {
                        OCSP => self.ocsp.push(uri.to_owned()),
                        ISSUERS => self.ca_issuers.push(uri.to_owned()),
                        _ => {}
                    }
                }
            }
            ParsedExtension::CRLDistributionPoints(points) => {
                for point in points.iter() {
                    let Some(DistributionPointName::FullName(names)) = &point.distribution_point else {
                        continue;
                    };
                    self.crl.extend(names.iter().filter_map(|name| match name {
                        GeneralName::URI(uri) => Some((*uri).to_owned()),
                        _ => None,
                    }));
                }
            }
            // As parsed they are not in their order.
            ParsedExtension::ExtendedKeyUsage(_) => {
                let usages = der::element(value).map_or(&[][..], |outer| outer.content);
                let usages = der::elements(usages).filter(|usage| usage.tag == der::OBJECT);
                self.extended_usage
                    .extend(usages.map(|usage| Oid::new(usage.content.into()).to_id_string()));
            }
            _ => {}
        }
    }
}

/// A subject alternative name.
fn alternative(name: &GeneralName<'_>) -> (String, String) {
    let (kind, value) = match name {
        GeneralName::DNSName(name) => ("DNS", (*name).to_owned()),
        GeneralName::RFC822Name(name) => ("email", (*name).to_owned()),
        GeneralName::URI(uri) => ("URI", (*uri).to_owned()),
        GeneralName::IPAddress(bytes) => ("IP Address", address(bytes)),
        GeneralName::DirectoryName(name) => ("DirName", names::line(name)),
        GeneralName::RegisteredID(identifier) => ("Registered ID", identifier.to_id_string()),
        GeneralName::OtherName(..) => ("othername", "<unsupported>".to_owned()),
        GeneralName::X400Address(_) => ("X400Name", "<unsupported>".to_owned()),
        GeneralName::EDIPartyName(_) => ("EdiPartyName", "<unsupported>".to_owned()),
        GeneralName::Invalid(..) => ("<invalid>", "<invalid>".to_owned()),
    };
    (kind.to_owned(), value)
}

/// Of version 6 OpenSSL prints every group, and no leading zeros.
fn address(bytes: &[u8]) -> String {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return four.map(|byte| byte.to_string()).join(".");
    }
    match <[u8; 16]>::try_from(bytes) {
        Ok(sixteen) => Ipv6Addr::from(sixteen)
            .segments()
            .map(|group| format!("{group:X}"))
            .join(":"),
        Err(_) => "<invalid>".to_owned(),
    }
}

fn key(public: &SubjectPublicKeyInfo<'_>) -> (String, u32, Option<String>) {
    let kind = &public.algorithm.algorithm;
    if *kind == OID_PKCS1_RSAENCRYPTION {
        let bits = match public.parsed() {
            Ok(PublicKey::RSA(rsa)) => {
                let zeros = rsa.modulus.iter().take_while(|byte| **byte == 0).count();
                let modulus = &rsa.modulus[zeros..];
                let unused = modulus.first().map_or(0, |byte| byte.leading_zeros());
                u32::try_from(modulus.len() * 8)
                    .unwrap_or(u32::MAX)
                    .saturating_sub(unused)
            }
            _ => 0,
        };
        return ("rsa".to_owned(), bits, None);
    }
    if *kind == OID_KEY_TYPE_EC_PUBLIC_KEY {
        let parameters = public.algorithm.parameters.as_ref();
        let curve = parameters.and_then(|parameters| parameters.as_oid().ok());
        let curve = curve.map(|curve| curve.to_id_string());
        let known = CURVES.iter().find(|(known, ..)| Some(*known) == curve.as_deref());
        let (bits, name) = known.map_or((0, None), |(_, bits, name)| (*bits, Some((*name).to_owned())));
        return ("ec".to_owned(), bits, name);
    }
    if *kind == OID_SIG_ED25519 {
        return ("ed25519".to_owned(), ED25519, None);
    }
    (kind.to_id_string(), 0, None)
}
