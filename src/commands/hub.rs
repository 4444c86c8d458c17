//! `wasmrun hub`: lets your other machines, and your browser, reach your runs.

use crate::hub::{self, Certificate, Listen};
use crate::settings::units;
use anyhow::anyhow;
use clap::{Args, Subcommand, ValueEnum, ValueHint};
use gateway::grants::{Grants, Names, Ports};
use gateway::policy::Layer;
use gateway::scope::Scopes;
use report::{Failure, Result};
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// How long a client's connections outlive its link, where nothing else is said.
const LINGER: Duration = Duration::from_secs(60);
/// Longest lifetime of a token: a date that is further away cannot be said.
const LIFETIME: Duration = Duration::from_hours(24 * 365 * 100);

pub const HELP: &str = "\
Another machine reaches it over ssh, which starts it: `wasmrun forward ssh://HOST/NAME PORT`.

Examples:
  wasmrun hub                                      on port 7070 of this machine
  wasmrun hub token add laptop --run 'web*'        a token for other machines, shown once
  wasmrun hub --bind 0.0.0.0:7443 --tls self       for other machines, with a certificate of its own
  wasmrun hub --stdio --allow connect --run web    in ~/.ssh/authorized_keys, as command=\"…\": a key that may do no more";

#[derive(Debug, Args)]
#[command(after_help = HELP, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    /// Where to listen: ADDRESS:PORT or unix:/PATH. Repeatable [default: port 7070 of 127.0.0.1 and ::1]
    #[arg(long = "bind", value_name = "PLACE", value_parser = place, conflicts_with_all = ["stdio", "started"])]
    binds: Vec<Listen>,
    /// Speak TLS with a certificate that is made here once, and known by its pin
    #[arg(long, value_enum, value_name = "KIND", conflicts_with_all = ["tls_cert", "stdio"])]
    tls: Option<OwnTls>,
    /// Speak TLS with the certificate in this PEM file, which is read again when it changes
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "tls_key", conflicts_with = "stdio")]
    tls_cert: Option<PathBuf>,
    /// Its private key
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// A further name by which the hub is reached. Repeatable
    #[arg(long = "name", value_name = "HOST")]
    names: Vec<String>,
    /// A domain whose names lead here, for the origins of apps: NAME-PORT.DOMAIN. Repeatable
    #[arg(long = "domain", value_name = "DOMAIN")]
    domains: Vec<String>,
    /// Let everybody on this machine in without a token: for containers
    #[arg(long, conflicts_with = "stdio")]
    no_auth: bool,
    /// Do not speak KohakuRiver's protocol
    #[arg(long)]
    no_kohaku: bool,
    /// Serve no page
    #[arg(long)]
    no_page: bool,
    /// Add the audit to this file, a line of JSON for each event [default: standard error]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    audit: Option<PathBuf>,
    /// Have a line for each connection in the audit, too
    #[arg(long)]
    audit_streams: bool,
    /// How long a client's connections outlive its link [default: 60s]
    #[arg(long, value_name = "TIME")]
    linger: Option<String>,
    /// End after this long without a client, for example 10m
    #[arg(long, value_name = "TIME")]
    exit_idle: Option<String>,
    /// Pass standard input and output to the hub, and start one where there is none: what ssh runs
    #[arg(long, conflicts_with_all = ["linger", "exit_idle", "audit"])]
    stdio: bool,
    #[command(flatten)]
    narrowed: Rights,
    /// By `--stdio`.
    #[arg(long, hide = true)]
    started: bool,
}

/// What somebody may.
#[derive(Debug, Args)]
struct Rights {
    /// What may be done: view, connect, logs, manage, with commas between
    #[arg(long, value_name = "SCOPES", value_parser = scopes)]
    allow: Option<Scopes>,
    /// Runs, by name or pattern. Repeatable [default: all]
    #[arg(long = "run", value_name = "PATTERN")]
    runs: Vec<String>,
    /// Ports or ranges of guests, with commas between [default: all]
    #[arg(long = "port", value_name = "PORTS", value_delimiter = ',')]
    ports: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add, list or remove tokens for clients that do not come by ssh
    #[command(subcommand)]
    Token(Token),
    /// Print another link that lets one browser in, once
    Url,
}

