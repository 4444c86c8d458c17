//! What is wrong with a peer's chain of certificates: OpenSSL's `X509_V_ERR_*` and their texts (X509_STORE_CTX_get_error(3)).

/// Nothing is.
pub const OK: u16 = 0;
/// It cannot be read.
pub const UNSPECIFIED: u16 = 1;
/// Its signature is not by the key of its issuer.
pub const SIGNATURE: u16 = 7;
/// Its time has not come.
pub const NOT_YET_VALID: u16 = 9;
/// Its time is over.
pub const EXPIRED: u16 = 10;
/// It has signed itself, and is no root.
pub const SELF_SIGNED: u16 = 18;
/// What ends the chain has signed itself, and is no root.
pub const SELF_SIGNED_IN_CHAIN: u16 = 19;
/// Its issuer is neither a root nor in the chain.
pub const UNKNOWN_ISSUER: u16 = 20;
/// There are too many certificates between it and a root.
pub const TOO_LONG: u16 = 22;
/// More certificates follow one of an authority than that allows.
pub const PATH_LENGTH: u16 = 25;
/// It is not for servers, or not for clients.
pub const PURPOSE: u16 = 26;
/// Its key is known to be in other hands.
pub const REJECTED: u16 = 28;
/// It has a critical extension that nobody here knows.
pub const CRITICAL: u16 = 34;
/// An authority may not vouch for its names.
pub const NOT_PERMITTED: u16 = 47;
/// It is for another name.
pub const HOSTNAME: u16 = 62;
/// It is for another address.
pub const ADDRESS: u16 = 64;
/// It is signed in a way that is not safe.
pub const WEAK_SIGNATURE: u16 = 68;
/// What has signed it is no authority.
pub const NO_AUTHORITY: u16 = 79;

/// The text of a code, as `X509_verify_cert_error_string(3)` of OpenSSL 3.0 has it.
pub fn text(code: u16) -> &'static str {
    match code {
        OK => "ok",
        UNSPECIFIED => "unspecified certificate verification error",
        2 => "unable to get issuer certificate",
        SIGNATURE => "certificate signature failure",
        NOT_YET_VALID => "certificate is not yet valid",
        EXPIRED => "certificate has expired",
        SELF_SIGNED => "self-signed certificate",
        SELF_SIGNED_IN_CHAIN => "self-signed certificate in certificate chain",
        UNKNOWN_ISSUER => "unable to get local issuer certificate",
        21 => "unable to verify the first certificate",
        TOO_LONG => "certificate chain too long",
        23 => "certificate revoked",
        PATH_LENGTH => "path length constraint exceeded",
        PURPOSE => "unsuitable certificate purpose",
        REJECTED => "certificate rejected",
        CRITICAL => "unhandled critical extension",
        NOT_PERMITTED => "permitted subtree violation",
        HOSTNAME => "hostname mismatch",
        ADDRESS => "IP address mismatch",
        WEAK_SIGNATURE => "CA signature digest algorithm too weak",
        NO_AUTHORITY => "invalid CA certificate",
        _ => "unknown certificate verification error",
    }
}
