//! Where a hub is: `ssh://[USER@]HOST[:PORT]`, `wss://HOST[:PORT]`, `ws://HOST[:PORT]`, `unix:/PATH`.

use super::token::Token;
use anyhow::anyhow;
use gateway::client::{Hub, InvalidHub};
use gateway::pin::{InvalidPin, Pin};
use gateway::secret::Secret;
use report::{Failure, Result};
use std::fmt;
use std::path::PathBuf;

/// A hub, and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub way: Way,
    /// The context that it is.
    name: Option<String>,
}

/// How it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// By ssh(1), which knows the host by this name.
    Ssh {
        /// `[USER@]HOST`
        host: String,
        port: Option<u16>,
        /// What runs there instead of [`super::ssh::COMMAND`].
        command: Option<String>,
    },
    /// By a socket of this machine.
    Unix(PathBuf),
    /// By a WebSocket.
    Web(Web),
}

/// A hub that listens on TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// `wss://HOST:PORT`
    url: String,
    pub token: Option<Token>,
    /// Of the certificate.
    pin: Option<Pin>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => f.write_str(name),
            None => self.way.fmt(f),
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Way::Ssh { host, port: None, .. } => write!(f, "ssh://{host}"),
            Way::Ssh {
                host, port: Some(port), ..
            } => write!(f, "ssh://{host}:{port}"),
            Way::Unix(path) => write!(f, "unix:{}", path.display()),
            Way::Web(web) => f.write_str(&web.url),
        }
    }
}

impl Web {
    /// The client's way there.
    ///
    /// # Errors
    ///
    /// A pin is for wss.
    pub(super) fn hub(&self, token: Option<String>) -> Result<Hub, InvalidHub> {
        Hub::new(&self.url, token.map(Secret::from_text), self.pin, false)
    }
}

impl Place {
    /// Reads a URL of a hub, and the run that it names besides; none where it is no URL.
    ///
    /// # Errors
    ///
    /// It is one that leads to no hub.
    pub fn read(text: &str) -> Result<Option<(Place, String)>> {
        let wrong = |why: &str| {
            let failure = Failure::usage(anyhow!("invalid target `{text}`: {why}"));
            failure.hint("write ssh://HOST/RUN, wss://HOST:PORT/RUN or unix:/PATH/RUN")
        };
        let place = |way| Place { way, name: None };
        if let Some(rest) = text.strip_prefix("unix:") {
            let (path, run) = rest.rsplit_once('/').unwrap_or((rest, ""));
            if !path.starts_with('/') {
                return Err(wrong("the path has to be absolute"));
            }
            return Ok(Some((place(Way::Unix(path.into())), run.to_owned())));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(None);
        };
        let (authority, run) = rest.split_once('/').unwrap_or((rest, ""));
        let way = match scheme {
            "ssh" => ssh(authority).map_err(wrong)?,
            "wss" | "ws" => Way::Web(web(&format!("{scheme}://{authority}")).map_err(wrong)?),
            _ => return Err(wrong(&format!("no hub is reached by `{scheme}`"))),
        };
        // As KohakuRiver writes it.
        let run = match &way {
            Way::Web(_) => run.strip_prefix("api/tunnel/").unwrap_or(run),
            _ => run,
        };
        Ok(Some((place(way), run.trim_end_matches('/').to_owned())))
    }

    /// Gives it the name of a context, and what that says besides the URL.
    pub(super) fn named(
        &mut self,
        name: &str,
        token: Option<Token>,
        pin: Option<&str>,
        remote_command: Option<&str>,
    ) -> Result<(), String> {
        self.name = Some(name.to_owned());
        match &mut self.way {
            Way::Web(web) => {
                if remote_command.is_some() {
                    return Err("`remote-command` is for ssh".to_owned());
                }
                web.token = token.or(web.token.take());
                web.pin = pin
                    .map(str::parse)
                    .transpose()
                    .map_err(|error: InvalidPin| error.to_string())?;
                web.hub(None).map_err(|error| error.to_string())?;
            }
            Way::Ssh { command, .. } => {
                if token.is_some() || pin.is_some() {
                    return Err("tokens and pins are for wss".to_owned());
                }
                *command = remote_command.map(str::to_owned);
            }
            Way::Unix(_) if token.is_some() || pin.is_some() || remote_command.is_some() => {
                return Err("a socket takes no token, pin or command".to_owned());
            }
            Way::Unix(_) => {}
        }
        Ok(())
    }

