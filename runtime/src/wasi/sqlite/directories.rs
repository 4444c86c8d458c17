//! The folders of a guest, as wasmtime-wasi opens them: a path leads nowhere but where the guest's own calls lead it.

use crate::guest::{Directory, Guest};
use crate::host::add_directories;
use futures::FutureExt;
use sqlite::{Folder, Folders};
use std::io::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex, PoisonError};
use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::preopens::Host;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, ErrorCode, HostDescriptor, OpenFlags, PathFlags,
};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// What all of a guest's instances share.
pub(crate) struct Directories {
    named: Vec<Directory>,
    /// Made for the first database.
    opened: Mutex<Option<Opened>>,
}

/// A context that has nothing but the directories.
struct Opened {
    wasi: WasiCtx,
    table: ResourceTable,
    roots: Vec<(Resource<Descriptor>, String)>,
}

impl WasiView for Opened {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl Directories {
    pub(crate) fn new(guest: &Guest) -> Arc<Directories> {
        Arc::new(Directories {
            named: guest.directories.clone(),
            opened: Mutex::new(None),
        })
    }
}

impl Folders for Directories {
    fn folder(&self, path: &str) -> Result<Folder> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = match &mut *opened {
            Some(opened) => opened,
            none => none.insert(Opened::new(&self.named)?),
        };
        opened.folder(path)
    }
}

impl Opened {
    fn new(directories: &[Directory]) -> Result<Opened> {
        let mut builder = WasiCtxBuilder::new();
        builder.allow_blocking_current_thread(true);
        add_directories(&mut builder, directories).map_err(Error::other)?;
        let mut opened = Opened {
            wasi: builder.build(),
            table: ResourceTable::new(),
            roots: Vec::new(),
        };
        opened.roots = Host::get_directories(&mut opened.filesystem()).map_err(Error::other)?;
        Ok(opened)
    }

    /// The directory of the longest name that the path begins with, and the rest of the path.
    fn find<'a>(&self, path: &'a str) -> Option<(u32, &'a str)> {
        let within = |(root, name): &(Resource<Descriptor>, String)| {
            let rest = path.strip_prefix(name.trim_end_matches('/'))?;
            match rest {
                "" => Some((name.len(), root.rep(), ".")),
                _ => Some((name.len(), root.rep(), rest.strip_prefix('/')?)),
            }
        };
        let found = self.roots.iter().filter_map(within).max_by_key(|(length, ..)| *length);
        found.map(|(_, root, rest)| (root, if rest.is_empty() { "." } else { rest }))
    }

    fn folder(&mut self, path: &str) -> Result<Folder> {
        let (root, rest) = self.find(path).ok_or(ErrorKind::NotFound)?;
        let mut files = self.filesystem();
        let opening = files.open_at(
            Resource::new_borrow(root),
            PathFlags::SYMLINK_FOLLOW,
            rest.to_owned(),
            OpenFlags::DIRECTORY,
            DescriptorFlags::READ,
        );
        // Blocking is allowed, so it is over at once.
        let opened = opening.now_or_never().ok_or(ErrorKind::WouldBlock)?;
        let opened = opened.map_err(|error| match error.downcast_ref() {
            Some(ErrorCode::NoEntry) => ErrorKind::NotFound.into(),
            Some(ErrorCode::NotDirectory) => ErrorKind::NotADirectory.into(),
            _ => Error::from_raw_os_error(libc::EACCES),
        });
        match self.table.delete(opened?).map_err(Error::other)? {
            Descriptor::Dir(directory) => Ok(Folder {
                is_read_only: directory.perms.write_not_permitted(),
                directory: directory.dir,
            }),
            Descriptor::File(_) => Err(ErrorKind::NotADirectory.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_where_the_guests_own_calls_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let outer = folder.path().join("outer");
        for name in ["outer/inner/deep", "other"] {
            std::fs::create_dir_all(folder.path().join(name)).expect("a folder");
        }
        std::os::unix::fs::symlink("/", outer.join("out")).expect("a link");
        std::os::unix::fs::symlink("inner", outer.join("in")).expect("a link");
        std::fs::write(outer.join("file"), "").expect("a file");
        let directory = |host: &str, guest: &str, read_only: bool| Directory {
            host: folder.path().join(host),
            guest: guest.to_owned(),
            read_only,
        };
        let named = [
            directory("outer", "/data", false),
            directory("other", "/data/other", true),
        ];
        let mut opened = Opened::new(&named).expect("directories");
        for (path, is_read_only) in [
            ("/data", false),
            ("/data/", false),
            ("/data/inner/deep", false),
            ("/data/in/deep", false),
            ("/data/inner/..", false),
            ("/data/other", true),
        ] {
            assert_eq!(opened.folder(path).expect(path).is_read_only, is_read_only, "{path}");
        }
        for path in [
            "/",
            "/dat",
            "/database",
            "/data/none",
            "/data/file",
            "/data/out",
            "/data/out/etc",
            "/data/../etc",
            "/data/inner/../..",
        ] {
            assert!(opened.folder(path).is_err(), "{path}");
        }
    }
}
