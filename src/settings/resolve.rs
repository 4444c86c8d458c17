//! From what was typed and written to what holds: once, and with an error that names the place.

use super::choices::{ForwardPath, Restart, Tiered};
use super::file::{self, Config, File, Livereload};
use super::typed::Os;
use super::units::{size, time};
use super::{Code, Guest, Life, Network, Settings, Source, Watch, env_file, provenance, rules};
use anyhow::{Context, anyhow};
use files::Directory;
use files::directory::{self, Asked};
use languages::{Confinement, Plan, Policy};
use netns::{Limits, Mapping, egress};
use report::{Failure, Result};
use runtime::HttpLimits;
use std::path::{Path, PathBuf};
use std::time::Duration;
use supervisor::code::Precompiled;
use supervisor::compiler::Limits as CompileLimits;

/// Open connections may go on this long after Ctrl-C.
const GRACE: Duration = Duration::from_secs(10);
/// Events of one save come this close together.
const DEBOUNCE: Duration = Duration::from_millis(50);
/// What a client is given at least: less would end all of them.
const SHORTEST: Duration = Duration::from_millis(10);
/// And at most: a month, which clocks can count with.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Less would be no guest: in processors, and in processes and threads.
const LEAST_CPUS: f64 = 0.01;
const LEAST_PIDS: u64 = 16;
/// What the `/tmp` of a program holds, in bytes.
const TMP_SIZE: u64 = 64 << 20;
/// Connections that leave a guest's network, which take descriptors of its process.
const MAX_OUTBOUND: usize = 1024;
/// The port of the LiveReload protocol, which tools know.
const LIVERELOAD: u16 = 35729;

