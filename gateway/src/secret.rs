//! Random secrets: handed out once, and known afterwards only by their digest.

use data_encoding::BASE64URL_NOPAD;
use std::fmt;
use subtle::ConstantTimeEq;

/// Random bytes of a secret: more than can be guessed.
const BYTES: usize = 32;

/// A secret as text. It is not shown by `{:?}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A new one, with a prefix by which people and scanners know what it is.
    pub fn new(prefix: &str) -> Secret {
        Secret(format!("{prefix}{}", BASE64URL_NOPAD.encode(&random())))
    }

    /// One that came from elsewhere.
    pub fn from_text(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text, for whom it is meant.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// By what it is known.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// BLAKE3 of a secret. The secret has 256 random bits, so nothing slower is needed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of whatever somebody presents.
    pub fn of(text: &str) -> Digest {
        Digest(*blake3::hash(text.as_bytes()).as_bytes())
    }

    /// As a file has it.
    pub fn to_hex(self) -> String {
        data_encoding::HEXLOWER.encode(&self.0)
    }

    /// The reverse.
    pub fn from_hex(text: &str) -> Option<Digest> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Digest)
    }

    /// Takes the same time for every other digest.
    pub fn is(&self, other: &Digest) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// Only its beginning, which tells one from another.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex()[..8])
    }
}

/// Makes texts that only this process can make, without remembering them: what belongs to a session can be said again and
/// checked.
pub struct Sealer([u8; 32]);

impl Default for Sealer {
    fn default() -> Sealer {
        Sealer(random())
    }
}

impl Sealer {
    /// The text for a session and a purpose.
    pub fn seal(&self, session: &Digest, purpose: &str) -> Secret {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&session.0).update(purpose.as_bytes());
        Secret(BASE64URL_NOPAD.encode(hasher.finalize().as_bytes()))
    }

    /// Whether a text is that one.
    pub fn is(&self, session: &Digest, purpose: &str, text: &str) -> bool {
        let right = self.seal(session, purpose);
        right.0.as_bytes().ct_eq(text.as_bytes()).into()
    }
}

fn random() -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    // Linux's getrandom(2) does not fail once the machine has started.
    getrandom::fill(&mut bytes).expect("the kernel gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_long_and_not_shown() {
        let secret = Secret::new("wr_");
        assert_eq!(secret.expose().len(), 3 + 43);
        assert_ne!(secret, Secret::new("wr_"));
        assert_eq!(format!("{secret:?}"), "Secret");
        assert_eq!(Digest::from_hex(&secret.digest().to_hex()), Some(secret.digest()));
    }

    #[test]
    fn a_seal_is_of_its_session_purpose_and_process() {
        let (sealer, one, two) = (Sealer::default(), Digest::of("1"), Digest::of("2"));
        let form = sealer.seal(&one, "form");
        assert!(sealer.is(&one, "form", form.expose()));
        assert!(!sealer.is(&two, "form", form.expose()));
        assert!(!sealer.is(&one, "other", form.expose()));
        assert!(!Sealer::default().is(&one, "form", form.expose()));
        assert!(!sealer.is(&one, "form", ""));
    }
}
