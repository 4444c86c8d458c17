//! The processes that are not the supervisor: a guest in its jail, and the compiler.
//!
//! Both are this binary again, told apart by a hidden first argument, and single-threaded until the jail stands.

mod compiler;
mod guest;

pub use compiler::compile;
pub use guest::{exit_code, guest};
