//! What is watched, and what of it has changed.
//!
//! An event only says where to look: the folder is read again, with all ignore rules, and content decides. So it does not
//! matter how an editor saves, whether events were lost, or what a notification means on this file system.

use files::regular;
use ignore::WalkBuilder;
use ignore::overrides::{Override, OverrideBuilder};
use languages::{Language, registry};
use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A file of its own beside .gitignore, with the same rules.
const IGNORE_FILE: &str = ".wasmrunignore";
/// What is never a source, whatever the ignore files say: version control, and what editors leave beside a file while they
/// save it. What the tools of languages leave is theirs to say.
const NEVER: [&str; 22] = [
    ".git",
    ".hg",
    ".svn",
    ".jj",
    "*.swp",
    "*.swx",
    "*.swo",
    "*~",
    ".#*",
    "4913",
    ".idea",
    ".vscode",
    ".DS_Store",
    "Thumbs.db",
    // What a run itself may leave, by way of nohup(1) or a database.
    "nohup.out",
    "*-journal",
    "*-shm",
    "*-wal",
    "*-wal",
    "*-shm",
    "*___jb_tmp___",
    "*___jb_old___",
];
/// The same, with what the tools of these languages leave.
pub fn never_sources(languages: &[&'static dyn Language]) -> impl Iterator<Item = &'static str> {
    NEVER.into_iter().chain(registry::ignores(languages))
}

/// Longer files are compared by length and time: nobody edits them by hand.
const HASHED: u64 = 64 << 20;
/// A file that was written this recently may be written again within the same tick of the file system's clock.
const TICK: Duration = Duration::from_millis(50);

/// What to watch.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Folders, with everything below them that is not ignored.
    pub folders: Vec<PathBuf>,
    /// Files, whether they are ignored or not, and whether they exist or not.
    pub files: Vec<PathBuf>,
    /// Patterns as in .gitignore.
    pub ignore: Vec<String>,
    /// Files that the build writes.
    pub outputs: Vec<PathBuf>,
    /// What was named, as absolute paths: links and folders on these ways are watched.
    pub ways: Vec<PathBuf>,
    /// Files that this process writes, by device and inode: its own output, redirected.
    pub written: Vec<(u64, u64)>,
}

/// What a file was when it was last looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    stamp: Stamp,
    /// The stamp alone proves that nothing has changed.
    settled: bool,
    content: Option<blake3::Hash>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: (i64, i64),
    inode: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Stamp {
        Stamp {
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            inode: metadata.ino(),
        }
    }
}

/// The state of everything in a scope.
pub struct Tree {
    scope: Scope,
    never: Override,
    /// Folders to be told about.
    folders: HashSet<PathBuf>,
    files: HashMap<PathBuf, Seen>,
    /// Files that were not there before this update.
    born: HashSet<PathBuf>,
}

/// A file that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub path: PathBuf,
    /// It was not there before.
    pub is_new: bool,
}

impl Tree {
    /// Reads everything once.
    ///
    /// # Errors
    ///
    /// A pattern of `[watch] ignore` is none.
    pub fn read(scope: Scope) -> Result<Tree, ignore::Error> {
        let mut never = OverrideBuilder::new("/");
        // The user's own come last, and win.
        let always = never_sources(registry::ALL);
        for pattern in always.map(str::to_owned).chain(scope.ignore.clone()) {
            // In overrides the meaning of `!` is the other way round.
            match pattern.strip_prefix('!') {
                Some(pattern) => never.add(pattern)?,
                None => never.add(&format!("!{pattern}"))?,
            };
        }
        let mut tree = Tree {
            never: never.build()?,
            scope,
            folders: HashSet::new(),
            files: HashMap::new(),
            born: HashSet::new(),
        };
        for folder in tree.scope.folders.clone() {
            tree.enter(&folder, &mut Vec::new());
        }
        for file in tree.scope.files.clone() {
            tree.folders.extend(file.parent().map(Path::to_owned));
            tree.look(&file);
        }
        tree.born.clear();
        Ok(tree)
    }

    /// The folders to be told about.
    pub fn folders(&self) -> &HashSet<PathBuf> {
        &self.folders
    }

    /// Whether a change of this file is complete when it is renamed into its place, or closed: one that a tool writes.
    pub fn is_single(&self, path: &Path) -> bool {
        self.scope.files.iter().any(|file| file == path)
    }

    /// Whether an event for this path can mean a change.
    pub fn concerns(&self, path: &Path) -> bool {
        self.is_single(path) || self.folders.contains(path) || path.parent().is_some_and(|folder| self.in_scope(folder))
    }

