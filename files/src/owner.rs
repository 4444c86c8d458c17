//! Whose file it is: what others can write is not obeyed (as git's `safe.directory`, CVE-2022-24765).

use anyhow::{Context, anyhow};
use nix::unistd::{Gid, Group, User};
use report::{Failure, Result};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Refuses a file that is another user's, or lies where others can put one.
pub fn refuse_others(path: &Path) -> Result<()> {
    let look = |path: &Path| {
        let metadata = path
            .metadata()
            .with_context(|| format!("cannot use {}", path.display()));
        metadata.map_err(Failure::usage)
    };
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    for (place, metadata) in [(path, look(path)?), (folder, look(folder)?)] {
        if let Some(why) = whose(&metadata) {
            let message = anyhow!("refusing to use {}: {} {why}", path.display(), place.display());
            let hint = format!("if you trust it, pass `--config {}`", path.display());
            return Err(Failure::usage(message).hint(hint));
        }
    }
    Ok(())
}

/// Who else can change it; none where nobody can.
fn whose(metadata: &Metadata) -> Option<String> {
    let own = rustix::process::geteuid().as_raw();
    // Who runs this by sudo is the owner of what is theirs.
    let caller = std::env::var("SUDO_UID").ok().and_then(|uid| uid.parse().ok());
    let caller = caller.filter(|_| own == 0);
    let uid = metadata.uid();
    if uid != own && uid != 0 && Some(uid) != caller {
        return Some(format!("belongs to user id {uid}"));
    }
    if metadata.mode() & 0o002 != 0 {
        return Some("can be written by everybody".to_owned());
    }
    if metadata.mode() & 0o020 != 0 && !is_private(metadata.gid(), uid) {
        return Some(format!("can be written by group id {}", metadata.gid()));
    }
    None
}

/// Whether a group is the user's own and nobody else's, as most distributions make one for each user.
fn is_private(gid: u32, uid: u32) -> bool {
    let group = Group::from_gid(Gid::from_raw(gid)).ok().flatten();
    let user = User::from_uid(nix::unistd::Uid::from_raw(uid)).ok().flatten();
    let (Some(group), Some(user)) = (group, user) else {
        return false;
    };
    group.name == user.name && group.mem.iter().all(|member| *member == user.name)
}
