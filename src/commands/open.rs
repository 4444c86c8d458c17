//! `wasmrun open`: a guest in the browser.

use crate::control::{Added, Client, NewForward, State};
use crate::remote::{self, Hub, Target};
use crate::signals::Signals;
use anyhow::{Context, anyhow};
use clap::Args;
use http::Method;
use netns::Protocol;
use report::{Failure, Result};
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

const OPEN_HELP: &str = "\
Examples:
  wasmrun open web              by the forward that it has
  wasmrun open web 9229         by one that lasts until Ctrl-C
  wasmrun open ssh://lab/web    the guest `web` on the machine `lab`";

#[derive(Debug, Args)]
#[command(after_help = OPEN_HELP)]
pub struct Arguments {
    /// A name or id, as `wasmrun ps` shows it, CONTEXT/NAME, or ssh://HOST/NAME
    pub name: String,
    /// Guest port [default: the one that it is forwarded to, or listens on]
    pub port: Option<u16>,
}

/// `wasmrun open`
pub async fn run(open: &Arguments) -> Result<u8> {
    let target = Target::read(&open.name)?;
    let mut signals = Signals::new()?;
    let client = Client::find(&open.name).await?;
    let state: State = client.get("state").await?;
    let port = port(open, &state)?;
    let Some(place) = target.place else {
        if let Some(address) = forwarded(&state, port) {
            show(address)?;
            return Ok(0);
        }
        let new = NewForward {
            rules: vec![format!("0:{port}")],
            detached: false,
        };
        let mut stream = client.open(Method::POST, "forwards", &new).await?;
        let added: Added = stream.line().await?.context("invalid response from the run")?;
        let (address, _) = added.forwards.first().context("invalid response from the run")?;
        show(*address)?;
        return tokio::select! {
            number = signals.next() => Ok(128 + number),
            _ = stream.line::<()>() => Ok(0),
        };
    };
    let hub = Arc::new(Hub::reach(&place).await?);
    let bound = remote::bind(&place, &[(target.run, format!("0:{port}"))])?;
    show(bound.address().context("nothing was bound")?)?;
    tokio::select! {
        ended = bound.serve(hub) => ended.map(|()| 0),
        number = signals.next() => Ok(128 + number),
    }
}

/// The guest's.
fn port(open: &Arguments, state: &State) -> Result<u16> {
    let tcp = state
        .forwards
        .iter()
        .filter(|forward| forward.protocol == Protocol::Tcp);
    let forwarded = tcp.map(|forward| forward.guest).next();
    match (open.port, forwarded, &state.listening[..]) {
        (Some(port), _, _) | (None, Some(port), _) | (None, None, &[port]) => Ok(port),
        (None, None, []) => Err(Failure::from(anyhow!("`{}` listens on no port", open.name))),
        (None, None, several) => {
            let several: Vec<String> = several.iter().map(u16::to_string).collect();
            let error = anyhow!("`{}` listens on {}", open.name, several.join(", "));
            Err(Failure::usage(error).hint(format!("name one: `wasmrun open {} {}`", open.name, several[0])))
        }
    }
}

/// Where this machine leads to that port already.
fn forwarded(state: &State, port: u16) -> Option<SocketAddr> {
    let mut forwards = state.forwards.iter();
    let forward = forwards.find(|forward| forward.protocol == Protocol::Tcp && forward.guest == port);
    forward?.hosts.first().copied()
}

/// Prints the address, and has the browser show it.
fn show(address: SocketAddr) -> Result<()> {
    let host = match address.ip() {
        ip if ip.is_loopback() || ip.is_unspecified() => "localhost".to_owned(),
        std::net::IpAddr::V6(ip) => format!("[{ip}]"),
        ip => ip.to_string(),
    };
    let url = format!("http://{host}:{}/", address.port());
    writeln!(std::io::stdout().lock(), "{url}")?;
    if let Err(error) = open::that_detached(&url) {
        tracing::warn!("no browser could be started: {error}");
    }
    Ok(())
}
