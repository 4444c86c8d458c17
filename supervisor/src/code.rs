//! From the guest's file to code that can start: the cache, or the compiler.

use crate::compiler::Compiler;
use crate::protocol::memory_file;
use anyhow::{Context, anyhow};
use files::cache;
use files::regular;
use report::spinner;
use report::{Failure, Result};
use runtime::{Cache, ForNow, Found, Key, Source, Temporary, Tier, Traits};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A spinner is shown for compiles that take longer than this.
const PATIENCE: Duration = Duration::from_millis(300);
/// Files that are smaller than this are optimised so soon that two starts would take longer, in bytes.
const SMALL: usize = 256 * 1024;
/// Longest file of a guest, in bytes: twice what WebAssembly's own tools take, because compiled code is larger.
const LONGEST: u64 = 2 << 30;

/// Texts that are longer than this are not parsed in the supervisor, which would grow by six times as much.
const LARGE_TEXT: usize = 1 << 20;

/// Compiled code in a file.
pub struct Code {
    /// The file of the code.
    pub path: PathBuf,
    /// Of the guest's file.
    pub digest: blake3::Hash,
    /// How long the compiler took; none when the code was there.
    pub compiled: Option<Duration>,
    /// What the binary tells of the guest.
    pub traits: Traits,
    /// The tier that it was compiled in.
    pub tier: Tier,
    /// What it was made of, where better code can be made of it.
    source: Option<File>,
    /// Keeps code that was found in the cache there.
    _held: Option<File>,
    /// Deletes the file of code that is not in the cache.
    temporary: Mutex<Option<Temporary>>,
}

impl Code {
    /// Whether it is in no cache, and goes when it is let go.
    pub fn is_temporary(&self) -> bool {
        let temporary = self.temporary.lock().unwrap_or_else(PoisonError::into_inner);
        temporary.is_some()
    }

    /// The guest has it in memory: a file that is not in the cache goes at once, so that a kill leaves none. True when
    /// it was such a file, and no guest can be started with it again.
    pub fn let_go(&self) -> bool {
        let mut temporary = self.temporary.lock().unwrap_or_else(PoisonError::into_inner);
        temporary.take().is_some()
    }

    /// The same in the higher tier; none where there is no higher one.
    pub async fn optimize(&self, artifact: &Path, use_cache: bool, compiler: &Compiler) -> Result<Option<Code>> {
        let Some(source) = &self.source else { return Ok(None) };
        let source = Binary {
            shown: artifact,
            file: source.try_clone().context("cannot hand the guest to the compiler")?,
            digest: self.digest,
            traits: self.traits,
        };
        source
            .optimized(use_cache.then(open_cache).flatten(), compiler)
            .await
            .map(Some)
    }
}

/// How code is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Code may come from the cache, and stays there.
    pub use_cache: bool,
    /// When the baseline tier comes first.
    pub tiered: Tiered,
    /// Whether the user's own compiled code is run.
    pub precompiled: Precompiled,
}

/// When a guest starts in two steps: with code of the baseline compiler, and again with optimised code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tiered {
    /// Where a second start loses nothing: for guests that are built again and again, and where each request has an instance
    /// of its own.
    Auto,
    /// Whenever the code is not in the cache.
    Always,
    /// Never.
    Never,
}

/// Whether a guest may be code that is compiled already. Nothing checks such code: with it the namespaces are the only wall,
/// and without them there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precompiled {
    /// As long as nobody has said that it may.
    Refused,
    /// There are no namespaces.
    NotWithoutIsolation,
    /// In a file that says that it is.
    Allowed,
}

impl Precompiled {
    fn check(self, path: &Path) -> Result<()> {
        let shown = path.display();
        if path.extension().is_none_or(|extension| extension != "cwasm") {
            let message = anyhow!("{shown} is compiled code without the extension `.cwasm`");
            return Err(Failure::usage(message)
                .hint("run the WebAssembly that it was compiled from, or rename it to `….cwasm`"));
        }
        match self {
            Precompiled::Allowed => Ok(()),
            Precompiled::Refused => {
                let message = anyhow!("{shown} is compiled code, which cannot be verified");
                Err(Failure::usage(message).hint("if you compiled it yourself, pass `--allow-precompiled`"))
            }
            Precompiled::NotWithoutIsolation => {
                let message = anyhow!("{shown} is compiled code, which needs isolation");
                Err(Failure::usage(message)
                    .hint("leave `--no-isolation` out, or run the WebAssembly that it was compiled from"))
            }
        }
    }
}

