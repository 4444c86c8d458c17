//! Distinguished names as OpenSSL prints them: X509_NAME_print_ex(3), OBJ_nid2ln(3), OBJ_nid2sn(3).

use x509_parser::asn1_rs::{Any, Tag};
use x509_parser::x509::X509Name;

/// A part of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// `commonName`, or the dotted object identifier.
    pub long: String,
    /// `CN`, or the dotted object identifier.
    pub short: String,
    /// Its value.
    pub value: String,
}

/// Object identifiers, and their long and short names.
const KINDS: [(&str, &str, &str); 31] = [
    ("2.5.4.3", "commonName", "CN"),
    ("2.5.4.4", "surname", "SN"),
    ("2.5.4.5", "serialNumber", "serialNumber"),
    ("2.5.4.6", "countryName", "C"),
    ("2.5.4.7", "localityName", "L"),
    ("2.5.4.8", "stateOrProvinceName", "ST"),
    ("2.5.4.9", "streetAddress", "street"),
    ("2.5.4.10", "organizationName", "O"),
    ("2.5.4.11", "organizationalUnitName", "OU"),
    ("2.5.4.12", "title", "title"),
    ("2.5.4.13", "description", "description"),
    ("2.5.4.15", "businessCategory", "businessCategory"),
    ("2.5.4.16", "postalAddress", "postalAddress"),
    ("2.5.4.17", "postalCode", "postalCode"),
    ("2.5.4.18", "postOfficeBox", "postOfficeBox"),
    ("2.5.4.20", "telephoneNumber", "telephoneNumber"),
    ("2.5.4.41", "name", "name"),
    ("2.5.4.42", "givenName", "GN"),
    ("2.5.4.43", "initials", "initials"),
    ("2.5.4.44", "generationQualifier", "generationQualifier"),
    ("2.5.4.45", "x500UniqueIdentifier", "x500UniqueIdentifier"),
    ("2.5.4.46", "dnQualifier", "dnQualifier"),
    ("2.5.4.65", "pseudonym", "pseudonym"),
    ("2.5.4.97", "organizationIdentifier", "organizationIdentifier"),
    ("0.9.2342.19200300.100.1.1", "userId", "UID"),
    ("0.9.2342.19200300.100.1.25", "domainComponent", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress", "emailAddress"),
    ("1.2.840.113549.1.9.2", "unstructuredName", "unstructuredName"),
    ("1.3.6.1.4.1.311.60.2.1.1", "jurisdictionLocalityName", "jurisdictionL"),
    (
        "1.3.6.1.4.1.311.60.2.1.2",
        "jurisdictionStateOrProvinceName",
        "jurisdictionST",
    ),
    ("1.3.6.1.4.1.311.60.2.1.3", "jurisdictionCountryName", "jurisdictionC"),
];

/// The parts of a name in their order.
pub(crate) fn attributes(name: &X509Name<'_>) -> Vec<Attribute> {
    let attributes = name.iter_attributes().map(|attribute| {
        let identifier = attribute.attr_type().to_id_string();
        let known = KINDS.iter().find(|(known, ..)| *known == identifier);
        let (long, short) = match known {
            Some((_, long, short)) => ((*long).to_owned(), (*short).to_owned()),
            None => (identifier.clone(), identifier),
        };
        let value = text(attribute.attr_value());
        Attribute { long, short, value }
    });
    attributes.collect()
}

/// One line, as X509_NAME_oneline(3) has it.
pub(crate) fn line(name: &X509Name<'_>) -> String {
    let parts = attributes(name).into_iter();
    parts.map(|part| format!("/{}={}", part.short, part.value)).collect()
}

fn text(value: &Any<'_>) -> String {
    let bytes = value.data;
    match value.tag() {
        Tag::BmpString => {
            let units = bytes.chunks_exact(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]]));
            char::decode_utf16(units)
                .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()
        }
        Tag::UniversalString => {
            let units = bytes
                .chunks_exact(4)
                .map(|unit| u32::from_be_bytes([unit[0], unit[1], unit[2], unit[3]]));
            units
                .map(|unit| char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()
        }
        // OpenSSL takes it for ISO 8859-1, as everybody does.
        Tag::T61String => bytes.iter().map(|byte| char::from(*byte)).collect(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}
