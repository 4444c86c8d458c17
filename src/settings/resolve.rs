//! From what was typed and written to what holds: once, and with an error that names the place.

use super::choices::{ForwardPath, OutboundPath, Restart, Tiered};
use super::file::Config;
use super::layers::Layers;
use super::sections::Livereload;
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
use supervisor::Authorities;
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

/// Resolves an `os` command with the files that apply to it.
pub fn resolve(os: &Os, layers: &Layers) -> Result<Settings> {
    let arguments = match (os.args.as_slice(), layers.list(|config| &config.guest.args)) {
        ([], Some((written, _))) => written.to_vec(),
        (typed, _) => typed.to_vec(),
    };
    let text = |flag: &Option<String>, name: &str, written: Pick| given(flag.as_ref(), name, written, layers);
    let memory = match text(&os.memory, "--memory", |config| config.guest.memory.as_ref()) {
        None => None,
        Some((text, place)) => Some(size(&text, &place)?),
    };
    let cpus = os.cpus.or(layers.value(|config| config.guest.cpus.as_ref()));
    if let Some(cpus) = cpus.filter(|cpus| !(*cpus >= LEAST_CPUS && cpus.is_finite())) {
        return Err(Failure::usage(anyhow!("invalid CPU limit `{cpus}`"))
            .hint("write for example `--cpus 0.5`; the minimum is 0.01"));
    }
    let pids = os.pids.or(layers.value(|config| config.guest.pids.as_ref()));
    if let Some(pids) = pids.filter(|pids| *pids < LEAST_PIDS) {
        return Err(
            Failure::usage(anyhow!("the limit of {pids} processes and threads is too low"))
                .hint(format!("write at least `--pids {LEAST_PIDS}`")),
        );
    }
    let tmp_size = match text(&os.tmp_size, "--tmp-size", |config| config.guest.tmp_size.as_ref()) {
        None => TMP_SIZE,
        Some((text, place)) => size(&text, &place)?,
    };
    let written = layers.value(|config| config.network.max_connections.as_ref());
    let max_connections = os.max_connections.or(written);
    if max_connections == Some(0) {
        return Err(Failure::usage(anyhow!("the connection limit must be at least 1")));
    }
    let (directories, build) = (
        directories(&os.dirs, layers)?,
        languages::find(&os.path, layers.written(), os.language, policy(os, layers))?,
    );
    if let Some(plan) = &build {
        refuse_own_build(plan.as_ref(), &directories)?;
    }
    let time =
        |flag: &Option<String>, name: &str, written: Pick, usual| length(flag.as_ref(), name, written, layers, usual);
    let environment = environment(os, layers)?;
    let allow = outbound(os, layers, &environment)?;
    let allow_private = places(layers, |config| &config.network.allow_private);
    let typed = placed(&os.allow_private, "--allow-private", &[]);
    let allow_private = rules::networks(allow_private.chain(typed))?;
    let links = places(layers, |config| &config.network.links);
    let links = rules::links(links.chain(placed(&os.links, "--link", &[])))?;
    let proxies = match text(&os.proxy, "--proxy", |config| config.network.proxy.as_ref()) {
        None => None,
        Some((text, place)) => rules::proxies(&text, &place, |name| std::env::var(name).ok())?,
    };
    let authorities = authorities(os, layers)?;
    let stdin = os.stdin || layers.value(|config| config.guest.stdin.as_ref()).unwrap_or(false);
    if stdin && os.service.is_some() {
        let message = anyhow!("a service of `wasmrun up` has no standard input: several would read the same");
        return Err(Failure::usage(message).hint("remove `stdin = true` under `[guest]`, or run it with `wasmrun os`"));
    }
    Ok(Settings {
        source: Source {
            artifact: layers.artifact(),
            build,
        },
        code: Code {
            tiered: match os.tiered.or(layers.value(|config| config.guest.tiered.as_ref())) {
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
            stdin,
            memory,
            cpus,
            pids,
            tmp_size,
            listeners: os.listeners.or(layers.value(|config| config.guest.listeners.as_ref())),
            http: http(layers)?,
        },
        network: Network {
            mappings: mappings(&os.forwards, layers)?,
            auto_forward: os.auto_forward
                || layers
                    .value(|config| config.network.auto_forward.as_ref())
                    .unwrap_or(false),
            expose: expose(os, layers),
            allow,
            allow_private,
            links: links.into_iter().map(|link| layers.meant(link)).collect(),
            path: os
                .forward_path
                .or(layers.value(|config| config.network.path.as_ref()))
                .unwrap_or(ForwardPath::Auto),
            outbound_path: os
                .outbound_path
                .or(layers.value(|config| config.network.outbound_path.as_ref()))
                .unwrap_or(OutboundPath::Auto),
            proxies,
            authorities,
            connect_timeout: time(
                &os.connect_timeout,
                "--connect-timeout",
                |config| config.network.connect_timeout.as_ref(),
                Limits::CONNECT_TIMEOUT,
            )?,
            udp_idle: time(
                &os.udp_idle,
                "--udp-idle",
                |config| config.network.udp_idle.as_ref(),
                Limits::UDP_IDLE,
            )?,
            max_connections,
            max_outbound: os
                .max_outbound
                .or(layers.value(|config| config.network.max_outbound.as_ref()))
                .unwrap_or(MAX_OUTBOUND),
        },
        life: Life {
            grace: time(&os.grace, "--grace", |config| config.guest.grace.as_ref(), GRACE)?,
            restart: match os.restart.or(layers.value(|config| config.guest.restart.as_ref())) {
                Some(restart) => restart,
                None if os.watch || os.service.is_some() => Restart::OnFailure,
                None => Restart::Never,
            },
        },
        isolation: !os.no_isolation,
        watch: if os.watch { Some(watch(layers)?) } else { None },
    })
}

/// A text of the files.
type Pick = fn(&Config) -> Option<&toml::Spanned<String>>;

fn policy(os: &Os, layers: &Layers) -> Policy {
    let is_open = layers.value(|config| config.build.jail.as_ref()) == Some(false);
    Policy {
        offline: os.offline,
        confinement: if os.no_build_jail || is_open {
            Confinement::Open
        } else {
            Confinement::Jailed
        },
    }
}

/// Every directory of the files and the command line, in this order.
fn directories(flags: &[String], layers: &Layers) -> Result<Vec<Directory>> {
    let written = layers.all(|config| &config.guest.dirs).map(|(dir, file)| Asked {
        place: file.place(dir),
        is_typed: false,
        base: file.folder(),
        text: dir.get_ref(),
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
fn http(layers: &Layers) -> Result<HttpLimits> {
    let defaults = HttpLimits::default();
    let time = |written: Pick, default| -> Result<Duration> {
        let time = length(None, "", written, layers, default)?;
        match layers.top(written) {
            Some((value, file)) if time < SHORTEST => Err(Failure::usage(anyhow!(
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
    let (mut max_requests, mut max_streams) = (defaults.max_requests, defaults.max_streams);
    if let Some((requests, file)) = layers.top(|config| config.http.max_requests.as_ref()) {
        max_requests = *requests.get_ref();
        at_least_one(file.place(requests), max_requests == 0)?;
    }
    if let Some((streams, file)) = layers.top(|config| config.http.max_streams.as_ref()) {
        max_streams = *streams.get_ref();
        at_least_one(file.place(streams), max_streams == 0)?;
    }
    Ok(HttpLimits {
        header_timeout: time(|config| config.http.header_timeout.as_ref(), defaults.header_timeout)?,
        body_timeout: time(|config| config.http.body_timeout.as_ref(), defaults.body_timeout)?,
        send_timeout: time(|config| config.http.send_timeout.as_ref(), defaults.send_timeout)?,
        idle_timeout: time(|config| config.http.idle_timeout.as_ref(), defaults.idle_timeout)?,
        max_requests,
        max_streams,
    })
}

fn watch(layers: &Layers) -> Result<Watch> {
    let paths = layers.list(|config| &config.watch.paths).map(|(paths, file)| {
        let absolute = |path: &PathBuf| {
            let path = file.folder().join(path);
            path.canonicalize()
                .with_context(|| format!("`[watch] paths`: cannot use {}", path.display()))
                .map_err(Failure::usage)
        };
        paths.iter().map(absolute).collect::<Result<_>>()
    });
    let health = match layers.top(|config| config.watch.health.as_ref()) {
        Some((path, file)) if !path.get_ref().starts_with('/') => {
            let message = anyhow!(
                "{}: `{}` is not a path: it must start with `/`",
                file.place(path),
                path.get_ref()
            );
            return Err(Failure::usage(message).hint("write for example `/health`"));
        }
        health => health.map(|(path, _)| path.get_ref().clone()),
    };
    let ignore = layers.list(|config| &config.watch.ignore);
    Ok(Watch {
        paths: paths.transpose()?.unwrap_or_default(),
        ignore: ignore.map_or_else(Vec::new, |(ignore, _)| ignore.to_vec()),
        debounce: length(None, "", |config| config.watch.debounce.as_ref(), layers, DEBOUNCE)?,
        health,
        livereload: match layers.value(|config| config.watch.livereload.as_ref()) {
            None | Some(Livereload::Switch(false)) => None,
            Some(Livereload::Switch(true)) => Some(LIVERELOAD),
            Some(Livereload::Port(port)) => Some(port),
        },
    })
}

/// A length of time, from wherever it was given.
fn length(flag: Option<&String>, name: &str, written: Pick, layers: &Layers, default: Duration) -> Result<Duration> {
    match given(flag, name, written, layers) {
        None => Ok(default),
        Some((text, place)) => time(&text, &place, "`500ms`, `30s` or `2m`"),
    }
}

/// The text that applies, with where it was given.
fn given(flag: Option<&String>, name: &str, written: Pick, layers: &Layers) -> Option<(String, String)> {
    match (flag, layers.top(written)) {
        (Some(text), _) => Some((text.clone(), provenance::place(name, &[]))),
        (None, Some((value, file))) => Some((value.get_ref().clone(), file.place(value))),
        (None, None) => None,
    }
}

/// Every forward of the files and the command line, in this order. A host port that two rules want is an error that
/// names both.
fn mappings(flags: &[String], layers: &Layers) -> Result<Vec<Mapping>> {
    let written = places(layers, |config| &config.network.forwards);
    let from_flags = placed(flags, "--forward", &["-f", "-p", "--publish"]);
    rules::mappings(written.chain(from_flags), [])
}

/// Ports for links of other runs, each once: as typed and written, and those that other services of the file link to.
fn expose(os: &Os, layers: &Layers) -> Vec<u16> {
    let written = layers.all(|config| &config.network.expose).map(|(port, _)| port);
    let mut ports = Vec::new();
    for port in written.chain(&os.expose).map(|port| port.get()).chain(layers.linked()) {
        if !ports.contains(&port) {
            ports.push(port);
        }
    }
    ports
}

/// Every outbound rule of the files and the command line; one of the form `$NAME` is what the guest's variable names.
fn outbound(os: &Os, layers: &Layers, environment: &[(String, String)]) -> Result<Vec<egress::Rule>> {
    let written = places(layers, |config| &config.network.allow);
    let from_flags = placed(&os.allow, "--allow", &["--allow-net"]);
    rules::outbound(written.chain(from_flags), |name| {
        let found = environment.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.clone())
    })
}

/// Authorities of the files and the command line. A path in a file starts from its folder.
fn authorities(os: &Os, layers: &Layers) -> Result<Vec<Authorities>> {
    let written = layers.all(|config| &config.network.ca).map(|(path, file)| {
        let place = file.place(path);
        Authorities::read(&file.folder().join(path.get_ref()), &place)
    });
    let place = provenance::place("--ca", &[]);
    let typed = os.authorities.iter().map(|path| Authorities::read(path, &place));
    written.chain(typed).collect()
}

/// Values of the files with their places.
fn places(layers: &Layers, values: fn(&Config) -> &[toml::Spanned<String>]) -> impl Iterator<Item = (&str, String)> {
    let values = layers.all(values);
    values.map(|(value, file)| (value.get_ref().as_str(), file.place(value)))
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

/// Variables of the files, then of the files of variables, then of the command line: a later one of the same name
/// wins.
fn environment(os: &Os, layers: &Layers) -> Result<Vec<(String, String)>> {
    let written = layers.files().iter().flat_map(|file| file.config.env.clone());
    let from_files = written.chain(os.env_of_files.iter().cloned());
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
    for variable in from_files.map(Ok).chain(from_flags) {
        let (name, value) = variable?;
        environment.retain(|(other, _)| *other != name);
        environment.push((name, value));
    }
    Ok(environment)
}
