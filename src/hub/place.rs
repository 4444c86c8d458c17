//! Where this user's hub is found, and what it keeps.

use crate::control;
use anyhow::{Context, anyhow};
use files::private;
use gateway::rules::Sources;
use gateway::token::Tokens;
use report::Result;
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The administrator's word.
const CEILING: &str = "/etc/wasmrun/hub.toml";
/// A hub that was started by ssh ends within this, once it is told to.
const PATIENCE: Duration = Duration::from_secs(3);
const AGAIN: Duration = Duration::from_millis(20);

/// Its socket, beside those of runs.
pub(super) fn socket() -> Result<PathBuf> {
    Ok(control::folder()?.join("hub.pipe"))
}

/// The socket that takes channels of ssh.
pub(super) fn channels() -> Result<PathBuf> {
    Ok(control::folder()?.join("hub.channels"))
}

/// The socket that gives links for browsers out.
pub(super) fn links() -> Result<PathBuf> {
    Ok(control::folder()?.join("hub.links"))
}

/// Which hub has the claim.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A person's, or a service manager's.
    Asked,
    /// Started by `hub --stdio`, without listeners: it gives way to one that was asked for.
    Started,
}

/// Keeps others from becoming the hub for as long as it is held; none where there is one. It has the process id of who has it.
pub(super) async fn claim(kind: Kind) -> Result<Option<File>> {
    let path = control::folder()?.join("hub.lock");
    let open = File::options().create(true).truncate(false).write(true).open(&path);
    let file = open.with_context(|| format!("cannot open {}", path.display()))?;
    let is_free = || flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
    if !is_free() {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let (pid, is_started) = match text.trim().split_once(' ') {
            Some((pid, "started")) => (pid, true),
            _ => (text.trim(), false),
        };
        let holder = pid.parse().ok().and_then(Pid::from_raw).filter(|_| is_started);
        let (Some(holder), Kind::Asked) = (holder, kind) else {
            return Ok(None);
        };
        // It holds the lock, so the number is still its own.
        let _ = kill_process(holder, Signal::TERM);
        let until = Instant::now() + PATIENCE;
        while !is_free() {
            if Instant::now() >= until {
                return Ok(None);
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
    let mark = match kind {
        Kind::Asked => "",
        Kind::Started => " started",
    };
    let says = file
        .set_len(0)
        .and_then(|()| writeln!(&file, "{}{mark}", std::process::id()));
    says.with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Some(file))
}

/// The folder of what the hub keeps (XDG Base Directory Specification, `XDG_STATE_HOME`), closed to others.
pub(super) fn state() -> Result<PathBuf> {
    let folder = dirs::state_dir().ok_or_else(|| anyhow!("no state folder for the hub"))?;
    let folder = folder.join("wasmrun").join("hub");
    private::folder(&folder)?;
    Ok(folder)
}

/// The tokens of this user's hub.
pub fn tokens() -> Result<Tokens> {
    Ok(Tokens::at(state()?.join("tokens.toml")))
}

/// Where its rules are written.
pub(super) fn sources() -> Result<Sources> {
    Ok(Sources {
        admin: CEILING.into(),
        admin_owner: 0,
        user: dirs::config_dir().map(|folder| folder.join("wasmrun").join("hub.toml")),
        flags: Vec::new(),
        tokens: tokens()?,
    })
}