/// Resolves an `os` command with the file that applies to it.
pub fn resolve(os: &Os, file: Option<&File>) -> Result<Settings> {
    let defaults = Config::default();
    let config = file.map_or(&defaults, |file| &file.config);
    let mut arguments = config.guest.args.clone();
    if !os.args.is_empty() {
        arguments.clone_from(&os.args);
    }
    let memory = match given(os.memory.as_ref(), "--memory", config.guest.memory.as_ref(), file) {
        None => None,
        Some((text, place)) => Some(size(&text, &place)?),
    };
    let cpus = os.cpus.or(config.guest.cpus);
    if let Some(cpus) = cpus.filter(|cpus| !(*cpus >= LEAST_CPUS && cpus.is_finite())) {
        return Err(Failure::usage(anyhow!("invalid CPU limit `{cpus}`"))
            .hint("write for example `--cpus 0.5`; the minimum is 0.01"));
    }
    let pids = os.pids.or(config.guest.pids);
    if let Some(pids) = pids.filter(|pids| *pids < LEAST_PIDS) {
        return Err(
            Failure::usage(anyhow!("the limit of {pids} processes and threads is too low"))
                .hint(format!("write at least `--pids {LEAST_PIDS}`")),
        );
    }
    let tmp_size = match given(os.tmp_size.as_ref(), "--tmp-size", config.guest.tmp_size.as_ref(), file) {
        None => TMP_SIZE,
        Some((text, place)) => size(&text, &place)?,
    };
    let max_connections = os.max_connections.or(config.network.max_connections);
    if max_connections == Some(0) {
        return Err(Failure::usage(anyhow!("the connection limit must be at least 1")));
    }
    let (directories, build) = (
        directories(&os.dirs, file)?,
        languages::find(&os.path, file.map(File::written), os.language, policy(os, file))?,
    );
    if let Some(plan) = &build {
        refuse_own_build(plan.as_ref(), &directories)?;
    }
    let time = |flag: Option<&String>, name: &str, written, usual| length(flag, name, written, file, usual);
    let environment = environment(os, file)?;
    let allow = outbound(os, file, &environment)?;
    let allow_private = places(file, |network| &network.allow_private);
    let typed = placed(&os.allow_private, "--allow-private", &[]);
    let allow_private = rules::networks(allow_private.chain(typed))?;
    let links = places(file, |network| &network.links);
    let links = rules::links(links.chain(placed(&os.links, "--link", &[])))?;
    Ok(Settings {
        source: Source {
            artifact: file.and_then(File::artifact),
            build,
        },
        code: Code {
            tiered: match os.tiered.or(config.guest.tiered) {
                // Two guests at once would want the same port of this machine.
                _ if os.no_isolation => Tiered::Never,
                wanted => wanted.unwrap_or(Tiered::Auto),
            },
            cache: !os.no_cache,
            precompiled: match (os.allow_precompiled, os.no_isolation) {
                (_, true) => Precompiled::NotWithoutIsolation,
                (true, false) => Precompiled::Allowed,
                (false, false) => Precompiled::Refused,
            },
            compile: compile_limits()?,
        },
        guest: Guest {
            arguments,
            environment,
            directories,
            stdin: os.stdin || config.guest.stdin.unwrap_or(false),
            memory,
            cpus,
            pids,
            tmp_size,
            listeners: os.listeners.or(config.guest.listeners),
            http: http(file)?,
        },
        network: Network {
            mappings: mappings(&os.forwards, file)?,
            auto_forward: os.auto_forward || config.network.auto_forward.unwrap_or(false),
            expose: expose(os, config),
            allow,
            allow_private,
            links,
            path: os.forward_path.or(config.network.path).unwrap_or(ForwardPath::Auto),
            connect_timeout: time(
                os.connect_timeout.as_ref(),
                "--connect-timeout",
                config.network.connect_timeout.as_ref(),
                Limits::CONNECT_TIMEOUT,
            )?,
            udp_idle: time(
                os.udp_idle.as_ref(),
                "--udp-idle",
                config.network.udp_idle.as_ref(),
                Limits::UDP_IDLE,
            )?,
            max_connections,
            max_outbound: os.max_outbound.or(config.network.max_outbound).unwrap_or(MAX_OUTBOUND),
        },
        life: Life {
            grace: time(os.grace.as_ref(), "--grace", config.guest.grace.as_ref(), GRACE)?,
            restart: match os.restart.or(config.guest.restart) {
                Some(restart) => restart,
                None if os.watch => Restart::OnFailure,
                None => Restart::Never,
            },
        },
        isolation: !os.no_isolation,
        watch: if os.watch { Some(watch(file)?) } else { None },
    })
}

fn policy(os: &Os, file: Option<&File>) -> Policy {
    let is_open = file.is_some_and(|file| file.config.build.jail == Some(false));
    Policy {
        offline: os.offline,
        confinement: if os.no_build_jail || is_open {
            Confinement::Open
        } else {
            Confinement::Jailed
        },
    }
}

/// Every directory of the file and the command line, in this order.
fn directories(flags: &[String], file: Option<&File>) -> Result<Vec<Directory>> {
    let written = file.into_iter().flat_map(|file| {
        file.config.guest.dirs.iter().map(|dir| Asked {
            place: file.place(dir),
            is_typed: false,
            base: file.folder(),
            text: dir.get_ref(),
        })
    });
    let typed = flags.iter().map(|dir| Asked {
        place: "--dir".to_owned(),
        is_typed: true,
        base: Path::new("."),
        text: dir,
    });
    directory::find_all(written.chain(typed).collect())
}

/// What a compile may take: two variables and no option, because few need them.
fn compile_limits() -> Result<CompileLimits> {
    let usual = CompileLimits::default();
    let variable = |name: &'static str| std::env::var(name).ok().map(|text| (name, text));
    Ok(CompileLimits {
        memory: variable(CompileLimits::MEMORY).map_or(Ok(usual.memory), |(name, text)| size(&text, name))?,
        time: variable(CompileLimits::TIME)
            .map_or(Ok(usual.time), |(name, text)| time(&text, name, "`10m` or `1h`"))?,
    })
}

