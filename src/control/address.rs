//! Sockets in a folder, however long its path is.

use rustix::fs::{Mode, OFlags, open};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// A socket's address has this many bytes for a path (unix(7)), of which one ends it.
const LONGEST: usize = 107;

/// Consumers of links that wait to be let in.
const QUEUE: i32 = 64;

/// A path to a socket that fits into an address.
pub(super) struct Address {
    path: PathBuf,
    /// What it leads over.
    _folder: Option<OwnedFd>,
}

impl Address {
    /// A path that is too long is had by way of its folder's descriptor.
    pub(super) fn of(path: &Path) -> io::Result<Address> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        if path.as_os_str().len() <= LONGEST {
            return Ok(Address {
                path: path.to_owned(),
                _folder: None,
            });
        }
        let folder = open(
            folder,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        Ok(Address {
            path: Path::new("/proc/self/fd")
                .join(folder.as_raw_fd().to_string())
                .join(name),
            _folder: Some(folder),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

pub(super) fn bind(path: &Path) -> io::Result<UnixListener> {
    UnixListener::bind(Address::of(path)?.path())
}

/// Connects; does not wait for whoever lets others wait.
pub(super) fn connect(path: &Path) -> io::Result<UnixStream> {
    Ok(connected(path, SocketType::STREAM)?.into())
}

/// Listens for messages, each of which is one, and does not block.
pub(super) fn bind_for_messages(path: &Path) -> io::Result<OwnedFd> {
    let socket = socket(SocketType::SEQPACKET)?;
    let address = Address::of(path)?;
    rustix::net::bind(&socket, &SocketAddrUnix::new(address.path())?)?;
    rustix::net::listen(&socket, QUEUE)?;
    Ok(socket)
}

/// As [`connect`], to send messages.
pub(super) fn connect_for_messages(path: &Path) -> io::Result<OwnedFd> {
    connected(path, SocketType::SEQPACKET)
}

fn connected(path: &Path, kind: SocketType) -> io::Result<OwnedFd> {
    let socket = socket(kind)?;
    let address = Address::of(path)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(address.path())?)?;
    Ok(socket)
}

fn socket(kind: SocketType) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(rustix::net::socket_with(AddressFamily::UNIX, kind, flags, None)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        for length in [1, 60, 200] {
            let folder = folder.path().join("x".repeat(length));
            std::fs::create_dir(&folder).unwrap();
            let path = folder.join("run.sock");
            let _listener = bind(&path).unwrap();
            connect(&path).unwrap();
            let path = folder.join("run.link");
            let _listener = bind_for_messages(&path).unwrap();
            connect_for_messages(&path).unwrap();
            assert!(path.exists());
        }
    }
}
