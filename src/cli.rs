//! The command line as it is typed. Meaning is given in `settings`. The comments are the text of `--help`.
#![allow(rustdoc::broken_intra_doc_links, reason = "brackets in usage texts are no links")]

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use report::Verbosity;
use std::path::PathBuf;

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
    /// Say more: what the guest is, where its code came from, each step. Twice for everything
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Say nothing but errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Form of wasmrun's own lines on standard error
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
    /// Lines for people
    #[default]
    Text,
    /// One JSON object a line
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
    /// List what runs
    Ps(Ps),
    /// Show everything about a run
    Inspect(Named),
    /// Show what a guest has written
    Logs(Logs),
    /// End runs in order: open connections finish
    Stop(Stop),
    /// Start a run's guest again; connections wait or move on
    Restart(Named),
    /// Forward a port into a guest that runs, until Ctrl-C
    Forward(Forward),
    /// End a forward that was added to a run
    Unforward(Unforward),
    /// Run a program of this machine in a guest's network
    Netns(Netns),
    /// Write a .wasmrun.toml to start from
    Init(Init),
    /// Check a .wasmrun.toml, and say what a run would do
    Check(Check),
    /// Trust a project with what its .wasmrun.toml asks for and no jail makes harmless
    #[command(after_help = TRUST_HELP)]
    Trust(Trust),
    /// Look at the cache, or take away what is in it
    Cache(Cache),
    /// Check whether this machine can isolate guests, and say how to make it so
    Doctor,
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  wasmrun completions bash > ~/.local/share/bash-completion/completions/wasmrun")]
    Completions {
        /// The shell
        shell: Shell,
    },
}

const TRUST_HELP: &str = "\
What needs trust: `[build] jail = false`, paths outside the project in `[guest] dirs` and `[build]`, and forwards that other
machines can connect to. Builds run in a jail and need none, nor does what is typed on the command line.

Examples:
  wasmrun trust ./app             agree to what ./app/.wasmrun.toml asks for now; other lines are asked about again
  wasmrun trust --list
  wasmrun trust ./app --revoke";

const OS_HELP: &str = "\
Examples:
  wasmrun os ./app --forward 8080:3000          localhost:8080 leads to port 3000 in the guest
  wasmrun os hello.wasm -f 0:8080               any free port of the host; the ready line names it
  wasmrun os ./app -f 8080:3000 -f 9000-9010:9000-9010
  wasmrun os ./app -f 0.0.0.0:80:3000           for other machines too: has to be typed
  wasmrun os ./app -f 8080:3000 --watch         edit, save, and the next request has it
  wasmrun os ./db --dir ./data::/data -f 5432:5432 -- --verbose

Exit codes:
  the guest's own; 134 when it trapped; 130 or 143 after Ctrl-C or SIGTERM; 2 when the command line or the
  configuration is wrong; 125 when wasmrun itself failed; 128 and the signal's number when its process was killed.

Options given here win over the environment (WASMRUN_…), that over .wasmrun.toml, and that over the defaults.
Forwards, directories and variables given here add to those of the file.";

