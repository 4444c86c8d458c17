//! Runs one WebAssembly guest: wasmtime, WASI, an HTTP server for `wasi:http` guests, limits. Knows nothing of namespaces.
//!
//! * [`Compiler`] and [`Cache`]: from `.wasm` or `.wat` to code that starts in a millisecond.
//! * [`Guest`]: what one guest is given, plain data; [`run()`] runs it to its end and tells [`Event`]s meanwhile.
//!
//! A process runs one guest. Everything happens on the tokio runtime that [`run()`] builds; wasmtime-wasi's fallback
//! runtime is never started.

#![warn(missing_docs, unreachable_pub)]

mod adoption;
mod binary;
mod cache;
mod command;
mod compile;
mod crowd;
mod derivation;
mod engine;
mod epoch;
mod event;
mod files;
mod functions;
mod guest;
mod host;
mod http;
mod kind;
mod lifecycle;
mod memory;
mod preview1;
mod run;
mod sockets;

pub use adoption::{Adoption, Counts};
pub use binary::{BinaryError, Sockets, Source, Toolchain, Traits};
pub use cache::{Cache, CacheError, ForNow, Found, Key};
pub use compile::{CompileError, Compiler, binary_of_text};
pub use engine::Tier;
pub use event::{Attempt, Event, Events};
pub use guest::{Directory, Guest, HttpLimits, Listeners};
pub use kind::Kind;
pub use run::{Outcome, Stop, run};
