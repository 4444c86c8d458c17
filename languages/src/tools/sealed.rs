//! Files in folders where somebody else's code was at work: a name there may be a link to any file of the user's.

use anyhow::Context;
use report::Result;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Longest file that is read, in bytes: components of interpreters have some tens of megabytes.
const LONGEST: u64 = 1 << 30;

/// Writes a file that is not there yet. No link is followed (open(2), `O_EXCL`).
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    file.and_then(|mut file| file.write_all(bytes))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}

/// Reads a file that is no link and no second name of another's.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    let mut file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.nlink() != 1 || metadata.len() > LONGEST {
        return Err(io::Error::other("it is no plain file of its own"));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link, name) = ("target", "link", "name");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at(target), "kept").unwrap();
        std::os::unix::fs::symlink(at(target), at(link)).unwrap();
        std::os::unix::fs::symlink(at("nowhere"), at("dangling")).unwrap();
        for taken in [link, "dangling"] {
            assert!(write(&at(taken), b"lost").is_err());
            assert!(read(&at(taken)).is_err());
        }
        assert_eq!(read(&at(target)).unwrap(), b"kept");
        std::fs::hard_link(at(target), at(name)).unwrap();
        assert!(read(&at(name)).is_err());
        assert!(!at("nowhere").exists());
    }
}