/// A guest that may write what is built would have its code run on this machine, where no jail is around the build.
fn refuse_own_build(plan: &dyn Plan, directories: &[Directory]) -> Result<()> {
    let is_written = |directory: &&Directory| {
        let (built, given) = (plan.folder(), &directory.host);
        !directory.read_only && (built.starts_with(given) || given.starts_with(built))
    };
    match directories
        .iter()
        .find(is_written)
        .filter(|_| plan.policy().confinement == Confinement::Open)
    {
        Some(directory) => {
            let message = anyhow!(
                "the guest may write {}, whose code the build runs outside of a jail",
                directory.host.display()
            );
            Err(Failure::usage(message).hint("build in the build jail, or add `:ro` to the directory"))
        }
        None => Ok(()),
    }
}

/// An `os` command with its files of variables read.
pub fn with_env_files(os: &Os) -> Result<Os> {
    let mut os = os.clone();
    for path in &os.env_files {
        os.env_of_files.extend(env_file::read(path)?);
    }
    Ok(os)
}

/// What clients of a `wasi:http` guest may take of it.
fn http(file: Option<&File>) -> Result<HttpLimits> {
    let Some(file) = file else {
        return Ok(HttpLimits::default());
    };
    let (http, defaults) = (&file.config.http, HttpLimits::default());
    let time = |value: &Option<toml::Spanned<String>>, default| -> Result<Duration> {
        let time = length(None, "", value.as_ref(), Some(file), default)?;
        match value {
            Some(value) if time < SHORTEST => Err(Failure::usage(anyhow!(
                "{}: the timeout `{}` is too short",
                file.place(value),
                value.get_ref()
            ))
            .hint("write for example `30s`; the minimum is `10ms`")),
            _ => Ok(time.min(LONGEST)),
        }
    };
    let at_least_one = |place: String, is_none: bool| match is_none {
        true => Err(Failure::usage(anyhow!("{place}: the limit must be at least 1"))),
        false => Ok(()),
    };
    if let Some(requests) = &http.max_requests {
        at_least_one(file.place(requests), *requests.get_ref() == 0)?;
    }
    if let Some(streams) = &http.max_streams {
        at_least_one(file.place(streams), *streams.get_ref() == 0)?;
    }
    Ok(HttpLimits {
        header_timeout: time(&http.header_timeout, defaults.header_timeout)?,
        body_timeout: time(&http.body_timeout, defaults.body_timeout)?,
        send_timeout: time(&http.send_timeout, defaults.send_timeout)?,
        idle_timeout: time(&http.idle_timeout, defaults.idle_timeout)?,
        max_requests: http
            .max_requests
            .as_ref()
            .map_or(defaults.max_requests, |most| *most.get_ref()),
        max_streams: http
            .max_streams
            .as_ref()
            .map_or(defaults.max_streams, |most| *most.get_ref()),
    })
}

fn watch(file: Option<&File>) -> Result<Watch> {
    let defaults = file::Watch::default();
    let watch = file.map_or(&defaults, |file| &file.config.watch);
    let absolute = |path: &PathBuf| {
        let path = file.map_or(Path::new("."), File::folder).join(path);
        path.canonicalize()
            .with_context(|| format!("`[watch] paths`: cannot use {}", path.display()))
            .map_err(Failure::usage)
    };
    let health = match (&watch.health, file) {
        (Some(path), Some(file)) if !path.get_ref().starts_with('/') => {
            let message = anyhow!(
                "{}: `{}` is not a path: it must start with `/`",
                file.place(path),
                path.get_ref()
            );
            return Err(Failure::usage(message).hint("write for example `/health`"));
        }
        (path, _) => path.as_ref().map(|path| path.get_ref().clone()),
    };
    Ok(Watch {
        paths: watch.paths.iter().map(absolute).collect::<Result<_>>()?,
        ignore: watch.ignore.clone(),
        debounce: length(None, "", watch.debounce.as_ref(), file, DEBOUNCE)?,
        health,
        livereload: match watch.livereload {
            Livereload::Switch(false) => None,
            Livereload::Switch(true) => Some(LIVERELOAD),
            Livereload::Port(port) => Some(port),
        },
    })
}

