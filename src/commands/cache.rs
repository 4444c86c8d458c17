//! `wasmrun cache`: what is in the cache, and its removal.

use clap::{Args, Subcommand};
use files::cache::{entries, prune};
use report::Result;
use std::io::Write;
use std::time::Duration;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List entries, least recently used first
    List,
    /// Remove entries beyond an age or a total size; entries in use stay
    Prune {
        /// Total size to keep at most
        #[arg(long, value_name = "SIZE", default_value = "20GiB")]
        size: bytesize::ByteSize,
        /// Remove entries unused for this long
        #[arg(long, value_name = "TIME", default_value = "90days", value_parser = humantime::parse_duration)]
        age: std::time::Duration,
    },
    /// Remove every entry that is not in use
    Clear,
}

/// `wasmrun cache`
pub fn run(cache: &Arguments) -> Result<u8> {
    let shown = |bytes: u64| bytesize::ByteSize::b(bytes).to_string();
    let pruned = match cache.verb {
        Verb::List => {
            let mut out = std::io::stdout().lock();
            for entry in entries() {
                let age = entry.used.elapsed().unwrap_or_default().as_secs();
                let age = humantime::format_duration(Duration::from_secs(age - age % 60));
                writeln!(
                    out,
                    "{:10} {:>10}  {}  used {age} ago",
                    entry.kind.name(),
                    shown(entry.size),
                    entry.path.display()
                )?;
            }
            return Ok(0);
        }
        Verb::Prune { size, age } => prune(size.as_u64(), age),
        Verb::Clear => prune(0, Duration::ZERO),
    };
    let in_use = match pruned.in_use {
        0 => String::new(),
        number => format!("; {number} in use"),
    };
    let entries = if pruned.entries == 1 { "entry" } else { "entries" };
    tracing::info!("removed {} {entries}, {}{in_use}", pruned.entries, shown(pruned.bytes));
    Ok(0)
}
