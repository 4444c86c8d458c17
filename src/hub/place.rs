//! Where this user's hub is found.

use crate::control;
use anyhow::Context;
use report::Result;
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

/// Its socket, beside those of runs.
pub(super) fn socket() -> Result<PathBuf> {
    Ok(control::folder()?.join("hub.pipe"))
}

/// Keeps others from becoming the hub for as long as it is held; none where there is one. It has the process id of who has it.
pub(super) fn claim() -> Result<Option<File>> {
    let path = control::folder()?.join("hub.lock");
    let open = File::options().create(true).truncate(false).write(true).open(&path);
    let file = open.with_context(|| format!("cannot open {}", path.display()))?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(None);
    }
    let says = file.set_len(0).and_then(|()| writeln!(&file, "{}", std::process::id()));
    says.with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Some(file))
}
