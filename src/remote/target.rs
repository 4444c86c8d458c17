//! Names of runs that are elsewhere: `ssh://[USER@]HOST[:PORT]/RUN` and `unix:/PATH/RUN`.

use anyhow::anyhow;
use report::{Failure, Result};
use std::fmt;
use std::path::PathBuf;

/// A run of some hub; or the hub alone, where the name is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub place: Place,
    pub run: String,
}

/// Where a hub is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Behind ssh(1), which knows the host by this name.
    Ssh {
        /// `[USER@]HOST`
        host: String,
        port: Option<u16>,
    },
    /// Behind a socket of this machine.
    Unix(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Ssh { host, port: None } => write!(f, "ssh://{host}"),
            Place::Ssh { host, port: Some(port) } => write!(f, "ssh://{host}:{port}"),
            Place::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.run.as_str() {
            "" => self.place.fmt(f),
            run => write!(f, "{}/{run}", self.place),
        }
    }
}

impl Target {
    /// Reads a target; none is the name of a run of this machine.
    ///
    /// # Errors
    ///
    /// It is neither.
    pub fn read(text: &str) -> Result<Option<Target>> {
        let wrong = |why: &str| {
            let failure = Failure::usage(anyhow!("invalid target `{text}`: {why}"));
            failure.hint("write ssh://HOST/RUN, ssh://USER@HOST:PORT/RUN or unix:/PATH/RUN")
        };
        if let Some(rest) = text.strip_prefix("unix:") {
            let (path, run) = rest.rsplit_once('/').unwrap_or((rest, ""));
            if !path.starts_with('/') {
                return Err(wrong("the path has to be absolute"));
            }
            let place = Place::Unix(path.into());
            return Ok(Some(Target {
                place,
                run: run.to_owned(),
            }));
        }
        let Some(rest) = text.strip_prefix("ssh://") else {
            return match text.split_once("://") {
                Some((scheme, _)) => Err(wrong(&format!("no hub is reached by `{scheme}`"))),
                None => Ok(None),
            };
        };
        let (authority, run) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = match authority.rsplit_once(':') {
            // An IPv6 address in brackets has colons of its own.
            Some((host, port)) if !port.ends_with(']') => {
                let port = port.parse().map_err(|_| wrong("the port is no number"))?;
                (host, Some(port))
            }
            _ => (authority, None),
        };
        let host = host.replace(['[', ']'], "");
        // ssh(1) would take it for an option.
        if host.is_empty() || host.starts_with('-') || host.contains(char::is_whitespace) {
            return Err(wrong("there is no host"));
        }
        let place = Place::Ssh { host, port };
        Ok(Some(Target {
            place,
            run: run.trim_end_matches('/').to_owned(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ssh(host: &str, port: Option<u16>, run: &str) -> Target {
        let place = Place::Ssh {
            host: host.to_owned(),
            port,
        };
        Target {
            place,
            run: run.to_owned(),
        }
    }

    #[test]
    fn targets_are_read_as_they_are_written() {
        for (text, target) in [
            ("ssh://lab/web", ssh("lab", None, "web")),
            ("ssh://me@lab:2222/web", ssh("me@lab", Some(2222), "web")),
            ("ssh://lab", ssh("lab", None, "")),
            ("ssh://[2001:db8::1]:22/web", ssh("2001:db8::1", Some(22), "web")),
            ("ssh://me@[::1]/web", ssh("me@::1", None, "web")),
            (
                "unix:/run/user/0/wasmrun/hub.pipe/web",
                Target {
                    place: Place::Unix("/run/user/0/wasmrun/hub.pipe".into()),
                    run: "web".to_owned(),
                },
            ),
        ] {
            assert_eq!(Target::read(text).unwrap(), Some(target), "{text}");
        }
        for name in ["web", "web-2", "0a1b2c3d"] {
            assert_eq!(Target::read(name).unwrap(), None);
        }
        for wrong in [
            "ssh://",
            "ssh:///web",
            "ssh://-oProxyCommand=x/web",
            "ssh://a:b/web",
            "ssh://a b/web",
            "wss://lab/web",
            "unix:hub/web",
        ] {
            assert!(Target::read(wrong).is_err(), "{wrong}");
        }
    }
}
