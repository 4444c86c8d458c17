//! The gateway as its clients, its administrator and its attackers see it.

mod browsers;
mod http;
mod pipe;
mod policy;
mod support;
mod tls;
mod tunnels;
