//! Directories of the host that a guest is given: found once, and held open from then on.
//!
//! A guest may make symbolic links in what it can write. So a path is followed to its end once, by the rules below, and what
//! was found is opened with no link followed and shown by that descriptor, however often a guest is started. Followed anew it
//! would lead wherever a guest of the run, or of an earlier one, has had it lead: to the host's root (the fault of Kubernetes'
//! `subPath`, CVE-2017-1002101 and CVE-2021-25741).

use crate::held::Held;
use anyhow::{Context, anyhow};
use report::{Failure, Result};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// Links that are followed in one path, as many as the kernel follows (path_resolution(7)).
const LINKS: usize = 40;

/// A directory of the host and its name in the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// Without a symbolic link in it.
    pub host: PathBuf,
    /// Where the guest finds it.
    pub guest: String,
    /// The guest cannot change what is in it.
    pub read_only: bool,
    /// None is opened when a guest is started.
    held: Option<Held>,
}

impl Directory {
    /// One that a guest is shown without being asked for; its path has no symbolic link.
    pub fn read_only(host: &Path, guest: &str) -> Directory {
        Directory {
            host: host.to_owned(),
            guest: guest.to_owned(),
            read_only: true,
            held: None,
        }
    }

    /// What is to be shown: what was found once, wherever it was moved since. One that was removed is looked for again, with
    /// no link followed. None is not there, or is beyond a link that a guest may have made where it can write.
    pub fn held(&self, given: &[Directory]) -> Option<Held> {
        match &self.held {
            Some(held) if held.is_there() => Some(held.clone()),
            Some(held) => Some(Held::open(&self.host).unwrap_or_else(|_| held.clone())),
            None => Held::open(&self.host).or_else(|_| self.find_again(given)).ok(),
        }
    }

    /// Follows links of the user's: the folder for what is built may lie anywhere.
    fn find_again(&self, given: &[Directory]) -> io::Result<Held> {
        let (host, links) = follow(PathBuf::from("/"), &self.host)?;
        let writable = writable(given);
        if links.iter().any(|link| link.lies_in(&writable).is_some()) {
            return Err(rustix::io::Errno::LOOP.into());
        }
        Held::open(&host)
    }
}

/// A directory as it was asked for.
pub struct Asked<'a> {
    /// `--dir`, or the place in a file.
    pub place: String,
    /// By the user, just now; what a file asks for may be older than a link on its way.
    pub is_typed: bool,
    /// What it is relative to.
    pub base: &'a Path,
    /// `HOST[::GUEST][:ro]`.
    pub text: &'a str,
}

/// One that was read.
struct Named<'a> {
    asked: Asked<'a>,
    host: &'a str,
    guest: &'a str,
    read_only: bool,
}

/// A symbolic link on the way to a directory.
struct Link {
    /// Where it lies; the folder's path has no link in it.
    path: PathBuf,
    /// What it leads to, and all further links from there.
    target: PathBuf,
    owner: u32,
}

impl Link {
    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// The directory in which a guest could have made it.
    fn lies_in<'a>(&self, writable: &[&'a Path]) -> Option<&'a Path> {
        writable
            .iter()
            .copied()
            .find(|writable| self.folder().starts_with(writable))
    }
}

/// Where a guest that is given these may write.
fn writable<'a>(given: impl IntoIterator<Item = &'a Directory>) -> Vec<&'a Path> {
    let written = given.into_iter().filter(|directory| !directory.read_only);
    written.map(|directory| directory.host.as_path()).collect()
}

/// Finds every directory that was asked for, in this order.
///
/// # Errors
///
/// One is not there, or lies behind a link that is not followed: see [`Directory`].
pub fn find_all(asked: Vec<Asked<'_>>) -> Result<Vec<Directory>> {
    let named = asked.into_iter().map(parse).collect::<Result<Vec<_>>>()?;
    let found = named.iter().map(find).collect::<Result<Vec<_>>>()?;
    let writable = writable(found.iter().map(|(directory, _)| directory));
    for (named, (_, links)) in named.iter().zip(&found) {
        links.iter().try_for_each(|link| judge(named, link, &writable))?;
    }
    Ok(found.into_iter().map(|(directory, _)| directory).collect())
}

