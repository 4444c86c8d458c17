//! From a project to code that can start: build, find, compile. One future, so that dropping it ends all of it.

use languages::artifact::{self, Named};
use languages::{Ahead, Built, Plan, Program, Snapshot};
use report::Result;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use supervisor::Compiler;
use supervisor::code::{self, Code, Tiered, Wish};

/// How long a program is left alone before anything is made for its next start: one that is soon over is not worth it.
const REST: Duration = Duration::from_secs(2);
/// The same where the next edit makes it worthless.
const LONG_REST: Duration = Duration::from_secs(60);

/// What a generation runs.
#[derive(Clone)]
pub struct Made {
    pub artifact: PathBuf,
    /// Shared, because a restart runs the same code again.
    pub code: Arc<Code>,
    /// What the guest runs, where its file is an interpreter.
    pub program: Option<Program>,
    /// What was made ahead for this start.
    pub snapshot: Option<Arc<dyn Snapshot>>,
    /// What is worth making for the next start.
    pub ahead: Option<Arc<dyn Ahead>>,
    /// What of the cache it runs from.
    _held: Vec<Arc<File>>,
    /// How long the build took; none where nothing is built.
    pub built: Option<Duration>,
}

/// Builds where there is a plan, else takes what is there, and compiles it.
pub async fn make(
    path: &Path,
    plan: Option<Arc<dyn Plan>>,
    named: Option<&Named>,
    mut wish: Wish,
    compiler: &Compiler,
) -> Result<Made> {
    let (made, built) = match plan {
        Some(plan) => {
            let started = Instant::now();
            // An interpreter is compiled once; that it is not done twice is worth the wait.
            if plan.is_interpreted() {
                wish.tiered = Tiered::Never;
            }
            (plan.build().await?, Some(started.elapsed()))
        }
        None => {
            let artifact = artifact::find(path, named)?;
            (Built::file(artifact), None)
        }
    };
    let code = code::prepare(&made.artifact, made.digest, wish, compiler).await?;
    Ok(Made {
        artifact: made.artifact,
        code: Arc::new(code),
        program: made.program,
        snapshot: made.snapshot,
        ahead: made.ahead,
        _held: made.held,
        built,
    })
}

/// The same in the higher tier; none where there is no higher one.
pub async fn optimize(made: Made, use_cache: bool, compiler: &Compiler) -> Result<Option<Made>> {
    let code = made.code.optimize(&made.artifact, use_cache, compiler).await?;
    Ok(code.map(|code| Made {
        code: Arc::new(code),
        built: None,
        ..made
    }))
}

/// Makes what lets the same project start sooner the next time. It begins when the start is over, and the compiler is one that
/// lets others come first.
pub async fn make_ahead(ahead: Arc<dyn Ahead>, compiler: &Compiler) -> Result<()> {
    let is_watched = compiler.is_for_many_builds();
    let rest = if is_watched && ahead.is_whole() {
        LONG_REST
    } else {
        REST
    };
    tokio::time::sleep(rest).await;
    let started = Instant::now();
    let Some(next) = ahead.next().await? else { return Ok(()) };
    if let (Some(digest), Some(component)) = (next.digest(), next.component())
        && let Err(failure) = code::keep(&component, digest, compiler).await
    {
        next.give_up()?;
        return Err(failure);
    }
    next.finish()?;
    let took = started.elapsed().as_millis();
    tracing::debug!("packages: compiled for the next start in {took} ms");
    Ok(())
}