#[derive(Clone, Debug, Args)]
#[command(after_help = OS_HELP)]
pub struct Os {
    /// A .wasm, .wat or .cwasm file, or a directory that has one
    #[arg(default_value = ".", value_hint = ValueHint::AnyPath)]
    pub path: PathBuf,
    /// What `ps`, `logs`, `stop` and the others call this run; without it, the folder's or the file's name
    #[arg(long, value_name = "NAME", env = "WASMRUN_NAME")]
    pub name: Option<String>,
    /// Forward a port of this host into the guest: [BIND:]HOST[-END]:PROC[-END][/tcp|/udp]
    ///
    /// HOST 0 takes a free port. BIND is an address of this host; without it only this machine can connect (127.0.0.1
    /// and ::1). Repeatable.
    #[arg(
        short,
        long = "forward",
        short_alias = 'p',
        alias = "publish",
        value_name = "RULE",
        env = "WASMRUN_FORWARD",
        value_delimiter = ','
    )]
    pub forwards: Vec<String>,
    /// Forward every port that the guest listens on, from the same port of this machine or the next free one
    #[arg(long, env = "WASMRUN_AUTO_FORWARD", value_parser = FalseyValueParser::new())]
    pub auto_forward: bool,
    /// Set an environment variable of the guest; without `=VALUE` it is taken from here. Repeatable
    #[arg(short, long = "env", value_name = "NAME[=VALUE]")]
    pub env: Vec<String>,
    /// Set those of a file: lines NAME=VALUE, or NAME to take it from here; `#` begins a comment. Repeatable
    #[arg(long = "env-file", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub env_files: Vec<PathBuf>,
    /// What those files say; they are read once, because one may be a pipe.
    #[arg(skip)]
    pub env_of_files: Vec<(String, String)>,
    /// Let the guest use a directory: HOST[::GUEST][:ro]. Repeatable
    #[arg(short, long = "dir", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dirs: Vec<String>,
    /// Hand this terminal's or pipe's input to the guest; otherwise its input is empty
    #[arg(long)]
    pub stdin: bool,
    /// Most memory that the guest may have, for example 256MiB
    #[arg(long, value_name = "SIZE", env = "WASMRUN_MEMORY")]
    pub memory: Option<String>,
    /// Most processor time that it may have, in processors: 0.5 is half of one (takes control groups)
    #[arg(long, value_name = "NUMBER", env = "WASMRUN_CPUS")]
    pub cpus: Option<f64>,
    /// Most processes and threads of it and of the runtime around it; the runtime needs about 10
    #[arg(long, value_name = "NUMBER", env = "WASMRUN_PIDS")]
    pub pids: Option<u64>,
    /// Most that the /tmp of a Python or Node.js guest holds, which is memory, for example 256MiB
    #[arg(long, value_name = "SIZE", env = "WASMRUN_TMP_SIZE")]
    pub tmp_size: Option<String>,
    /// How long a connection waits for a guest that has started to listen, for example 30s
    #[arg(long, value_name = "TIME", env = "WASMRUN_CONNECT_TIMEOUT")]
    pub connect_timeout: Option<String>,
    /// How long a client of a forward of datagrams is remembered after the last one, for example 60s
    #[arg(long, value_name = "TIME", env = "WASMRUN_UDP_IDLE")]
    pub udp_idle: Option<String>,
    /// How connections get from this machine's ports to the guest
    #[arg(long, value_enum, value_name = "PATH", env = "WASMRUN_FORWARD_PATH")]
    pub forward_path: Option<ForwardPath>,
    /// Most connections at once; more wait in the queue
    #[arg(long, value_name = "NUMBER", env = "WASMRUN_MAX_CONNECTIONS")]
    pub max_connections: Option<usize>,
    /// How long open connections may go on after Ctrl-C, for example 10s
    #[arg(long, value_name = "TIME", env = "WASMRUN_GRACE")]
    pub grace: Option<String>,
    /// What the project is built with; without it, what its files say
    #[arg(long, value_enum, value_name = "LANGUAGE", env = "WASMRUN_LANGUAGE")]
    pub language: Option<Language>,
    /// Fetch no toolchain and no package: use what is there
    #[arg(long, env = "WASMRUN_OFFLINE", value_parser = FalseyValueParser::new())]
    pub offline: bool,
    /// Do without asking what the project's file asks for: see `wasmrun trust`
    #[arg(long, env = "WASMRUN_TRUST", value_parser = FalseyValueParser::new())]
    pub trust: bool,
    /// Build as any program of yours, without a jail around the build
    #[arg(long, env = "WASMRUN_NO_BUILD_JAIL", value_parser = FalseyValueParser::new())]
    pub no_build_jail: bool,
    /// Build again and swap the guest when its files change; no connection is refused meanwhile
    #[arg(short, long, env = "WASMRUN_WATCH", value_parser = FalseyValueParser::new())]
    pub watch: bool,
    /// Start a guest again that has ended; with --watch the default is on-failure
    #[arg(long, value_enum, value_name = "WHEN", env = "WASMRUN_RESTART")]
    pub restart: Option<Restart>,
    /// Start a large guest that is not compiled yet with code that is there soon, and again when it is optimised
    #[arg(long, value_enum, value_name = "WHEN", env = "WASMRUN_TIERED")]
    pub tiered: Option<Tiered>,
    /// Where a wasip1 guest finds its listeners among the pre-opened descriptors
    #[arg(long, value_enum, value_name = "ORDER")]
    pub listeners: Option<Listeners>,
    /// Serve counters for Prometheus on this address, for example 127.0.0.1:9100; a port alone is one of 127.0.0.1
    #[arg(long, value_name = "ADDRESS", env = "WASMRUN_METRICS", value_parser = address)]
    pub metrics: Option<std::net::SocketAddr>,
    /// Write the ready lines to this open descriptor, too, when the guest listens on every forwarded port, and close it
    #[arg(long, value_name = "FD", value_parser = clap::value_parser!(i32).range(3..))]
    pub ready_fd: Option<i32>,
    /// Read this file instead of .wasmrun.toml
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, env = "WASMRUN_CONFIG")]
    pub config: Option<PathBuf>,
    /// Run compiled code (.cwasm), which nothing can check: only what you have compiled yourself
    #[arg(long)]
    pub allow_precompiled: bool,
    /// Compile anew and keep nothing
    #[arg(long)]
    pub no_cache: bool,
    /// Run in the host's own network, with no namespace around the guest. Not isolated
    #[arg(long)]
    pub no_isolation: bool,
    /// Arguments of the guest
    #[arg(last = true)]
    pub args: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Listeners {
    /// Directories from descriptor 3, then listeners: C, Rust, CPython (wasi-libc)
    AfterDirectories,
    /// Listeners from descriptor 3, then directories: Go. The default for binaries that Go made
    BeforeDirectories,
}

