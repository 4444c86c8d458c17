//! Runs one WebAssembly guest: wasmtime, WASI, an HTTP server for `wasi:http` guests, limits. Knows nothing of namespaces.
//!
//! * [`Compiler`] and [`Cache`]: from `.wasm` or `.wat` to code that starts in a millisecond.
//! * [`Guest`]: what one guest is given, plain data; [`run()`] runs it to its end and tells [`Event`]s meanwhile.
//!
//! A process runs one guest. Everything happens on the tokio runtime that [`run()`] builds; wasmtime-wasi's fallback
//! runtime is never started.

#![warn(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod adoption;
mod code;
mod egress;
mod event;
mod guest;
mod host;
mod kind;
mod run;
mod stop;
mod trust;
mod wasi;

pub use adoption::{Adoption, Counts, OnCounts};
pub use code::{
    BinaryError, Cache, CacheError, CompileError, Compiler, ForNow, Found, Key, Sockets, Source, Temporary, Tier,
    Toolchain,
};
pub use code::{Traits, binary_of_text};
pub use egress::{Account, Datagrams, Egress, NameError, Outgoing, RecordKind};
pub use event::{Attempt, Event, Events};
pub use guest::{Directory, Guest, HttpLimits, Listeners, Localhost};
pub use kind::Kind;
pub use run::{Outcome, run};
pub use stop::Stop;
pub use trust::Trust;
