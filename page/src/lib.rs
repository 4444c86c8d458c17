//! What a browser sees of `wasmrun hub`: a page with the runs, and the apps that were started from it, each at an origin of its own.
//!
//! ```text
//!  portal           what the gateway asks: its hooks `Pages` and `Apps`
//!    pages/         the page: HTML with forms; one script for what changes meanwhile
//!    proxy/         one request to an app: kept connections, upgrades, fields, what is said when there is no answer
//!  started, app     apps that somebody has started: since when, how much, until when
//!  label            their hosts
//! ```
//!
//! * Logins, cookies, codes, tokens of forms, `Host` and security headers are the gateway's, done before anything here is asked.
//! * Runs are reached through [`gateway::access::Access`] alone, which judges again what a page offers.
//! * What guests print and are called is text: templates escape it, the script sets it as text.
//! * A task belongs to its [`Portal`](portal::Portal), and ends with it or with its app.

#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod app;
mod crew;
mod label;
mod pages;
pub mod portal;
mod proxy;
mod started;
mod text;
mod traffic;
