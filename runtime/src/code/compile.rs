//! From `.wasm` or `.wat` to code.

use super::incremental::Functions;
use super::inspect::{BinaryError, Source};
use crate::code::engine::{Allocation, Tier, configuration, engine};
use std::borrow::Cow;
use std::sync::Arc;
use wasmtime::Engine;

/// Why a guest was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// It is no WebAssembly at all.
    #[error(transparent)]
    Binary(#[from] BinaryError),
    /// The compiler refused it. The text has every cause.
    #[error("{0}")]
    Refused(String),
}

/// A compiler, with all cores. Made once and used for one guest after another, each in the tier that is wanted.
#[derive(Default)]
pub struct Compiler {
    baseline: Option<Engine>,
    optimizing: Option<Engine>,
    functions: Option<Arc<Functions>>,
}

impl Compiler {
    /// A compiler for one build of a guest after another: of each it optimises the functions that the last ones did not
    /// have. The first takes longer and all of them are kept in memory.
    pub fn for_many_builds() -> Compiler {
        Compiler {
            functions: Some(Arc::default()),
            ..Compiler::default()
        }
    }

    /// Compiles a module or component, in either format.
    ///
    /// # Errors
    ///
    /// The bytes are not a valid guest, have what the baseline compiler does not know, or this processor is not one that
    /// code can be made for.
    pub fn compile(&mut self, bytes: &[u8], tier: Tier) -> Result<Vec<u8>, CompileError> {
        let binary: Cow<'_, [u8]> = match Source::of(bytes)? {
            Source::Precompiled => return Ok(bytes.to_owned()),
            Source::Wasm => bytes.into(),
            Source::Wat => binary_of_text(bytes)?.into(),
        };
        let engine = self.engine(tier).map_err(refused)?;
        let compiled = if wasmparser::Parser::is_component(&binary) {
            engine.precompile_component(&binary)
        } else {
            engine.precompile_module(&binary)
        };
        if let (Some(functions), Tier::Optimized) = (&self.functions, tier) {
            functions.next_build();
        }
        compiled.map_err(refused)
    }

    fn engine(&mut self, tier: Tier) -> wasmtime::Result<Engine> {
        let (slot, functions) = match tier {
            Tier::Baseline => (&mut self.baseline, None),
            Tier::Optimized => (&mut self.optimizing, self.functions.clone()),
        };
        if let Some(engine) = slot {
            return Ok(engine.clone());
        }
        let made = match functions {
            None => engine(Allocation::OnDemand, tier)?,
            Some(functions) => {
                let mut config = configuration(Allocation::OnDemand, tier);
                config.enable_incremental_compilation(functions)?;
                Engine::new(&config)?
            }
        };
        Ok(slot.insert(made).clone())
    }
}

/// The binary form of a guest in the text format.
///
/// # Errors
///
/// The text is no WebAssembly.
pub fn binary_of_text(text: &[u8]) -> Result<Vec<u8>, CompileError> {
    let binary = wat::parse_bytes(text).map_err(|error| CompileError::Refused(error.to_string()))?;
    Ok(binary.into_owned())
}

fn refused(error: wasmtime::Error) -> CompileError {
    CompileError::Refused(format!("{error:#}"))
}
