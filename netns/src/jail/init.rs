//! Init: the first process of a jail's pid namespace; with its end everything in there ends.

use super::{JailError, exit_code_of, status, surrender};
use crate::factory::{FactoryServer, Turn};
use caps::Capability;
use nix::unistd::Pid;
use rustix::event::{PollFd, PollFlags};
use rustix::process::{PidfdFlags, pidfd_open};
use std::io::{PipeWriter, Write};
use std::os::fd::OwnedFd;

/// What the guest reads when its network is ready; anything else is the reason why it is not.
pub(super) const READY: &str = "ready";

/// Sets the network up, then serves sockets until the guest ends, and ends as it did.
pub(super) fn run(guest: Pid, factory: OwnedFd, mut is_ready: PipeWriter) -> ! {
    let _ = rustix::thread::set_name(c"wasmrun-init");
    let server = match set_up(factory) {
        Ok(server) => server,
        Err(error) => {
            let _ = is_ready.write_all(crate::chain(&error).as_bytes());
            drop(is_ready);
            std::process::exit(status(guest));
        }
    };
    let _ = is_ready.write_all(READY.as_bytes());
    drop(is_ready);
    serve(&server, guest);
    std::process::exit(status(guest))
}

fn set_up(factory: OwnedFd) -> Result<FactoryServer, JailError> {
    let server = FactoryServer::open(factory)?;
    server.links().loopback_up()?;
    server.links().loopback_acks_at_once()?;
    surrender::all_but(Some(Capability::CAP_NET_ADMIN))?;
    Ok(server)
}

/// Returns when the guest has ended. When the supervisor has, the guest is ended.
fn serve(server: &FactoryServer, guest: Pid) {
    let Some(pidfd) =
        rustix::process::Pid::from_raw(guest.as_raw()).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok())
    else {
        // Without a pidfd there is no way to wait for both.
        std::process::exit(exit_code_of(nix::sys::signal::Signal::SIGKILL));
    };
    loop {
        let channel = server.channel();
        let mut ready = [PollFd::new(&pidfd, PollFlags::IN), PollFd::new(&channel, PollFlags::IN)];
        if rustix::event::poll(&mut ready, None).is_err() {
            continue;
        }
        if !ready[0].revents().is_empty() {
            return;
        }
        if !ready[1].revents().is_empty()
            && let Turn::Over = server.turn()
        {
            std::process::exit(exit_code_of(nix::sys::signal::Signal::SIGKILL));
        }
    }
}
