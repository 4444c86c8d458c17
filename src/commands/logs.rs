//! `wasmrun logs`: what a guest has written.

use crate::control::{Client, Outbound};
use crate::settings::units;
use clap::Args;
use http::Method;
use report::Result;
use std::fmt::Write as _;
use std::io::Write;
use std::time::{Duration, UNIX_EPOCH};
use supervisor::logs::{Record, StreamName};

#[derive(Debug, Args)]
pub struct Arguments {
    /// A name or id, as `wasmrun ps` shows it
    pub name: String,
    /// Follow the output
    #[arg(short, long)]
    pub follow: bool,
    /// Show only output of the last TIME, for example 10m
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Show only the last NUMBER lines
    #[arg(short = 'n', long, alias = "lines", value_name = "NUMBER")]
    pub tail: Option<usize>,
    /// Show outbound connections, a line for each that is over, failed or was refused
    #[arg(long)]
    pub network: bool,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
}

/// `wasmrun logs`
pub async fn run(logs: &Arguments) -> Result<u8> {
    let since = match &logs.since {
        None => None,
        Some(text) => {
            let time = units::time(text, "--since", "`10m`")?;
            let now = UNIX_EPOCH.elapsed().unwrap_or_default();
            Some(now.saturating_sub(time).as_millis())
        }
    };
    let mut what = format!("logs?follow={}&network={}", logs.follow, logs.network);
    if let Some(since) = since {
        let _ = write!(what, "&since={since}");
    }
    let client = Client::find(&logs.name).await?;
    let (mut skipped, mut left) = (0, usize::MAX);
    if let Some(tail) = logs.tail {
        let (from, before) = last_lines(&client, logs.network, since, tail).await?;
        what = format!("logs?follow={}&network={}&since={from}", logs.follow, logs.network);
        skipped = before;
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
        if logs.network && record.missed == 0 {
            let line: Outbound = serde_json::from_str(&record.text)?;
            writeln!(out, "{}", of_network(&record, &line, logs.json)?)?;
            continue;
        }
        if logs.json {
            writeln!(out, "{}", serde_json::to_string(&record)?)?;
            continue;
        }
        let time = humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(record.time));
        if record.missed > 0 {
            let lines = if record.missed == 1 { "line" } else { "lines" };
            let missed = record.missed;
            writeln!(
                out,
                "{time} #{} {missed} {lines} dropped: written faster than read",
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

/// What has come of a connection that leaves the guest's network.
fn of_network(record: &Record, line: &Outbound, is_json: bool) -> Result<String> {
    if is_json {
        let mut json = serde_json::to_value(line)?;
        json["time"] = record.time.into();
        return Ok(json.to_string());
    }
    let time = humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(record.time));
    let Outbound {
        event,
        to,
        address,
        sent,
        received,
        milliseconds,
        error,
    } = line;
    let to = report::line(to);
    Ok(match (address, error) {
        (_, Some(error)) if event == "failed" => format!("{time} {to} failed: {error}"),
        (_, Some(error)) => format!("{time} {}", report::line(error)),
        (Some(address), None) => {
            let lasted = humantime::format_duration(Duration::from_millis(*milliseconds));
            let size = |bytes: u64| bytesize::ByteSize::b(bytes).display().iec_short();
            format!(
                "{time} {to} {address} {event}: {} out, {} in, {lasted}",
                size(*sent),
                size(*received)
            )
        }
        (None, None) => format!("{time} {to} {event}"),
    })
}

/// From when on the last lines were written, in milliseconds since 1970, and how many of that time do not belong to them.
async fn last_lines(client: &Client, network: bool, since: Option<u128>, tail: usize) -> Result<(u64, usize)> {
    let what = format!("logs?follow=false&network={network}&since={}", since.unwrap_or(0));
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
