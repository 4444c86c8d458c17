//! The `wasmrun` command. See ARCHITECTURE.md for the processes it becomes.

#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]

// What is typed, and what is meant.
mod cli;
mod commands;
mod settings;
mod trust;
// One guest, reloaded.
mod backoff;
mod session;
mod watch;
// Who talks to a run.
mod accept;
mod control;
mod origin;
mod parent;
mod signals;
// Other machines.
mod hub;
mod remote;
// Several of them.
mod up;

#[cfg(test)]
mod another_language;

use clap::CommandFactory;
use cli::{Cli, Command};
use report::{Failure, Result, panics, stderr};
use std::process::ExitCode;
use supervisor::{inside, protocol};

fn main() -> ExitCode {
    panics::report_panics();
    // First of all, while this process has one thread: it may be about to become something else.
    match std::env::args_os().nth(1) {
        Some(first) if first == protocol::GUEST => return inside::guest().into(),
        Some(first) if first == protocol::COMPILE => return inside::compile().into(),
        Some(first) if first == languages::BUILD => {
            return languages::become_command(std::env::args_os().skip(2)).into();
        }
        _ => {}
    }
    let cli = match cli::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    report::start(cli.talk.verbosity(), cli.talk.log_format.into());
    let code = match run(&cli) {
        Ok(code) => code,
        Err(failure) if lost_reader(&cli.command, &failure) => READER_GONE,
        Err(failure) => {
            let failure = panics::explain(failure);
            report::failure(&failure);
            failure.code
        }
    };
    stderr::finish();
    code.into()
}

/// What a shell says of a program that SIGPIPE has ended (128 + SIGPIPE), which we ignore, as Rust has it.
const READER_GONE: u8 = 141;

/// Whether whoever read what a command prints has gone, as `head` does: it has had what it wanted.
fn lost_reader(command: &Command, failure: &Failure) -> bool {
    let is_broken = |error: &std::io::Error| error.kind() == std::io::ErrorKind::BrokenPipe;
    !matches!(command, Command::Os(_) | Command::Up(_)) && failure.error.downcast_ref().is_some_and(is_broken)
}

fn run(cli: &Cli) -> Result<u8> {
    use commands::*;
    match &cli.command {
        Command::Os(os) => block_on(os::run(os)),
        Command::Up(up) => block_on(up::run(up, cli.talk.verbosity(), cli.talk.log_format.into())),
        Command::Down(down) => block_on(down::run(down)),
        Command::Doctor => block_on(doctor::run()),
        Command::Ps(ps) => block_on(ps::run(ps)),
        Command::Inspect(named) => block_on(inspect::run(named)),
        Command::Logs(logs) => block_on(logs::run(logs)),
        Command::Stop(stop) => block_on(stop::run(stop)),
        Command::Restart(named) => block_on(restart::run(named)),
        Command::Forward(forward) => block_on(forward::run(forward)),
        Command::Hub(hub) => block_on(hub::run(hub)),
        Command::Context(context) => block_on(context::run(context)),
        Command::Open(open) => block_on(open::run(open)),
        Command::Unforward(unforward) => block_on(unforward::run(unforward)),
        Command::Netns(netns) => {
            // Namespaces are entered with one thread, so the runtime has to be gone.
            let pid = block_on(netns::guest_pid(netns))?;
            Err(netns::enter(netns, pid))
        }
        Command::Init(init) => init::run(init),
        Command::Check(check) => check::run(check),
        Command::Trust(trust) => trust::run(trust),
        Command::Cache(cache) => cache::run(cache),
        Command::Completions(completions) => completions::run(completions, Cli::command()),
        Command::Man(man) => man::run(man, Cli::command()),
        Command::Schema => schema::run(),
    }
}

/// The supervisor needs one thread for everything but the relays: guests' processes are this thread's children.
fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        let result = future.await;
        remote::farewell().await;
        result
    });
    // A file that lies on a server that is gone is not waited for.
    runtime.shutdown_background();
    result
}
