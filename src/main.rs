//! The `wasmrun` command. See ARCHITECTURE.md for the processes it becomes.

#![forbid(unsafe_code)]

mod artifact;
mod backoff;
mod build;
mod check;
mod cli;
mod cmdline;
mod commands;
mod config;
mod control;
mod doctor;
mod drain;
mod env_file;
mod forwards;
mod generation;
mod health;
mod init;
mod ledger;
mod livereload;
mod make;
mod metrics;
mod origin;
mod ready;
mod remote;
mod session;
mod settings;
mod signals;
mod trust;
mod typed;
mod watch;

use clap::CommandFactory;
use cli::{Cli, Command};
use ready::Ready;
use report::{Result, panics, stderr};
use std::io::Write;
use std::process::ExitCode;
use supervisor::{inside, protocol};

fn main() -> ExitCode {
    panics::report_panics();
    // First of all, while this process has one thread: it may be about to become something else.
    match std::env::args_os().nth(1) {
        Some(first) if first == protocol::GUEST => return inside::guest().into(),
        Some(first) if first == protocol::COMPILE => return inside::compile().into(),
        Some(first) if first == build::BUILD => return build::become_command(std::env::args_os().skip(2)).into(),
        _ => {}
    }
    let cli = match typed::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    report::start(cli.talk.verbosity(), cli.talk.log_format.into());
    let code = match run(&cli.command) {
        Ok(code) => code,
        Err(failure) => {
            let failure = panics::explain(failure);
            report::failure(&failure);
            failure.code
        }
    };
    stderr::finish();
    code.into()
}

fn run(command: &Command) -> Result<u8> {
    match command {
        Command::Os(os) => {
            // Before any descriptor is opened here.
            let ready = os.ready_fd.map(Ready::take).transpose()?;
            stderr::start()?;
            if let Err(error) = cmdline::hide(&os.env) {
                tracing::warn!(
                    hint = "name a file of them with --env-file",
                    "other users can read the values of --env in the list of processes: {error:#}"
                );
            }
            block_on(session::run(os, ready))
        }
        Command::Doctor => block_on(doctor::run()),
        Command::Ps(ps) => block_on(remote::ps(ps)),
        Command::Inspect(named) => block_on(remote::inspect(named)),
        Command::Logs(logs) => block_on(remote::logs(logs)),
        Command::Stop(stop) => block_on(remote::stop(stop)),
        Command::Restart(named) => block_on(remote::restart(named)),
        Command::Forward(forward) => block_on(remote::forward(forward)),
        Command::Unforward(unforward) => block_on(remote::unforward(unforward)),
        Command::Netns(netns) => {
            // Namespaces are entered with one thread, so the runtime has to be gone.
            let pid = block_on(remote::guest_pid(netns))?;
            Err(remote::enter(netns, pid))
        }
        Command::Init(init) => init::run(init),
        Command::Check(check) => check::run(check),
        Command::Trust(trust) => trust::run(trust),
        Command::Cache(cache) => commands::cache::run(cache),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "wasmrun", &mut script);
            std::io::stdout().write_all(&script)?;
            Ok(0)
        }
    }
}

/// The supervisor needs one thread for everything but the relays: guests' processes are this thread's children.
fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(future);
    // A file that lies on a server that is gone is not waited for.
    runtime.shutdown_background();
    result
}
