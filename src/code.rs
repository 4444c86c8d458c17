//! From the guest's file to code that can start: the cache, or the compiler.

use crate::compiler::Compiler;
use crate::failure::{Failure, Result};
use crate::protocol::memory_file;
use anyhow::{Context, anyhow};
use indicatif::{ProgressBar, ProgressStyle};
use runtime::{Cache, Key, Source, Toolchain};
use std::fs::File;
use std::io::{IsTerminal, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempPath;

/// A spinner is shown for compiles that take longer than this.
const PATIENCE: Duration = Duration::from_millis(300);

/// Compiled code in a file.
pub struct Code {
    pub path: PathBuf,
    /// Of the guest's file.
    pub digest: blake3::Hash,
    /// How long the compiler took; none when the code was there.
    pub compiled: Option<Duration>,
    pub toolchain: Toolchain,
    /// Deletes the file of code that is not in the cache.
    temporary: Mutex<Option<TempPath>>,
}

impl Code {
    /// The guest has it in memory: a file that is not in the cache goes at once, so that a kill leaves none. True when
    /// it was such a file, and no guest can be started with it again.
    pub fn let_go(&self) -> bool {
        let mut temporary = self.temporary.lock().unwrap_or_else(PoisonError::into_inner);
        temporary.take().is_some()
    }
}

/// Finds or makes the code for a guest file.
pub async fn prepare(artifact: &Path, use_cache: bool, compiler: &Compiler) -> Result<Code> {
    let shown = artifact.display();
    let cannot = || format!("cannot read {shown}");
    let path = artifact.canonicalize().with_context(cannot).map_err(Failure::usage)?;
    let bytes = std::fs::read(&path).with_context(cannot).map_err(Failure::usage)?;
    let source = Source::of(&bytes)
        .with_context(|| format!("{shown} is no guest"))
        .map_err(|error| {
            Failure::usage(error).hint("name a WebAssembly module or component (.wasm, .wat or .cwasm)")
        })?;
    let digest = blake3::hash(&bytes);
    let toolchain = match source {
        Source::Wasm => Toolchain::of(&bytes),
        Source::Wat | Source::Precompiled => Toolchain::Other,
    };
    if source == Source::Precompiled {
        return Ok(Code {
            path,
            digest,
            compiled: None,
            toolchain,
            temporary: Mutex::default(),
        });
    }
    let Some(cache) = use_cache.then(open_cache).flatten() else {
        let mut code = tempfile::tempfile().context("cannot make a temporary file")?;
        let compiled = compile(artifact, &bytes, &code, compiler).await?;
        let mut named = tempfile::NamedTempFile::new().context("cannot make a temporary file")?;
        code.rewind()
            .and_then(|()| std::io::copy(&mut code, &mut named))
            .context("cannot write a temporary file")?;
        let temporary = named.into_temp_path();
        return Ok(Code {
            path: temporary.to_path_buf(),
            digest,
            compiled: Some(compiled),
            toolchain,
            temporary: Mutex::new(Some(temporary)),
        });
    };
    let key = Key::of(&bytes).map_err(|error| anyhow!("cannot set up the compiler: {error:#}"))?;
    let (path, compiled) = match cache.find(&key) {
        Some(path) => {
            tracing::debug!("code: cached, {}", path.display());
            (path, None)
        }
        None => {
            let mut code = cache.begin().context("cannot write to the cache")?;
            let compiled = compile(artifact, &bytes, &code, compiler).await?;
            let path = cache.keep(&key, &mut code).context("cannot write to the cache")?;
            (path, Some(compiled))
        }
    };
    Ok(Code {
        path,
        digest,
        compiled,
        toolchain,
        temporary: Mutex::default(),
    })
}

/// The folder for compiled code: `WASMRUN_CACHE_DIR`, else the user's cache folder.
pub fn cache_folder() -> Option<PathBuf> {
    match std::env::var_os("WASMRUN_CACHE_DIR") {
        Some(folder) => Some(folder.into()),
        None => dirs::cache_dir().map(|folder| folder.join("wasmrun").join("code")),
    }
}

/// The cache, or none where it cannot be used; then every start compiles, which is said.
fn open_cache() -> Option<Cache> {
    let folder = cache_folder()?;
    match Cache::open(&folder) {
        Ok(cache) => Some(cache),
        Err(error) => {
            let error = anyhow::Error::new(error);
            tracing::warn!(
                hint = "set WASMRUN_CACHE_DIR to a folder of your own",
                "compiling without a cache: {error:#}"
            );
            None
        }
    }
}

/// Returns the time it took.
async fn compile(artifact: &Path, bytes: &[u8], code: &File, compiler: &Compiler) -> Result<Duration> {
    let started = Instant::now();
    // The very bytes whose digest is the key: the file may change meanwhile.
    let mut source = memory_file("source")?;
    source
        .write_all(bytes)
        .context("cannot hand the guest to the compiler")?;
    let mut finished = std::pin::pin!(compiler.compile(&source, code));
    let done = match tokio::time::timeout(PATIENCE, &mut finished).await {
        Ok(done) => done,
        Err(_) => {
            let spinner = spinner(artifact);
            let done = finished.await;
            spinner.finish_and_clear();
            done
        }
    };
    done?.map_err(|text| Failure::usage(anyhow!("{} is not a valid guest: {text}", artifact.display())))?;
    tracing::debug!("code: compiled in {} ms", started.elapsed().as_millis());
    Ok(started.elapsed())
}

fn spinner(artifact: &Path) -> ProgressBar {
    if !std::io::stderr().is_terminal() || !tracing::enabled!(tracing::Level::INFO) {
        return ProgressBar::hidden();
    }
    let spinner = ProgressBar::new_spinner().with_message(format!("compiling {}", artifact.display()));
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}
