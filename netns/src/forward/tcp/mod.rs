//! One TCP connection: a client end, a guest end, and a flow each way.

mod connect;
pub(super) mod connection;
pub(super) mod end;
pub(super) mod flow;
pub(super) mod pair;
pub(super) mod pipe;
mod request;

pub(super) use connect::{FIRST_PAUSE, LAST_PAUSE, is_nobody, start as connect};
pub(super) use connection::connect_as;
