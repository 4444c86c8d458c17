//! Telling who has started us that the guest is ready, where no guest can say it: on a descriptor of its own (`--ready-fd`), as
//! service managers have it (s6's notification-fd, <https://skarnet.org/software/s6/notifywhenup.html>).

use anyhow::{Context, anyhow};
use report::stderr;
use report::{Failure, Result};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;

/// Where it is said, once.
pub struct Ready {
    to: File,
}

impl Ready {
    /// Takes a descriptor that this process was started with. Nothing may have been opened before, or the number could be of
    /// that.
    ///
    /// # Errors
    ///
    /// There is none of this number, or it cannot be written to by another name, as a socket cannot.
    pub fn take(number: i32) -> Result<Ready> {
        // Opened again, it is not handed on to what this process starts; and without waiting for a pipe's reader.
        let to = OpenOptions::new()
            .write(true)
            .custom_flags(nix::libc::O_NONBLOCK)
            .open(format!("/proc/self/fd/{number}"))
            .with_context(|| format!("--ready-fd: cannot write to descriptor {number}"))
            .map_err(|error| Failure::usage(error).hint("open a file or a pipe, for example `--ready-fd 3 3>ready`"))?;
        // The end of it is the end of what there is to say.
        nix::unistd::close(number).map_err(|errno| anyhow!("--ready-fd: cannot close descriptor {number}: {errno}"))?;
        Ok(Ready { to })
    }

    /// Says it, and closes the descriptor. Does not wait for a reader.
    pub fn say(self, lines: String) {
        let write = move || {
            // A reader that is gone wants to know nothing.
            let _ = stderr::write_all(&self.to, lines.as_bytes(), || ());
        };
        // Without a thread nobody is told, which is seen from the end of the pipe.
        let _ = std::thread::Builder::new().name("ready".to_owned()).spawn(write);
    }
}
