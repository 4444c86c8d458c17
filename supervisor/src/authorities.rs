//! The certificates that this machine trusts, for a guest's TLS: found as OpenSSL finds them, and handed over open. Whoever is in a
//! jail opens no files, and nothing is parsed before a guest asks.
//!
//! ```text
//!   SSL_CERT_FILE, SSL_CERT_DIR, else this distribution's bundle --+--> certificates alone, in one file in memory
//!   [network] ca, --ca --------------------------------------------+    that nobody can change (memfd_create(2), sealed)
//! ```
//!
//! Not the file itself: with a descriptor of it, even one for reading, its owner can change its mode and times (fchmod(2)), and an
//! update in place would be seen half.

use anyhow::{Context, anyhow};
use files::regular;
use report::{Failure, Result};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use std::collections::HashSet;
use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Largest file that somebody names, and largest bundle, in bytes.
const LARGEST: u64 = 1 << 20;
const BUNDLE: u64 = 32 << 20;
/// Most files of a folder.
const FILES: usize = 10_000;

/// Authorities that the user trusts besides this machine's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorities {
    /// The file that they are from.
    pub path: PathBuf,
    /// Their certificates, in DER; what else is in the file, such as a key, is not taken.
    certificates: Vec<Vec<u8>>,
}

impl Authorities {
    /// Reads those of a file, in PEM or DER. `place` is where it was named.
    ///
    /// # Errors
    ///
    /// It cannot be read, or has no certificate.
    pub fn read(path: &Path, place: &str) -> Result<Authorities> {
        let hint = "name a file with the certificate of an authority, in PEM or DER";
        let usage = |error: anyhow::Error| Failure::usage(error).hint(hint);
        let bytes = regular::read(path, LARGEST)
            .with_context(|| format!("{place}: cannot read {}", path.display()))
            .map_err(usage)?;
        let certificates = tls::certificates(&bytes)
            .map_err(|why| usage(anyhow!("{place}: {} has no certificate: {why}", path.display())))?;
        // One that is no certificate would be noticed when nothing can be reached.
        for certificate in &certificates {
            let described = tls::describe(certificate);
            described.map_err(|why| usage(anyhow!("{place}: {}: {why}", path.display())))?;
        }
        Ok(Authorities {
            path: path.to_owned(),
            certificates: certificates.iter().map(|certificate| certificate.to_vec()).collect(),
        })
    }
}

