//! Why something was not computed.

/// A reason that programs may compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No such hash, cipher or curve, or not for this purpose.
    #[error("unsupported")]
    Unsupported,
    /// A length, number or form that the algorithm does not have.
    #[error("invalid")]
    Invalid,
    /// More time or memory than a guest may ask for.
    #[error("limit exceeded")]
    Limit,
    /// Data that does not fill its blocks.
    #[error("wrong length")]
    Length,
    /// A tag, a padding or a password that is not the one.
    #[error("mismatch")]
    Mismatch,
    /// A key is encrypted, and there is no password.
    #[error("password needed")]
    Locked,
}
