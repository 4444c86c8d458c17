//! `wasmrun cache`: what is in the cache, and its removal.

use crate::cli::{self, CacheVerb};
use files::cache::{entries, prune};
use report::Result;
use std::io::Write;
use std::time::Duration;

/// `wasmrun cache`
pub fn run(cache: &cli::Cache) -> Result<u8> {
    let shown = |bytes: u64| bytesize::ByteSize::b(bytes).to_string();
    let pruned = match cache.verb {
        CacheVerb::List => {
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
        CacheVerb::Prune { size, age } => prune(size.as_u64(), age),
        CacheVerb::Clear => prune(0, Duration::ZERO),
    };
    let in_use = match pruned.in_use {
        0 => String::new(),
        number => format!("; {number} in use"),
    };
    tracing::info!("removed {}, {}{in_use}", pruned.entries, shown(pruned.bytes));
    Ok(0)
}
