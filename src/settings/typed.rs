//! `wasmrun os` as it is typed. Meaning is given by `resolve`. The comments are the text of `--help`.
#![allow(rustdoc::broken_intra_doc_links, reason = "brackets in usage texts are no links")]

use super::choices::{ForwardPath, Listeners, OutboundPath, Restart, Tiered};
use clap::builder::{FalseyValueParser, PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, CommandFactory, FromArgMatches, Parser, ValueHint};
use languages::{Language, Named, registry};
use std::num::NonZeroU16;
use std::path::PathBuf;

const OS_HELP: &str = "\
Examples:
  wasmrun os ./app --forward 8080:3000          localhost:8080 leads to port 3000 in the guest
  wasmrun os hello.wasm -f 0:8080               a free host port; the ready line names it
  wasmrun os ./app -f 8080:3000 -f 9000-9010:9000-9010
  wasmrun os ./app -f 0.0.0.0:80:3000           reachable from other machines
  wasmrun os ./app -f 8080:3000 --watch         rebuild and reload when a file changes
  wasmrun os ./app -f 8080:3000 --allow api.example.com:443 --allow localhost:5432
  wasmrun os ./db --dir ./data::/data -f 5432:5432 -- --verbose

Exit codes:
  the guest's own, or
  2      invalid command line or configuration
  125    wasmrun failed
  130    Ctrl-C
  134    the guest trapped
  143    SIGTERM
  128+N  signal N killed the guest's process

Precedence: command line, environment (WASMRUN_…), .wasmrun.toml, default.
Forwards, outbound rules, directories and variables of the command line add to those of the file.";