    /// Looks at these folders again and returns the files whose content is another.
    pub fn update(&mut self, dirty: &HashSet<PathBuf>) -> Vec<Change> {
        let mut changed = Vec::new();
        for folder in dirty {
            self.update_folder(folder, &mut changed);
        }
        let singles = self.scope.files.clone();
        for file in singles {
            if file.parent().is_some_and(|folder| dirty.contains(folder)) && self.look(&file) {
                changed.push(file);
            }
        }
        changed.sort();
        changed.dedup();
        let born = std::mem::take(&mut self.born);
        let change = |path: PathBuf| Change {
            is_new: born.contains(&path),
            path,
        };
        changed.into_iter().map(change).collect()
    }

    fn update_folder(&mut self, folder: &Path, changed: &mut Vec<PathBuf>) {
        if !self.in_scope(folder) {
            return;
        }
        let (files, folders) = self.list(folder);
        let gone: Vec<PathBuf> = self
            .files
            .keys()
            .filter(|file| file.parent() == Some(folder) && !files.contains(*file) && !self.is_single(file))
            .cloned()
            .collect();
        for file in gone {
            self.files.remove(&file);
            changed.push(file);
        }
        for file in files {
            if self.look(&file) {
                changed.push(file);
            }
        }
        let left: Vec<PathBuf> = self
            .folders
            .iter()
            .filter(|known| known.parent() == Some(folder) && !folders.contains(*known) && self.in_scope(known))
            .cloned()
            .collect();
        for folder in left {
            self.leave(&folder, changed);
        }
        for folder in folders {
            if !self.folders.contains(&folder) {
                self.enter(&folder, changed);
            }
        }
    }

    fn in_scope(&self, folder: &Path) -> bool {
        self.scope.folders.iter().any(|root| folder.starts_with(root))
    }

    /// Takes a folder in, with everything below.
    fn enter(&mut self, folder: &Path, changed: &mut Vec<PathBuf>) {
        self.folders.insert(folder.to_owned());
        let (files, folders) = self.list(folder);
        for file in files {
            if self.look(&file) {
                changed.push(file);
            }
        }
        for folder in folders {
            self.enter(&folder, changed);
        }
    }

    fn leave(&mut self, folder: &Path, changed: &mut Vec<PathBuf>) {
        self.folders.retain(|known| !known.starts_with(folder));
        let gone: Vec<PathBuf> = self
            .files
            .keys()
            .filter(|file| file.starts_with(folder))
            .cloned()
            .collect();
        for file in gone {
            self.files.remove(&file);
            changed.push(file);
        }
    }

    /// Files and folders in a folder that are not ignored.
    fn list(&self, folder: &Path) -> (HashSet<PathBuf>, HashSet<PathBuf>) {
        let walk = WalkBuilder::new(folder)
            .max_depth(Some(1))
            // Hidden files are sources, too: .cargo/config.toml, .env.
            .hidden(false)
            // A project that is not a repository may have a .gitignore.
            .require_git(false)
            .add_custom_ignore_filename(IGNORE_FILE)
            .overrides(self.never.clone())
            .build();
        let (mut files, mut folders) = (HashSet::new(), HashSet::new());
        for entry in walk.flatten().filter(|entry| entry.depth() == 1) {
            let Some(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                folders.insert(entry.into_path());
            } else if !self.scope.outputs.iter().any(|output| output == entry.path()) {
                files.insert(entry.into_path());
            }
        }
        (files, folders)
    }

    /// Looks at one file; true when its content is not what it was.
    fn look(&mut self, file: &Path) -> bool {
        let known = self.files.get(file);
        let Some(metadata) = fs::metadata(file).ok().filter(Metadata::is_file) else {
            // A single file that is gone is between the two steps of a save, or of a build. Nothing can be done before it
            // comes back.
            return !self.is_single(file) && self.files.remove(file).is_some();
        };
        if self.scope.written.contains(&(metadata.dev(), metadata.ino())) {
            return false;
        }
        let stamp = Stamp::of(&metadata);
        if known.is_some_and(|known| known.settled && known.stamp == stamp) {
            return false;
        }
        let content = if metadata.len() <= HASHED {
            digest(file).ok()
        } else {
            None
        };
        let age = metadata
            .modified()
            .ok()
            .and_then(|at| SystemTime::now().duration_since(at).ok());
        let seen = Seen {
            stamp,
            settled: age.is_some_and(|age| age > TICK),
            content,
        };
        let same = known.is_some_and(|known| match (known.content, content) {
            (Some(before), Some(now)) => before == now,
            _ => known.stamp == stamp,
        });
        if known.is_none() {
            self.born.insert(file.to_owned());
        }
        self.files.insert(file.to_owned(), seen);
        !same
    }
}

