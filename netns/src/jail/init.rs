//! Init: the first process of a jail's pid namespace; with its end everything in there ends.

#![expect(
    clippy::disallowed_methods,
    reason = "the processes of a jail end as their child did"
)]

use super::role::Role;
use super::syscalls::{Broker, filter};
use super::{JailError, exit_code_of, privileges, status};
use crate::fd_passing;
use crate::sockets::factory::{FactoryServer, Turn};
use caps::Capability;
use nix::unistd::Pid;
use rustix::event::{PollFd, PollFlags};
use rustix::net::RecvFlags;
use rustix::process::{PidfdFlags, pidfd_open};
use std::io::{PipeWriter, Write};
use std::os::fd::OwnedFd;

/// What the guest reads when its network is ready; anything else is the reason why it is not.
pub(super) const READY: &str = "ready";

/// Sets the network up, then serves sockets until the guest ends, and ends as it did.
pub(super) fn run(guest: Pid, factory: OwnedFd, mut is_ready: PipeWriter, asked: Option<OwnedFd>) -> ! {
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
    // The guest need not wait for this: nothing of it is read before. Where there are no filters it has none either, and
    // says so itself.
    if filter::install_for(Role::Init).is_ok() {
        serve(&server, guest, asked);
    }
    std::process::exit(status(guest))
}

fn set_up(factory: OwnedFd) -> Result<FactoryServer, JailError> {
    let server = FactoryServer::open(factory)?;
    server.links().loopback_up()?;
    server.links().loopback_acks_at_once()?;
    privileges::all_but(Some(Capability::CAP_NET_ADMIN))?;
    Ok(server)
}

/// Returns when the guest has ended. When the supervisor has, the guest is ended. Where calls are brokered, `asked` has the
/// way that they come.
fn serve(server: &FactoryServer, guest: Pid, asked: Option<OwnedFd>) {
    let Some(pidfd) =
        rustix::process::Pid::from_raw(guest.as_raw()).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok())
    else {
        // Without a pidfd there is no way to wait for both.
        std::process::exit(exit_code_of(nix::sys::signal::Signal::SIGKILL));
    };
    let mut calls = asked.map_or(Calls::None, Calls::Unknown);
    loop {
        let channel = server.channel();
        let mut ready = vec![PollFd::new(&pidfd, PollFlags::IN), PollFd::new(&channel, PollFlags::IN)];
        match &calls {
            Calls::Unknown(asked) => ready.push(PollFd::new(asked, PollFlags::IN)),
            Calls::Brokered(broker) => ready.push(PollFd::new(broker, PollFlags::IN)),
            Calls::None => {}
        }
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
        let comes = ready.get(2).map(PollFd::revents).unwrap_or_else(PollFlags::empty);
        if comes.contains(PollFlags::IN)
            && let Calls::Brokered(broker) = &calls
        {
            broker.turn();
        } else if !comes.is_empty() {
            calls = calls.next(guest);
        }
    }
}

/// The guest's calls that are made here.
enum Calls {
    /// The guest's process is not that far.
    Unknown(OwnedFd),
    Brokered(Broker),
    /// It makes its calls itself, or makes no more.
    None,
}

impl Calls {
    /// What follows from what has come.
    fn next(self, guest: Pid) -> Calls {
        let Calls::Unknown(asked) = self else {
            return Calls::None;
        };
        let listener = match fd_passing::receive(&asked, &mut [0; 8], RecvFlags::empty()) {
            Ok((_, fds)) => fds.into_iter().next(),
            Err(_) => None,
        };
        // Without an answer, which is ENOSYS when the listener is closed, a guest has no sockets.
        let broker = listener.and_then(|listener| Broker::new(listener, guest).ok());
        broker.map_or(Calls::None, Calls::Brokered)
    }
}
