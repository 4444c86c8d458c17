//! `wasmrun forward`: another port into a guest that runs.

use crate::control::{Added, Client, NewForward, State};
use crate::remote::{self, Contexts, Hub, Place, Target};
use crate::signals::Signals;
use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};
use http::Method;
use report::{Failure, Result};
use std::collections::BTreeSet;
use std::io::Write;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// How often `--wait` looks.
const AGAIN: Duration = Duration::from_millis(500);

const FORWARD_HELP: &str = "\
Examples:
  wasmrun forward web 8888                     localhost:8888 leads to port 8888 in the guest
  wasmrun forward web 9999:8888
  wasmrun forward web 8888 --local-port 9999 --local-host 127.0.0.1
  wasmrun forward web --port 8000-8010:9000-9010,8015
  wasmrun forward web 9999:8888 --detach       until `wasmrun unforward web 9999`, or the run's end
  wasmrun forward ssh://lab/web 3000           localhost:3000 leads to port 3000 of the guest `web` on the machine `lab`";

#[derive(Debug, Args)]
#[command(after_help = FORWARD_HELP)]
pub struct Arguments {
    /// A name or id, as `wasmrun ps` shows it, CONTEXT/NAME, or ssh://HOST/NAME
    pub name: String,
    /// Ports: PROC, HOST:PROC, or a rule as for `wasmrun os --forward`
    #[arg(value_name = "RULE")]
    pub rules: Vec<String>,
    /// Ports or ranges, with commas between: 8000-8010:9000-9010,8015
    #[arg(short, long = "port", value_name = "RULE", value_delimiter = ',')]
    pub ports: Vec<String>,
    /// Host port; 0 takes a free one
    #[arg(long, value_name = "PORT")]
    pub local_port: Option<u16>,
    /// Host address to bind [default: 127.0.0.1 and ::1]
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
    /// Wait until the run exists
    #[arg(long)]
    pub wait: bool,
    /// What ssh runs on the other machine [default: wasmrun hub --stdio]
    #[arg(long, value_name = "COMMAND")]
    pub remote_command: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    #[default]
    Tcp,
    Udp,
}

/// `wasmrun forward`
pub async fn run(forward: &Arguments) -> Result<u8> {
    let target = Target::read(&forward.name)?;
    if let Some(place) = target.place {
        return elsewhere(forward, place, &target.run).await;
    }
    let mut signals = Signals::new()?;
    let client = loop {
        match Client::find(&forward.name).await {
            Err(_) if forward.wait => tokio::select! {
                () = tokio::time::sleep(AGAIN) => {}
                number = signals.next() => return Ok(128 + number),
            },
            found => break found?,
        }
    };
    if forward.list {
        return list(&client).await;
    }
    let new = NewForward {
        rules: rules(forward)?,
        detached: forward.detach,
    };
    let mut stream = client.open(Method::POST, "forwards", &new).await?;
    let added: Added = stream.line().await?.context("invalid response from the run")?;
    for (host, (protocol, guest)) in added.forwards {
        report::ready(host, guest, protocol);
    }
    if forward.detach {
        return Ok(0);
    }
    tokio::select! {
        number = signals.next() => Ok(128 + number),
        _ = stream.line::<()>() => {
            tracing::info!("`{}` has ended", forward.name);
            Ok(0)
        }
    }
}

/// To a run of another machine; without a run, what the context says.
async fn elsewhere(forward: &Arguments, mut place: Place, run: &str) -> Result<u8> {
    if forward.detach {
        return Err(
            Failure::usage(anyhow!("`--detach` needs a run of this machine")).hint("leave this command running")
        );
    }
    let mut signals = Signals::new()?;
    if forward.list {
        return list(&Client::find(&forward.name).await?).await;
    }
    let rules = match run {
        "" => of_context(forward)?,
        run => rules(forward)?.into_iter().map(|rule| (run.to_owned(), rule)).collect(),
    };
    if let Some(command) = &forward.remote_command {
        place.run_there(command)?;
    }
    let runs: BTreeSet<&str> = rules.iter().map(|(run, _)| run.as_str()).collect();
    let forwards = async {
        let hub = Arc::new(Hub::reach(&place).await?);
        for run in runs {
            loop {
                match Client::through(hub.clone(), run).get::<State>("state").await {
                    Ok(_) => break,
                    Err(_) if forward.wait => tokio::time::sleep(AGAIN).await,
                    Err(failure) => return Err(failure),
                }
            }
        }
        remote::bind(&place, &rules)?.serve(hub).await
    };
    tokio::select! {
        ended = forwards => ended.map(|()| 0),
        number = signals.next() => Ok(128 + number),
    }
}