/// Where this machine has its certificates.
#[derive(Debug, Default, PartialEq)]
struct Sources {
    file: Option<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Sources {
    /// By the variables, where one is set, and nothing else; otherwise where distributions have them, and of a folder and its
    /// bundle only the bundle.
    fn find(variable: impl Fn(&str) -> Option<OsString>) -> Sources {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let (file, folders) = (set("SSL_CERT_FILE"), set("SSL_CERT_DIR"));
        if file.is_some() || folders.is_some() {
            let file = file.map(PathBuf::from);
            let bundles = file.as_deref().and_then(Path::parent);
            let folders = folders.iter().flat_map(env::split_paths);
            // A bundle has what lies beside it, and reading hundreds of files takes milliseconds.
            let folders = folders.filter(|path| !path.as_os_str().is_empty() && Some(path.as_path()) != bundles);
            return Sources {
                folders: folders.collect(),
                file,
            };
        }
        let found = openssl_probe::probe();
        Sources {
            folders: match found.cert_file {
                Some(_) => Vec::new(),
                None => found.cert_dir,
            },
            file: found.cert_file,
        }
    }
}

/// All that a guest may trust, as a file of certificates to be read; none where there is nothing. What is not there, or cannot be
/// read, is left out: a guest that needs none runs without.
pub(crate) fn open(named: &[Authorities]) -> Option<File> {
    let sources = Sources::find(|name| env::var_os(name));
    joined(&sources, named).unwrap_or_else(|error| {
        tracing::debug!("no trust store: {sources:?}: {error}");
        None
    })
}

/// Whether OpenSSL would look for a file of this name: `930ac5d2.0` (openssl-rehash(1)). Most certificates are there twice: as
/// themselves, and as a link of such a name.
fn is_hashed(path: &Path) -> bool {
    let parts = path.file_stem().zip(path.extension());
    parts.is_some_and(|(hash, number)| {
        let [hash, number] = [hash, number].map(|part| part.as_encoded_bytes());
        hash.len() == 8 && hash.iter().all(u8::is_ascii_hexdigit) && number.iter().all(u8::is_ascii_digit)
    })
}

/// Several sources in one.
fn joined(sources: &Sources, named: &[Authorities]) -> io::Result<Option<File>> {
    let mut text = Vec::new();
    if let Some(file) = &sources.file {
        // What the user has named is trusted without it, too.
        match regular::read(file, BUNDLE) {
            // DER, of which there is one.
            Ok(bytes) if bytes.starts_with(&[0x30]) => text.extend(tls::join([&bytes[..]]).into_bytes()),
            // Some keep a key in the same file.
            Ok(bytes) if String::from_utf8_lossy(&bytes).contains("PRIVATE KEY-----") => {
                let certificates = tls::split(&bytes);
                text.extend(tls::join(certificates.iter().map(Vec::as_slice)).into_bytes());
            }
            Ok(mut bytes) => {
                text.append(&mut bytes);
                text.push(b'\n');
            }
            Err(error) => tracing::debug!("{}: {error}", file.display()),
        }
    }
    let mut seen = HashSet::new();
    for folder in &sources.folders {
        let Ok(entries) = folder.read_dir() else { continue };
        let mut files: Vec<PathBuf> = entries.take(FILES).flatten().map(|entry| entry.path()).collect();
        if files.iter().any(|path| is_hashed(path)) {
            files.retain(|path| is_hashed(path));
        }
        for path in files {
            let bytes = regular::read(&path, LARGEST).unwrap_or_default();
            let new = tls::split(&bytes).into_iter().filter(|der| seen.insert(der.clone()));
            text.extend(tls::join(new.collect::<Vec<_>>().iter().map(Vec::as_slice)).into_bytes());
        }
    }
    let of_user = named.iter().flat_map(|named| &named.certificates);
    text.extend(tls::join(of_user.map(Vec::as_slice)).into_bytes());
    if text.is_empty() {
        return Ok(None);
    }
    let file = memfd_create("trust", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut file = File::from(file);
    file.write_all(&text)?;
    fcntl_add_seals(
        &file,
        SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL,
    )?;
    Ok(Some(file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::FileExt;

    fn sources(file: Option<&str>, folders: Option<&str>) -> Sources {
        let of = |value: Option<&str>| value.map(OsString::from);
        Sources::find(|name| match name {
            "SSL_CERT_FILE" => of(file),
            _ => of(folders),
        })
    }

    #[test]
    fn variables_say_where_certificates_are_and_then_nothing_else_does() {
        let found = sources(Some("/a.pem"), None);
        assert_eq!((found.file, found.folders), (Some("/a.pem".into()), vec![]));
        let found = sources(None, Some("/a::/b"));
        assert_eq!((found.file, found.folders), (None, vec!["/a".into(), "/b".into()]));
        // What lies beside a bundle is in it.
        let found = sources(Some("/a/all.pem"), Some("/a:/b"));
        assert_eq!(found.folders, [PathBuf::from("/b")]);
        let found = sources(Some(""), Some(""));
        assert!(found.file.is_none() || found.folders.is_empty());
    }

    #[test]
    fn several_sources_are_one_file_that_stays_as_it_is_and_has_certificates_alone() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).unwrap();
            folder.path().join(name)
        };
        let (one, two, three) = (
            tls::join([&[0x30, 1, 1][..]]),
            tls::join([&[0x30, 1, 2][..]]),
            [0x30, 1, 3],
        );
        let bundle = write("bundle", &format!("# one\n{one}"));
        fs::create_dir(folder.path().join("certs")).unwrap();
        write("certs/a.pem", &two);
        write(
            "certs/b.pem",
            &format!("{two}-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"),
        );
        write("certs/c", "nothing");
        fs::create_dir(folder.path().join("hashed")).unwrap();
        write("hashed/930ac5d2.0", &two);
        write("hashed/other.pem", &tls::join([&[0x30, 1, 9][..]]));
        let sources = Sources {
            file: Some(bundle),
            folders: ["certs", "hashed", "nowhere"]
                .map(|name| folder.path().join(name))
                .into(),
        };
        let named = [Authorities {
            path: PathBuf::new(),
            certificates: vec![three.to_vec()],
        }];
        let file = joined(&sources, &named).unwrap().unwrap();
        let mut bytes = vec![0; file.metadata().unwrap().len() as usize];
        file.read_exact_at(&mut bytes, 0).unwrap();
        let wanted = format!("# one\n{one}\n{two}{}", tls::join([&three[..]]));
        assert_eq!(String::from_utf8(bytes).unwrap(), wanted);
        assert!((&file).write_all(b"x").is_err());
        assert!(joined(&Sources::default(), &[]).unwrap().is_none());
    }
}
