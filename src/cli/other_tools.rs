//! What people type who know other tools: understood where it means one thing here, else answered with the words for it.

use crate::cli::Cli;
use crate::settings::variable_behind;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches};
use std::io::Write;
use std::process::ExitCode;

/// Options of docker, podman, node and other runtimes, with what does the same here.
const OPTIONS: &[(&[&str], &str)] = &[
    (
        &["-v", "--volume", "--mount", "--mapdir"],
        "give the guest a directory with `--dir HOST::GUEST`",
    ),
    (
        &["--port", "--expose", "--addr", "--listen"],
        "forward a port into the guest with `--forward HOST:PROC`",
    ),
    (
        &["-P", "--publish-all"],
        "forward every port the guest listens on with `--auto-forward`",
    ),
    (
        &["-i", "-t", "--interactive", "--tty"],
        "pass input to the guest with `--stdin`",
    ),
    (
        &["-d", "--detach"],
        "runs stay in the foreground: use `wasmrun os … &` or a systemd service; `wasmrun ps` lists them",
    ),
    (
        &["--rm"],
        "leave `--rm` out: a run that has ended leaves nothing to remove",
    ),
    (
        &["--network", "--net"],
        "forward ports with `--forward HOST:PROC`: every guest has its own isolated network",
    ),
    (&["-m"], "write `--memory SIZE`"),
    (&["--pids-limit"], "write `--pids NUMBER`"),
    (&["--reload", "--hot", "--dev"], "write `--watch`"),
    (
        &["-S", "--tcplisten"],
        "forward the guest's ports with `--forward HOST:PROC`: wasmrun opens them",
    ),
];

/// Subcommands of the same.
const COMMANDS: &[(&[&str], &str)] = &[
    (
        &["exec"],
        "run a host program in a guest's network with `wasmrun netns NAME -- PROGRAM`",
    ),
    (
        &["rm", "kill"],
        "stop a run with `wasmrun stop NAME`, at once with `--grace 0s`; it leaves nothing behind",
    ),
    (
        &["start", "serve", "build"],
        "build and run a project with `wasmrun os PATH`",
    ),
    (&["dev", "watch"], "write `wasmrun os PATH --watch`"),
    (&["ls", "list"], "write `wasmrun ps`"),
    (&["attach"], "follow a guest's output with `wasmrun logs NAME --follow`"),
    (&["port"], "list the forwards of each run with `wasmrun ps`"),
];

/// The command line, or the exit code after what was wrong with it is said.
pub fn parse() -> Result<Cli, ExitCode> {
    // A variable that is empty is one that is not set, as scripts and CI leave them.
    let set = |command: clap::Command| {
        command.mut_args(|argument| match argument.get_env().map(std::env::var_os) {
            Some(Some(value)) if value.is_empty() => argument.env(None::<&'static str>),
            _ => argument,
        })
    };
    let command = Cli::command().mut_subcommand("os", set).mut_subcommand("up", set);
    let parsed = command
        .try_get_matches()
        .and_then(|matches| Cli::from_arg_matches(&matches));
    parsed.map_err(|error| {
        let _ = error.print();
        if let Some(hint) = hint(&error) {
            let _ = writeln!(std::io::stderr(), "hint: {hint}");
        }
        ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
    })
}

fn hint(error: &clap::Error) -> Option<String> {
    let of = |table: &[(&[&str], &str)], typed: &str| {
        let found = table.iter().find(|(names, _)| names.contains(&typed));
        found.map(|(_, hint)| (*hint).to_owned())
    };
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let typed = text(error, ContextKind::InvalidArg)?;
            // `-v` says more here, and what came after it is left.
            let is_volume = typed.starts_with(['/', '.', '~']) && typed.contains(':');
            of(OPTIONS, if is_volume { "--volume" } else { typed })
        }
        ErrorKind::InvalidSubcommand => of(COMMANDS, text(error, ContextKind::InvalidSubcommand)?),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let option = text(error, ContextKind::InvalidArg)?.split(' ').next()?;
            variable_behind(option, &[]).map(|name| format!("correct or unset the environment variable `{name}`"))
        }
        _ => None,
    }
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text),
        _ => None,
    }
}
