//! The services as a machine: what follows from each thing that happens, and nothing of it done here.
//!
//! ```text
//!   waits --all linked are ready--> starts --listens on every port--> ready --its process died--> restarts --> starts
//!     | one cannot come               | failed            ^                                          (a pause)
//!     v                               v   --watch: fails -+ (its next build)
//!   over <----------------------------+<---------------- stops <-- Ctrl-C, `down`, the file: dependants first
//! ```
//!
//! [`State::step`] takes an [`Event`] and the time, and returns the [`Effect`]s that it has, in order.

mod event;
mod machine;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod scenarios;

pub use event::{Condition, Effect, Event, Rules, Say, Service, Told, Waits};
pub use machine::State;
