//! TLS for guests that bring a connection of their own: sessions without I/O, by rustls, in the words of OpenSSL.
//!
//! ```text
//!   Settings --Config::create--> Config --Session::open--> Session
//!   what arrived --feed--> plaintext, and what is to be sent        (RFC 8446, RFC 5246)
//!   plaintext ----seal--> what is to be sent
//! ```
//!
//! * [`Config`]: what the sessions of a context have in common, parsed once; [`Roots`] that many share.
//! * [`Session`]: takes any amount and keeps nothing but unfinished records.
//! * [`describe`], [`split`], [`check`]: certificates and keys as a guest's `ssl` and `tls` show them; [`certificates`], [`join`].
//!
//! Programs compare texts and codes, so both are those of OpenSSL: [`verification`] and [`Failure`]. What certificates and keys
//! look like is chosen by peers and guests; nothing here trusts it. No sockets, files or clocks but the system's time.

#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod alert;
mod certificate;
mod config;
mod der;
mod failure;
mod identity;
mod judge;
mod key;
mod names;
mod pem;
mod provider;
mod roots;
mod session;
mod settings;
mod suite;
pub mod verification;
mod verifier;

pub use alert::text as alert_text;
pub use certificate::{Attribute, Certificate, describe};
pub use config::Config;
pub use failure::Failure;
pub use identity::{Identity, check};
pub use pem::{certificates, join, split};
pub use roots::Roots;
pub use session::{Facts, Progress, Session};
pub use settings::{Ask, Settings, Verify};
