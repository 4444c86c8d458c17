//! Why system calls could not be limited.

use rustix::io::Errno;
use seccompiler::BackendError;
use std::io;

/// System calls could not be limited.
#[derive(Debug, thiserror::Error)]
#[error("cannot limit the guest's system calls")]
pub struct FilterError(#[from] io::Error);

impl From<seccompiler::Error> for FilterError {
    fn from(error: seccompiler::Error) -> FilterError {
        FilterError(io::Error::other(error))
    }
}

impl From<Errno> for FilterError {
    fn from(errno: Errno) -> FilterError {
        FilterError(errno.into())
    }
}

impl From<BackendError> for FilterError {
    fn from(error: BackendError) -> FilterError {
        seccompiler::Error::from(error).into()
    }
}