/// What a project is built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[value(rename_all = "kebab-case")]
pub enum Language {
    /// cargo
    Rust,
    /// go
    Go,
    /// asc
    #[value(name = "assemblyscript")]
    #[serde(rename = "assemblyscript")]
    AssemblyScript,
    /// zig build
    Zig,
    /// componentize-py: unmodified Flask, Bottle, http.server, asyncio and others
    Python,
    /// QuickJS with Node's modules: unmodified Express, Fastify, Koa, Hono and others
    Nodejs,
    /// make
    Make,
    /// zig cc or clang
    C,
}

impl Language {
    /// As it is called among languages.
    pub fn name(self) -> &'static str {
        match self {
            Language::Rust => "Rust",
            Language::Go => "Go",
            Language::AssemblyScript => "AssemblyScript",
            Language::Zig => "Zig",
            Language::Python => "Python",
            Language::Nodejs => "Node.js",
            Language::Make => "make",
            Language::C => "C",
        }
    }
}

/// How connections get from the host's ports to the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardPath {
    /// adopt, but with --watch splice
    Auto,
    /// The guest accepts them itself, unless it is a compiled one or the kernel cannot
    Adopt,
    /// Through a relay
    Splice,
}

/// When a guest starts with code that is there soon, and again with the best code when that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tiered {
    /// Where nothing is lost by a second start: with --watch, and where each request has an instance of its own (wasi:http 0.2)
    Auto,
    /// Whenever the code is not in the cache
    Always,
    /// Never: compiled in full before it starts
    Never,
}

impl From<Tiered> for supervisor::code::Tiered {
    fn from(tiered: Tiered) -> supervisor::code::Tiered {
        match tiered {
            Tiered::Auto => supervisor::code::Tiered::Auto,
            Tiered::Always => supervisor::code::Tiered::Always,
            Tiered::Never => supervisor::code::Tiered::Never,
        }
    }
}

/// When a guest that ended is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// Its end is ours
    Never,
    /// After a trap, a kill, or an exit code other than 0, with growing pauses
    OnFailure,
    /// Whatever its exit code
    Always,
}

#[derive(Debug, Args)]
pub struct Trust {
    /// The project's directory; without it, this one
    #[arg(value_hint = ValueHint::DirPath)]
    pub path: Option<PathBuf>,
    /// Read this file instead of .wasmrun.toml
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["list", "revoke"])]
    pub config: Option<PathBuf>,
    /// List the folders that are trusted, and with what
    #[arg(long, conflicts_with_all = ["path", "revoke"])]
    pub list: bool,
    /// Trust the directory no longer
    #[arg(long)]
    pub revoke: bool,
}

/// An address, or a port of 127.0.0.1.
fn address(text: &str) -> Result<std::net::SocketAddr, std::net::AddrParseError> {
    match text.trim_start_matches(':').parse::<u16>() {
        Ok(port) => Ok((std::net::Ipv4Addr::LOCALHOST, port).into()),
        Err(_) => text.parse(),
    }
}

impl Os {
    /// A run of this path with no option but the file's.
    pub fn of_path(path: &std::path::Path) -> Result<Os, clap::Error> {
        #[derive(Parser)]
        struct Defaults {
            #[command(flatten)]
            os: Os,
        }
        let mut os = Defaults::try_parse_from(["wasmrun"])?.os;
        os.path = path.to_owned();
        Ok(os)
    }
}

#[derive(Debug, Args)]
pub struct Cache {
    #[command(subcommand)]
    pub verb: CacheVerb,
}

