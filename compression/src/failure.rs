//! What failed, as the library of the format numbers it.

/// A number that programs compare, and a text that they show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text} ({number})")]
pub struct Failure {
    pub number: i32,
    pub text: String,
}

impl Failure {
    pub(crate) fn new(number: i32, text: impl Into<String>) -> Failure {
        Failure {
            number,
            text: text.into(),
        }
    }

    /// zlib's word for a call that nobody should have made; other formats have none that says more.
    pub(crate) fn misuse() -> Failure {
        Failure::new(-2, "stream error")
    }
}
