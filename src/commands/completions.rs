//! `wasmrun completions`: a script for a shell.

use crate::cli::Cli;
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use report::Result;
use std::io::Write;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  wasmrun completions bash > ~/.local/share/bash-completion/completions/wasmrun")]
pub struct Arguments {
    /// The shell
    shell: Shell,
}

/// `wasmrun completions`
pub fn run(completions: &Arguments) -> Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(completions.shell, &mut Cli::command(), "wasmrun", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(0)
}
