//! Certificates for tests: a root, one below it, and what they sign.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use std::sync::LazyLock;
use tls::Identity;

/// A certificate in DER, and its key as PKCS #8.
pub(crate) struct Signed {
    pub(crate) der: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

impl Signed {
    /// With those that follow it.
    pub(crate) fn identity(&self, others: &[&[u8]]) -> Identity {
        let mut certificates = self.der.clone();
        others.iter().for_each(|other| certificates.extend_from_slice(other));
        Identity {
            certificates,
            key: self.key.clone(),
            password: None,
        }
    }
}

pub(crate) struct Authority {
    pub(crate) der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

/// What a root, one below it, and a stranger of the test have in common is their making.
pub(crate) static ROOT: LazyLock<Authority> = LazyLock::new(|| Authority::root("Root", 2040));
pub(crate) static BELOW: LazyLock<Authority> = LazyLock::new(|| ROOT.below("Below"));

pub(crate) fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2040, 1, 1);
    params
}

/// For a server at `localhost` and 127.0.0.1.
pub(crate) fn localhost() -> CertificateParams {
    let names = [
        "localhost".to_owned(),
        "*.example.com".to_owned(),
        "127.0.0.1".to_owned(),
    ];
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name.push(DnType::CommonName, "localhost");
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2040, 1, 1);
    params.use_authority_key_identifier_extension = true;
    params
}

fn authority(name: &str, until: i32) -> (CertificateParams, KeyPair) {
    let mut params = named(name);
    params.not_after = date_time_ymd(until, 1, 1);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    (params, KeyPair::generate().expect("a key"))
}

impl Authority {
    pub(crate) fn root(name: &str, until: i32) -> Authority {
        let (params, key) = authority(name, until);
        let der = params.self_signed(&key).expect("a root").der().to_vec();
        Authority {
            der,
            issuer: Issuer::new(params, key),
        }
    }

    pub(crate) fn below(&self, name: &str) -> Authority {
        let (mut params, key) = authority(name, 2040);
        params.use_authority_key_identifier_extension = true;
        let der = params
            .signed_by(&key, &self.issuer)
            .expect("an authority")
            .der()
            .to_vec();
        Authority {
            der,
            issuer: Issuer::new(params, key),
        }
    }

    pub(crate) fn sign(&self, params: CertificateParams) -> Signed {
        let key = KeyPair::generate().expect("a key");
        let der = params
            .signed_by(&key, &self.issuer)
            .expect("a certificate")
            .der()
            .to_vec();
        Signed {
            der,
            key: key.serialize_der(),
        }
    }
}

/// Signed by itself, and no authority.
pub(crate) fn self_signed(params: CertificateParams) -> Signed {
    let key = KeyPair::generate().expect("a key");
    Signed {
        der: params.self_signed(&key).expect("a certificate").der().to_vec(),
        key: key.serialize_der(),
    }
}

/// A client's, by the root.
pub(crate) fn client() -> Signed {
    let mut params = named("client");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    ROOT.sign(params)
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = data_encoding::BASE64.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
