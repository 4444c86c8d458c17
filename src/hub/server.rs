//! The hub itself: its rules, its listeners, and its end.

use super::kohaku::River;
use super::place::{self, Kind};
use super::runs::Own;
use super::{audit, channel, links};
use crate::signals::Signals;
use anyhow::anyhow;
use gateway::audit::Audit;
use gateway::bind::{self, Bind, BindError, Bound};
use gateway::gateway::Gateway;
use gateway::guard::{Hosts, PAGE};
use gateway::hooks::Hooks;
use gateway::policy::{Layer, Switch};
use gateway::rules::{Rules, RulesError};
use gateway::ruling::Ruling;
use gateway::tls::{Tls, TlsError};
use page::portal::{self, Portal};
use report::{Failure, Result};
use rustix::system::uname;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tunnel::pipe::Settings;

/// The port of the page and the tunnel.
pub const PORT: u16 = 7070;

/// How the hub runs.
pub struct Options {
    /// How long a client's streams outlive its link.
    pub linger: Duration,
    /// It ends by itself after this long without a client.
    pub idle: Option<Duration>,
    /// It was started for a client of this machine, and has no listener of TCP.
    pub is_started: bool,
    /// Where it listens; nothing for port 7070 of this machine.
    pub binds: Vec<Listen>,
    /// What speaks TLS on them.
    pub tls: Option<Certificate>,
    /// Further names of the hub.
    pub names: Vec<String>,
    /// Domains below which apps have names.
    pub domains: Vec<String>,
    /// Whoever comes is let in.
    pub is_open: bool,
    /// What this command line switches off.
    pub layer: Layer,
    /// Where the audit goes, if not to wasmrun's own lines.
    pub audit: Option<PathBuf>,
    /// The audit has a line for each stream, too.
    pub audits_streams: bool,
}

/// A place to listen at, as it is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// Where a certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// Made here once, and known by its pin.
    Own,
    /// A chain and its key, as PEM files.
    Files(PathBuf, PathBuf),
}

/// Runs this user's hub until a signal comes.
///
/// # Errors
///
/// There is one already, the rules forbid it, or it cannot listen.
pub async fn run(options: Options) -> Result<u8> {
    let mut signals = Signals::new()?;
    let mut sources = place::sources()?;
    sources
        .flags
        .push(("the command line".to_owned(), options.layer.clone()));
    let rules = Arc::new(Rules::load(sources).map_err(rules_failed)?);
    let ruling = rules.now();
    ruling
        .policy
        .switch(Switch::Hub)
        .map_err(|off| Failure::usage(anyhow!("the hub is {off}")))?;
    let tls = certificate(&options)?;
    let binds = binds(&options, tls.as_ref());
    // Before anything is touched.
    bind::check(&binds, &ruling, options.is_open).map_err(bind_failed)?;
    let kind = match options.is_started {
        true => Kind::Started,
        false => Kind::Asked,
    };
    let Some(_claim) = place::claim(kind).await? else {
        return Err(Failure::usage(anyhow!("this user's hub is running already")).hint("it is for all of your runs"));
    };
    let listeners = listen(binds, &ruling, &options)?;
    // What is started by ssh has nobody to read its lines.
    let audit = match options.is_started && options.audit.is_none() {
        true => Audit::none(),
        false => Audit::new(audit::writer(options.audit.as_deref())?, options.audits_streams),
    };
    let portal = Portal::new(portal::Options {
        domain: options.domains.first().cloned(),
        ..portal::Options::default()
    });
    let hooks = Hooks::default().kohaku(River).pages(portal.clone()).apps(portal);
    let has_page = rules.now().policy.switch(Switch::Browser).is_ok();
    let gateway = Gateway::new(
        rules,
        // Whoever comes is no reason to lend them this user's keys.
        Arc::new(Own::new(!options.is_open && !options.is_started)),
        gateway::gateway::Options {
            hosts: Hosts::new(options.names.clone(), options.domains.clone()),
            settings: Settings {
                linger: options.linger,
                ..Settings::default()
            },
            audit: Arc::new(audit),
            hooks,
        },
    );
    say(&listeners, tls.as_deref());
    let channels = channel::listen()?;
    let path = place::links()?;
    let origin = origin(&listeners, &options).filter(|_| has_page);
    let invites = async {
        match origin {
            Some(origin) => {
                let listener = links::listen(&path)?;
                tracing::info!("open this link once: {}", links::link(&gateway, &origin));
                links::tell(listener, &gateway, &origin).await;
                Ok(())
            }
            None => std::future::pending::<Result<()>>().await,
        }
    };
    let mut code = 0;
    let ends = async {
        tokio::select! {
            number = signals.next() => code = 128 + number,
            () = idle(&gateway, options.idle) => {}
        }
    };
    tokio::select! {
        () = gateway.serve(&listeners, ends) => {}
        () = channel::take(channels, &gateway) => {}
        told = invites => told?,
    }
    let _ = (std::fs::remove_file(path), std::fs::remove_file(place::channels()?));
    Ok(code)
}

