//! An error on its way to the user: what failed, why, what to do, and the exit code.

use std::fmt;

/// wasmrun itself failed: nothing of the guest's can be concluded. As for `docker run`.
pub const FAILED: u8 = 125;
/// The command line or the configuration is wrong.
pub const USAGE: u8 = 2;
/// The guest trapped: what a shell says of a process that aborted (128 + SIGABRT).
pub const TRAPPED: u8 = 134;

/// An error with a hint that belongs to it.
#[derive(Debug)]
pub struct Failure {
    /// What failed, with its causes.
    pub error: anyhow::Error,
    /// What the user can do.
    pub hint: Option<String>,
    /// The exit code.
    pub code: u8,
}

/// A result whose error is a [`Failure`].
pub type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// A mistake of the user: exit code [`USAGE`].
    pub fn usage(error: impl Into<anyhow::Error>) -> Failure {
        Failure {
            error: error.into(),
            hint: None,
            code: USAGE,
        }
    }

    /// The same with a hint, where there is one.
    pub fn hint_of(self, hint: Option<impl Into<String>>) -> Failure {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }

    /// The same with a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure {
            error: error.into(),
            hint: None,
            code: FAILED,
        }
    }
}

/// The message and its causes, each on a line of its own.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.error)?;
        self.error
            .chain()
            .skip(1)
            .try_for_each(|cause| write!(f, "\n  cause: {cause}"))
    }
}