#[derive(Clone, Debug, Args)]
#[command(after_help = OS_HELP)]
pub struct Os {
    /// Project directory, guest file (.wasm, .wat or .cwasm), or Python or Node.js script
    #[arg(default_value = ".", value_hint = ValueHint::AnyPath)]
    pub path: PathBuf,
    /// Name of the run [default: name of the folder or file]
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
    /// Forward every port that the guest listens on, from the same host port or the next free one
    #[arg(long, env = "WASMRUN_AUTO_FORWARD", value_parser = FalseyValueParser::new())]
    pub auto_forward: bool,
    /// Let the guest connect to a place outside: NAME:PORT, *.NAME:PORT, ADDRESS:PORT, NETWORK:PORT, URL, localhost:PORT
    ///
    /// `localhost:PORT` leads the guest's own localhost:PORT to this machine's, `host:PORT` is this machine as
    /// host.wasmrun.internal, `$NAME` is what a variable of the guest names. Ports: N, N-M or `*`. With `/udp`: datagrams.
    /// Repeatable.
    #[arg(
        long,
        alias = "allow-net",
        value_name = "RULE",
        env = "WASMRUN_ALLOW",
        value_delimiter = ','
    )]
    pub allow: Vec<String>,
    /// Let names lead to a network that is not public, for example 10.20.0.0/16. Repeatable
    #[arg(long, value_name = "NETWORK", env = "WASMRUN_ALLOW_PRIVATE", value_delimiter = ',')]
    pub allow_private: Vec<String>,
    /// Let the guest connect to the guest of another run, by name: [ALIAS[:PORT]=]RUN:PORT
    ///
    /// `orders:8080` is port 8080 of the run `orders`, which the guest knows as orders:8080; `db:5432=store:6000` is port
    /// 6000 of the run `store`, as db:5432. A connection waits while that run starts or reloads. With `/udp`: datagrams.
    /// Repeatable.
    #[arg(long = "link", value_name = "LINK", env = "WASMRUN_LINK", value_delimiter = ',')]
    pub links: Vec<String>,
    /// Lead connections to other networks through a proxy: http://[USER:PASSWORD@]HOST:PORT, `env` or `none`
    ///
    /// The proxy is asked with CONNECT for each place that a rule allows, and looks its name up. `env` reads HTTPS_PROXY,
    /// HTTP_PROXY (port 80) and ALL_PROXY. What NO_PROXY names, this machine and its network are reached without.
    #[arg(long, value_name = "PROXY", env = "WASMRUN_PROXY", hide_env_values = true)]
    pub proxy: Option<String>,
    /// Have the guest trust the authorities of a file of certificates, besides those that this machine trusts. Repeatable
    ///
    /// The file is PEM or DER. This machine's are those of SSL_CERT_FILE and SSL_CERT_DIR, or of its distribution.
    #[arg(long = "ca", value_name = "FILE", value_hint = ValueHint::FilePath, env = "WASMRUN_CA", value_delimiter = ',')]
    pub authorities: Vec<PathBuf>,
    /// Have the guest listen on a port for links of other runs, without a port of this machine. Repeatable
    ///
    /// A guest that opens its own listeners needs no such word.
    #[arg(long, value_name = "PORT", env = "WASMRUN_EXPOSE", value_delimiter = ',')]
    pub expose: Vec<NonZeroU16>,
    /// Set an environment variable of the guest; without `=VALUE`, pass on your own. Repeatable
    #[arg(short, long = "env", value_name = "NAME[=VALUE]")]
    pub env: Vec<String>,
    /// Read variables from a file with lines NAME=VALUE or NAME; `#` begins a comment. Repeatable
    #[arg(long = "env-file", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub env_files: Vec<PathBuf>,
    /// What those files say; they are read once, because one may be a pipe.
    #[arg(skip)]
    pub env_of_files: Vec<(String, String)>,
    /// Give the guest access to a directory: HOST[::GUEST][:ro]. Repeatable
    #[arg(short, long = "dir", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dirs: Vec<String>,
    /// Pass standard input to the guest; without this option its input is empty
    #[arg(long)]
    pub stdin: bool,
    /// Memory limit of the guest, for example 256MiB
    #[arg(long, value_name = "SIZE", env = "WASMRUN_MEMORY")]
    pub memory: Option<String>,
    /// CPU limit of the guest in processors, for example 0.5 (requires control groups)
    #[arg(long, value_name = "NUMBER", env = "WASMRUN_CPUS")]
    pub cpus: Option<f64>,
    /// Limit of processes and threads of the guest and its runtime, which needs about 10
    #[arg(long, value_name = "NUMBER", env = "WASMRUN_PIDS")]
    pub pids: Option<u64>,
    /// Size limit of the in-memory /tmp of a Python or Node.js guest, for example 256MiB
    #[arg(long, value_name = "SIZE", env = "WASMRUN_TMP_SIZE")]
    pub tmp_size: Option<String>,
    /// How long a connection waits for the started guest to listen, for example 30s
    #[arg(long, value_name = "TIME", env = "WASMRUN_CONNECT_TIMEOUT")]
    pub connect_timeout: Option<String>,
    /// Forget a UDP client after this long without traffic, for example 60s
    #[arg(long, value_name = "TIME", env = "WASMRUN_UDP_IDLE")]
    pub udp_idle: Option<String>,
    /// How connections reach the guest
    #[arg(long, value_enum, value_name = "PATH", env = "WASMRUN_FORWARD_PATH")]
    pub forward_path: Option<ForwardPath>,
    /// How connections leave the guest's network
    #[arg(long, value_enum, value_name = "PATH", env = "WASMRUN_OUTBOUND_PATH")]
    pub outbound_path: Option<OutboundPath>,
    /// Limit of open connections; more wait in the queue
    #[arg(long, value_name = "NUMBER", env = "WASMRUN_MAX_CONNECTIONS")]
    pub max_connections: Option<usize>,
    /// Limit of open connections that leave the guest's network [default: 1024]
    #[arg(long, value_name = "NUMBER", env = "WASMRUN_MAX_OUTBOUND")]
    pub max_outbound: Option<usize>,
    /// Grace for open connections on a stop or reload, for example 10s
    #[arg(long, value_name = "TIME", env = "WASMRUN_GRACE")]
    pub grace: Option<String>,
    /// Language of the project [default: by its files]
    #[arg(long, value_name = "LANGUAGE", env = "WASMRUN_LANGUAGE", value_parser = language(registry::ALL))]
    pub language: Option<Named>,
    /// Fetch no toolchains or packages; use installed ones
    #[arg(long, env = "WASMRUN_OFFLINE", value_parser = FalseyValueParser::new())]
    pub offline: bool,
    /// Trust the project's .wasmrun.toml in this run without asking; see `wasmrun trust`
    #[arg(long, env = "WASMRUN_TRUST", value_parser = FalseyValueParser::new())]
    pub trust: bool,
    /// Build without the build jail, with all of your privileges
    #[arg(long, env = "WASMRUN_NO_BUILD_JAIL", value_parser = FalseyValueParser::new())]
    pub no_build_jail: bool,
    /// Rebuild and swap the guest when its files change, without refusing a connection
    #[arg(short, long, env = "WASMRUN_WATCH", value_parser = FalseyValueParser::new())]
    pub watch: bool,
    /// Restart policy for a guest that has ended [default: never; with --watch on-failure]
    #[arg(long, value_enum, value_name = "WHEN", env = "WASMRUN_RESTART")]
    pub restart: Option<Restart>,
    /// Start with baseline code, then swap in code that was optimized in the background
    #[arg(long, value_enum, value_name = "WHEN", env = "WASMRUN_TIERED")]
    pub tiered: Option<Tiered>,
    /// Position of the inherited listeners among the descriptors of a wasip1 guest
    #[arg(long, value_enum, value_name = "ORDER")]
    pub listeners: Option<Listeners>,
    /// Serve Prometheus metrics on this address, for example 127.0.0.1:9100; a port alone means 127.0.0.1
    #[arg(long, value_name = "ADDRESS", env = "WASMRUN_METRICS", value_parser = address)]
    pub metrics: Option<std::net::SocketAddr>,
    /// Also write the ready lines to this open descriptor once the guest listens on every forwarded port, then close it
    #[arg(long, value_name = "FD", value_parser = clap::value_parser!(i32).range(3..))]
    pub ready_fd: Option<i32>,
    /// Read this file instead of .wasmrun.toml
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, env = "WASMRUN_CONFIG")]
    pub config: Option<PathBuf>,
    /// Run compiled code (.cwasm), which cannot be verified: use it for code that you compiled yourself
    #[arg(long)]
    pub allow_precompiled: bool,
    /// The service whose table applies as well: FILE#NAME. `wasmrun up` passes it
    #[arg(long, hide = true, value_name = "FILE#NAME", value_parser = service_of)]
    pub service: Option<ServiceOf>,
    /// Compile without the cache
    #[arg(long)]
    pub no_cache: bool,
    /// Run the guest without isolation, in the host's network
    #[arg(long)]
    pub no_isolation: bool,
    /// Arguments of the guest
    #[arg(last = true)]
    pub args: Vec<String>,
}

