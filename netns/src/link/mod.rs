//! Links: a port of one run's guest, in the network of another.

mod place;

pub use place::{Link, LinkError};
