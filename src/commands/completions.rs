//! `wasmrun completions`: a script for a shell.

use clap::{Args, Command};
use clap_complete::Shell;
use report::Result;
use std::io::Write;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  wasmrun completions bash > ~/.local/share/bash-completion/completions/wasmrun")]
pub struct Arguments {
    /// The shell
    shell: Shell,
}

/// `wasmrun completions`, of this command line.
pub fn run(completions: &Arguments, mut cli: Command) -> Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(completions.shell, &mut cli, "wasmrun", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(0)
}
