//! Rules of forwards and of outbound connections: typed, written in the file, or asked for over the control socket. One parser,
//! one check, one error.

use anyhow::anyhow;
use ipnet::IpNet;
use netns::link::Link;
use netns::{Mapping, Rule, egress};
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

/// Outbound rules, each with the place that it comes from. `variable` has the guest's own variables.
///
/// # Errors
///
/// A rule cannot be read, or names a variable that the guest has not.
pub fn outbound<'a>(
    rules: impl IntoIterator<Item = (&'a str, String)>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Vec<egress::Rule>> {
    let mut all = Vec::new();
    for (text, place) in rules {
        let wrong = |error: egress::RuleError| Failure::usage(anyhow!("{place}: {error}"));
        let rule = egress::Rule::read(text, &variable).map_err(wrong)?;
        if !all.contains(&rule) {
            all.push(rule);
        }
    }
    Ok(all)
}

/// Networks that names may lead to, each with the place that it comes from; an address stands for itself.
///
/// # Errors
///
/// One cannot be read.
pub fn networks<'a>(networks: impl IntoIterator<Item = (&'a str, String)>) -> Result<Vec<IpNet>> {
    let parse = |(text, place): (&'a str, String)| {
        let address = || text.parse().map(|address: std::net::IpAddr| IpNet::from(address));
        text.parse::<IpNet>().or_else(|_| address()).map_err(|_| {
            Failure::usage(anyhow!("{place}: `{text}` is not a network")).hint("write for example `10.20.0.0/16`")
        })
    };
    networks.into_iter().map(parse).collect()
}

/// Links, each with the place that it comes from.
///
/// # Errors
///
/// One cannot be read, or two runs are to have the same name and port; the error names both places.
pub fn links<'a>(links: impl IntoIterator<Item = (&'a str, String)>) -> Result<Vec<Link>> {
    let mut all: Vec<(Link, String)> = Vec::new();
    for (text, place) in links {
        let link: Link = text
            .parse()
            .map_err(|error| Failure::usage(anyhow!("{place}: {error}")))?;
        let same = all
            .iter()
            .find(|(other, _)| (&other.alias, other.port, other.protocol) == (&link.alias, link.port, link.protocol));
        match same {
            Some((other, _)) if *other == link => {}
            Some((other, there)) => {
                let message = anyhow!(
                    "{}:{} is linked twice: to `{other}` ({there}) and to `{link}` ({place})",
                    link.alias,
                    link.port
                );
                return Err(Failure::usage(message).hint("give one of them another name: ALIAS=RUN:PORT"));
            }
            None => all.push((link, place)),
        }
    }
    Ok(all.into_iter().map(|(link, _)| link).collect())
}

/// What leads to places of other networks: a URL, or a word. `variable` has the environment of wasmrun itself.
///
/// # Errors
///
/// It is no URL of a proxy. The error does not say it again: it may have a password.
pub fn proxies(text: &str, place: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Option<egress::Proxies>> {
    let wrong = |place: &str, error: egress::ProxyError| {
        Failure::usage(anyhow!("{place}: {error}")).hint("write http://[USER:PASSWORD@]HOST:PORT, `env` or `none`")
    };
    match text {
        "none" => Ok(None),
        "env" => egress::Proxies::of_environment(variable)
            .map_err(|(name, error)| wrong(&format!("the variable {name}, which {place} names"), error)),
        url => {
            let no = variable("NO_PROXY")
                .or_else(|| variable("no_proxy"))
                .unwrap_or_default();
            let proxies = egress::Proxies::of_url(url, &no).map_err(|error| wrong(place, error))?;
            Ok(Some(proxies))
        }
    }
}
