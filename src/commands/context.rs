//! `wasmrun context`: names for other machines.

use crate::remote::{Context, Contexts, Hub, LOCAL, keep_token};
use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand, ValueHint};
use report::{Failure, Result};
use std::io::{Read, Write};
use std::path::PathBuf;

pub const HELP: &str = "\
Examples:
  wasmrun context add lab ssh://me@lab.example.com
  wasmrun context add lab wss://lab.example.com:7443 --pin sha256:… --token-stdin
  wasmrun forward lab/web 3000         port 3000 of the run `web` there
  wasmrun context use lab              from now on, `web` means `lab/web`, and `local/web` the run of this machine";

/// Longest token that is read, in bytes.
const TOKEN: u64 = 4096;

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add a machine, once it answers
    Add(Add),
    /// List machines
    List,
    /// Remove a machine, and the token that was kept for it
    Remove {
        /// Its name
        name: String,
    },
    /// Have names of runs mean those of a machine; `local` is this one
    Use {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Args)]
struct Add {
    /// What it is called here
    name: String,
    /// ssh://HOST (also with USER@ and :PORT), wss://HOST:PORT, ws://127.0.0.1:PORT or unix:/PATH
    url: String,
    /// Pin of the hub's certificate, as `wasmrun hub` prints it
    #[arg(long, value_name = "PIN")]
    pin: Option<String>,
    /// Read the token from standard input, and keep it
    #[arg(long, conflicts_with_all = ["token_file", "token_command"])]
    token_stdin: bool,
    /// File with the token
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "token_command")]
    token_file: Option<PathBuf>,
    /// Command that prints the token
    #[arg(long, value_name = "COMMAND")]
    token_command: Option<String>,
    /// What ssh runs there [default: wasmrun hub --stdio]
    #[arg(long, value_name = "COMMAND")]
    remote_command: Option<String>,
    /// A forward for `wasmrun forward NAME/`: RUN:PORT or RUN:HOST:PORT. Repeatable
    #[arg(long = "forward", value_name = "FORWARD")]
    forwards: Vec<String>,
    /// Do not ask it for its runs first
    #[arg(long)]
    no_check: bool,
}

/// `wasmrun context`
pub async fn run(arguments: &Arguments) -> Result<u8> {
    match &arguments.action {
        Action::Add(add) => self::add(add).await?,
        Action::List => list()?,
        Action::Remove { name } => {
            Contexts::change(|contexts| contexts.remove(name))?;
            tracing::info!("removed: {name}");
        }
        Action::Use { name } => {
            Contexts::change(|contexts| contexts.use_one(name))?;
            match name.as_str() {
                LOCAL => tracing::info!("names mean runs of this machine"),
                name => tracing::info!("names mean runs of {name}; this machine's are {LOCAL}/NAME"),
            }
        }
    }
    Ok(0)
}

async fn add(add: &Add) -> Result<()> {
    let token_file = match (&add.token_file, add.token_stdin) {
        (Some(file), _) => Some(std::path::absolute(file).with_context(|| format!("cannot use {}", file.display()))?),
        (None, true) => Some(keep_token(&add.name, &token()?)?),
        (None, false) => None,
    };
    let context = Context {
        url: add.url.clone(),
        token_file,
        token_command: add.token_command.clone(),
        pin: add.pin.clone(),
        remote_command: add.remote_command.clone(),
        forwards: add.forwards.clone(),
    };
    let mut tried = Contexts::read()?;
    tried.add(&add.name, context.clone())?;
    let runs = match add.no_check {
        true => None,
        false => Some(Hub::reach(&tried.place(&add.name)?).await?.runs().await?),
    };
    Contexts::change(|contexts| contexts.add(&add.name, context))?;
    match runs {
        Some(runs) => tracing::info!("added: {} ({} runs)", add.name, runs.len()),
        None => tracing::info!("added: {}", add.name),
    }
    Ok(())
}

fn token() -> Result<String> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(TOKEN).read_to_string(&mut text);
    read.context("cannot read the token from standard input")?;
    match text.trim() {
        "" => Err(Failure::usage(anyhow!("there is no token on standard input"))),
        token => Ok(token.to_owned()),
    }
}

fn list() -> Result<()> {
    let contexts = Contexts::read()?;
    let current = contexts.current().unwrap_or(LOCAL);
    let mut rows = vec![(LOCAL, "this machine")];
    rows.extend(contexts.all().map(|(name, context)| (name, context.url.as_str())));
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut out = std::io::stdout().lock();
    for (name, url) in rows {
        let mark = if name == current { '*' } else { ' ' };
        writeln!(out, "{mark} {name:width$}  {url}")?;
    }
    Ok(())
}
