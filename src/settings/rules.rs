//! Rules of forwards: typed, written in the file, or asked for over the control socket. One parser, one check, one error.

use anyhow::anyhow;
use netns::{Mapping, Rule};
use report::{Failure, Result};
use std::collections::HashMap;

/// The port pairs of rules, each with the place that it comes from, beside those that are `taken`.
///
/// # Errors
///
/// A rule cannot be read, or a host port is forwarded twice; the error names both places.
pub fn mappings<'a>(
    rules: impl IntoIterator<Item = (&'a str, String)>,
    taken: impl IntoIterator<Item = (Mapping, String)>,
) -> Result<Vec<Mapping>> {
    let mut by_port: HashMap<u16, Vec<(Mapping, String)>> = HashMap::new();
    for (mapping, place) in taken {
        by_port.entry(mapping.host).or_default().push((mapping, place));
    }
    let mut mappings = Vec::new();
    for (text, place) in rules {
        let rule: Rule = text
            .parse()
            .map_err(|error| Failure::usage(anyhow!("{place}: {error}")))?;
        let here = format!("`{text}` ({place})");
        for mapping in rule.mappings() {
            let same = by_port.entry(mapping.host).or_default();
            let clash = same.iter().find(|(other, _)| {
                mapping.host != 0 && other.protocol == mapping.protocol && other.bind.overlaps(mapping.bind)
            });
            if let Some((_, there)) = clash {
                let message = anyhow!(
                    "host port {} is forwarded twice: by {there} and by {here}",
                    mapping.host
                );
                return Err(Failure::usage(message).hint("remove one of them, or give it another host port"));
            }
            same.push((mapping, here.clone()));
            mappings.push(mapping);
        }
    }
    Ok(mappings)
}
