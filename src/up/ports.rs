//! Host ports of all services, before one of them starts.

use super::file::Planned;
use anyhow::anyhow;
use netns::Mapping;
use report::{Failure, Result};
use std::collections::BTreeMap;

/// Checks that no two services want the same host port, and that nobody else has one of the `new`.
///
/// # Errors
///
/// One is not to be had; with who wants it and who has it.
pub fn check(services: &BTreeMap<String, Planned>, new: impl Fn(&str) -> bool) -> Result<()> {
    let all = services.iter().flat_map(|(name, planned)| {
        planned
            .settings
            .network
            .mappings
            .iter()
            .map(move |mapping| (name, mapping))
    });
    let mut taken: Vec<(&String, &Mapping)> = Vec::new();
    for (name, mapping) in all {
        let is_same = |other: &Mapping| {
            mapping.host != 0
                && (other.host, other.protocol) == (mapping.host, mapping.protocol)
                && other.bind.overlaps(mapping.bind)
        };
        if let Some((other, _)) = taken.iter().find(|(_, other)| is_same(other)) {
            let message = anyhow!(
                "host port {} is forwarded by two services: `{other}` and `{name}`",
                mapping.host
            );
            return Err(Failure::usage(message).hint("give one of them another host port"));
        }
        taken.push((name, mapping));
    }
    for (name, mapping) in taken.into_iter().filter(|(name, _)| new(name)) {
        // It is free again at once, and for the service.
        netns::listen(mapping).map_err(|error| {
            let hint = error.hint();
            let message = anyhow!("service `{name}`: cannot forward host port {}: {error}", mapping.host);
            Failure::from(message).hint(hint)
        })?;
    }
    Ok(())
}
