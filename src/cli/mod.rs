//! The command line as it is typed. The arguments of a command stand beside it. The comments are the text of `--help`.

mod hide;
mod other_tools;

pub use hide::hide;
pub use other_tools::parse;

use crate::commands::{
    cache, check, completions, context, down, forward, hub, init, logs, man, netns, open, ps, stop, trust, unforward,
    up,
};
use crate::settings::typed::Os;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use report::Verbosity;

/// Run WebAssembly services, each in its own network namespace, with the ports that you name forwarded in.
#[derive(Debug, Parser)]
#[command(name = "wasmrun", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub talk: Talk,
    #[command(subcommand)]
    pub command: Command,
}

/// How much is said, and how.
#[derive(Debug, Args)]
pub struct Talk {
    /// Use verbose output: the kind of guest, the origin of its code, each step; repeat it for everything
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Print errors only
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Format of wasmrun's own lines on standard error
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        env = "WASMRUN_LOG_FORMAT"
    )]
    pub log_format: LogFormat,
}

impl Talk {
    pub fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Errors,
            (false, 0) => Verbosity::Usual,
            (false, 1) => Verbosity::Steps,
            (false, _) => Verbosity::Everything,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum LogFormat {
    /// Human-readable lines
    #[default]
    Text,
    /// One JSON object per line
    Json,
}

impl From<LogFormat> for report::Format {
    fn from(format: LogFormat) -> report::Format {
        match format {
            LogFormat::Text => report::Format::Text,
            LogFormat::Json => report::Format::Json,
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a guest in its own namespaces and forward ports into it
    #[command(visible_alias = "run")]
    Os(Box<Os>),
    /// Run the services of a file together, each a run of its own
    Up(up::Arguments),
    /// End services that `wasmrun up` has started
    Down(down::Arguments),
    /// List runs
    Ps(ps::Arguments),
    /// Show a run's state and settings as JSON
    Inspect(Named),
    /// Show a guest's output
    Logs(logs::Arguments),
    /// Stop runs gracefully: open connections finish
    Stop(stop::Arguments),
    /// Restart a run's guest; connections wait or move to the new generation
    Restart(Named),
    /// Forward a port into a running guest until Ctrl-C
    Forward(forward::Arguments),
    /// Remove a forward that was added to a run
    Unforward(unforward::Arguments),
    /// Open a guest in the browser
    Open(open::Arguments),
    /// Let your other machines reach your runs
    Hub(hub::Arguments),
    /// Name your other machines
    Context(context::Arguments),
    /// Run a host program in a guest's network
    Netns(netns::Arguments),
    /// Write a .wasmrun.toml with every key commented out
    Init(init::Arguments),
    /// Check a .wasmrun.toml and print what a run would do
    Check(check::Arguments),
    /// Trust the settings of a project's .wasmrun.toml that no jail makes harmless
    #[command(after_help = trust::HELP)]
    Trust(trust::Arguments),
    /// List or remove cache entries
    Cache(cache::Arguments),
    /// Check whether this machine can isolate guests, and print fixes
    Doctor,
    /// Print a completion script for a shell
    Completions(completions::Arguments),
    /// Print a manual page
    Man(man::Arguments),
    /// Print the JSON Schema of .wasmrun.toml, for editors
    #[command(after_help = "Example:\n  wasmrun schema > wasmrun.schema.json")]
    Schema,
}

#[derive(Debug, Args)]
pub struct Named {
    /// A name or id, as `wasmrun ps` shows it, CONTEXT/NAME, or ssh://HOST/NAME
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
