//! Lengths of time and numbers of bytes, as people write them.

use anyhow::anyhow;
use report::{Failure, Result};
use std::time::Duration;

/// A length of time as it was typed at a place; the examples are for the hint.
pub fn time(text: &str, place: &str, examples: &str) -> Result<Duration> {
    humantime::parse_duration(text).map_err(|error| {
        Failure::usage(anyhow!("{place}: invalid duration `{text}`: {error}"))
            .hint(format!("write for example {examples}"))
    })
}

/// A number of bytes as it was typed at a place.
pub fn size(text: &str, place: &str) -> Result<u64> {
    let size: bytesize::ByteSize = text.parse().map_err(|_| {
        Failure::usage(anyhow!("{place}: invalid size `{text}`")).hint("write for example `64MiB` or `1GiB`")
    })?;
    Ok(size.as_u64())
}
