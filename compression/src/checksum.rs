//! Checksums of zlib (RFC 1950, RFC 1952).

/// CRC-32 of what came before and of these bytes.
pub fn crc32(before: u32, bytes: &[u8]) -> u32 {
    zlib_rs::crc32::crc32(before, bytes)
}

/// Adler-32 of what came before and of these bytes; it begins with 1.
pub fn adler32(before: u32, bytes: &[u8]) -> u32 {
    zlib_rs::adler32::adler32(before, bytes)
}
