//! Names for folders of the cache, by everything that is in them.

use include_dir::Dir;

/// What a name is made of, part by part.
#[derive(Default)]
pub(crate) struct Digest(blake3::Hasher);

impl Digest {
    /// With its length, so that two parts are not one.
    pub(crate) fn add(mut self, part: impl AsRef<[u8]>) -> Digest {
        let part = part.as_ref();
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part);
        self
    }

    /// Every file of a folder, with its name.
    pub(crate) fn add_folder(self, folder: &Dir<'_>) -> Digest {
        let named = folder.files().fold(self, |digest, file| {
            digest
                .add(file.path().as_os_str().as_encoded_bytes())
                .add(file.contents())
        });
        folder.dirs().fold(named, Digest::add_folder)
    }

    /// All of it.
    pub(crate) fn whole(&self) -> blake3::Hash {
        self.0.finalize()
    }

    /// Short enough for a path, and long enough that two are never the same by chance.
    pub(crate) fn name(&self) -> String {
        self.whole().to_hex()[..16].to_owned()
    }
}
