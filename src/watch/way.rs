//! The way to what is watched: every folder and symbolic link that a path leads over.
//!
//! A watch is of an inode. A folder that is removed and made anew, or a link that is switched (a release's `current`, the
//! `..data` of a volume of Kubernetes), leaves it with what nobody sees any more; so the places where these are named are
//! watched, too.

use std::collections::{HashSet, VecDeque};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// Links that are followed in one path, as many as the kernel follows (path_resolution(7)).
const LINKS: usize = 40;

/// One path as it was named.
#[derive(Debug)]
pub struct Way {
    named: PathBuf,
    /// What is looked up in which folder, one after the other, as far as it is there.
    entries: HashSet<PathBuf>,
    /// Where it led when it last led anywhere.
    end: Option<PathBuf>,
    is_gone: bool,
}

/// What has become of a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walked {
    /// It leads where it has led, or nowhere as before.
    Same,
    /// It leads elsewhere.
    Moved,
    /// It leads nowhere any more.
    Gone,
}

impl Way {
    pub fn of(named: &Path) -> Way {
        let mut way = Way {
            named: named.to_owned(),
            entries: HashSet::new(),
            end: None,
            is_gone: false,
        };
        way.end = way.go();
        way
    }

    /// Goes again.
    pub fn walk(&mut self) -> Walked {
        let end = self.go();
        let was_gone = std::mem::replace(&mut self.is_gone, end.is_none());
        match end {
            None if was_gone || self.end.is_none() => Walked::Same,
            None => Walked::Gone,
            end if end == self.end => Walked::Same,
            end => {
                self.end = end;
                Walked::Moved
            }
        }
    }

    fn go(&mut self) -> Option<PathBuf> {
        self.entries.clear();
        let mut here = PathBuf::from("/");
        let mut left: VecDeque<OsString> = parts(&self.named);
        let mut links = 0;
        while let Some(name) = left.pop_front() {
            if name == ".." {
                here.pop();
                continue;
            }
            let entry = here.join(&name);
            self.entries.insert(entry.clone());
            let metadata = entry.symlink_metadata().ok()?;
            if !metadata.is_symlink() {
                here = entry;
                continue;
            }
            links += 1;
            let target = entry.read_link().ok()?;
            if links > LINKS {
                return None;
            }
            if target.is_absolute() {
                here = PathBuf::from("/");
            }
            for part in parts(&target).into_iter().rev() {
                left.push_front(part);
            }
        }
        Some(here)
    }

    /// Whether this is a name on the way.
    pub fn leads_over(&self, path: &Path) -> bool {
        self.entries.contains(path)
    }

    /// The folders that have the names.
    pub fn folders(&self) -> impl Iterator<Item = PathBuf> {
        self.entries
            .iter()
            .filter_map(|entry| entry.parent().map(Path::to_owned))
    }

    pub fn named(&self) -> &Path {
        &self.named
    }
}

fn parts(path: &Path) -> VecDeque<OsString> {
    let part = |component: Component<'_>| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    path.components().filter_map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_way_follows_folders_and_links() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().canonicalize().unwrap();
        fs::create_dir_all(top.join("r1/sub")).unwrap();
        fs::create_dir_all(top.join("r2/sub")).unwrap();
        symlink("r1", top.join("current")).unwrap();
        let mut way = Way::of(&top.join("current/sub/app.wasm"));
        assert_eq!(way.end, None);
        for name in ["current", "r1", "r1/sub", "r1/sub/app.wasm"] {
            assert!(way.leads_over(&top.join(name)), "{name}");
        }
        assert!(!way.leads_over(&top.join("r2")));
        fs::write(top.join("r1/sub/app.wasm"), "").unwrap();
        assert_eq!(way.walk(), Walked::Moved);
        assert_eq!(way.end, Some(top.join("r1/sub/app.wasm")));
        fs::remove_file(top.join("current")).unwrap();
        symlink(top.join("r1/../r2"), top.join("current")).unwrap();
        assert_eq!((way.walk(), way.walk()), (Walked::Gone, Walked::Same));
        fs::write(top.join("r2/sub/app.wasm"), "").unwrap();
        assert_eq!((way.walk(), way.walk()), (Walked::Moved, Walked::Same));
        assert_eq!(way.end, Some(top.join("r2/sub/app.wasm")));
        assert!(way.folders().any(|folder| folder == top.join("r2/sub")));
        symlink("loop", top.join("loop")).unwrap();
        assert_eq!(Way::of(&top.join("loop")).end, None);
    }
}
