//! The certificates that this machine trusts: open from the start, read when a guest first asks for them.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, OnceLock};
use tls::Roots;

/// Largest bundle, in bytes. Debian's has 220 kB.
const LARGEST: u64 = 32 << 20;
/// Why nothing is trusted.
const NONE: &str = "this machine has no trust store: install the package `ca-certificates`, or set SSL_CERT_FILE";

/// A bundle of certificates that nobody here can find again: this process opens no files.
#[derive(Clone, Default)]
pub struct Trust(Arc<Inner>);

#[derive(Default)]
struct Inner {
    bundle: Option<File>,
    roots: OnceLock<Result<Arc<Roots>, String>>,
}

impl Trust {
    /// Of a file with certificates, in PEM; none where this machine has none.
    pub fn new(bundle: Option<File>) -> Trust {
        Trust(Arc::new(Inner {
            bundle,
            roots: OnceLock::new(),
        }))
    }

    /// What it says, read once.
    pub(crate) fn roots(&self) -> Result<Arc<Roots>, String> {
        let roots = self.0.roots.get_or_init(|| {
            let bundle = self.0.bundle.as_ref().ok_or(NONE)?;
            let bytes = read(bundle).map_err(|error| format!("the trust store cannot be read: {error}"))?;
            let roots = Roots::of_bundle(&bytes);
            match roots.is_empty() {
                true => Err("the trust store has no certificate that can be read".to_owned()),
                false => Ok(Arc::new(roots)),
            }
        });
        roots.clone()
    }
}

fn read(bundle: &File) -> std::io::Result<Vec<u8>> {
    let length = bundle.metadata()?.len();
    if length > LARGEST {
        return Err(std::io::ErrorKind::FileTooLarge.into());
    }
    let mut bytes = vec![0; length as usize];
    // Where others have left its position makes no difference.
    bundle.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}
