//! Tokens of native clients, in a file that only their user reads.

use super::file::{self, FileError, Trust};
use super::grants::Grants;
use super::secret::{Digest, Secret};
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What a token begins with.
pub const PREFIX: &str = "wr_";
/// Most tokens: each is compared with what a client presents.
const MOST: usize = 1024;

/// A token, without what proves it.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// By which people know it.
    pub name: String,
    /// By which it is recognised.
    pub digest: Digest,
    /// What its holder may.
    pub grants: Grants,
    /// When it ends to be one.
    pub expires: Option<SystemTime>,
}

impl Token {
    /// Whether it is too old.
    pub fn has_expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// Why tokens cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read or trusted.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file cannot be understood.
    #[error("cannot read the tokens in {}: {what}", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The file cannot be written.
    #[error("cannot write {}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
    /// A name that another token has.
    #[error("there is a token `{0}` already")]
    Taken(String),
    /// A name that is none.
    #[error("`{0}` is no name of a token: letters, digits, `.`, `-` and `_`, at most 64")]
    Name(String),
    /// Too many.
    #[error("there are {MOST} tokens already")]
    Most,
}

impl TokenError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            TokenError::File(error) => error.hint(),
            TokenError::Taken(name) => Some(format!("`wasmrun hub token remove {name}` ends it")),
            _ => None,
        }
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    token: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    blake3: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    grants: Grants,
}

/// The tokens of a user.
#[derive(Clone, Debug)]
pub struct Tokens {
    path: PathBuf,
}