/// Finds or makes the code for a guest file; its digest, where that is known without reading it.
pub async fn prepare(artifact: &Path, digest: Option<blake3::Hash>, wish: Wish, compiler: &Compiler) -> Result<Code> {
    let cache = wish.use_cache.then(open_cache).flatten();
    if let (Some(digest), Some(cache)) = (digest, &cache)
        && let Some((path, held)) = find(cache, &digest)?
    {
        return Ok(ready(path, Some(held), digest, Traits::default()));
    }
    let shown = artifact.to_owned();
    // What lies on a server that is gone holds a thread up, and not the session.
    let read = tokio::task::spawn_blocking(move || read(&shown)).await;
    let Content {
        path,
        bytes,
        form,
        digest,
        mut traits,
    } = read.context("cannot read the guest")??;
    if form == Source::Wat && bytes.len() > LARGE_TEXT {
        traits = traits_of_text(artifact, &bytes, compiler).await?;
    }
    if form == Source::Precompiled {
        wish.precompiled.check(artifact)?;
        return Ok(ready(path, None, digest, traits));
    }
    if let Some(cache) = &cache
        && let Some((path, held)) = find(cache, &digest)?
    {
        return Ok(ready(path, Some(held), digest, traits));
    }
    // The very bytes whose digest is the key: the file may change meanwhile.
    let mut file = memory_file("source")?;
    file.write_all(&bytes)
        .context("cannot hand the guest to the compiler")?;
    let source = Binary {
        shown: artifact,
        file,
        digest,
        traits,
    };
    let in_two_steps = match wish.tiered {
        Tiered::Always => true,
        Tiered::Never => false,
        Tiered::Auto => bytes.len() >= SMALL && (compiler.is_for_many_builds() || traits.is_made_anew),
    };
    drop(bytes);
    if in_two_steps {
        match source.baseline(compiler).await {
            Ok(code) => return Ok(code),
            // It may be well, but beyond that compiler.
            Err(failure) => tracing::debug!("code: none in the baseline tier: {failure}"),
        }
    }
    source.optimized(cache, compiler).await
}

/// A guest's file.
struct Content {
    path: PathBuf,
    bytes: Vec<u8>,
    form: Source,
    digest: blake3::Hash,
    traits: Traits,
}

fn read(artifact: &Path) -> Result<Content> {
    let shown = artifact.display();
    let cannot = || format!("cannot read {shown}");
    let path = artifact.canonicalize().with_context(cannot).map_err(Failure::usage)?;
    let bytes = regular::read(&path, LONGEST)
        .with_context(cannot)
        .map_err(Failure::usage)?;
    let form = Source::of(&bytes)
        .with_context(|| format!("{shown} is not a WebAssembly module or component"))
        .map_err(|error| Failure::usage(error).hint("pass a .wasm, .wat or .cwasm file"))?;
    let traits = match form {
        Source::Wasm => Traits::of(&bytes),
        Source::Wat if bytes.len() <= LARGE_TEXT => Traits::of_text(&bytes),
        Source::Wat | Source::Precompiled => Traits::default(),
    };
    Ok(Content {
        digest: blake3::hash(&bytes),
        path,
        bytes,
        form,
        traits,
    })
}

/// What a long text shows of itself, once the compiler's process has made a binary of it.
async fn traits_of_text(shown: &Path, text: &[u8], compiler: &Compiler) -> Result<Traits> {
    let (mut source, mut binary) = (memory_file("text")?, memory_file("binary")?);
    source
        .write_all(text)
        .context("cannot hand the guest to the compiler")?;
    let done = compiler.assemble(&source, &binary).await?;
    done.map_err(|text| Failure::usage(anyhow!("{} is not a valid guest: {text}", shown.display())))?;
    let mut bytes = Vec::new();
    binary.rewind().context("cannot read what the compiler made")?;
    binary
        .read_to_end(&mut bytes)
        .context("cannot read what the compiler made")?;
    Ok(Traits::of(&bytes))
}

/// Whether there is code of this digest.
pub fn is_there(digest: &blake3::Hash) -> bool {
    let found = open_cache().and_then(|cache| find(&cache, digest).ok().flatten());
    found.is_some()
}

/// The code of this digest, and what keeps it there. It may have been damaged since it was made, which is said once: it is
/// made anew.
fn find(cache: &Cache, digest: &blake3::Hash) -> Result<Option<(PathBuf, File)>> {
    Ok(match cache.find(&key(digest)?) {
        Found::Nothing => None,
        Found::Damaged(path) => {
            tracing::warn!("{} in the cache is damaged; recompiling", path.display());
            None
        }
        Found::Code { path, held } => {
            tracing::debug!("code: cached, {}", path.display());
            Some((path, held))
        }
    })
}

/// Compiles a file of our own for later, to be found by this digest, which need not be the file's.
pub async fn keep(artifact: &Path, digest: blake3::Hash, compiler: &Compiler) -> Result<()> {
    let Some(cache) = open_cache() else { return Ok(()) };
    let file = File::open(artifact).with_context(|| format!("cannot read {}", artifact.display()))?;
    let source = Binary {
        shown: artifact,
        file,
        digest,
        traits: Traits::default(),
    };
    source.optimized(Some(cache), compiler).await.map(drop)
}

