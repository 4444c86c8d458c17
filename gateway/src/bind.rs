//! Where the hub listens: judged before anything is bound.

use super::policy::{Off, Place};
use super::ruling::Ruling;
use super::tls::Tls;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::{TcpListener, UnixListener};

/// A place to listen at.
#[derive(Clone)]
pub enum Bind {
    /// TCP. Without TLS it is on loopback.
    Tcp(SocketAddr, Option<Arc<Tls>>),
    /// A socket in the file system, for a reverse proxy: HTTP, with tokens and cookies as over TCP.
    Unix(PathBuf),
    /// The hub's own socket: the framed pipe, for users of this machine as they are. Its folder is closed to others.
    Pipe(PathBuf),
}

/// Why the hub does not listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Tokens and pages would be seen on the way.
    #[error("the hub does not listen on {0} without TLS")]
    Plain(SocketAddr),
    /// Nobody could come, or anybody.
    #[error("the hub does not listen on {0} without a token")]
    NoToken(SocketAddr),
    /// Everybody would be let in from everywhere.
    #[error("`--no-auth` is for loopback, and {0} is not")]
    NoAuth(String),
    /// The policy says so.
    #[error("the hub may not listen on {place}: {off}")]
    Off {
        /// Where.
        place: String,
        /// Why.
        off: Off,
    },
    /// The kernel says so.
    #[error("cannot listen on {place}")]
    Listen {
        /// Where.
        place: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl BindError {
    /// What the user can do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            BindError::Plain(_) => Some("`--tls self`, or `--tls-cert` and `--tls-key`"),
            BindError::NoToken(_) => Some("`wasmrun hub token add NAME`"),
            _ => None,
        }
    }
}

/// A listener that is bound.
pub struct Bound {
    pub(crate) socket: Socket,
    pub(crate) tls: Option<Arc<Tls>>,
    /// Whoever comes is let in.
    pub(crate) is_open: bool,
}

pub(crate) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
    Pipe(UnixListener, PathBuf),
}

impl Bound {
    /// Where it is, of TCP: with the port that port 0 has become.
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Tcp(listener) => listener.local_addr().ok(),
            _ => None,
        }
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        match &self.socket {
            Socket::Tcp(_) => {}
            Socket::Unix(_, path) | Socket::Pipe(_, path) => drop(fs::remove_file(path)),
        }
    }
}

/// Whether the hub may listen at these places. Nothing is touched.
///
/// # Errors
///
/// It may not, with the first that is wrong.
pub fn check(binds: &[Bind], ruling: &Ruling, is_open: bool) -> Result<(), BindError> {
    for bind in binds {
        let (place, name) = match bind {
            Bind::Tcp(address, _) => (Place::Address(address.ip()), address.to_string()),
            Bind::Unix(path) => (Place::Unix, path.display().to_string()),
            // Not beyond this user.
            Bind::Pipe(_) => continue,
        };
        let off = |off| BindError::Off {
            place: name.clone(),
            off,
        };
        ruling.policy.place(place).map_err(off)?;
        let is_local = matches!(bind, Bind::Tcp(address, _) if address.ip().is_loopback());
        if is_open && !is_local {
            return Err(BindError::NoAuth(name));
        }
        if let Bind::Tcp(address, tls) = bind {
            if tls.is_none() {
                if !is_local {
                    return Err(BindError::Plain(*address));
                }
                ruling.policy.plain().map_err(off)?;
            }
            let now = std::time::SystemTime::now();
            if !is_local && ruling.tokens.iter().all(|token| token.has_expired(now)) {
                return Err(BindError::NoToken(*address));
            }
        }
    }
    Ok(())
}

/// Listens at all of these places or at none, after [`check`].
///
/// # Errors
///
/// It may not listen, or cannot.
pub fn bind(binds: Vec<Bind>, ruling: &Ruling, is_open: bool) -> Result<Vec<Bound>, BindError> {
    check(&binds, ruling, is_open)?;
    binds.into_iter().map(|bind| one(bind, is_open)).collect()
}

fn one(bind: Bind, is_open: bool) -> Result<Bound, BindError> {
    let failed = |place: String| move |source| BindError::Listen { place, source };
    let (socket, tls) = match bind {
        Bind::Tcp(address, tls) => {
            let listener = tcp(address).map_err(failed(address.to_string()))?;
            (Socket::Tcp(listener), tls)
        }
        Bind::Unix(path) => (Socket::Unix(unix(&path)?, path), None),
        Bind::Pipe(path) => (Socket::Pipe(unix(&path)?, path), None),
    };
    Ok(Bound { socket, tls, is_open })
}

fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// A socket that nobody listens on any more is put away. Anything else stays.
fn unix(path: &Path) -> Result<UnixListener, BindError> {
    let failed = |source| BindError::Listen {
        place: path.display().to_string(),
        source,
    };
    let is_socket = fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if is_socket {
        match StdUnixStream::connect(path) {
            Ok(_) => return Err(failed(io::ErrorKind::AddrInUse.into())),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                fs::remove_file(path).map_err(failed)?;
            }
            Err(error) => return Err(failed(error)),
        }
    }
    UnixListener::bind(path).map_err(failed)
}
