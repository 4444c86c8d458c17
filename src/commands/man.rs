//! `wasmrun man`: the manual page of a command, made from its help.

use anyhow::anyhow;
use clap::{Args, Command};
use clap_mangen::Man;
use report::{Failure, Result};
use std::io::Write;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  wasmrun man os | man -l -\n  wasmrun man > /usr/local/share/man/man1/wasmrun.1")]
pub struct Arguments {
    /// The command; without it, the page of wasmrun itself
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

/// `wasmrun man`, of this command line.
pub fn run(man: &Arguments, mut cli: Command) -> Result<u8> {
    cli.build();
    let command = match &man.command {
        None => cli,
        Some(name) => match cli.find_subcommand(name) {
            // It calls itself `wasmrun-os`, as man(1) has the commands of git.
            Some(command) => command.clone(),
            None => {
                let error = anyhow!("no command `{name}`");
                return Err(Failure::usage(error).hint("list the commands with `wasmrun --help`"));
            }
        },
    };
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    std::io::stdout().write_all(&page)?;
    Ok(0)
}
