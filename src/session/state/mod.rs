//! The session as a machine: what follows from each thing that happens, and nothing of it done here.
//!
//! ```text
//!   build --Built--> start --Started--> candidate --listens on every port--> serving --> draining
//!     | NotBuilt               | Ended, Unwell, overdue
//!     +------------------------+--- the serving generation stays
//! ```
//!
//! [`State::step`] takes an [`Event`] and the time, and returns the [`Effect`]s that it has, in order. There is no I/O, no clock
//! and no lock in here: each swap, failure, restart and drain is a table in `scenarios`, and `properties` tries what no table
//! lists. What carries the effects out is `session::driver`.

mod building;
mod effect;
mod ending;
mod event;
mod forwards;
mod guest;
mod machine;
mod phase;
mod serving;
mod takeover;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod table;

pub use effect::{Effect, Exit, Next, Say, Swap, Upstream, Why};
pub use event::{End, Event, ForwardId, Heard, Made, Number, Port, Rules};
pub use guest::Condition;
pub use machine::State;
pub use takeover::RELEASE;
