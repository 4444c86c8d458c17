//! What a consumer's supervisor asks for, and what it is answered.

use crate::rule::Protocol;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

/// Most ports that an answer names.
pub(super) const PORTS: usize = 4;

/// A connection, which has the call's number from then on.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Open {
    /// The guest's.
    pub(super) port: u16,
    /// By which the guest knows the consumer.
    pub(super) client: Ipv4Addr,
    pub(super) patience: Duration,
    /// Of datagrams it is a socket that is connected to the guest's. A run of an earlier version knows TCP alone, and says nothing of it.
    #[serde(default = "tcp")]
    pub(super) protocol: Protocol,
}

fn tcp() -> Protocol {
    Protocol::Tcp
}

/// The connection with this number is closed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Closed(pub(super) u64);

/// Why a link leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refused {
    /// There is no such run.
    NotRunning,
    /// Its guest has ended, and none is to come.
    Ended,
    /// Its guest has not listened on the port in time.
    NotListening {
        /// How long the connection has waited.
        waited: Duration,
        /// The first of the ports on which it listens.
        listens: Vec<u16>,
        /// The port.
        port: u16,
    },
    /// Something is in the way, as an error number of the kernel (errno(3)).
    Failed {
        /// The number.
        errno: i32,
    },
}

impl Refused {
    /// What this end cannot do.
    pub(crate) fn of(error: &std::io::Error) -> Refused {
        let errno = Errno::from_io_error(error).unwrap_or(Errno::IO);
        Refused::Failed {
            errno: errno.raw_os_error(),
        }
    }
}

/// As it follows the name of the run.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::NotRunning => f.write_str("is not running"),
            Refused::Ended => f.write_str("has ended"),
            Refused::NotListening { waited, listens, port } if listens.is_empty() => {
                write!(f, "has not listened on {port} for {waited:?}")
            }
            Refused::NotListening { listens, port, .. } => {
                let ports: Vec<String> = listens.iter().take(PORTS).map(u16::to_string).collect();
                write!(f, "listens on {}, not {port}", ports.join(" and "))
            }
            Refused::Failed { errno } => {
                write!(f, "cannot be reached: {}", std::io::Error::from_raw_os_error(*errno))
            }
        }
    }
}
