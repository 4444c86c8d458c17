//! Time zones of this machine, for guests of languages that look for them there.

use files::Directory;
use std::path::Path;

/// Where they are (tzfile(5)).
const PLACE: &str = "/usr/share/zoneinfo";

/// The folder, where this machine has it.
pub(crate) fn directory() -> Option<Directory> {
    let place = Path::new(PLACE);
    place.is_dir().then(|| Directory::read_only(place, PLACE))
}
