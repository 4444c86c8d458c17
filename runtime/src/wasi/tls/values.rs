//! Values of `wasmrun:tls/session` as the component model has them.

use wasmtime::component::{ComponentType, Lift, Lower};

#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "the component model makes them")]
pub(super) enum Verify {
    #[component(name = "none")]
    None,
    #[component(name = "chain")]
    Chain,
    #[component(name = "full")]
    Full,
}

#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "the component model makes them")]
pub(super) enum Ask {
    #[component(name = "no")]
    No,
    #[component(name = "optional")]
    Optional,
    #[component(name = "required")]
    Required,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct Identity {
    certificates: Vec<u8>,
    key: Vec<u8>,
    password: Option<Vec<u8>>,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct Settings {
    server: bool,
    verify: Verify,
    ask: Ask,
    #[component(name = "system-roots")]
    system_roots: bool,
    roots: Vec<Vec<u8>>,
    identity: Option<Identity>,
    protocols: Vec<Vec<u8>>,
    minimum: u16,
    maximum: u16,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct Failure {
    alert: Option<u8>,
    received: bool,
    verification: Option<u16>,
    #[component(name = "to-send")]
    to_send: Vec<u8>,
    text: String,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct Progress {
    plaintext: Vec<u8>,
    #[component(name = "to-send")]
    to_send: Vec<u8>,
    handshaking: bool,
    closed: bool,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct Facts {
    version: u16,
    suite: String,
    bits: u16,
    protocol: Option<Vec<u8>>,
    #[component(name = "server-name")]
    server_name: Option<String>,
    peer: Vec<Vec<u8>>,
    verification: u16,
    resumed: bool,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct Attribute {
    long: String,
    short: String,
    value: String,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct Certificate {
    subject: Vec<Attribute>,
    issuer: Vec<Attribute>,
    version: u8,
    serial: String,
    #[component(name = "not-before")]
    not_before: i64,
    #[component(name = "not-after")]
    not_after: i64,
    alternatives: Vec<(String, String)>,
    authority: bool,
    ocsp: Vec<String>,
    #[component(name = "ca-issuers")]
    ca_issuers: Vec<String>,
    crl: Vec<String>,
    #[component(name = "extended-usage")]
    extended_usage: Vec<String>,
    #[component(name = "key-kind")]
    key_kind: String,
    #[component(name = "key-bits")]
    key_bits: u32,
    curve: Option<String>,
    #[component(name = "public-key")]
    public_key: Vec<u8>,
}

impl From<tls::Failure> for Failure {
    fn from(failed: tls::Failure) -> Failure {
        Failure {
            alert: failed.alert,
            received: failed.received,
            verification: failed.verification,
            to_send: failed.to_send,
            text: failed.text,
        }
    }
}

impl From<Identity> for tls::Identity {
    fn from(identity: Identity) -> tls::Identity {
        tls::Identity {
            certificates: identity.certificates,
            key: identity.key,
            password: identity.password,
        }
    }
}

impl From<Settings> for tls::Settings {
    fn from(settings: Settings) -> tls::Settings {
        tls::Settings {
            server: settings.server,
            verify: match settings.verify {
                Verify::None => tls::Verify::None,
                Verify::Chain => tls::Verify::Chain,
                Verify::Full => tls::Verify::Full,
            },
            ask: match settings.ask {
                Ask::No => tls::Ask::No,
                Ask::Optional => tls::Ask::Optional,
                Ask::Required => tls::Ask::Required,
            },
            system_roots: settings.system_roots,
            roots: settings.roots,
            identity: settings.identity.map(tls::Identity::from),
            protocols: settings.protocols,
            minimum: settings.minimum,
            maximum: settings.maximum,
        }
    }
}

impl From<tls::Progress> for Progress {
    fn from(progress: tls::Progress) -> Progress {
        Progress {
            plaintext: progress.plaintext,
            to_send: progress.to_send,
            handshaking: progress.handshaking,
            closed: progress.closed,
        }
    }
}

impl From<tls::Facts> for Facts {
    fn from(facts: tls::Facts) -> Facts {
        Facts {
            version: facts.version,
            suite: facts.suite,
            bits: facts.bits,
            protocol: facts.protocol,
            server_name: facts.server_name,
            peer: facts.peer,
            verification: facts.verification,
            resumed: facts.resumed,
        }
    }
}

impl From<tls::Attribute> for Attribute {
    fn from(attribute: tls::Attribute) -> Attribute {
        Attribute {
            long: attribute.long,
            short: attribute.short,
            value: attribute.value,
        }
    }
}

impl From<tls::Certificate> for Certificate {
    fn from(certificate: tls::Certificate) -> Certificate {
        let attributes = |name: Vec<tls::Attribute>| name.into_iter().map(Attribute::from).collect();
        Certificate {
            subject: attributes(certificate.subject),
            issuer: attributes(certificate.issuer),
            version: certificate.version,
            serial: certificate.serial,
            not_before: certificate.not_before,
            not_after: certificate.not_after,
            alternatives: certificate.alternatives,
            authority: certificate.authority,
            ocsp: certificate.ocsp,
            ca_issuers: certificate.ca_issuers,
            crl: certificate.crl,
            extended_usage: certificate.extended_usage,
            key_kind: certificate.key_kind,
            key_bits: certificate.key_bits,
            curve: certificate.curve,
            public_key: certificate.public_key,
        }
    }
}
