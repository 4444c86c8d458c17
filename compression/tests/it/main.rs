//! The crate as its users see it.

mod bounds;
mod formats;
mod odd;
mod pieces;
mod support;
mod tools;