/// The forwards of a context, as `RUN:RULE`.
fn of_context(forward: &Arguments) -> Result<Vec<(String, String)>> {
    let name = forward.name.trim_end_matches('/');
    let wrong = |why: String| Failure::usage(anyhow!(why));
    if !forward.rules.is_empty() || !forward.ports.is_empty() || forward.local_port.is_some() {
        return Err(wrong(format!("`{}` names no run", forward.name)).hint("add one: `wasmrun ps` lists them"));
    }
    let contexts = Contexts::read()?;
    let forwards = match contexts.get(name) {
        Ok(context) if !context.forwards.is_empty() => &context.forwards,
        _ => {
            let failure = wrong(format!("`{}` names no run, and no context with forwards", forward.name));
            return Err(failure.hint("name a run and a port: `wasmrun forward CONTEXT/RUN PORT`"));
        }
    };
    let split = |text: &String| {
        let (run, rule) = text.split_once(':').ok_or_else(|| {
            wrong(format!("context `{name}`: the forward `{text}` names no port")).hint("write RUN:PORT")
        })?;
        let rule = match rule.split('/').next().is_some_and(|ports| ports.contains(':')) {
            true => rule.to_owned(),
            false => format!("{}:{rule}", rule.split('/').next().unwrap_or_default()),
        };
        Ok((run.to_owned(), rule))
    };
    forwards.iter().map(split).collect()
}

async fn list(client: &Client) -> Result<u8> {
    let state: State = client.get("state").await?;
    let mut out = std::io::stdout().lock();
    for forward in state.forwards {
        for host in &forward.hosts {
            let source = format!("{:?}", forward.source).to_lowercase();
            writeln!(out, "{host} -> guest:{}/{} ({source})", forward.guest, forward.protocol)?;
        }
    }
    Ok(0)
}

/// Rules as for `wasmrun os`, out of what was typed here.
fn rules(forward: &Arguments) -> Result<Vec<String>> {
    let protocol = match forward.proto {
        Protocol::Tcp => "",
        Protocol::Udp => "/udp",
    };
    let typed: Vec<&String> = forward.rules.iter().chain(&forward.ports).collect();
    if typed.is_empty() {
        return Err(
            Failure::usage(anyhow!("no port given")).hint("name a port, for example `wasmrun forward NAME 8888`")
        );
    }
    if forward.local_port.is_some() && (typed.len() != 1 || typed[0].contains([':', '-'])) {
        return Err(Failure::usage(anyhow!("`--local-port` takes exactly one guest port"))
            .hint("write several forwards as HOST:PROC"));
    }
    let bind = match forward.local_host {
        None => String::new(),
        Some(IpAddr::V4(address)) => format!("{address}:"),
        Some(IpAddr::V6(address)) => format!("[{address}]:"),
    };
    let rule = |text: &&String| match (forward.local_port, text.contains(':')) {
        (Some(port), _) => format!("{bind}{port}:{text}{protocol}"),
        // A rule may have its own.
        (None, true) if text.contains('/') => format!("{bind}{text}"),
        (None, true) => format!("{bind}{text}{protocol}"),
        (None, false) => format!("{bind}{text}:{text}{protocol}"),
    };
    Ok(typed.iter().map(rule).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        forward: Arguments,
    }

    fn typed(arguments: &[&str]) -> Result<Vec<String>> {
        let all = ["forward", "web"].iter().chain(arguments);
        rules(&Typed::try_parse_from(all).unwrap().forward)
    }

    #[test]
    fn ports_become_rules() {
        assert_eq!(typed(&["8888"]).unwrap(), ["8888:8888"]);
        assert_eq!(typed(&["9999:8888"]).unwrap(), ["9999:8888"]);
        let kohaku = [
            "8888",
            "--local-port",
            "9999",
            "--local-host",
            "127.0.0.1",
            "--proto",
            "tcp",
        ];
        assert_eq!(typed(&kohaku).unwrap(), ["127.0.0.1:9999:8888"]);
        assert_eq!(typed(&["80", "--local-host", "::1"]).unwrap(), ["[::1]:80:80"]);
        let osmo = ["--port", "8000-8010:9000-9010,8015"];
        assert_eq!(typed(&osmo).unwrap(), ["8000-8010:9000-9010", "8015:8015"]);
        assert_eq!(typed(&["53", "--proto", "udp"]).unwrap(), ["53:53/udp"]);
        assert!(typed(&[]).is_err() && typed(&["1", "2", "--local-port", "3"]).is_err());
    }
}
