//! `wasmrun os` as it is typed. Meaning is given by `resolve`. The comments are the text of `--help`.
#![allow(rustdoc::broken_intra_doc_links, reason = "brackets in usage texts are no links")]

use super::choices::{ForwardPath, Listeners, Restart, Tiered};
use clap::builder::{FalseyValueParser, PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, ValueHint};
use languages::{Language, Named, registry};
use std::path::PathBuf;

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
    #[arg(long, value_name = "LANGUAGE", env = "WASMRUN_LANGUAGE", value_parser = language(registry::ALL))]
    pub language: Option<Named>,
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

/// The languages that there are, by what they are called.
pub fn language(languages: &'static [&'static dyn Language]) -> impl TypedValueParser<Value = Named> {
    let values = languages
        .iter()
        .map(|language| PossibleValue::new(language.id()).help(language.builder()));
    PossibleValuesParser::new(values).try_map(move |id| Named::among(languages, &id).ok_or("no such language"))
}

/// An address, or a port of 127.0.0.1.
fn address(text: &str) -> Result<std::net::SocketAddr, std::net::AddrParseError> {
    match text.trim_start_matches(':').parse::<u16>() {
        Ok(port) => Ok((std::net::Ipv4Addr::LOCALHOST, port).into()),
        Err(_) => text.parse(),
    }
}
