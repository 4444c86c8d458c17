//! From a project to what a guest runs. A language is one file or folder here, and a line in [`registry::ALL`]; the command
//! line, the file, `--watch` and the documentation have the rest of it from there. Knows nothing of commands, sessions or
//! reloads.
//!
//! ```text
//!   find --> Language::plan --> Plan::build --> Built { the guest's file, and the program for an interpreter }
//!                                  |
//!                                  +-- tools::process, in a jail of its own (jail)
//! ```

#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub, clippy::unwrap_used)]

pub mod artifact;
mod assemblyscript;
mod c;
mod command;
pub mod config;
mod find;
mod go;
mod home;
mod jail;
pub mod language;
mod make;
mod nodejs;
pub mod plan;
mod project;
mod python;
pub mod registry;
mod rust;
mod tools;
mod zig;
mod zones;

pub use find::find;
pub use language::Language;
pub use plan::{Ahead, Built, Confinement, Next, Plan, Policy, Program, Snapshot};
pub use project::Project;
pub use registry::Named;
pub use tools::process::{BUILD, become_command};
