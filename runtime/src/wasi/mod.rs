//! What a guest can call.

pub(crate) mod command;
pub(crate) mod compression;
pub(crate) mod crypto;
pub(crate) mod files;
pub(crate) mod http;
pub(crate) mod imports;
mod lifecycle;
pub(crate) mod preview1;
mod readiness;
mod records;
pub(crate) mod sockets;
pub(crate) mod sqlite;
pub(crate) mod tls;
