//! `ssh -L` through an sshd of our own: its own keys and port, ended with this program.

use super::Result;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

const SSHD: &str = "/usr/sbin/sshd";

/// Ended when it is dropped.
pub struct Ssh {
    pub address: SocketAddr,
    _sshd: Child,
    _ssh: Child,
    _folder: tempfile::TempDir,
}

/// None where there is no sshd.
pub async fn start(guest: SocketAddr) -> Result<Option<Ssh>> {
    if !Path::new(SSHD).exists() {
        eprintln!("skipped: there is no {SSHD}");
        return Ok(None);
    }
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name).display().to_string();
    for key in ["host", "user"] {
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f", &path(key)])
            .status()
            .await?;
        if !made.success() {
            return Err("ssh-keygen failed".into());
        }
    }
    let (port, local) = (free().await?, free().await?);
    let options = |pairs: &[String]| {
        pairs
            .iter()
            .flat_map(|pair| ["-o".to_owned(), pair.clone()])
            .collect::<Vec<_>>()
    };
    let sshd = Command::new(SSHD)
        .args(["-D", "-e", "-f", "/dev/null", "-p", &port.to_string()])
        .args(options(&[
            "ListenAddress=127.0.0.1".to_owned(),
            format!("HostKey={}", path("host")),
            format!("AuthorizedKeysFile={}", path("user.pub")),
            "StrictModes=no".to_owned(),
            "UsePAM=no".to_owned(),
            format!("PidFile={}", path("pid")),
        ]))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    listens(port).await?;
    let ssh = Command::new("ssh")
        .args(["-N", "-F", "/dev/null", "-i", &path("user"), "-p", &port.to_string()])
        .args(options(&[
            "BatchMode=yes".to_owned(),
            "StrictHostKeyChecking=no".to_owned(),
            format!("UserKnownHostsFile={}", path("known")),
            "ExitOnForwardFailure=yes".to_owned(),
        ]))
        .args(["-L", &format!("127.0.0.1:{local}:{guest}"), "127.0.0.1"])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    listens(local).await?;
    Ok(Some(Ssh {
        address: ([127, 0, 0, 1], local).into(),
        _sshd: sshd,
        _ssh: ssh,
        _folder: folder,
    }))
}

async fn free() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port())
}

async fn listens(port: u16) -> Result<()> {
    for _ in 0..100 {
        if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(format!("nothing listens on port {port}").into())
}
