//! The signals that ask for an end.

use anyhow::Context;
use procfs::process::Process;
use report::Result;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT, SIGTERM and SIGHUP, waiting for us instead of ending the process. One that was ignored when the process began stays
/// so: by nohup(1), and by shells for what they start in the background (POSIX, "Signals and Error Handling").
pub struct Signals {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    hangup: Option<Signal>,
}

impl Signals {
    pub fn new() -> Result<Signals> {
        let ignored = Process::myself()
            .and_then(|own| own.status())
            .map_or(0, |status| status.sigign);
        let listen = |kind: SignalKind| {
            let is_ignored = ignored >> (kind.as_raw_value() - 1) & 1 == 1;
            let listening = (!is_ignored).then(|| signal(kind));
            listening.transpose().context("cannot listen for signals")
        };
        Ok(Signals {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// The number of the next one.
    pub async fn next(&mut self) -> u8 {
        tokio::select! {
            () = arrival(&mut self.interrupt) => 2,
            () = arrival(&mut self.terminate) => 15,
            () = arrival(&mut self.hangup) => 1,
        }
    }
}

async fn arrival(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}
