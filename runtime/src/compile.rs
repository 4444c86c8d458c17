//! From `.wasm` or `.wat` to code.

use crate::binary::{BinaryError, Source};
use crate::engine::{Allocation, configuration, engine};
use crate::functions::Functions;
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

/// A compiler, with all cores.
pub struct Compiler {
    engine: Engine,
    functions: Option<Arc<Functions>>,
}

impl Compiler {
    /// A compiler for one guest.
    ///
    /// # Errors
    ///
    /// This processor is not one that code can be made for.
    pub fn new() -> Result<Compiler, CompileError> {
        Ok(Compiler {
            engine: engine(Allocation::OnDemand).map_err(refused)?,
            functions: None,
        })
    }

    /// A compiler for one build of a guest after another: of each it compiles the functions that the last ones did not
    /// have. The first takes longer and all of them are kept in memory.
    ///
    /// # Errors
    ///
    /// As for [`Compiler::new`].
    pub fn for_many_builds() -> Result<Compiler, CompileError> {
        let functions: Arc<Functions> = Arc::default();
        let mut config = configuration(Allocation::OnDemand);
        config
            .enable_incremental_compilation(functions.clone())
            .map_err(refused)?;
        Ok(Compiler {
            engine: Engine::new(&config).map_err(refused)?,
            functions: Some(functions),
        })
    }

    /// Compiles a module or component, in either format.
    ///
    /// # Errors
    ///
    /// The bytes are not a valid guest.
    pub fn compile(&self, bytes: &[u8]) -> Result<Vec<u8>, CompileError> {
        let binary = match Source::of(bytes)? {
            Source::Precompiled => return Ok(bytes.to_owned()),
            Source::Wasm => bytes.into(),
            Source::Wat => wat::parse_bytes(bytes).map_err(|error| CompileError::Refused(error.to_string()))?,
        };
        let compiled = if wasmparser::Parser::is_component(&binary) {
            self.engine.precompile_component(&binary)
        } else {
            self.engine.precompile_module(&binary)
        };
        if let Some(functions) = &self.functions {
            functions.next_build();
        }
        compiled.map_err(refused)
    }
}

fn refused(error: wasmtime::Error) -> CompileError {
    CompileError::Refused(format!("{error:#}"))
}
