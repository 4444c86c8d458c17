//! Values of `wasmrun:crypto` as the component model has them.

use wasmtime::component::{ComponentType, Lift, Lower};

/// Why something was not computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
pub(super) enum Failure {
    #[component(name = "unsupported")]
    Unsupported,
    #[component(name = "invalid")]
    Invalid,
    #[component(name = "limit")]
    Limit,
    #[component(name = "length")]
    Length,
    #[component(name = "mismatch")]
    Mismatch,
    #[component(name = "locked")]
    Locked,
}

impl From<crypto::Failure> for Failure {
    fn from(failure: crypto::Failure) -> Failure {
        match failure {
            crypto::Failure::Unsupported => Failure::Unsupported,
            crypto::Failure::Invalid => Failure::Invalid,
            crypto::Failure::Limit => Failure::Limit,
            crypto::Failure::Length => Failure::Length,
            crypto::Failure::Mismatch => Failure::Mismatch,
            crypto::Failure::Locked => Failure::Locked,
        }
    }
}

/// A hash.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct Traits {
    name: &'static str,
    length: u32,
    block: u32,
    extendable: bool,
}

impl From<crypto::Algorithm> for Traits {
    fn from(algorithm: crypto::Algorithm) -> Traits {
        Traits {
            name: algorithm.name(),
            length: algorithm.length() as u32,
            block: algorithm.block() as u32,
            extendable: algorithm.is_extendable(),
        }
    }
}

/// A cipher.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct Kind {
    name: &'static str,
    mode: &'static str,
    key: u32,
    iv: u32,
    nid: u32,
}

impl From<crypto::CipherKind> for Kind {
    fn from(kind: crypto::CipherKind) -> Kind {
        Kind {
            name: kind.name,
            mode: match kind.mode {
                crypto::Mode::Cbc => "cbc",
                crypto::Mode::Ctr => "ctr",
                crypto::Mode::Ecb => "ecb",
                crypto::Mode::Gcm => "gcm",
                crypto::Mode::Poly1305 => "poly1305",
                crypto::Mode::Wrap => "wrap",
            },
            key: kind.key as u32,
            iv: kind.iv as u32,
            nid: kind.nid,
        }
    }
}

/// A key as DER.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
pub(super) struct Der {
    #[component(name = "private")]
    pub(super) is_private: bool,
    pub(super) der: Vec<u8>,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct Details {
    kind: &'static str,
    bits: u32,
    exponent: Vec<u8>,
    curve: Option<&'static str>,
}

impl From<crypto::keys::Details> for Details {
    fn from(details: crypto::keys::Details) -> Details {
        Details {
            kind: details.kind,
            bits: details.bits,
            exponent: details.exponent,
            curve: details.curve,
        }
    }
}

#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "the component model makes them")]
pub(super) enum Form {
    #[component(name = "pkcs1")]
    Pkcs1,
    #[component(name = "pkcs8")]
    Pkcs8,
    #[component(name = "sec1")]
    Sec1,
    #[component(name = "spki")]
    Spki,
}

impl From<Form> for crypto::keys::Form {
    fn from(form: Form) -> crypto::keys::Form {
        match form {
            Form::Pkcs1 => crypto::keys::Form::Pkcs1,
            Form::Pkcs8 => crypto::keys::Form::Pkcs8,
            Form::Sec1 => crypto::keys::Form::Sec1,
            Form::Spki => crypto::keys::Form::Spki,
        }
    }
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct Lock {
    pub(super) key: u32,
    pub(super) password: Vec<u8>,
}

#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "the component model makes them")]
pub(super) enum Encoding {
    #[component(name = "der")]
    Der,
    #[component(name = "p1363")]
    P1363,
}

impl From<Encoding> for crypto::keys::Encoding {
    fn from(encoding: Encoding) -> crypto::keys::Encoding {
        match encoding {
            Encoding::Der => crypto::keys::Encoding::Der,
            Encoding::P1363 => crypto::keys::Encoding::P1363,
        }
    }
}

#[derive(ComponentType, Lift)]
#[component(variant)]
pub(super) enum Padding {
    #[component(name = "pkcs1")]
    Pkcs1,
    #[component(name = "pss")]
    Pss(Option<u32>),
    #[component(name = "oaep")]
    Oaep((String, Vec<u8>)),
}
