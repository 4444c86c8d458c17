//! Against vectors of the standards, against the command `openssl`, and against arguments that mean nothing.

mod ciphers;
mod hashes;
mod keys;
mod openssl;
mod passwords;