fn parse(asked: Asked<'_>) -> Result<Named<'_>> {
    let Asked { place, text, .. } = &asked;
    let (path, read_only) = match text.strip_suffix(":ro") {
        Some(path) => (path, true),
        None => (*text, false),
    };
    let (host, guest) = path.split_once("::").unwrap_or((path, path));
    if host.is_empty() || guest.is_empty() {
        let message = anyhow!("{place}: invalid directory `{text}`");
        return Err(Failure::usage(message).hint("write HOST, HOST::GUEST or HOST::GUEST:ro"));
    }
    Ok(Named {
        asked,
        host,
        guest,
        read_only,
    })
}

fn find(named: &Named<'_>) -> Result<(Directory, Vec<Link>)> {
    let (Asked { place, base, .. }, text) = (&named.asked, named.host);
    let cannot = || format!("{place}: cannot use the directory {text}");
    let base = base.canonicalize().with_context(cannot).map_err(Failure::usage)?;
    let (host, links) = follow(base, Path::new(text)).with_context(cannot).map_err(|error| {
        let failure = Failure::usage(error);
        // As docker has it.
        match text.split_once(':') {
            Some((host, guest)) if !host.is_empty() => {
                failure.hint(format!("write `{host}::{guest}`, with two colons"))
            }
            _ => failure,
        }
    })?;
    if !host.is_dir() {
        return Err(Failure::usage(anyhow!(
            "{place}: {} is not a directory",
            host.display()
        )));
    }
    let held = Held::open(&host).with_context(cannot).map_err(Failure::usage)?;
    let directory = Directory {
        host,
        guest: named.guest.to_owned(),
        read_only: named.read_only,
        held: Some(held),
    };
    Ok((directory, links))
}

/// Follows a path as the kernel does (path_resolution(7)), from a folder whose own path has no link in it, and returns
/// the links on the way.
fn follow(base: PathBuf, path: &Path) -> io::Result<(PathBuf, Vec<Link>)> {
    let mut at = base;
    let mut links = Vec::new();
    let mut left: VecDeque<OsString> = pieces(path);
    while let Some(piece) = left.pop_front() {
        match Path::new(&piece).components().next() {
            Some(Component::RootDir) => at = PathBuf::from("/"),
            Some(Component::ParentDir) => drop(at.pop()),
            Some(Component::Normal(name)) => {
                let path = at.join(name);
                let found = std::fs::symlink_metadata(&path)?;
                if !found.is_symlink() {
                    at = path;
                    continue;
                }
                if links.len() == LINKS {
                    return Err(rustix::io::Errno::LOOP.into());
                }
                for piece in pieces(&std::fs::read_link(&path)?).into_iter().rev() {
                    left.push_front(piece);
                }
                links.push(Link {
                    target: path.canonicalize()?,
                    owner: found.uid(),
                    path,
                });
            }
            _ => {}
        }
    }
    Ok((at, links))
}

fn pieces(path: &Path) -> VecDeque<OsString> {
    path.components()
        .map(|component| component.as_os_str().to_owned())
        .collect()
}

/// Whether a link may be followed.
///
/// # Errors
///
/// It lies in what the guest may write. Or the file names a path on which a link leads out of its folder: an earlier guest
/// may have made it, and nobody has looked at it since. What was typed is followed, and said.
fn judge(named: &Named<'_>, link: &Link, writable: &[&Path]) -> Result<()> {
    let (Asked { place, is_typed, .. }, text) = (&named.asked, named.host);
    let (shown, target) = (link.path.display(), link.target.display());
    if let Some(writable) = link.lies_in(writable) {
        let message = anyhow!(
            "{place}: `{text}` passes through the symbolic link {shown} in {}, which a guest may have created",
            writable.display()
        );
        return Err(Failure::usage(message).hint(format!("name {target} itself, if you mean it")));
    }
    let us = rustix::process::geteuid();
    // What others have made, the system above all, is none of our guests'.
    let may_be_a_guests = us.is_root() || link.owner == us.as_raw();
    if link.target.starts_with(link.folder()) || !may_be_a_guests {
        return Ok(());
    }
    if *is_typed {
        tracing::warn!("{place}: {shown} is a symbolic link: the guest gets {target}");
        return Ok(());
    }
    let message = anyhow!("{place}: `{text}` passes through the symbolic link {shown}, which leads out of its folder");
    Err(Failure::usage(message).hint(format!("name {target} itself, if you mean it")))
}
