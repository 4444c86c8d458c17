//! The hashes, by OpenSSL's names.

/// A hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Algorithm {
    Md5,
    Ripemd160,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    Sha512_224,
    Sha512_256,
    Sha3_224,
    Sha3_256,
    Sha3_384,
    Sha3_512,
    Blake2b512,
    Blake2s256,
    Shake128,
    Shake256,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Algorithm; 17] = [
        Algorithm::Blake2b512,
        Algorithm::Blake2s256,
        Algorithm::Md5,
        Algorithm::Ripemd160,
        Algorithm::Sha1,
        Algorithm::Sha224,
        Algorithm::Sha256,
        Algorithm::Sha3_224,
        Algorithm::Sha3_256,
        Algorithm::Sha3_384,
        Algorithm::Sha3_512,
        Algorithm::Sha384,
        Algorithm::Sha512,
        Algorithm::Sha512_224,
        Algorithm::Sha512_256,
        Algorithm::Shake128,
        Algorithm::Shake256,
    ];

    /// The one of this name; some have several.
    pub fn find(name: &str) -> Option<Algorithm> {
        Some(match name {
            "md5" | "ssl3-md5" => Algorithm::Md5,
            "ripemd160" | "ripemd" | "rmd160" => Algorithm::Ripemd160,
            "sha1" | "sha-1" | "ssl3-sha1" => Algorithm::Sha1,
            "sha224" | "sha-224" | "sha2-224" => Algorithm::Sha224,
            "sha256" | "sha-256" | "sha2-256" => Algorithm::Sha256,
            "sha384" | "sha-384" | "sha2-384" => Algorithm::Sha384,
            "sha512" | "sha-512" | "sha2-512" => Algorithm::Sha512,
            "sha512-224" | "sha-512/224" | "sha2-512/224" => Algorithm::Sha512_224,
            "sha512-256" | "sha-512/256" | "sha2-512/256" => Algorithm::Sha512_256,
            "sha3-224" => Algorithm::Sha3_224,
            "sha3-256" => Algorithm::Sha3_256,
            "sha3-384" => Algorithm::Sha3_384,
            "sha3-512" => Algorithm::Sha3_512,
            "blake2b512" | "blake2b-512" => Algorithm::Blake2b512,
            "blake2s256" | "blake2s-256" => Algorithm::Blake2s256,
            "shake128" | "shake-128" => Algorithm::Shake128,
            "shake256" | "shake-256" => Algorithm::Shake256,
            _ => return name.strip_prefix("rsa-").and_then(Algorithm::of_signatures),
        })
    }

    /// `RSA-SHA256` is the hash of that signature, too.
    fn of_signatures(name: &str) -> Option<Algorithm> {
        let is_hash = matches!(name, "md5" | "ripemd160" | "sha1") || name.starts_with("sha1-");
        let name = name.strip_suffix("-2").unwrap_or(name);
        let name = match name {
            "sha512/224" => "sha512-224",
            "sha512/256" => "sha512-256",
            _ => name,
        };
        let found = (is_hash || name.starts_with("sha")).then(|| Algorithm::find(name))?;
        found.filter(|found| !found.is_extendable())
    }

    /// OpenSSL's name.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Md5 => "md5",
            Algorithm::Ripemd160 => "ripemd160",
            Algorithm::Sha1 => "sha1",
            Algorithm::Sha224 => "sha224",
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha384 => "sha384",
            Algorithm::Sha512 => "sha512",
            Algorithm::Sha512_224 => "sha512-224",
            Algorithm::Sha512_256 => "sha512-256",
            Algorithm::Sha3_224 => "sha3-224",
            Algorithm::Sha3_256 => "sha3-256",
            Algorithm::Sha3_384 => "sha3-384",
            Algorithm::Sha3_512 => "sha3-512",
            Algorithm::Blake2b512 => "blake2b512",
            Algorithm::Blake2s256 => "blake2s256",
            Algorithm::Shake128 => "shake128",
            Algorithm::Shake256 => "shake256",
        }
    }

    /// Bytes of a digest; of an extendable one, those that OpenSSL 3.0 gives where none are asked for.
    pub fn length(self) -> usize {
        match self {
            Algorithm::Md5 | Algorithm::Shake128 => 16,
            Algorithm::Ripemd160 | Algorithm::Sha1 => 20,
            Algorithm::Sha224 | Algorithm::Sha512_224 | Algorithm::Sha3_224 => 28,
            Algorithm::Sha256
            | Algorithm::Sha512_256
            | Algorithm::Sha3_256
            | Algorithm::Blake2s256
            | Algorithm::Shake256 => 32,
            Algorithm::Sha384 | Algorithm::Sha3_384 => 48,
            Algorithm::Sha512 | Algorithm::Sha3_512 | Algorithm::Blake2b512 => 64,
        }
    }

    /// Bytes that are hashed at a time.
    pub fn block(self) -> usize {
        match self {
            Algorithm::Md5
            | Algorithm::Ripemd160
            | Algorithm::Sha1
            | Algorithm::Sha224
            | Algorithm::Sha256
            | Algorithm::Blake2s256 => 64,
            Algorithm::Sha384
            | Algorithm::Sha512
            | Algorithm::Sha512_224
            | Algorithm::Sha512_256
            | Algorithm::Blake2b512 => 128,
            Algorithm::Sha3_224 => 144,
            Algorithm::Sha3_256 | Algorithm::Shake256 => 136,
            Algorithm::Sha3_384 => 104,
            Algorithm::Sha3_512 => 72,
            Algorithm::Shake128 => 168,
        }
    }

    /// Whether a digest may have any length (SHAKE, FIPS 202).
    pub fn is_extendable(self) -> bool {
        matches!(self, Algorithm::Shake128 | Algorithm::Shake256)
    }
}