/// A service of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceOf {
    pub file: PathBuf,
    pub name: String,
}

/// Variables that say what one run is. They are not for the services of `wasmrun up`, of which each would get the same.
pub const OF_ONE_RUN: [&str; 14] = [
    "WASMRUN_NAME",
    "WASMRUN_CONFIG",
    "WASMRUN_FORWARD",
    "WASMRUN_AUTO_FORWARD",
    "WASMRUN_ALLOW",
    "WASMRUN_ALLOW_PRIVATE",
    "WASMRUN_LINK",
    "WASMRUN_EXPOSE",
    "WASMRUN_METRICS",
    "WASMRUN_LANGUAGE",
    "WASMRUN_LOG_FORMAT",
    // Options of `wasmrun up` itself, which passes them on.
    "WASMRUN_RESTART",
    "WASMRUN_TRUST",
    "WASMRUN_WATCH",
];

#[derive(Parser)]
struct Defaults {
    #[command(flatten)]
    os: Os,
}

impl Os {
    /// A run of this path with no option but the file's.
    pub fn of_path(path: &std::path::Path) -> Result<Os, clap::Error> {
        let mut os = Defaults::try_parse_from(["wasmrun"])?.os;
        os.path = path.to_owned();
        Ok(os)
    }

    /// The same of a service's path, without the variables that are not for services.
    pub fn of_service(path: &std::path::Path, service: ServiceOf) -> Result<Os, clap::Error> {
        let is_ours = |arg: &clap::Arg| {
            arg.get_env()
                .is_none_or(|name| OF_ONE_RUN.iter().all(|other| name != *other))
        };
        let command = Defaults::command().mut_args(|arg| match is_ours(&arg) {
            true => arg,
            false => arg.env(None::<&'static str>),
        });
        let matches = command.try_get_matches_from(["wasmrun"])?;
        let mut os = Defaults::from_arg_matches(&matches)?.os;
        os.path = path.to_owned();
        os.service = Some(service);
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

fn service_of(text: &str) -> Result<ServiceOf, &'static str> {
    let (file, name) = text.rsplit_once('#').ok_or("it is FILE#NAME")?;
    Ok(ServiceOf {
        file: file.into(),
        name: name.to_owned(),
    })
}

/// An address, or a port of 127.0.0.1.
fn address(text: &str) -> Result<std::net::SocketAddr, std::net::AddrParseError> {
    match text.trim_start_matches(':').parse::<u16>() {
        Ok(port) => Ok((std::net::Ipv4Addr::LOCALHOST, port).into()),
        Err(_) => text.parse(),
    }
}
