//! `wasmrun netns`: a program of this machine in a guest's network.

use crate::control::{Client, State};
use anyhow::anyhow;
use clap::Args;
use report::{Failure, Result};

#[derive(Debug, Args)]
pub struct Arguments {
    /// A name or id, as `wasmrun ps` shows it
    pub name: String,
    /// Program and arguments [default: your shell]
    #[arg(last = true)]
    pub command: Vec<std::ffi::OsString>,
}

/// Where `wasmrun netns` goes: the guest's process.
pub async fn guest_pid(netns: &Arguments) -> Result<u32> {
    let state: State = Client::find(&netns.name).await?.get("state").await?;
    match (state.isolated, state.guest_pid) {
        (true, Some(pid)) => Ok(pid),
        (false, _) => Err(Failure::usage(anyhow!(
            "`{}` runs without isolation, in the host's network",
            netns.name
        ))),
        (true, None) => Err(anyhow!("`{}` has no running guest", netns.name).into()),
    }
}

/// `wasmrun netns`: becomes the program. Returns only when that fails.
pub fn enter(netns: &Arguments, pid: u32) -> Failure {
    use std::os::unix::process::CommandExt;
    if let Err(error) = ::netns::enter_network_of(pid) {
        return anyhow::Error::new(error)
            .context("cannot enter the guest's network")
            .into();
    }
    let shell = || std::env::var_os("SHELL").unwrap_or_else(|| "sh".into());
    let (program, arguments) = match netns.command.split_first() {
        Some((program, arguments)) => (program.clone(), arguments),
        None => (shell(), [].as_slice()),
    };
    let error = std::process::Command::new(&program).args(arguments).exec();
    anyhow::Error::new(error)
        .context(format!("cannot run {}", program.display()))
        .into()
}
