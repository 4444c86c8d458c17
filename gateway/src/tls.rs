//! TLS of the hub's own listeners: rustls with ring, versions 1.3 and 1.2.

use super::file::{self, FileError, Trust};
use super::pin::Pin;
use super::watch::Eyes;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use tokio_rustls::TlsAcceptor;

/// The files of a certificate that was made here.
const OWN_CERTIFICATE: &str = "certificate.der";
const OWN_KEY: &str = "key.der";

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or trusted.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file that was named is not there.
    #[error("there is no {}", .0.display())]
    Missing(PathBuf),
    /// A file has no certificate or no key in it.
    #[error("{} has no {what} as PEM", .path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// `certificate` or `private key`.
        what: &'static str,
    },
    /// A key that everybody may read is none.
    #[error("{} can be read by everybody", .0.display())]
    Open(PathBuf),
    /// Certificate and key do not fit, or are of a kind that nobody takes.
    #[error("cannot use the certificate in {}", .path.display())]
    Unusable {
        /// The certificate's file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// A certificate cannot be made.
    #[error("cannot make a certificate")]
    Make(#[source] rcgen::Error),
    /// What was made cannot be kept.
    #[error("cannot write {}", .path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
}

impl TlsError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            TlsError::File(error) => error.hint(),
            TlsError::Open(path) => Some(format!("`chmod 600 {}`", path.display())),
            TlsError::Pem { .. } => Some("`--tls self` makes a certificate".into()),
            _ => None,
        }
    }
}

/// Where a certificate comes from.
#[derive(Clone, Debug)]
enum Source {
    /// PEM files of the user's: a chain, and its key.
    Files(PathBuf, PathBuf),
    /// A folder with what was made here.
    Own(PathBuf),
}

/// A certificate, and what serves with it.
pub struct Tls {
    source: Source,
    held: Arc<Held>,
    config: Arc<ServerConfig>,
}

#[derive(Debug)]
struct Held(RwLock<Arc<CertifiedKey>>);

impl Held {
    fn get(&self) -> Arc<CertifiedKey> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Held {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.get())
    }
}

/// What does the arithmetic, for the hub and its clients: ring.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

impl Tls {
    /// With a certificate chain and its key, as PEM files.
    ///
    /// # Errors
    ///
    /// They cannot be read, or do not fit.
    pub fn files(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Result<Tls, TlsError> {
        Tls::from(Source::Files(certificate.into(), key.into()))
    }

    /// With a certificate that signs itself, for these names. It is made once, and kept in a folder that is closed to others.
    ///
    /// # Errors
    ///
    /// It cannot be made, kept or read.
    pub fn own(folder: impl Into<PathBuf>, names: Vec<String>) -> Result<Tls, TlsError> {
        let folder = folder.into();
        if !folder.join(OWN_CERTIFICATE).exists() {
            make(&folder, names)?;
        }
        Tls::from(Source::Own(folder))
    }

    fn from(source: Source) -> Result<Tls, TlsError> {
        let held = Arc::new(Held(RwLock::new(Arc::new(source.read()?))));
        let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
        let config = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&versions);
        let config = config.map_err(|error| TlsError::Unusable {
            path: source.certificate(),
            source: error,
        })?;
        let mut config = config.with_no_client_auth().with_cert_resolver(held.clone());
        // HTTP/2 would need bounds of its own, and WebSockets over it RFC 8441.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Early data can be sent again by whoever has seen it.
        config.max_early_data_size = 0;
        Ok(Tls {
            source,
            held,
            config: Arc::new(config),
        })
    }

    /// The pin of the certificate that is served at present.
    ///
    /// # Errors
    ///
    /// It is no certificate that could be served.
    pub fn pin(&self) -> Result<Pin, TlsError> {
        let held = self.held.get();
        let certificate = held.end_entity_cert().and_then(Pin::of);
        certificate.map_err(|source| TlsError::Unusable {
            path: self.source.certificate(),
            source,
        })
    }

