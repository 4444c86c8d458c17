//! The HTTP server in front of `wasi:http` guests.

mod body;
mod clock;
mod conversation;
mod deadlines;
mod exchange;
mod failures;
mod instances;
mod line;
mod open;
mod outgoing;
mod race;
mod register;
mod rules;
mod secure;
mod server;
mod shared;
mod stream;
mod streams;
mod turns;

pub(crate) use instances::LoadMore;
pub(crate) use outgoing::Outgoing;
pub(crate) use server::serve;