fn digest(file: &Path) -> io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(regular::open(file)?.take(HASHED + 1))?;
    Ok(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(folder: &Path) -> Tree {
        Tree::read(Scope {
            folders: vec![folder.to_owned()],
            ignore: vec!["*.log".to_owned()],
            outputs: vec![folder.join("out.wasm")],
            ..Scope::default()
        })
        .unwrap()
    }

    fn changed(tree: &mut Tree, folder: &Path) -> Vec<String> {
        let dirty = tree.folders().clone();
        let changed = tree.update(&dirty);
        let name = |change: &Change| change.path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
        changed.iter().map(name).collect()
    }

    #[test]
    fn content_decides() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::write(path.join("a.rs"), "one").unwrap();
        let mut tree = tree(path);
        assert_eq!(changed(&mut tree, path), [""; 0]);
        // The same bytes again, in the same place and by a rename.
        fs::write(path.join("a.rs"), "one").unwrap();
        assert_eq!(changed(&mut tree, path), [""; 0]);
        fs::write(path.join("b"), "one").unwrap();
        fs::rename(path.join("b"), path.join("a.rs")).unwrap();
        assert_eq!(changed(&mut tree, path), [""; 0]);
        // Other bytes of the same length, at once.
        for text in ["two", "six", "ten"] {
            fs::write(path.join("a.rs"), text).unwrap();
            assert_eq!(changed(&mut tree, path), ["a.rs"]);
        }
        fs::remove_file(path.join("a.rs")).unwrap();
        assert_eq!(changed(&mut tree, path), ["a.rs"]);
    }

    #[test]
    fn what_is_ignored_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::write(path.join(".gitignore"), "generated/\n").unwrap();
        fs::create_dir(path.join("sub")).unwrap();
        fs::write(path.join("sub/.gitignore"), "secret\n").unwrap();
        fs::write(path.join(IGNORE_FILE), "docs\n").unwrap();
        let mut tree = tree(path);
        for file in [
            "generated/x",
            "sub/secret",
            "docs/y",
            "target/z",
            "a.rs.swp",
            "4913",
            "b~",
            "x.log",
            "sub/deep/w.log",
        ] {
            fs::create_dir_all(path.join(file).parent().unwrap()).unwrap();
            fs::write(path.join(file), "x").unwrap();
        }
        fs::write(path.join("out.wasm"), "built").unwrap();
        assert_eq!(changed(&mut tree, path), [""; 0]);
        for ignored in ["generated", "docs", "target"] {
            assert!(
                !tree.folders().contains(&path.join(ignored)),
                "{ignored} is not watched"
            );
        }
        fs::write(path.join("sub/deep/source"), "x").unwrap();
        assert_eq!(changed(&mut tree, path), ["sub/deep/source"]);
    }

    #[test]
    fn folders_come_and_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let mut tree = tree(path);
        fs::create_dir_all(path.join("a/b/c")).unwrap();
        fs::write(path.join("a/b/c/file"), "x").unwrap();
        assert_eq!(changed(&mut tree, path), ["a/b/c/file"]);
        fs::rename(path.join("a"), path.join("z")).unwrap();
        assert_eq!(changed(&mut tree, path), ["a/b/c/file", "z/b/c/file"]);
        fs::remove_dir_all(path.join("z")).unwrap();
        assert_eq!(changed(&mut tree, path), ["z/b/c/file"]);
        assert_eq!(tree.folders().len(), 1);
    }

    #[test]
    fn a_single_file_is_seen_when_it_is_ignored_or_comes_late() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::write(path.join(".gitignore"), "*.wasm\n").unwrap();
        let file = path.join("app.wasm");
        let mut tree = Tree::read(Scope {
            files: vec![file.clone()],
            ..Scope::default()
        })
        .unwrap();
        fs::write(path.join("other"), "x").unwrap();
        assert_eq!(changed(&mut tree, path), [""; 0]);
        fs::write(&file, "x").unwrap();
        assert_eq!(changed(&mut tree, path), ["app.wasm"]);
        // Deleted and written again with the same content, as some tools save.
        fs::remove_file(&file).unwrap();
        assert_eq!(changed(&mut tree, path), [""; 0]);
        fs::write(&file, "x").unwrap();
        assert_eq!(changed(&mut tree, path), [""; 0]);
    }
}
