//! `wasmrun ps`: every run of this user.

use crate::control::{self, Client, State};
use crate::remote::{Contexts, Hub, Place, Target};
use clap::Args;
use report::Result;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

/// How often `--watch` looks.
const AGAIN: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub struct Arguments {
    /// Another machine: a context, or ssh://HOST [default: the context in use, or this machine]
    #[arg(value_name = "TARGET")]
    pub target: Option<String>,
    /// List the runs of this machine and of every context
    #[arg(short, long, conflicts_with = "target")]
    pub all: bool,
    /// Print one JSON array
    #[arg(long)]
    pub json: bool,
    /// Refresh the list until Ctrl-C
    #[arg(short, long, conflicts_with = "json")]
    pub watch: bool,
}

/// `wasmrun ps`
pub async fn run(ps: &Arguments) -> Result<u8> {
    let mut machines = Vec::new();
    if ps.all {
        machines.push(Machine::here());
        let contexts = Contexts::read()?;
        for (name, _) in contexts.all() {
            match Machine::there(&contexts.place(name)?, &format!("{name}/")).await {
                Ok(machine) => machines.push(machine),
                Err(failure) => tracing::warn!("{failure}"),
            }
        }
    } else {
        machines.push(match Target::read_hub(ps.target.as_deref())? {
            Some(place) => Machine::there(&place, "").await?,
            None => Machine::here(),
        });
    }
    loop {
        let mut states = Vec::new();
        for machine in &machines {
            states.extend(machine.states().await?);
        }
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

/// Whose runs are listed.
struct Machine {
    /// None: this one.
    hub: Option<Arc<Hub>>,
    /// What its runs are called here besides their names.
    prefix: String,
}

impl Machine {
    fn here() -> Machine {
        Machine {
            hub: None,
            prefix: String::new(),
        }
    }

    async fn there(place: &Place, prefix: &str) -> Result<Machine> {
        Ok(Machine {
            hub: Some(Arc::new(Hub::reach(place).await?)),
            prefix: prefix.to_owned(),
        })
    }

    async fn states(&self) -> Result<Vec<State>> {
        let mut states = match &self.hub {
            Some(hub) => states_of(hub).await?,
            None => states().await?,
        };
        for state in &mut states {
            state.name.insert_str(0, &self.prefix);
        }
        Ok(states)
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
    // Services of one project stand together, behind runs of their own.
    states.sort_by(|one: &State, other| (&one.project, &one.name).cmp(&(&other.project, &other.name)));
    Ok(states)
}

/// The same of a hub.
async fn states_of(hub: &Arc<Hub>) -> Result<Vec<State>> {
    let mut states = Vec::new();
    for name in hub.runs().await? {
        match Client::through(hub.clone(), &name).get("state").await {
            Ok(state) => states.push(state),
            Err(failure) => tracing::warn!("{name}: {failure}"),
        }
    }
    Ok(states)
}

const HEADS: [&str; 10] = [
    "NAME", "ID", "STATE", "GEN", "UP", "FORWARDS", "OPEN", "OUT", "IN/OUT", "MEMORY",
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
            state.outbound.iter().map(|row| row.live).sum::<usize>().to_string(),
            format!("{}/{}", sum(|f| f.to_guest), sum(|f| f.to_client)),
            state.memory.map_or("-".to_owned(), size),
        ]);
    }
    let widths: Vec<usize> = (0..HEADS.len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in rows {
        // Another machine's words are not this terminal's orders.
        let cells = row.iter().zip(&widths);
        let cells = cells.map(|(cell, width)| format!("{:width$}", cell.replace(char::is_control, " ")));
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

#[cfg(test)]
mod tests {
    use super::*;

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
