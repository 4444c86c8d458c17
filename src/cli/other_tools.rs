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
        "lead a port into the guest with `--forward HOST:PROC`",
    ),
    (
        &["-P", "--publish-all"],
        "forward what the guest listens on with `--auto-forward`",
    ),
    (
        &["-i", "-t", "--interactive", "--tty"],
        "hand input to the guest with `--stdin`",
    ),
    (
        &["-d", "--detach"],
        "a run stays in the foreground: `wasmrun os … &`, or a service of systemd; `wasmrun ps` lists it",
    ),
    (
        &["--rm"],
        "nothing is left of a run that has ended, so there is nothing to remove",
    ),
    (
        &["--network", "--net"],
        "every guest has a network of its own, with nothing outside; `--forward` leads into it",
    ),
    (&["-m"], "write `--memory SIZE`"),
    (&["--pids-limit"], "write `--pids NUMBER`"),
    (&["--reload", "--hot", "--dev"], "write `--watch`"),
    (
        &["-S", "--tcplisten"],
        "wasmrun opens the guest's ports by itself: `--forward HOST:PROC` leads to them",
    ),
];

/// Subcommands of the same.
const COMMANDS: &[(&[&str], &str)] = &[
    (
        &["exec"],
        "run a program of this machine in a guest's network with `wasmrun netns NAME -- PROGRAM`",
    ),
    (
        &["rm", "kill"],
        "end a run with `wasmrun stop NAME`, at once with `--grace 0s`; nothing is left of it",
    ),
    (
        &["start", "serve", "up", "build"],
        "`wasmrun os PATH` builds and runs a project",
    ),
    (&["dev", "watch"], "write `wasmrun os PATH --watch`"),
    (&["ls", "list"], "write `wasmrun ps`"),
    (
        &["attach"],
        "follow what a guest writes with `wasmrun logs NAME --follow`",
    ),
    (&["port"], "`wasmrun ps` shows the forwards of each run"),
];

/// The command line, or the exit code after what was wrong with it is said.
pub fn parse() -> Result<Cli, ExitCode> {
    // A variable that is empty is one that is not set, as scripts and CI leave them.
    let command = Cli::command().mut_subcommand("os", |os| {
        os.mut_args(|argument| match argument.get_env().map(std::env::var_os) {
            Some(Some(value)) if value.is_empty() => argument.env(None::<&'static str>),
            _ => argument,
        })
    });
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
            variable_behind(option, &[]).map(|name| format!("the value is that of the variable {name}"))
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
