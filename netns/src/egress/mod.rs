//! The way out of a guest's network: connections of the host that a guest's process asks for, by rules.
//!
//! ```text
//!   guest's process                       supervisor, a thread of its own           the host's network
//!     Client --Ask, over a channel------->  Egress: policy -> look up -> connect ----> db.example.com:5432
//!            <--Answer, with the socket---
//! ```
//!
//! The namespace stays empty. An address is connected only by who judged it: what is asked for is an address or a name, what comes
//! back is a socket that is connected, and no byte of the guest's is parsed. The supervisor keeps no copy of it, which would hold
//! its end back. Who has such a socket must not be able to say where any of its sockets leads ([`crate::jail::Sockets`]).
//!
//! Of datagrams the guest gets no socket of the host's: who has a connected one can send to any address (sendto(2)). It gets one end
//! of a pair, and the supervisor hands on what comes over it (`datagrams.rs`).
//!
//! Where the kernel cannot hold a process to that, the guest gets one end of a pair of its own network, and the supervisor moves bytes
//! (`relay.rs`).
//!
//! A name may also be that of another run ([`crate::link`]): the socket is then of that guest's network.
//!
//! No name is asked for that no rule covers; such a name gets an address that leads nowhere, so that the connect that follows tells
//! the port and the refusal can name the rule.

mod account;
mod client;
mod datagrams;
mod dialer;
mod ledger;
mod lookup;
mod message;
mod own;
mod pins;
mod policy;
mod proxy;
mod record;
mod records;
mod refusal;
mod relay;
mod rule;
mod server;
mod shared;
mod special;

pub use account::Account;
pub use client::{Client, Failed};
pub use datagrams::Datagrams;
pub use ledger::Row;
pub use policy::{Policy, Verdict};
pub use proxy::{Proxies, ProxyError};
pub use record::{Record, RecordKind};
pub use refusal::{Reason, Refusal};
pub use rule::{Destination, Ports, Rule, RuleError};
pub use server::Egress;
pub use shared::{Event, OnEvent, Rules};

pub(crate) use pins::is_of_link;
use rule::{HOST_NAMES, is_numeric};

/// Whether a name, in lower case, stands for something of the guest's own or of this machine, or is an address.
pub(crate) fn is_own_name(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost") || HOST_NAMES.contains(&name) || is_numeric(name)
}

#[cfg(test)]
#[path = "hostile_tests.rs"]
mod hostile;
