//! Sessions against OpenSSL's own client and server, against each other, and against bytes that are no TLS.

mod authority;
mod bytes;
mod certificates;
mod handshakes;
mod identities;
mod openssl;
mod pair;
mod verification;
