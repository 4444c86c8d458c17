//! The only seccomp_unotify(2): system calls of the guest's process that wait for init's word.

use super::error::FilterError;
use nix::libc;
use rustix::io::Errno;
use rustix::ioctl::{self, Opcode, Updater};
use seccompiler::BpfProgram;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};

const RECEIVE: Opcode = libc::SECCOMP_IOCTL_NOTIF_RECV as Opcode;
const SEND: Opcode = libc::SECCOMP_IOCTL_NOTIF_SEND as Opcode;

/// What the kernel writes and reads, which may become longer with it: it never asks for the length.
#[repr(C)]
struct Roomy<T> {
    known: T,
    more: [u64; 32],
}

/// A call that waits.
pub(in crate::jail) struct Asked {
    id: u64,
    /// Its number, of the processor's own ABI: the filter ends who uses another.
    pub(in crate::jail) call: libc::c_long,
    pub(in crate::jail) arguments: [u64; 6],
}

/// Where calls come in.
pub(in crate::jail) struct Notifier(OwnedFd);

/// Makes the calling thread, and those that it starts, wait for an answer at each call for which the program returns
/// `SECCOMP_RET_USER_NOTIF`. The descriptor is a [`Notifier`], for another process.
pub(in crate::jail) fn install(program: &BpfProgram) -> Result<OwnedFd, FilterError> {
    let program = libc::sock_fprog {
        len: program.len().try_into().map_err(|_| Errno::INVAL)?,
        filter: program.as_ptr().cast::<libc::sock_filter>().cast_mut(),
    };
    #[expect(unsafe_code, reason = "seccomp(2) has no safe form that returns a listener")]
    // SAFETY: the program outlives the call and the kernel only reads it; the result is checked, and is a descriptor that
    // nobody else knows.
    unsafe {
        let listener = libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            &program,
        );
        match i32::try_from(listener) {
            Ok(listener) if listener >= 0 => Ok(OwnedFd::from_raw_fd(listener)),
            _ => Err(io::Error::last_os_error().into()),
        }
    }
}

impl Notifier {
    pub(in crate::jail) fn of(listener: OwnedFd) -> Notifier {
        Notifier(listener)
    }

    /// The next call. Waits where there is none.
    pub(in crate::jail) fn receive(&self) -> Result<Asked, Errno> {
        #[expect(unsafe_code, reason = "every ioctl(2) is")]
        // SAFETY: plain integers, for which zero is a value; the kernel wants it zeroed.
        let mut notification: Roomy<libc::seccomp_notif> = unsafe { std::mem::zeroed() };
        #[expect(unsafe_code, reason = "every ioctl(2) is")]
        // SAFETY: the request is the one that this structure belongs to, and there is more room than any kernel fills.
        unsafe {
            ioctl::ioctl(&self.0, Updater::<RECEIVE, _>::new(&mut notification))?;
        }
        let notification = notification.known;
        Ok(Asked {
            id: notification.id,
            call: notification.data.nr.into(),
            arguments: notification.data.args,
        })
    }

    /// Ends the wait: the call returns zero, or fails so. A thread that has gone needs no answer.
    pub(in crate::jail) fn answer(&self, asked: &Asked, result: Result<(), Errno>) {
        let mut response = Roomy {
            known: libc::seccomp_notif_resp {
                id: asked.id,
                val: 0,
                error: result.err().map_or(0, |errno| -errno.raw_os_error()),
                flags: 0,
            },
            more: [0; 32],
        };
        #[expect(unsafe_code, reason = "every ioctl(2) is")]
        // SAFETY: as above.
        let _ = unsafe { ioctl::ioctl(&self.0, Updater::<SEND, _>::new(&mut response)) };
    }
}

impl AsFd for Notifier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