#[derive(Debug, Subcommand)]
pub enum CacheVerb {
    /// List what is in it, the least recently used first
    List,
    /// Take away what is old, or more than there should be; what runs stays
    Prune {
        /// Most that may stay
        #[arg(long, value_name = "SIZE", default_value = "20GiB")]
        size: bytesize::ByteSize,
        /// What was not used for this long goes
        #[arg(long, value_name = "TIME", default_value = "90days", value_parser = humantime::parse_duration)]
        age: std::time::Duration,
    },
    /// Take everything away but what runs
    Clear,
}

#[derive(Debug, Args)]
pub struct Ps {
    /// One JSON array
    #[arg(long)]
    pub json: bool,
    /// Show it again and again
    #[arg(short, long, conflicts_with = "json")]
    pub watch: bool,
}

#[derive(Debug, Args)]
pub struct Named {
    /// A name or id, as `wasmrun ps` shows it
    pub name: String,
}

#[derive(Debug, Args)]
pub struct Logs {
    /// A name or id, as `wasmrun ps` shows it
    pub name: String,
    /// Go on with what is written from here on
    #[arg(short, long)]
    pub follow: bool,
    /// Only what was written in this last time, for example 10m
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only the last lines, so many; with --follow before what is yet to come
    #[arg(short = 'n', long, alias = "lines", value_name = "NUMBER")]
    pub tail: Option<usize>,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Stop {
    /// Names or ids, as `wasmrun ps` shows them
    #[arg(required_unless_present = "all")]
    pub names: Vec<String>,
    /// Every run of yours
    #[arg(long, conflicts_with = "names")]
    pub all: bool,
    /// How long open connections may go on, for example 10s; 0s ends them
    #[arg(long, value_name = "TIME")]
    pub grace: Option<String>,
}

const FORWARD_HELP: &str = "\
Examples:
  wasmrun forward web 8888                     localhost:8888 leads to port 8888 in the guest
  wasmrun forward web 9999:8888
  wasmrun forward web 8888 --local-port 9999 --local-host 127.0.0.1
  wasmrun forward web --port 8000-8010:9000-9010,8015
  wasmrun forward web 9999:8888 --detach       until `wasmrun unforward web 9999`, or the run's end";

#[derive(Debug, Args)]
#[command(after_help = FORWARD_HELP)]
pub struct Forward {
    /// A name or id, as `wasmrun ps` shows it
    pub name: String,
    /// Ports: PROC, HOST:PROC, or a rule as for `wasmrun os --forward`
    #[arg(value_name = "RULE")]
    pub rules: Vec<String>,
    /// Ports or ranges, with commas between: 8000-8010:9000-9010,8015
    #[arg(short, long = "port", value_name = "RULE", value_delimiter = ',')]
    pub ports: Vec<String>,
    /// The port of this machine; 0 takes a free one
    #[arg(long, value_name = "PORT")]
    pub local_port: Option<u16>,
    /// The address of this machine; without it 127.0.0.1 and ::1
    #[arg(long, value_name = "ADDRESS")]
    pub local_host: Option<std::net::IpAddr>,
    /// The protocol
    #[arg(long, value_enum, default_value_t, value_name = "PROTOCOL")]
    pub proto: Protocol,
    /// Keep it after this command ends
    #[arg(long)]
    pub detach: bool,
    /// List the run's forwards
    #[arg(long, conflicts_with_all = ["rules", "ports", "detach"])]
    pub list: bool,
    /// Wait for a run that is not there yet
    #[arg(long)]
    pub wait: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    #[default]
    Tcp,
    Udp,
}

#[derive(Debug, Args)]
pub struct Unforward {
    /// A name or id, as `wasmrun ps` shows it
    pub name: String,
    /// The forward's port of this machine
    pub port: u16,
}

#[derive(Debug, Args)]
pub struct Netns {
    /// A name or id, as `wasmrun ps` shows it
    pub name: String,
    /// The program and its arguments; without one, a shell
    #[arg(last = true)]
    pub command: Vec<std::ffi::OsString>,
}

#[derive(Debug, Args)]
pub struct Init {
    /// The project's directory
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    pub path: PathBuf,
    /// Write over a file that exists
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Args)]
pub struct Check {
    /// The project's directory, or a guest file
    #[arg(default_value = ".", value_hint = ValueHint::AnyPath)]
    pub path: PathBuf,
    /// Read this file instead of .wasmrun.toml
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, env = "WASMRUN_CONFIG")]
    pub config: Option<PathBuf>,
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
