//! Files and folders of the host that somebody else may have a hand in. Knows nothing of guests' processes.
//!
//! * [`regular`]: reads files whole that may be pipes, devices or endless.
//! * [`owner`]: refuses files that other users can write.
//! * [`directory`], [`Held`]: directories that guests are given, found once and held open.
//! * [`private`]: files that the user's own commands keep.
//! * [`cache`]: the user's cache folder: its places, locks and bounds.

#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub, clippy::unwrap_used)]

pub mod cache;
pub mod directory;
mod held;
pub mod owner;
mod path;
pub mod private;
pub mod regular;

pub use directory::Directory;
pub use held::Held;
pub use path::real;