/// Code that was there.
fn ready(path: PathBuf, held: Option<File>, digest: blake3::Hash, traits: Traits) -> Code {
    Code {
        path,
        _held: held,
        digest,
        compiled: None,
        traits,
        tier: Tier::Optimized,
        source: None,
        temporary: Mutex::default(),
    }
}

/// A guest file that has to be compiled.
struct Binary<'a> {
    shown: &'a Path,
    /// Its content.
    file: File,
    digest: blake3::Hash,
    traits: Traits,
}

impl Binary<'_> {
    /// Code that is there soon. It is not worth a place in the cache.
    async fn baseline(&self, compiler: &Compiler) -> Result<Code> {
        let (file, compiled) = self.compile_for_now(Tier::Baseline, compiler).await?;
        let source = self.file.try_clone().context("cannot keep the guest's file")?;
        Ok(Code {
            source: Some(source),
            ..self.code(Tier::Baseline, file, compiled)
        })
    }

    /// The best code.
    async fn optimized(&self, cache: Option<Cache>, compiler: &Compiler) -> Result<Code> {
        if let Some(cache) = cache {
            match self.optimized_into(&cache, compiler).await? {
                Ok(code) => return Ok(code),
                // On a file system that is read-only, or full.
                Err(error) => tracing::warn!("compiling without a cache: cannot write to it: {error}"),
            }
        }
        let (file, compiled) = self.compile_for_now(Tier::Optimized, compiler).await?;
        Ok(self.code(Tier::Optimized, file, compiled))
    }

    /// The same in the cache; the inner error is that this cannot be written.
    async fn optimized_into(&self, cache: &Cache, compiler: &Compiler) -> Result<io::Result<Code>> {
        let mut code = match cache.begin() {
            Ok(code) => code,
            Err(error) => return Ok(Err(error)),
        };
        let compiled = match self.compile(&code, Tier::Optimized, compiler).await {
            Err(failure) if is_full(&failure) => return Ok(Err(io::ErrorKind::StorageFull.into())),
            compiled => compiled?,
        };
        let kept = cache.keep(&key(&self.digest)?, &mut code);
        Ok(kept.map(|path| Code {
            _held: cache::lock(&path).ok(),
            ..self.code(Tier::Optimized, (None, path), compiled)
        }))
    }

    fn code(&self, tier: Tier, (temporary, path): (Option<Temporary>, PathBuf), compiled: Duration) -> Code {
        Code {
            path,
            _held: None,
            digest: self.digest,
            compiled: Some(compiled),
            traits: self.traits,
            tier,
            source: None,
            temporary: Mutex::new(temporary),
        }
    }

    /// In the folder for temporary files; in memory where that cannot be used, as in a read-only container.
    async fn compile_for_now(
        &self,
        tier: Tier,
        compiler: &Compiler,
    ) -> Result<((Option<Temporary>, PathBuf), Duration)> {
        let in_memory = || ForNow::in_memory().context("cannot store the guest's code");
        let code = ForNow::begin().or_else(|error| {
            let place = std::env::temp_dir();
            tracing::debug!("code: in memory, {} cannot be used: {error}", place.display());
            in_memory()
        })?;
        let (code, compiled) = match self.compile(code.file(), tier, compiler).await {
            Err(failure) if is_full(&failure) => {
                let code = in_memory()?;
                let compiled = self.compile(code.file(), tier, compiler).await?;
                (code, compiled)
            }
            compiled => (code, compiled?),
        };
        let (temporary, path) = code.finish().context("cannot write a temporary file")?;
        Ok(((Some(temporary), path), compiled))
    }

    /// Returns the time it took.
    async fn compile(&self, code: &File, tier: Tier, compiler: &Compiler) -> Result<Duration> {
        let started = Instant::now();
        let mut finished = std::pin::pin!(compiler.compile(&self.file, code, tier));
        let done = match tokio::time::timeout(PATIENCE, &mut finished).await {
            Ok(done) => done,
            Err(_) => {
                // Nobody waits for what is done in the background.
                let spinner =
                    (!compiler.is_background()).then(|| spinner::start(format!("compiling {}", self.shown.display())));
                let done = finished.await;
                drop(spinner);
                done
            }
        };
        done?.map_err(|text| Failure::usage(anyhow!("{} is not a valid guest: {text}", self.shown.display())))?;
        tracing::debug!("code: compiled in {} ms", started.elapsed().as_millis());
        Ok(started.elapsed())
    }
}

/// The compiler has found no room for what it made.
fn is_full(failure: &Failure) -> bool {
    let full = io::Error::from_raw_os_error(nix::libc::ENOSPC).to_string();
    failure.to_string().contains(&full)
}

fn key(digest: &blake3::Hash) -> Result<Key> {
    Key::of(digest).map_err(|error| anyhow::Error::new(error).into())
}

/// The cache, or none where it cannot be used; then every start compiles, which is said.
fn open_cache() -> Option<Cache> {
    let folder = cache::place()?;
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
