//! From `.wasm` or `.wat` to code.

use crate::binary::{BinaryError, Source};
use crate::engine::{Allocation, engine};

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

/// Compiles a module or component, in either format, with all cores.
///
/// # Errors
///
/// The bytes are not a valid guest.
pub fn compile(bytes: &[u8]) -> Result<Vec<u8>, CompileError> {
    let refused = |error: wasmtime::Error| CompileError::Refused(format!("{error:#}"));
    let engine = engine(Allocation::OnDemand).map_err(refused)?;
    let binary = match Source::of(bytes)? {
        Source::Precompiled => return Ok(bytes.to_owned()),
        Source::Wasm => bytes.into(),
        Source::Wat => wat::parse_bytes(bytes).map_err(|error| CompileError::Refused(error.to_string()))?,
    };
    let compiled = if wasmparser::Parser::is_component(&binary) {
        engine.precompile_component(&binary)
    } else {
        engine.precompile_module(&binary)
    };
    compiled.map_err(refused)
}