/// Ends when there has been no client for so long.
async fn idle(gateway: &Gateway, after: Option<Duration>) {
    let Some(after) = after else {
        return std::future::pending().await;
    };
    let look = (after / 20).clamp(Duration::from_millis(50), Duration::from_secs(10));
    let mut last = Instant::now();
    while last.elapsed() < after {
        tokio::time::sleep(look).await;
        if gateway.sessions() > 0 {
            last = Instant::now();
        }
    }
}

fn binds(options: &Options, tls: Option<&Arc<Tls>>) -> Vec<Bind> {
    let of = |listen: &Listen| match listen {
        Listen::Tcp(address) => Bind::Tcp(*address, tls.cloned()),
        Listen::Unix(path) => Bind::Unix(path.clone()),
    };
    match options.binds.is_empty() && !options.is_started {
        true => loopback()
            .into_iter()
            .map(|address| Bind::Tcp(address, tls.cloned()))
            .collect(),
        false => options.binds.iter().map(of).collect(),
    }
}

fn loopback() -> [SocketAddr; 2] {
    [
        ([127, 0, 0, 1], PORT).into(),
        (std::net::Ipv6Addr::LOCALHOST, PORT).into(),
    ]
}

fn listen(binds: Vec<Bind>, ruling: &Ruling, options: &Options) -> Result<Vec<Bound>> {
    let pipe = vec![Bind::Pipe(place::socket()?)];
    let mut listeners = bind::bind(pipe, ruling, false).map_err(bind_failed)?;
    for bind in binds {
        let is_second = matches!(&bind, Bind::Tcp(address, _) if address.is_ipv6());
        match bind::bind(vec![bind], ruling, options.is_open) {
            Ok(bound) => listeners.extend(bound),
            // A machine without IPv6 has one of both.
            Err(BindError::Listen { source, .. })
                if options.binds.is_empty() && is_second && source.kind() == std::io::ErrorKind::AddrNotAvailable => {}
            Err(error) => return Err(bind_failed(error)),
        }
    }
    Ok(listeners)
}

fn certificate(options: &Options) -> Result<Option<Arc<Tls>>> {
    let failed = |error: TlsError| Failure::usage(anyhow!(error));
    let tls = match &options.tls {
        None => return Ok(None),
        Some(Certificate::Own) => {
            let mut names = options.names.clone();
            names.extend(["localhost".to_owned(), PAGE.to_owned()]);
            names.extend(uname().nodename().to_str().ok().map(str::to_owned));
            names.extend(options.domains.iter().map(|domain| format!("*.{domain}")));
            Tls::own(place::state()?.join("tls"), names).map_err(failed)?
        }
        Some(Certificate::Files(certificate, key)) => Tls::files(certificate, key).map_err(failed)?,
    };
    Ok(Some(Arc::new(tls)))
}

/// Says where it listens, and what another machine types.
fn say(listeners: &[Bound], tls: Option<&Tls>) {
    let addresses = listeners.iter().filter_map(Bound::address);
    for address in addresses {
        let scheme = if tls.is_some() { "wss" } else { "ws" };
        tracing::info!("listening: {scheme}://{address}");
        if let Some(tls) = tls.filter(|tls| tls.is_own())
            && let Ok(pin) = tls.pin()
        {
            let host = match address.ip().is_unspecified() {
                true => "HOST".to_owned(),
                false => shown(address.ip()),
            };
            tracing::info!(
                "another machine: `wasmrun context add NAME wss://{host}:{} --pin {pin} --token-stdin`",
                address.port()
            );
        }
    }
}

/// Where browsers of this machine find the page.
fn origin(listeners: &[Bound], options: &Options) -> Option<String> {
    let scheme = if options.tls.is_some() { "https" } else { "http" };
    let address = listeners.iter().find_map(Bound::address)?;
    let host = match options.names.first() {
        Some(name) => name.clone(),
        None if address.ip().is_loopback() || address.ip().is_unspecified() => PAGE.to_owned(),
        None => shown(address.ip()),
    };
    Some(format!("{scheme}://{host}:{}", address.port()))
}

fn shown(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

fn bind_failed(error: BindError) -> Failure {
    let hint = match &error {
        BindError::Listen { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => {
            Some("`--bind 127.0.0.1:0` takes a free port")
        }
        _ => error.hint(),
    };
    Failure::usage(anyhow!(error)).hint_of(hint)
}

fn rules_failed(error: RulesError) -> Failure {
    let hint = error.hint();
    Failure::usage(anyhow!(error)).hint_of(hint)
}
