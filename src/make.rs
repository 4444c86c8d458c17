//! From a project to code that can start: build, find, compile. One future, so that dropping it ends all of it.

use crate::artifact;
use crate::build::Plan;
use crate::cli::Tiered;
use crate::code::{self, Code};
use crate::compiler::Compiler;
use crate::config::File;
use crate::failure::Result;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a generation runs.
#[derive(Clone)]
pub struct Made {
    pub artifact: PathBuf,
    /// Shared, because a restart runs the same code again.
    pub code: Arc<Code>,
    /// How long the build took; none where nothing is built.
    pub built: Option<Duration>,
}

/// Builds where there is a plan, else takes what is there, and compiles it.
pub async fn make(
    path: &Path,
    plan: Option<Plan>,
    config: Option<&File>,
    use_cache: bool,
    tiered: Tiered,
    compiler: &Compiler,
) -> Result<Made> {
    let (artifact, built) = match plan {
        Some(plan) => {
            let started = Instant::now();
            let artifact = plan.run().await?;
            (artifact, Some(started.elapsed()))
        }
        None => (artifact::find(path, config)?, None),
    };
    let code = code::prepare(&artifact, use_cache, tiered, compiler).await?;
    Ok(Made {
        artifact,
        code: Arc::new(code),
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
