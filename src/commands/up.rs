//! `wasmrun up`: the services of a file, together.

use crate::settings::choices::Restart;
use crate::up::detach::{self, Foreground};
use crate::up::{self, Choice};
use clap::builder::FalseyValueParser;
use clap::{Args, ValueHint};
use report::{Format, Result, Verbosity, stderr};
use std::path::PathBuf;

const HELP: &str = "\
Examples:
  wasmrun up                      every service of ./.wasmrun.toml
  wasmrun up api --watch          api and what it links to, rebuilt and reloaded when a file changes
  wasmrun up --detach             until `wasmrun down`
  wasmrun up --abort-on-exit      for CI: ends with the first service that ends, and as that did

Exit codes: that of the first service that failed, or
  0      every service has ended well; with --detach, all are ready
  2      invalid command line or configuration
  125    wasmrun failed
  130    Ctrl-C
  143    SIGTERM, or `wasmrun down`

Variables that say what one run is (WASMRUN_NAME, WASMRUN_FORWARD, WASMRUN_ALLOW, …) do not reach
services; the others (WASMRUN_CACHE_DIR, WASMRUN_MEMORY, …) hold for each of them.";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// Services, and what they link to [default: all]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// File with the services, or its folder [default: .wasmrun.toml]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub file: Option<PathBuf>,
    /// Rebuild and swap guests when their files change; start and stop services as the file changes
    #[arg(short, long, env = "WASMRUN_WATCH", value_parser = FalseyValueParser::new())]
    pub watch: bool,
    /// Start the named services alone, without what they link to
    #[arg(long, requires = "names")]
    pub only: bool,
    /// End all services when one ends, with its exit code
    #[arg(long, conflicts_with_all = ["watch", "restart", "detach"])]
    pub abort_on_exit: bool,
    /// Return when all are ready, and leave them in the background; `wasmrun down` ends them
    #[arg(short, long)]
    pub detach: bool,
    /// Trust the files in this run without asking; see `wasmrun trust`
    #[arg(long, env = "WASMRUN_TRUST", value_parser = FalseyValueParser::new())]
    pub trust: bool,
    /// Restart policy for guests that have ended [default: the files', or on-failure]
    #[arg(long, value_enum, value_name = "WHEN", env = "WASMRUN_RESTART")]
    pub restart: Option<Restart>,
    /// Fetch no toolchains or packages; use installed ones
    #[arg(long, env = "WASMRUN_OFFLINE", value_parser = FalseyValueParser::new())]
    pub offline: bool,
    /// The background part of `--detach`
    #[arg(long, hide = true, requires = "detach")]
    pub in_background: bool,
}

/// `wasmrun up`
pub async fn run(typed: &Arguments, verbosity: Verbosity, format: Format) -> Result<u8> {
    let choice = Choice {
        file: typed.file.clone(),
        names: typed.names.clone(),
        only: typed.only,
        watch: typed.watch,
        abort_on_exit: typed.abort_on_exit,
        trust: typed.trust,
        offline: typed.offline,
        restart: match typed.abort_on_exit {
            true => Some(Restart::Never),
            false => typed.restart,
        },
    };
    if typed.detach && !typed.in_background {
        // Nobody can be asked there.
        up::agree(&choice)?;
        return detach::start().await;
    }
    let foreground = typed.in_background.then(Foreground::take).transpose()?;
    stderr::start()?;
    up::run(choice, verbosity, format, foreground).await
}
