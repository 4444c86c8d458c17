//! The commands that talk to runs from another terminal.

use crate::cli::{Forward, Logs, Named, Netns, Protocol, Ps, Stop, Unforward};
use crate::control::{self, Added, Client, NewForward, State};
use crate::{settings, signals::Signals};
use anyhow::{Context, anyhow};
use http::Method;
use report::{Failure, Result};
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};
use supervisor::logs::{Record, StreamName};

/// How often `ps --watch` looks, and `forward --wait`.
const AGAIN: Duration = Duration::from_millis(500);

/// `wasmrun ps`
pub async fn ps(ps: &Ps) -> Result<u8> {
    loop {
        let states = states().await?;
        let mut out = std::io::stdout().lock();
        if ps.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&states)?)?;
            return Ok(0);
        }
        if ps.watch && std::io::stdout().is_terminal() {
            // Home, and clear what is below (ECMA-48).
            write!(out, "\x1b[H\x1b[J")?;
        }
        write!(out, "{}", table(&states))?;
        out.flush()?;
        drop(out);
        if !ps.watch {
            return Ok(0);
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn states() -> Result<Vec<State>> {
    let mut states = Vec::new();
    for (name, path) in control::running()? {
        match Client::at(&path).get("state").await {
            Ok(state) => states.push(state),
            // It may have ended since; one that hangs is said.
            Err(failure) => tracing::warn!("{name}: {failure}"),
        }
    }
    Ok(states)
}

const HEADS: [&str; 9] = [
    "NAME", "ID", "STATE", "GEN", "UP", "FORWARDS", "OPEN", "IN/OUT", "MEMORY",
];

fn table(states: &[State]) -> String {
    let mut rows = vec![HEADS.map(str::to_owned).to_vec()];
    for state in states {
        let open: usize = state.forwards.iter().map(|forward| forward.live).sum();
        let sum = |bytes: fn(&control::ForwardState) -> u64| size(state.forwards.iter().map(bytes).sum());
        rows.push(vec![
            state.name.clone(),
            state.id.clone(),
            state.state.clone(),
            state.generation.to_string(),
            time(state.uptime),
            forwards(state),
            open.to_string(),
            format!("{}/{}", sum(|f| f.to_guest), sum(|f| f.to_client)),
            state.memory.map_or("-".to_owned(), size),
        ]);
    }
    let widths: Vec<usize> = (0..HEADS.len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    text
}

/// Forwards in short: neighbours become a range.
fn forwards(state: &State) -> String {
    let mut ranges: Vec<(u16, u16, u16)> = Vec::new();
    let mut others = Vec::new();
    for forward in &state.forwards {
        let Some(host) = forward.hosts.first().map(|host| host.port()) else {
            continue;
        };
        if forward.protocol == netns::Protocol::Udp {
            others.push(format!("{host}->{}/udp", forward.guest));
            continue;
        }
        match ranges.last_mut() {
            Some((first, last, guest))
                if host == last.wrapping_add(1) && forward.guest == guest.wrapping_add(host.wrapping_sub(*first)) =>
            {
                *last = host;
            }
            _ => ranges.push((host, host, forward.guest)),
        }
    }
    let text = |(first, last, guest): &(u16, u16, u16)| match last - first {
        0 => format!("{first}->{guest}"),
        more => format!("{first}-{last}->{guest}-{}", guest + more),
    };
    let all: Vec<String> = ranges.iter().map(text).chain(others).collect();
    match all.as_slice() {
        [] => "-".to_owned(),
        all => all.join(","),
    }
}

fn size(bytes: u64) -> String {
    bytesize::ByteSize::b(bytes).display().iec_short().to_string()
}

fn time(seconds: u64) -> String {
    let text = humantime::format_duration(Duration::from_secs(seconds)).to_string();
    // The two greatest units are enough.
    text.split(' ').take(2).collect::<Vec<_>>().concat()
}

/// `wasmrun inspect`
pub async fn inspect(named: &Named) -> Result<u8> {
    let state: State = Client::find(&named.name).await?.get("state").await?;
    writeln!(std::io::stdout().lock(), "{}", serde_json::to_string_pretty(&state)?)?;
    Ok(0)
}

/// `wasmrun logs`
pub async fn logs(logs: &Logs) -> Result<u8> {
    let since = match &logs.since {
        None => None,
        Some(text) => {
            let time = settings::time(text, "--since", "`10m`")?;
            let now = UNIX_EPOCH.elapsed().unwrap_or_default();
            Some(now.saturating_sub(time).as_millis())
        }
    };
    let mut what = format!("logs?follow={}", logs.follow);
    if let Some(since) = since {
        let _ = write!(what, "&since={since}");
    }
    let client = Client::find(&logs.name).await?;
    let (mut skipped, mut left) = (0, usize::MAX);
    if let Some(tail) = logs.tail {
        let (from, before) = last_lines(&client, since, tail).await?;
        (what, skipped) = (format!("logs?follow={}&since={from}", logs.follow), before);
        if !logs.follow {
            // What is written meanwhile is not asked for.
            left = tail;
        }
    }
    let mut stream = client.open(Method::GET, &what, &()).await?;
    while left > 0 {
        let record: Record = match stream.line().await {
            Ok(Some(record)) => record,
            // A run that ends while it is followed has said everything.
            Ok(None) | Err(_) => return Ok(0),
        };
        if skipped > 0 {
            skipped -= 1;
            continue;
        }
        left -= 1;
        let mut out = std::io::stdout().lock();
        if logs.json {
            writeln!(out, "{}", serde_json::to_string(&record)?)?;
            continue;
        }
        let time = humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(record.time));
        if record.missed > 0 {
            let lines = if record.missed == 1 { "line is" } else { "lines are" };
            let missed = record.missed;
            writeln!(
                out,
                "{time} #{} {missed} {lines} missing: they came faster than they were read",
                record.generation
            )?;
            continue;
        }
        let stream = match record.stream {
            StreamName::Stdout => "out",
            StreamName::Stderr => "err",
        };
        writeln!(out, "{time} #{} {stream} {}", record.generation, record.text)?;
    }
    Ok(0)
}

/// From when on the last lines were written, in milliseconds since 1970, and how many of that time do not belong to them.
async fn last_lines(client: &Client, since: Option<u128>, tail: usize) -> Result<(u64, usize)> {
    let what = format!("logs?follow=false&since={}", since.unwrap_or(0));
    let mut stream = client.open(Method::GET, &what, &()).await?;
    let mut times: Vec<u64> = Vec::new();
    while let Some(record) = stream.line::<Record>().await? {
        times.push(record.time);
    }
    let first = times.len().saturating_sub(tail);
    let Some(from) = times.get(first).copied() else {
        // None of what is there.
        let last = times.last().map_or(0, |last| last + 1);
        return Ok((last, 0));
    };
    let before = times[..first].iter().rev().take_while(|time| **time == from);
    Ok((from, before.count()))
}

/// `wasmrun stop`
pub async fn stop(stop: &Stop) -> Result<u8> {
    let grace = match &stop.grace {
        None => None,
        Some(text) => {
            let time = settings::time(text, "--grace", "`10s`")?;
            Some(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
        }
    };
    let mut clients = Vec::new();
    if stop.all {
        for (name, path) in control::running()? {
            clients.push((name, Client::at(&path)));
        }
    }
    for name in &stop.names {
        clients.push((name.clone(), Client::find(name).await?));
    }
    for (_, client) in &clients {
        client.post::<()>("stop", &control::Stop { grace }).await?;
    }
    for (name, client) in clients {
        client.ended().await;
        tracing::info!("stopped: {name}");
    }
    Ok(0)
}

/// `wasmrun restart`
pub async fn restart(named: &Named) -> Result<u8> {
    Client::find(&named.name).await?.post::<()>("restart", &()).await?;
    Ok(0)
}

/// `wasmrun forward`
pub async fn forward(forward: &Forward) -> Result<u8> {
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
        let state: State = client.get("state").await?;
        let mut out = std::io::stdout().lock();
        for forward in state.forwards {
            for host in &forward.hosts {
                let source = format!("{:?}", forward.source).to_lowercase();
                writeln!(out, "{host} -> guest:{}/{} ({source})", forward.guest, forward.protocol)?;
            }
        }
        return Ok(0);
    }
    let new = NewForward {
        rules: rules(forward)?,
        detached: forward.detach,
    };
    let mut stream = client.open(Method::POST, "forwards", &new).await?;
    let added: Added = stream.line().await?.context("the run's answer makes no sense")?;
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

/// Rules as for `wasmrun os`, out of what was typed here.
fn rules(forward: &Forward) -> Result<Vec<String>> {
    let protocol = match forward.proto {
        Protocol::Tcp => "",
        Protocol::Udp => "/udp",
    };
    let typed: Vec<&String> = forward.rules.iter().chain(&forward.ports).collect();
    if typed.is_empty() {
        return Err(Failure::usage(anyhow!("no port is named")).hint("write for example `wasmrun forward NAME 8888`"));
    }
    if forward.local_port.is_some() && (typed.len() != 1 || typed[0].contains([':', '-'])) {
        return Err(
            Failure::usage(anyhow!("--local-port goes with one port of the guest")).hint("write several as HOST:PROC")
        );
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

/// `wasmrun unforward`
pub async fn unforward(unforward: &Unforward) -> Result<u8> {
    let client = Client::find(&unforward.name).await?;
    client.delete::<()>(&format!("forwards/{}", unforward.port)).await?;
    Ok(0)
}

/// Where `wasmrun netns` goes: the guest's process.
pub async fn guest_pid(netns: &Netns) -> Result<u32> {
    let state: State = Client::find(&netns.name).await?.get("state").await?;
    match (state.isolated, state.guest_pid) {
        (true, Some(pid)) => Ok(pid),
        (false, _) => Err(Failure::usage(anyhow!(
            "`{}` runs without isolation, in this network",
            netns.name
        ))),
        (true, None) => Err(anyhow!("no guest of `{}` runs at the moment", netns.name).into()),
    }
}

/// `wasmrun netns`: becomes the program. Returns only when that fails.
pub fn enter(netns: &Netns, pid: u32) -> Failure {
    use std::os::unix::process::CommandExt;
    if let Err(error) = netns::enter_network_of(pid) {
        return anyhow::Error::new(error)
            .context("cannot enter the guest's network")
            .into();
    }
    let shell = || std::env::var_os("SHELL").unwrap_or_else(|| "sh".into());
    let (program, arguments) = match netns.command.split_first() {
        Some((program, arguments)) => (program.clone(), arguments),
        None => (shell(), [].as_slice()),
    };
    let error = std::process::Command::new(&program).args(arguments).exec();
    anyhow::Error::new(error)
        .context(format!("cannot run {}", program.display()))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        forward: Forward,
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

    #[test]
    fn a_range_is_one_entry_of_the_table() {
        let forward = |host: u16, guest: u16| control::ForwardState {
            hosts: vec![([127, 0, 0, 1], host).into()],
            guest,
            protocol: netns::Protocol::Tcp,
            source: control::Source::Settings,
            live: 0,
            accepted: 0,
            refused: 0,
            reset: 0,
            to_guest: 0,
            to_client: 0,
            adopted: false,
            spliced: 0,
        };
        let state = State {
            forwards: vec![
                forward(8080, 80),
                forward(9000, 100),
                forward(9001, 101),
                forward(9002, 102),
                forward(9003, 9),
            ],
            ..State::default()
        };
        assert_eq!(forwards(&state), "8080->80,9000-9002->100-102,9003->9");
    }
}