    /// Has ssh run another command there.
    ///
    /// # Errors
    ///
    /// It is not reached by ssh.
    pub fn run_there(&mut self, remote_command: &str) -> Result<()> {
        match &mut self.way {
            Way::Ssh { command, .. } => {
                *command = Some(remote_command.to_owned());
                Ok(())
            }
            _ => Err(Failure::usage(anyhow!(
                "`--remote-command` is for ssh, and this is {self}"
            ))),
        }
    }
}

fn ssh(authority: &str) -> Result<Way, &'static str> {
    let (host, port) = match authority.rsplit_once(':') {
        // An IPv6 address in brackets has colons of its own.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().map_err(|_| "the port is no number")?)),
        _ => (authority, None),
    };
    let host = host.replace(['[', ']'], "");
    // ssh(1) would take it for an option.
    if host.is_empty() || host.starts_with('-') || host.contains(char::is_whitespace) {
        return Err("there is no host");
    }
    Ok(Way::Ssh {
        host,
        port,
        command: None,
    })
}

fn web(url: &str) -> Result<Web, &'static str> {
    if url.contains('@') {
        return Err("a token does not belong in a URL: add a context, or set WASMRUN_TOKEN");
    }
    let hub = Hub::new(url, None, None, false).map_err(|error| match error {
        InvalidHub::Plain(_) => "a token and all data would be read on the way: write wss://",
        InvalidHub::Url(_) | InvalidHub::Pin => "there is no host",
    })?;
    Ok(Web {
        url: hub.to_string(),
        token: Token::of_environment(),
        pin: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_as_they_are_written() {
        for (text, shown, run) in [
            ("ssh://lab/web", "ssh://lab", "web"),
            ("ssh://me@lab:2222/web", "ssh://me@lab:2222", "web"),
            ("ssh://lab", "ssh://lab", ""),
            ("ssh://[2001:db8::1]:22/web", "ssh://2001:db8::1:22", "web"),
            ("ssh://me@[::1]/web", "ssh://me@::1", "web"),
            (
                "unix:/run/user/0/wasmrun/hub.pipe/web",
                "unix:/run/user/0/wasmrun/hub.pipe",
                "web",
            ),
            ("wss://lab.example.com:7443/web", "wss://lab.example.com:7443", "web"),
            ("wss://[2001:db8::1]/web", "wss://[2001:db8::1]:443", "web"),
            ("ws://localhost:7070/web", "ws://localhost:7070", "web"),
            ("ws://127.0.0.1:8000/api/tunnel/web", "ws://127.0.0.1:8000", "web"),
        ] {
            let (place, named) = Place::read(text).unwrap().unwrap();
            assert_eq!((&*place.to_string(), &*named), (shown, run), "{text}");
        }
        for name in ["web", "web-2", "0a1b2c3d", "lab/web"] {
            assert_eq!(Place::read(name).unwrap(), None);
        }
        for wrong in [
            "ssh://",
            "ssh:///web",
            "ssh://-oProxyCommand=x/web",
            "ssh://a:b/web",
            "ssh://a b/web",
            "http://lab/web",
            "ws://lab/web",
            "ws://10.0.0.1/web",
            "wss:///web",
            "wss://:secret@lab/web",
            "unix:hub/web",
        ] {
            assert!(Place::read(wrong).is_err(), "{wrong}");
        }
    }
}
