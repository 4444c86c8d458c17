//! The HTTP server in front of `wasi:http` guests.

mod instances;
mod server;

pub(crate) use instances::LoadMore;
pub(crate) use server::{PLACES, serve};