impl Tokens {
    /// Those in a file, which need not be there. Its folder does, for changes.
    pub fn at(path: impl Into<PathBuf>) -> Tokens {
        Tokens { path: path.into() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All of them, those that have expired too.
    ///
    /// # Errors
    ///
    /// The file is another user's, or can be read by others, or is no list of tokens.
    pub fn list(&self) -> Result<Vec<Token>, TokenError> {
        let Some(text) = file::read_text(&self.path, &Trust::secret())? else {
            return Ok(Vec::new());
        };
        let wrong = |what: String| TokenError::Invalid {
            path: self.path.clone(),
            what,
        };
        // Its own message would show lines of the file, digests among them.
        let written: Written = toml::from_str(&text).map_err(|error| wrong(error.message().to_owned()))?;
        if written.token.len() > MOST {
            return Err(wrong(format!("it has more than {MOST} tokens")));
        }
        written
            .token
            .into_iter()
            .map(|row| {
                let expires = row.expires.as_deref().map(humantime::parse_rfc3339_weak).transpose();
                let digest = Digest::from_hex(&row.blake3);
                Ok(Token {
                    digest: digest.ok_or_else(|| wrong(format!("`{}` has no digest", row.name)))?,
                    expires: expires.map_err(|_| wrong(format!("`{}` has no date as `expires`", row.name)))?,
                    name: row.name,
                    grants: row.grants,
                })
            })
            .collect()
    }

    /// Makes a token. The secret cannot be had again.
    ///
    /// # Errors
    ///
    /// The name is taken or none, or the file cannot be changed.
    pub fn add(&self, name: &str, grants: Grants, expires: Option<SystemTime>) -> Result<Secret, TokenError> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if name.is_empty() || name.len() > 64 || !name.chars().all(is_plain) {
            return Err(TokenError::Name(name.chars().take(64).collect()));
        }
        let _lock = self.lock()?;
        let mut tokens = self.list()?;
        if tokens.iter().any(|token| token.name == name) {
            return Err(TokenError::Taken(name.to_owned()));
        }
        if tokens.len() >= MOST {
            return Err(TokenError::Most);
        }
        let secret = Secret::new(PREFIX);
        tokens.push(Token {
            name: name.to_owned(),
            digest: secret.digest(),
            grants,
            expires,
        });
        self.write(&tokens)?;
        Ok(secret)
    }

    /// Ends a token: a hub that runs ends its sessions. False: there is none.
    ///
    /// # Errors
    ///
    /// The file cannot be changed.
    pub fn remove(&self, name: &str) -> Result<bool, TokenError> {
        let _lock = self.lock()?;
        let mut tokens = self.list()?;
        let before = tokens.len();
        tokens.retain(|token| token.name != name);
        let is_removed = tokens.len() < before;
        if is_removed {
            self.write(&tokens)?;
        }
        Ok(is_removed)
    }

    /// Of two commands that change the file, one waits for the other.
    fn lock(&self) -> Result<File, TokenError> {
        let path = self.path.with_extension("lock");
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = rustix::fs::open(&path, flags, Mode::from_raw_mode(0o600));
        let locked = file.and_then(|file| flock(&file, FlockOperation::LockExclusive).map(|()| File::from(file)));
        locked.map_err(|error| TokenError::Write {
            path,
            source: error.into(),
        })
    }

    /// Whoever reads meanwhile finds the one or the other.
    fn write(&self, tokens: &[Token]) -> Result<(), TokenError> {
        let rows = tokens.iter().map(|token| Row {
            name: token.name.clone(),
            blake3: token.digest.to_hex(),
            expires: token
                .expires
                .map(|expires| humantime::format_rfc3339_seconds(expires).to_string()),
            grants: token.grants.clone(),
        });
        let written = Written { token: rows.collect() };
        let text = toml::to_string(&written).map_err(|error| TokenError::Invalid {
            path: self.path.clone(),
            what: error.to_string(),
        })?;
        let replaced = || -> io::Result<()> {
            let folder = self.path.parent().unwrap_or(Path::new("."));
            // 0600 from its first moment.
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(&self.path).map_err(|error| error.error)?;
            File::open(folder)?.sync_all()
        };
        replaced().map_err(|source| TokenError::Write {
            path: self.path.clone(),
            source,
        })
    }
}

/// The token that somebody presents. Each is compared, whichever it is and wherever it differs.
pub fn find<'a>(tokens: &'a [Token], presented: &str, now: SystemTime) -> Option<&'a Token> {
    let digest = Digest::of(presented);
    let mut found = None;
    for token in tokens {
        if token.digest.is(&digest) {
            found = Some(token);
        }
    }
    found.filter(|token| !token.has_expired(now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grants::{Names, Ports};
    use crate::scope::{Scope, Scopes};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    fn store() -> (tempfile::TempDir, Tokens) {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::at(folder.path().join("tokens.toml"));
        (folder, tokens)
    }

    #[test]
    fn a_token_is_kept_as_its_digest_and_read_as_it_was_written() {
        let (_folder, tokens) = store();
        let grants = Grants {
            scopes: Scopes::of([Scope::Connect]),
            runs: Names::new(vec!["web*".into()]).unwrap(),
            ports: Ports::new(["3000-3999"]).unwrap(),
        };
        let expires = SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000);
        let secret = tokens.add("laptop", grants.clone(), Some(expires)).unwrap();
        tokens.add("other", Grants::ALL, None).unwrap();
        let text = fs::read_to_string(tokens.path()).unwrap();
        assert!(!text.contains(&secret.expose()[3..]), "the secret is in no file");
        assert_eq!(fs::metadata(tokens.path()).unwrap().permissions().mode() & 0o777, 0o600);
        let list = tokens.list().unwrap();
        assert_eq!(
            (list[0].name.as_str(), &list[0].grants, list[0].expires),
            ("laptop", &grants, Some(expires))
        );
        assert_eq!(list[1].grants, Grants::ALL);
        let now = SystemTime::now();
        assert_eq!(find(&list, secret.expose(), now), Some(&list[0]));
        assert_eq!(find(&list, secret.expose(), expires), None, "it has expired");
        assert_eq!(find(&list, &format!("{}x", secret.expose()), now), None);
        assert_eq!(
            find(&list, &list[0].digest.to_hex(), now),
            None,
            "the digest is no token"
        );
        assert!(matches!(
            tokens.add("laptop", Grants::ALL, None),
            Err(TokenError::Taken(_))
        ));
        assert!(matches!(tokens.add("a b", Grants::ALL, None), Err(TokenError::Name(_))));
        assert!(tokens.remove("laptop").unwrap());
        assert!(!tokens.remove("laptop").unwrap());
        assert_eq!(tokens.list().unwrap().len(), 1);
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_with_a_sentence() {
        let (_folder, tokens) = store();
        tokens.add("laptop", Grants::ALL, None).unwrap();
        fs::set_permissions(tokens.path(), fs::Permissions::from_mode(0o644)).unwrap();
        let error = tokens.list().unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("has the mode 0644, which lets others read it"),
            "{error}"
        );
        assert!(error.hint().unwrap().starts_with("`chmod 600"));
        assert!(tokens.add("more", Grants::ALL, None).is_err());
        fs::set_permissions(tokens.path(), fs::Permissions::from_mode(0o620)).unwrap();
        assert!(
            tokens
                .list()
                .unwrap_err()
                .to_string()
                .ends_with("lets others change it")
        );
    }

    #[test]
    fn what_is_no_list_of_tokens_is_an_error() {
        let (_folder, tokens) = store();
        tokens.add("laptop", Grants::ALL, None).unwrap();
        for wrong in [
            "[[token]]",
            "x = 1",
            "[[token]]\nname = \"a\"\nblake3 = \"z\"\n[token.grants]\nallow = []",
        ] {
            fs::write(tokens.path(), wrong).unwrap();
            assert!(matches!(tokens.list(), Err(TokenError::Invalid { .. })), "{wrong}");
        }
    }

    #[test]
    fn commands_at_once_lose_no_token() {
        let (_folder, tokens) = store();
        std::thread::scope(|scope| {
            for name in 0..8 {
                let tokens = &tokens;
                scope.spawn(move || tokens.add(&format!("t{name}"), Grants::ALL, None).unwrap());
            }
        });
        assert_eq!(tokens.list().unwrap().len(), 8);
    }
}
