//! Who wants something, and by which way.

use super::grants::Grants;
use super::secret::Digest;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The way by which somebody has come. What may be done can depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Door {
    /// The tunnel, over a WebSocket.
    Tunnel,
    /// The tunnel, over the hub's own socket: ssh, and this machine.
    Pipe,
    /// `/v1` as plain HTTP.
    Api,
    /// The page.
    Page,
    /// An app behind the page.
    App,
    /// KohakuRiver's protocol.
    Kohaku,
}

impl Door {
    /// As it is named in the audit.
    pub fn as_str(self) -> &'static str {
        match self {
            Door::Tunnel => "tunnel",
            Door::Pipe => "pipe",
            Door::Api => "api",
            Door::Page => "page",
            Door::App => "app",
            Door::Kohaku => "kohaku",
        }
    }
}

/// Somebody, as the hub knows them. Two are equal where one may go on with what the other has begun.
#[derive(Clone, Debug, PartialEq)]
pub enum Who {
    /// A user of this machine, by SO_PEERCRED (unix(7)).
    User {
        /// Their number.
        uid: u32,
        /// What a forced command of ssh leaves them; none where it leaves everything.
        narrowing: Option<Arc<Grants>>,
    },
    /// The holder of a token. What it grants is looked up each time.
    Token {
        /// Its name, for people.
        name: Arc<str>,
        /// Which it is: another token of the same name is somebody else.
        digest: Digest,
    },
    /// A browser that was let in by a one-time code.
    Browser {
        /// Its session.
        session: Digest,
        /// What it may.
        grants: Arc<Grants>,
    },
    /// Whoever comes by loopback, with `--no-auth`.
    Anyone,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::User { uid, narrowing: None } => write!(f, "uid {uid}"),
            Who::User { uid, .. } => write!(f, "uid {uid}, narrowed"),
            Who::Token { name, .. } => write!(f, "token {name}"),
            Who::Browser { session, .. } => write!(f, "browser {session:?}"),
            Who::Anyone => f.write_str("anyone"),
        }
    }
}

/// Somebody who is there.
#[derive(Clone, Debug)]
pub struct Principal {
    /// Who.
    pub who: Who,
    /// By which way.
    pub door: Door,
    /// From where; none over a unix socket.
    pub from: Option<SocketAddr>,
    /// Cancelled when a browser's session ends.
    pub ended: CancellationToken,
}

impl Principal {
    /// Somebody whose rights end only by the rules.
    pub fn new(who: Who, door: Door, from: Option<SocketAddr>) -> Principal {
        Principal {
            who,
            door,
            from,
            ended: CancellationToken::new(),
        }
    }
}

/// By whom a session of the tunnel can be resumed: the same, by the same way.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// Who.
    pub who: Who,
    /// By which way.
    pub door: Door,
}
