//! Cryptography for guests, in the place of the OpenSSL that Node's `crypto` and Python's `hashlib` stand on.
//!
//! * `Algorithm`, `Hash`, `digest`, `hmac`: hashes and HMAC, at once and in parts.
//! * `Cipher`, `CipherKind`: ciphers in parts.
//! * `keys`: keys of two halves, what they sign, encrypt and agree on.
//! * `pbkdf2`, `scrypt`, `hkdf`, `bcrypt`: keys from passwords and from keys.
//!
//! Names are OpenSSL's, in lower case. Guests choose every argument: what is computed has a bound in time and memory, and
//! nothing panics. No I/O but the system's random numbers; the algorithms are those of RustCrypto and ring.

#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod aead;
mod algorithm;
mod bcrypt;
mod by_key;
mod cipher;
mod derivation;
mod failure;
mod hash;
pub mod keys;
mod random;

pub use algorithm::Algorithm;
pub use bcrypt::bcrypt;
pub use cipher::{Cipher, CipherKind, Mode};
pub use derivation::{hkdf, pbkdf2, scrypt};
pub use failure::Failure;
pub use hash::{Hash, digest, equal, hmac};
use random::{random, random_bytes};