/// Evaluates an expression with the type of a hash of one length; those of any length are left to the last arm.
macro_rules! with_hash {
    ($algorithm:expr, $hash:ident => $value:expr, $extendable:pat => $other:expr) => {{
        with_hash!(@ $algorithm, $hash, $value, $extendable => $other,
            Md5 md5::Md5, Ripemd160 ripemd::Ripemd160, Sha1 sha1::Sha1,
            Sha224 sha2::Sha224, Sha256 sha2::Sha256, Sha384 sha2::Sha384, Sha512 sha2::Sha512,
            Sha512_224 sha2::Sha512_224, Sha512_256 sha2::Sha512_256,
            Sha3_224 sha3::Sha3_224, Sha3_256 sha3::Sha3_256, Sha3_384 sha3::Sha3_384, Sha3_512 sha3::Sha3_512,
            Blake2b512 blake2::Blake2b512, Blake2s256 blake2::Blake2s256)
    }};
    (@ $algorithm:expr, $hash:ident, $value:expr, $extendable:pat => $other:expr, $($name:ident $type:ty),+) => {
        match $algorithm {
            $(Algorithm::$name => {
                type $hash = $type;
                $value
            })+
            $extendable => $other,
        }
    };
}
pub(crate) use with_hash;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_what_has_them() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::find(algorithm.name()), Some(algorithm));
        }
        assert_eq!(Algorithm::find("rsa-sha256"), Some(Algorithm::Sha256));
        assert_eq!(Algorithm::find("rsa-sha1-2"), Some(Algorithm::Sha1));
        assert_eq!(Algorithm::find("rsa-sha512/256"), Some(Algorithm::Sha512_256));
        assert_eq!(Algorithm::find("rsa-md5"), Some(Algorithm::Md5));
        for name in ["rsa-shake128", "rsa-rsa-sha1", "rsa-", "", "sha257", "SHA256"] {
            assert_eq!(Algorithm::find(name), None, "{name}");
        }
    }
}
