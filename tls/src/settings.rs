//! A context, as a guest describes it.

use crate::identity::Identity;

/// How much of the peer's certificate is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// Nothing refuses; what would have is in [`crate::Facts`].
    None,
    /// That a root vouches for it now.
    Chain,
    /// And that it is for the name.
    #[default]
    Full,
}

/// Whether a server asks its clients for a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ask {
    /// It does not.
    #[default]
    No,
    /// They may have none.
    Optional,
    /// They have to have one.
    Required,
}

/// A context, as a guest describes it.
#[derive(Clone, Default)]
pub struct Settings {
    /// The sessions are those of a server.
    pub server: bool,
    /// How much of the peer's certificate is judged.
    pub verify: Verify,
    /// Whether a server asks its clients for a certificate.
    pub ask: Ask,
    /// The roots that this machine trusts are roots.
    pub system_roots: bool,
    /// PEM or DER, each with any number of certificates.
    pub roots: Vec<Vec<u8>>,
    /// Who this side is. A server has to be somebody.
    pub identity: Option<Identity>,
    /// ALPN (RFC 7301), the most wanted first.
    pub protocols: Vec<Vec<u8>>,
    /// 0x0303 (TLS 1.2) or 0x0304 (TLS 1.3): the lowest. Lower ones are not spoken.
    pub minimum: u16,
    /// The highest.
    pub maximum: u16,
}
