//! The network face of `wasmrun hub`: who may come in, by which way, and what they may do. Knows no namespaces, no WebAssembly and
//! no control sockets; runs are behind the trait [`runs::Runs`].
//!
//! ```text
//!  bind, listen     TCP, TLS, unix sockets, bounded                      tls, pin, peer
//!  router           Host, switches, then one of                          guard
//!    native         token -> tunnel (WebSocket), /v1, KohakuRiver's      credential, token, throttle, upgrade
//!    site           cookie -> the page; cookie of an app -> the app      browser, hooks
//!  tunnels          sessions; the hub's own socket
//!  access           the one way to the runs: judges, and tells the audit scope, grants, ruling, audit
//!  rules            policy and tokens, read again when they change       policy, file, watch
//! ```
//!
//! * Whoever answers for somebody has an [`access::Access`] and nothing else; [`ruling::Ruling::may`] decides.
//! * A change of the rules applies to what is open: each session and stream waits for the ruling that ends it.
//! * An error in a rule closes. Nothing here has a task that outlives [`gateway::Gateway::serve`].

#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub, clippy::unwrap_used)]

pub mod access;
mod answer;
mod api;
pub mod audit;
pub mod bind;
pub mod browser;
pub mod client;
pub mod cookies;
pub mod credential;
mod crew;
pub mod file;
pub mod gateway;
pub mod grants;
pub mod guard;
pub mod handler;
pub mod hooks;
pub mod layer;
pub mod listen;
mod native;
mod peer;
pub mod pin;
pub mod policy;
pub mod principal;
mod revocable;
mod router;
pub mod rules;
pub mod ruling;
pub mod runs;
pub mod scope;
pub mod secret;
pub mod site;
pub mod throttle;
pub mod tls;
pub mod token;
mod tunnels;
mod upgrade;
mod verifier;
mod watch;
