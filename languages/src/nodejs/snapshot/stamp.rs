//! Whether a file or folder is still what it was, without reading it.

use serde::{Deserialize, Serialize};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The kernel's clock for files goes on in steps, of 10 ms at most (`CONFIG_HZ`).
const STEP: Duration = Duration::from_millis(10);

/// How a file or folder was. npm gives all files of all packages the same time of change, so what counts is the time of the
/// last change of its inode (stat(2)), which nobody can set. A folder's changes when something in it comes or goes.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Stamp {
    path: PathBuf,
    /// None where it is not there.
    state: Option<State>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct State {
    size: u64,
    inode: u64,
    /// Seconds since 1970, and nanoseconds.
    changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(path: &Path) -> io::Result<Stamp> {
        let state = match std::fs::metadata(path) {
            Ok(metadata) => Some(State {
                size: metadata.len(),
                inode: metadata.ino(),
                changed: (metadata.ctime(), metadata.ctime_nsec()),
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Stamp {
            path: path.to_owned(),
            state,
        })
    }

    /// Whether it is as it was.
    pub(super) fn holds(&self) -> bool {
        Stamp::of(&self.path).is_ok_and(|now| now == *self)
    }

    /// Whether it was so at this time already. Of what is not there this cannot be told, so its folder should have a stamp.
    pub(super) fn is_before(&self, time: SystemTime) -> bool {
        let Some(state) = &self.state else { return true };
        let time = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (seconds, nanoseconds) = state.changed;
        let since = |seconds: u64| Duration::new(seconds, nanoseconds as u32);
        u64::try_from(seconds).map_or(true, |seconds| since(seconds) + STEP < time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};

    #[test]
    fn a_change_that_leaves_size_and_time_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.js");
        let old = SystemTime::UNIX_EPOCH + Duration::from_secs(499_162_500);
        let write = |text: &str| {
            fs::write(&path, text).unwrap();
            File::options()
                .write(true)
                .open(&path)
                .unwrap()
                .set_modified(old)
                .unwrap();
        };
        write("one");
        let (stamp, of_folder) = (Stamp::of(&path).unwrap(), Stamp::of(folder.path()).unwrap());
        assert!(stamp.holds() && of_folder.holds());
        assert!(!stamp.is_before(SystemTime::now() - Duration::from_secs(60)));
        assert!(stamp.is_before(SystemTime::now() + Duration::from_secs(60)));
        std::thread::sleep(2 * STEP);
        write("two");
        assert!(!stamp.holds() && of_folder.holds());
        File::create(folder.path().join("another")).unwrap();
        assert!(!of_folder.holds());
        let absent = Stamp::of(&folder.path().join("absent")).unwrap();
        assert!(absent.holds());
        File::create(folder.path().join("absent")).unwrap();
        assert!(!absent.holds());
        fs::remove_file(&path).unwrap();
        assert!(!stamp.holds());
    }
}