    /// Whether clients can only know it by its pin.
    pub fn is_own(&self) -> bool {
        matches!(self.source, Source::Own(_))
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.clone())
    }

    /// Reads the files again when they change, for as long as it is polled. What cannot be used leaves what was there.
    pub async fn follow(&self) {
        let files = match &self.source {
            Source::Files(certificate, key) => vec![certificate.clone(), key.clone()],
            Source::Own(folder) => vec![folder.join(OWN_CERTIFICATE), folder.join(OWN_KEY)],
        };
        let mut eyes = Eyes::new(files);
        loop {
            match self.source.read() {
                Ok(read) => *self.held.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read),
                // The one of two files may have come before the other.
                Err(error) => tracing::warn!("hub: the certificate stays as it was: {error}"),
            }
            eyes.changed().await;
        }
    }
}

impl Source {
    fn certificate(&self) -> PathBuf {
        match self {
            Source::Files(certificate, _) => certificate.clone(),
            Source::Own(folder) => folder.join(OWN_CERTIFICATE),
        }
    }

    fn read(&self) -> Result<CertifiedKey, TlsError> {
        let (chain, key) = match self {
            Source::Files(certificate, key) => (chain(certificate)?, private_key(key)?),
            Source::Own(folder) => own(folder)?,
        };
        CertifiedKey::from_der(chain, key, &provider()).map_err(|source| TlsError::Unusable {
            path: self.certificate(),
            source,
        })
    }
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = || TlsError::Pem {
        path: path.to_owned(),
        what: "certificate",
    };
    let bytes = fs::read(path).map_err(|source| unreadable(path, source))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(wrong)
}

/// It may be root's and a group's, as with Debian's `ssl-cert`; everybody's it may not be.
fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let found = fs::metadata(path).map_err(|source| unreadable(path, source))?;
    if found.mode() & 0o004 != 0 {
        return Err(TlsError::Open(path.to_owned()));
    }
    let bytes = fs::read(path).map_err(|source| unreadable(path, source))?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| TlsError::Pem {
        path: path.to_owned(),
        what: "private key",
    })
}

fn unreadable(path: &Path, source: io::Error) -> TlsError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound => TlsError::Missing(path),
        _ => FileError::Read { path, source }.into(),
    }
}

fn own(folder: &Path) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let read = |name| {
        let path = folder.join(name);
        file::read(&path, &Trust::secret())?.ok_or(TlsError::Missing(path))
    };
    let (certificate, key) = (read(OWN_CERTIFICATE)?, read(OWN_KEY)?);
    Ok((vec![certificate.into()], PrivatePkcs8KeyDer::from(key).into()))
}

fn make(folder: &Path, names: Vec<String>) -> Result<(), TlsError> {
    let made = rcgen::generate_simple_self_signed(names).map_err(TlsError::Make)?;
    let write = |path: PathBuf, bytes: &[u8]| {
        let written = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            File::open(folder)?.sync_all()
        };
        written().map_err(|source| TlsError::Write {
            path: path.clone(),
            source,
        })
    };
    let mut builder = fs::DirBuilder::new();
    let folder_made = builder.recursive(true).mode(0o700).create(folder);
    folder_made.map_err(|source| TlsError::Write {
        path: folder.to_owned(),
        source,
    })?;
    // The key first: where there is a certificate there is its key.
    write(folder.join(OWN_KEY), &made.signing_key.serialize_der())?;
    write(folder.join(OWN_CERTIFICATE), made.cert.der())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn an_own_certificate_is_made_once_and_closed_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("tls");
        let pin = Tls::own(&folder, vec!["localhost".into()]).unwrap().pin().unwrap();
        let again = Tls::own(&folder, vec!["localhost".into()]).unwrap();
        assert_eq!(again.pin().unwrap(), pin);
        let key = folder.join(OWN_KEY);
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        let error = Tls::own(&folder, Vec::new()).err().unwrap();
        assert!(
            error
                .to_string()
                .ends_with("has the mode 0644, which lets others read it"),
            "{error}"
        );
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        fs::remove_file(&key).unwrap();
        assert!(matches!(Tls::own(&folder, Vec::new()), Err(TlsError::Missing(_))));
    }

    #[test]
    fn what_is_no_pem_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("c"), folder.path().join("k"));
        assert!(matches!(Tls::files(&certificate, &key), Err(TlsError::Missing(_))));
        fs::write(&certificate, "x").unwrap();
        assert!(matches!(Tls::files(&certificate, &key), Err(TlsError::Pem { .. })));
    }
}
