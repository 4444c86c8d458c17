//! `wasmrun hub`: lets your other machines reach your runs.

use crate::hub;
use crate::settings::units;
use clap::Args;
use report::Result;
use std::time::Duration;

/// How long a client's connections outlive its link, where nothing else is said.
const LINGER: Duration = Duration::from_secs(60);

pub const HELP: &str = "\
Another machine reaches it over ssh, which starts it: `wasmrun forward ssh://HOST/NAME PORT`.";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// Pass standard input and output to the hub, and start one where there is none: what ssh runs
    #[arg(long, conflicts_with_all = ["linger", "exit_idle"])]
    pub stdio: bool,
    /// How long a client's connections outlive its link [default: 60s]
    #[arg(long, value_name = "TIME")]
    pub linger: Option<String>,
    /// End after this long without a client, for example 10m
    #[arg(long, value_name = "TIME")]
    pub exit_idle: Option<String>,
}

/// `wasmrun hub`
pub async fn run(arguments: &Arguments) -> Result<u8> {
    if arguments.stdio {
        return hub::pass().await;
    }
    let time = |text: &Option<String>, flag| {
        let read = text.as_ref().map(|text| units::time(text, flag, "`10m`"));
        read.transpose()
    };
    let options = hub::Options {
        linger: time(&arguments.linger, "--linger")?.unwrap_or(LINGER),
        idle: time(&arguments.exit_idle, "--exit-idle")?,
    };
    hub::run(&options).await
}
