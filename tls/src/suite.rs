//! Cipher suites by OpenSSL's names (ciphers(1)).

use rustls::CipherSuite;

/// The name, and the length of the key in bits.
pub(crate) fn describe(suite: CipherSuite) -> (String, u16) {
    let name = suite.as_str().unwrap_or_default();
    let bits = if name.contains("AES_128") { 128 } else { 256 };
    let openssl = match name.strip_prefix("TLS13_") {
        Some(rest) => format!("TLS_{rest}"),
        // TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 is ECDHE-RSA-AES128-GCM-SHA256; the hash of ChaCha20 goes without saying.
        None => {
            let name = name.trim_start_matches("TLS_").replace("_WITH_", "_");
            let name = name.replace("AES_", "AES").replace("POLY1305_SHA256", "POLY1305");
            name.replace('_', "-")
        }
    };
    (openssl, bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `openssl ciphers -stdname` pairs them.
    #[test]
    fn suites_have_their_names() {
        let pairs = [
            (CipherSuite::TLS13_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384", 256),
            (
                CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
                "TLS_CHACHA20_POLY1305_SHA256",
                256,
            ),
            (
                CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                "ECDHE-RSA-AES128-GCM-SHA256",
                128,
            ),
            (
                CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                "ECDHE-ECDSA-AES256-GCM-SHA384",
                256,
            ),
            (
                CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
                "ECDHE-RSA-CHACHA20-POLY1305",
                256,
            ),
        ];
        for (suite, name, bits) in pairs {
            assert_eq!(describe(suite), (name.to_owned(), bits));
        }
    }
}