#[derive(Debug, Subcommand)]
enum Token {
    /// Make a token and print it, once
    Add {
        /// What it is called
        name: String,
        #[command(flatten)]
        rights: Rights,
        /// It ends after this long, for example 30d
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// List tokens
    List,
    /// Remove a token; what it has open ends
    Remove {
        /// Its name
        name: String,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OwnTls {
    /// Made here once
    #[value(name = "self")]
    Own,
}

/// `wasmrun hub`
pub async fn run(arguments: &Arguments) -> Result<u8> {
    match &arguments.action {
        Some(Action::Token(token)) => return tokens(token).map(|()| 0),
        Some(Action::Url) => {
            writeln!(std::io::stdout().lock(), "{}", hub::another_link().await?)?;
            return Ok(0);
        }
        None => {}
    }
    let rights = &arguments.narrowed;
    let is_narrowed = rights.allow.is_some() || !rights.runs.is_empty() || !rights.ports.is_empty();
    if arguments.stdio {
        let grants = is_narrowed.then(|| rights.grants(Scopes::ALL)).transpose()?;
        return hub::pass(grants.as_ref()).await;
    }
    if is_narrowed {
        let failure = Failure::usage(anyhow!("`--allow`, `--run` and `--port` narrow `--stdio`"));
        return Err(failure.hint("for others there are tokens: `wasmrun hub token add NAME --allow connect`"));
    }
    let time = |text: &Option<String>, flag| {
        let read = text.as_ref().map(|text| units::time(text, flag, "`10m`"));
        read.transpose()
    };
    let off = |is_off: bool| is_off.then_some(false);
    let options = hub::Options {
        linger: time(&arguments.linger, "--linger")?.unwrap_or(LINGER),
        idle: time(&arguments.exit_idle, "--exit-idle")?,
        is_started: arguments.started,
        binds: arguments.binds.clone(),
        tls: match (&arguments.tls, &arguments.tls_cert, &arguments.tls_key) {
            (Some(OwnTls::Own), ..) => Some(Certificate::Own),
            (None, Some(certificate), Some(key)) => Some(Certificate::Files(certificate.clone(), key.clone())),
            _ => None,
        },
        names: arguments.names.clone(),
        domains: arguments.domains.clone(),
        is_open: arguments.no_auth,
        layer: Layer {
            kohaku: off(arguments.no_kohaku),
            browser: off(arguments.no_page),
            ..Layer::default()
        },
        audit: arguments.audit.clone(),
        audits_streams: arguments.audit_streams,
    };
    hub::run(options).await
}

impl Rights {
    fn grants(&self, otherwise: Scopes) -> Result<Grants> {
        let wrong = |error: gateway::grants::InvalidGrant| Failure::usage(anyhow!(error));
        Ok(Grants {
            scopes: self.allow.unwrap_or(otherwise),
            runs: match self.runs.is_empty() {
                true => Names::ALL,
                false => Names::new(self.runs.clone()).map_err(wrong)?,
            },
            ports: match self.ports.is_empty() {
                true => Ports::ALL,
                false => Ports::new(self.ports.iter().map(String::as_str)).map_err(wrong)?,
            },
        })
    }
}

fn tokens(action: &Token) -> Result<()> {
    let tokens = hub::tokens()?;
    let failed = |error: gateway::token::TokenError| {
        let hint = error.hint();
        Failure::usage(anyhow!(error)).hint_of(hint)
    };
    let mut out = std::io::stdout().lock();
    match action {
        Token::Add { name, rights, expires } => {
            let expires = expires
                .as_ref()
                .map(|text| units::time(text, "--expires", "`30d`"))
                .transpose()?;
            let expires = expires.map(|time| SystemTime::now() + time.min(LIFETIME));
            // Without a word it opens connections and sees the runs, and no more.
            let grants = rights.grants(Scopes::of([gateway::scope::Scope::Connect]))?;
            let secret = tokens.add(name, grants, expires).map_err(failed)?;
            writeln!(out, "{}", secret.expose())?;
            tracing::info!("this is shown once; `wasmrun context add … --token-stdin` takes it on the other machine");
        }
        Token::List => {
            let now = SystemTime::now();
            for token in tokens.list().map_err(failed)? {
                let scopes: Vec<String> = token.grants.scopes.into();
                let ends = match token.expires {
                    None => "never expires".to_owned(),
                    Some(_) if token.has_expired(now) => "has expired".to_owned(),
                    Some(expires) => format!("expires {}", humantime::format_rfc3339_seconds(expires)),
                };
                let limits = serde_json::to_value(&token.grants)?;
                let list = |key: &str| match &limits[key] {
                    serde_json::Value::Array(all) => {
                        let all: Vec<&str> = all.iter().filter_map(serde_json::Value::as_str).collect();
                        all.join(",")
                    }
                    _ => "all".to_owned(),
                };
                writeln!(
                    out,
                    "{}  {}  runs: {}  ports: {}  {ends}",
                    token.name,
                    scopes.join(","),
                    list("runs"),
                    list("ports")
                )?;
            }
        }
        Token::Remove { name } => match tokens.remove(name).map_err(failed)? {
            true => tracing::info!("removed: {name}; what it has open ends"),
            false => return Err(Failure::usage(anyhow!("no token is named `{name}`")).hint("`wasmrun hub token list`")),
        },
    }
    Ok(())
}

fn place(text: &str) -> Result<Listen, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        return match path.starts_with('/') {
            true => Ok(Listen::Unix(path.into())),
            false => Err("the path has to be absolute".to_owned()),
        };
    }
    match text.parse::<SocketAddr>() {
        Ok(address) => Ok(Listen::Tcp(address)),
        Err(_) => Err("write ADDRESS:PORT, for example 127.0.0.1:7070, or unix:/PATH".to_owned()),
    }
}

fn scopes(text: &str) -> Result<Scopes, String> {
    text.parse()
        .map_err(|error: gateway::scope::UnknownScope| error.to_string())
}
