//! One verb, one file.

pub mod cache;
