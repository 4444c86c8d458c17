//! What is being built or made better, and what was.

use super::build::{self, Made};
use super::later::{Later, or_never};
use super::state;
use languages::Plan;
use languages::artifact::Named;
use report::Result;
use runtime::Tier;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use supervisor::Compiler;
use supervisor::code::Wish;
use supervisor::compiler::Limits;

/// A build at most, and one improvement at most.
pub struct Builds {
    compiler: Arc<Compiler>,
    /// Makes better code of what is started already.
    optimizer: Arc<Compiler>,
    build: Option<Later<Result<Made>>>,
    optimizing: Option<Later<Result<Option<Made>>>>,
    made: BTreeMap<u64, Made>,
    last: u64,
}

/// What there is to build.
pub struct Order {
    pub path: PathBuf,
    pub plan: Option<Arc<dyn Plan>>,
    pub named: Option<Named>,
    pub wish: Wish,
}

/// What has come of one.
pub enum Outcome {
    Built(Result<Made>),
    Optimized(Result<Option<Made>>),
}

impl Builds {
    /// `again`: many builds are to come.
    pub fn new(limits: Limits, again: bool) -> Builds {
        let compiler = || match again {
            true => Compiler::for_many_builds(limits),
            false => Compiler::for_one_build(limits),
        };
        Builds {
            compiler: Arc::new(compiler()),
            optimizer: Arc::new(compiler().in_background()),
            build: None,
            optimizing: None,
            made: BTreeMap::new(),
            last: 0,
        }
    }

    /// Begins a build; what was being built is dropped.
    pub fn build(&mut self, order: Order) {
        let compiler = self.compiler.clone();
        self.build = Some(Box::pin(async move {
            build::make(&order.path, order.plan, order.named.as_ref(), order.wish, &compiler).await
        }));
    }

    pub fn cancel_build(&mut self) {
        self.build = None;
    }

    /// Begins to make better code of what was made, or what its next start needs.
    pub fn optimize(&mut self, id: u64, use_cache: bool) {
        self.optimizing = None;
        let Some(made) = self.made.get(&id).cloned() else {
            return;
        };
        let optimizer = self.optimizer.clone();
        if made.code.tier == Tier::Baseline {
            let better = async move { build::optimize(made, use_cache, &optimizer).await };
            self.optimizing = Some(Box::pin(better));
        } else if let Some(ahead) = made.ahead {
            self.optimizing = Some(Box::pin(async move {
                // Nothing that anybody has asked for.
                if let Err(failure) = build::make_ahead(ahead, &optimizer).await {
                    tracing::debug!("cannot prepare the next start: {failure}");
                }
                Ok(None)
            }));
        }
    }

    pub fn cancel_optimizing(&mut self) {
        self.optimizing = None;
    }

    /// What comes next of a build; of better code only where it is wanted now. Cancel-safe; never, when there is none.
    pub async fn next(&mut self, takes_upgrade: bool) -> Outcome {
        let optimizing = self.optimizing.as_mut().filter(|_| takes_upgrade);
        tokio::select! {
            made = or_never(self.build.as_mut()) => {
                self.build = None;
                Outcome::Built(made)
            }
            made = or_never(optimizing) => {
                self.optimizing = None;
                Outcome::Optimized(made)
            }
        }
    }

    /// Keeps what was made, and returns what decides about it.
    pub fn keep(&mut self, made: Made, use_cache: bool) -> state::Made {
        self.last += 1;
        let facts = state::Made {
            id: self.last,
            digest: made.code.digest,
            is_program: made.program.is_some(),
            is_baseline: made.code.tier == Tier::Baseline,
            has_ahead: made.ahead.is_some() && use_cache,
            is_temporary: made.code.is_temporary(),
            built: made.built,
            compiled: made.code.compiled,
        };
        self.made.insert(self.last, made);
        facts
    }

    pub fn get(&self, id: u64) -> Option<&Made> {
        self.made.get(&id)
    }

    /// Forgets what nobody needs.
    pub fn retain(&mut self, is_needed: impl Fn(u64) -> bool) {
        self.made.retain(|id, _| is_needed(*id));
    }
}
