//! Sockets of another namespace, made inside and used outside.

pub(crate) mod address;
pub mod factory;