/// A length of time, from wherever it was given.
fn length(
    flag: Option<&String>,
    name: &str,
    value: Option<&toml::Spanned<String>>,
    file: Option<&File>,
    default: Duration,
) -> Result<Duration> {
    match given(flag, name, value, file) {
        None => Ok(default),
        Some((text, place)) => time(&text, &place, "`500ms`, `30s` or `2m`"),
    }
}

/// The text that applies, with where it was given.
fn given(
    flag: Option<&String>,
    name: &str,
    value: Option<&toml::Spanned<String>>,
    file: Option<&File>,
) -> Option<(String, String)> {
    match (flag, value, file) {
        (Some(text), ..) => Some((text.clone(), provenance::place(name, &[]))),
        (None, Some(value), Some(file)) => Some((value.get_ref().clone(), file.place(value))),
        _ => None,
    }
}

/// Every forward of the file and the command line, in this order. A host port that two rules want is an error that
/// names both.
fn mappings(flags: &[String], file: Option<&File>) -> Result<Vec<Mapping>> {
    let from_file = places(file, |network| &network.forwards);
    let from_flags = placed(flags, "--forward", &["-f", "-p", "--publish"]);
    rules::mappings(from_file.chain(from_flags), [])
}

/// Ports for links of other runs, each once.
fn expose(os: &Os, config: &Config) -> Vec<u16> {
    let mut ports = Vec::new();
    for port in config.network.expose.iter().chain(&os.expose) {
        if !ports.contains(&port.get()) {
            ports.push(port.get());
        }
    }
    ports
}

/// Every outbound rule of the file and the command line; one of the form `$NAME` is what the guest's variable names.
fn outbound(os: &Os, file: Option<&File>, environment: &[(String, String)]) -> Result<Vec<egress::Rule>> {
    let from_file = places(file, |network| &network.allow);
    let from_flags = placed(&os.allow, "--allow", &["--allow-net"]);
    rules::outbound(from_file.chain(from_flags), |name| {
        let found = environment.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.clone())
    })
}

/// Values of the file's `[network]` with their places.
fn places(
    file: Option<&File>,
    values: fn(&file::Network) -> &[toml::Spanned<String>],
) -> impl Iterator<Item = (&str, String)> {
    file.into_iter().flat_map(move |file| {
        let values = values(&file.config.network).iter();
        values.map(|value| (value.get_ref().as_str(), file.place(value)))
    })
}

/// Values of an option with theirs.
fn placed<'a>(
    values: &'a [String],
    option: &str,
    others: &[&str],
) -> impl Iterator<Item = (&'a str, String)> + use<'a> {
    let place = provenance::place(option, others);
    values.iter().map(move |value| (value.as_str(), place.clone()))
}

/// Variables of the configuration, then of the files of variables, then of the command line: a later one of the same name
/// wins.
fn environment(os: &Os, file: Option<&File>) -> Result<Vec<(String, String)>> {
    let from_file = file.into_iter().flat_map(|file| file.config.env.clone());
    let from_file = from_file.chain(os.env_of_files.iter().cloned());
    let from_flags = os.env.iter().map(|flag| match flag.split_once('=') {
        Some(("", _)) => Err(Failure::usage(anyhow!("--env `{flag}`: missing name before `=`"))),
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => match std::env::var(flag) {
            Ok(value) => Ok((flag.clone(), value)),
            Err(_) => Err(Failure::usage(anyhow!("--env {flag}: the variable is not set"))
                .hint(format!("write `--env {flag}=VALUE`, or export it first"))),
        },
    });
    let mut environment: Vec<(String, String)> = Vec::new();
    for variable in from_file.map(Ok).chain(from_flags) {
        let (name, value) = variable?;
        environment.retain(|(other, _)| *other != name);
        environment.push((name, value));
    }
    Ok(environment)
}
