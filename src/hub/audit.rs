//! Where the audit goes: a file, or wasmrun's own lines.

use anyhow::Context;
use report::Result;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Lines of the audit as lines of wasmrun's own.
struct Lines(Vec<u8>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        while let Some(end) = self.0.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.0.drain(..=end).collect();
            tracing::info!("audit: {}", String::from_utf8_lossy(&line[..end]));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// To a file, which only this user reads and to which lines are added.
///
/// # Errors
///
/// It cannot be opened.
pub(super) fn writer(file: Option<&Path>) -> Result<Box<dyn Write + Send>> {
    let Some(path) = file else {
        return Ok(Box::new(Lines(Vec::new())));
    };
    let file = File::options().create(true).append(true).mode(0o600).open(path);
    Ok(Box::new(
        file.with_context(|| format!("cannot open {}", path.display()))?,
    ))
}
