//! One layer of the policy, as its file has it.

use super::file::FileError;
use super::grants::{Names, Ports};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Something that can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Switch {
    /// Everything.
    Hub,
    /// Connections of native clients, KohakuRiver's among them.
    Tunnel,
    /// The page and the apps behind it.
    Browser,
    /// KohakuRiver's protocol.
    Kohaku,
    /// Restart, stop, and forwards on the host.
    Manage,
    /// What guests print.
    Logs,
}

impl Switch {
    /// Every switch.
    pub const ALL: [Switch; 6] = [
        Switch::Hub,
        Switch::Tunnel,
        Switch::Browser,
        Switch::Kohaku,
        Switch::Manage,
        Switch::Logs,
    ];
}

/// Where a listener may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Place {
    /// 127.0.0.0/8 and ::1.
    Loopback,
    /// A socket in the file system.
    Unix,
    /// Anywhere.
    Any,
    /// One address.
    Address(IpAddr),
}

/// Text that is no place of a listener.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no place of a listener: `loopback`, `unix`, `any` and addresses are")]
pub struct UnknownPlace(String);

impl TryFrom<String> for Place {
    type Error = UnknownPlace;

    fn try_from(text: String) -> Result<Place, UnknownPlace> {
        match text.as_str() {
            "loopback" => Ok(Place::Loopback),
            "unix" => Ok(Place::Unix),
            "any" => Ok(Place::Any),
            address => address
                .parse()
                .map(Place::Address)
                .map_err(|_| UnknownPlace(text.chars().take(40).collect())),
        }
    }
}

impl From<Place> for String {
    fn from(place: Place) -> String {
        match place {
            Place::Loopback => "loopback".into(),
            Place::Unix => "unix".into(),
            Place::Any => "any".into(),
            Place::Address(address) => address.to_string(),
        }
    }
}

impl Place {
    pub(crate) fn includes(self, other: Place) -> bool {
        match (self, other) {
            (Place::Any, _) => true,
            (Place::Loopback, Place::Address(address)) => address.is_loopback(),
            (mine, other) => mine == other,
        }
    }
}

/// Which TCP listeners speak TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// Those beyond loopback, as it is without a layer that says more.
    Remote,
    /// All of them.
    Required,
}

/// One layer, as its file has it. What it does not name it leaves as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Layer {
    /// Whether there is a hub at all.
    pub hub: Option<bool>,
    /// Connections of native clients.
    pub tunnel: Option<bool>,
    /// The page and the apps behind it.
    pub browser: Option<bool>,
    /// KohakuRiver's protocol.
    pub kohaku: Option<bool>,
    /// Restart, stop, forwards on the host.
    pub manage: Option<bool>,
    /// What guests print.
    pub logs: Option<bool>,
    /// Where listeners may be.
    pub bind: Option<Vec<Place>>,
    /// Ports of guests that connections may go to.
    #[serde(skip_serializing_if = "Ports::is_all")]
    pub ports: Ports,
    /// Runs that can be seen and reached.
    #[serde(skip_serializing_if = "Names::is_all")]
    pub runs: Names,
    /// Which listeners speak TLS.
    pub tls: Option<Tls>,
    /// Most sessions of native clients at once.
    pub max_sessions: Option<usize>,
}

impl Layer {
    pub(crate) fn switch(&self, switch: Switch) -> bool {
        let value = match switch {
            Switch::Hub => self.hub,
            Switch::Tunnel => self.tunnel,
            Switch::Browser => self.browser,
            Switch::Kohaku => self.kohaku,
            Switch::Manage => self.manage,
            Switch::Logs => self.logs,
        };
        value.unwrap_or(true)
    }

    /// Reads a file's text. `path` is for the message.
    ///
    /// # Errors
    ///
    /// It is no TOML, or has keys or values that nobody knows: a key that is misspelt would forbid nothing.
    pub fn parse(text: &str, path: &Path) -> Result<Layer, PolicyError> {
        toml::from_str(text).map_err(|error| {
            let before = error.span().map_or(0, |span| span.start).min(text.len());
            let line = text.as_bytes()[..before].iter().filter(|byte| **byte == b'\n').count() + 1;
            PolicyError::Invalid {
                path: path.to_owned(),
                line,
                what: error.message().replace('\n', "; "),
            }
        })
    }
}

/// Why there is no policy. Then nothing is allowed.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Its file cannot be read or trusted.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its file cannot be understood.
    #[error("{}:{line}: {what}", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong there.
        what: String,
    },
}

impl PolicyError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            PolicyError::File(error) => error.hint(),
            PolicyError::Invalid { .. } => None,
        }
    }
}
