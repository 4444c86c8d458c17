//! One guest process: its code, its start in a jail, what is said to it, its output and its end. It joins `netns` and
//! `runtime`, which know nothing of each other; it knows nothing of commands, files of settings or reloads.
//!
//! ```text
//!   code::prepare --> Compiler --(channel)--> compiler (inside::compile)
//!        |
//!   GuestProcess::start --(channel: Launch, Order)--> keeper, init, guest (inside::guest)
//!        |            <--(channel: Message)----------
//!        +-- output::Output --> standard output and error, logs::Ring
//! ```

#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod authorities;
pub mod code;
pub mod compiler;
mod foreign;
pub mod inside;
pub mod logs;
pub mod output;
pub mod process;
pub mod procfs;
pub mod protocol;
pub mod records;
pub mod refusal;

pub use authorities::Authorities;
pub use compiler::Compiler;
pub use foreign::hint as foreign_hint;
pub use process::{GuestProcess, OutOfMemory, Start};
