//! From a guest's file to code that starts in a millisecond.

mod cache;
mod compile;
pub(crate) mod engine;
mod incremental;
mod inspect;

pub use cache::{Cache, CacheError, ForNow, Found, Key, Temporary};
pub use compile::{CompileError, Compiler, binary_of_text};
pub use engine::Tier;
pub use inspect::{BinaryError, Sockets, Source, Toolchain, Traits};
