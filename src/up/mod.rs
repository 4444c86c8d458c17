//! `wasmrun up`: several runs as one, each a `wasmrun os` of its own.
//!
//! ```text
//!   .wasmrun.toml --file--> services --> state (decides) --Effect--> driver --spawns--> child: wasmrun os PATH --service FILE#NAME
//!                                          ^                           |  <--lines, exit--   one a service, in a process group
//!                                          +--------- Event -----------+                     of its own, with its control socket
//! ```
//!
//! `up` has no guest, no namespace and no port. What follows from what is in `state` and `order`, without I/O; `driver` waits and
//! does; `child` starts processes and reads them; `terminal` gives lines their form, and `printer` writes them. A child ends when
//! `up` does, by the socket between them ([`crate::parent`]). `detach` is the way into the background.

mod child;
pub mod detach;
mod driver;
mod file;
mod notices;
mod order;
mod ports;
mod printer;
mod state;
mod terminal;

pub use driver::run;
pub use file::{Choice, agree};
