//! Paths of which the end may not be there.

use std::path::{Path, PathBuf};

/// Where a path leads, as far as it is there.
pub fn real(path: &Path) -> PathBuf {
    let path = &std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut rest = Vec::new();
    for folder in path.ancestors() {
        if let Ok(real) = folder.canonicalize() {
            let whole = rest.iter().rev().fold(real, |whole: PathBuf, name| whole.join(name));
            return whole;
        }
        match folder.file_name() {
            Some(name) => rest.push(name.to_owned()),
            // `..` after what is not there leads nobody knows where.
            None => return PathBuf::from("/"),
        }
    }
    PathBuf::from("/")
}
