//! Errors of wasip1.

use crate::wasi::sockets::ErrorCode;
use std::io::{self, ErrorKind};
use wasmtime_wasi::p1::types::{Errno, Error};

pub(super) const SUCCESS: Errno = Errno::Success;

/// The wasip1 error of a socket call that failed.
pub(super) fn of(error: &io::Error) -> Errno {
    match error.kind() {
        ErrorKind::WouldBlock => Errno::Again,
        ErrorKind::Interrupted => Errno::Intr,
        ErrorKind::ConnectionReset => Errno::Connreset,
        ErrorKind::ConnectionAborted => Errno::Connaborted,
        ErrorKind::NotConnected => Errno::Notconn,
        ErrorKind::BrokenPipe => Errno::Pipe,
        ErrorKind::InvalidInput => Errno::Inval,
        ErrorKind::TimedOut => Errno::Timedout,
        ErrorKind::OutOfMemory => Errno::Nomem,
        _ => match rustix::io::Errno::from_io_error(error) {
            Some(rustix::io::Errno::MFILE) => Errno::Mfile,
            Some(rustix::io::Errno::NFILE) => Errno::Nfile,
            Some(rustix::io::Errno::NOBUFS) => Errno::Nobufs,
            _ => Errno::Io,
        },
    }
}

/// The same as what a call returns.
pub(super) fn fault(error: io::Error) -> Error {
    of(&error).into()
}

pub(super) fn errno_of(error: ErrorCode) -> Errno {
    match error {
        ErrorCode::AccessDenied => Errno::Acces,
        ErrorCode::NotSupported => Errno::Notsup,
        ErrorCode::InvalidArgument | ErrorCode::InvalidState => Errno::Inval,
        ErrorCode::OutOfMemory => Errno::Nomem,
        ErrorCode::Timeout => Errno::Timedout,
        ErrorCode::AddressNotBindable => Errno::Addrnotavail,
        ErrorCode::AddressInUse => Errno::Addrinuse,
        ErrorCode::RemoteUnreachable => Errno::Hostunreach,
        ErrorCode::ConnectionRefused => Errno::Connrefused,
        ErrorCode::ConnectionBroken => Errno::Pipe,
        ErrorCode::ConnectionReset => Errno::Connreset,
        ErrorCode::ConnectionAborted => Errno::Connaborted,
        ErrorCode::DatagramTooLarge => Errno::Msgsize,
        ErrorCode::Other => Errno::Io,
    }
}

pub(super) fn refused(error: ErrorCode) -> Error {
    errno_of(error).into()
}

pub(super) fn failed(error: std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::WouldBlock => Errno::Again.into(),
        _ => refused(error.into()),
    }
}
