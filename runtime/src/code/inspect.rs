//! What is known of a guest file before it is compiled.

use crate::guest::Listeners;
use std::io;
use wasmparser::{Encoding, Parser, Payload};
use wasmtime::{Engine, Precompiled};

/// A guest file's content by its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A binary module or component.
    Wasm,
    /// The text format.
    Wat,
    /// Code that is compiled already (`.cwasm`).
    Precompiled,
}

/// Why a file is no guest.
#[derive(Debug, thiserror::Error)]
pub enum BinaryError {
    /// Zero bytes.
    #[error("the file is empty")]
    Empty,
    /// Something else, or too short to tell.
    #[error(
        "the file is not WebAssembly: it starts with neither the binary magic `\\0asm` nor text `(module` or `(component`"
    )]
    NotWasm,
    /// It could not be read.
    #[error("the file cannot be read")]
    Read(#[from] io::Error),
}

impl Source {
    /// Tells the form from the first bytes; names do not count.
    ///
    /// # Errors
    ///
    /// The bytes are no form of WebAssembly.
    pub fn of(bytes: &[u8]) -> Result<Source, BinaryError> {
        if bytes.is_empty() {
            return Err(BinaryError::Empty);
        }
        if bytes.starts_with(b"\0asm") {
            return Ok(Source::Wasm);
        }
        if let Some(Precompiled::Module | Precompiled::Component) = Engine::detect_precompiled(bytes) {
            return Ok(Source::Precompiled);
        }
        if is_text(bytes) {
            Ok(Source::Wat)
        } else {
            Err(BinaryError::NotWasm)
        }
    }
}

/// Whether the first thing after blanks and comments is an opening parenthesis and a keyword of the text format.
fn is_text(bytes: &[u8]) -> bool {
    let Ok(mut text) = std::str::from_utf8(bytes) else {
        return false;
    };
    loop {
        text = text.trim_start();
        if let Some(comment) = text.strip_prefix(";;") {
            text = comment.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(comment) = text.strip_prefix("(;") {
            // A nested comment's end is good enough to find the first form.
            text = comment.split_once(";)").map_or("", |(_, rest)| rest);
        } else {
            let inner = text.strip_prefix('(').map(str::trim_start);
            return inner.is_some_and(|t| t.starts_with("module") || t.starts_with("component"));
        }
    }
}

/// The language toolchain behind a binary, where it left a trace that matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Toolchain {
    /// The Go compiler's own WebAssembly port (`GOOS=wasip1`).
    Go,
    /// Any other.
    #[default]
    Other,
}

impl Toolchain {
    /// The order of pre-opened descriptors that its programs expect.
    pub fn listeners(self) -> Listeners {
        match self {
            Toolchain::Go => Listeners::BeforeDirectories,
            Toolchain::Other => Listeners::AfterDirectories,
        }
    }
}

/// What a binary shows of itself without being compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    /// What made it.
    pub toolchain: Toolchain,
    /// It gets a new instance for each request (`wasi:http` 0.2, and nothing newer), so it has nothing in memory that
    /// another process of the same code would not have.
    pub is_made_anew: bool,
    /// Whose sockets it uses.
    pub sockets: Sockets,
}

/// Where a guest has its sockets from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sockets {
    /// Listeners are made for it (a wasip1 module, a `wasi:http` handler), and it has no way to make a socket.
    Given,
    /// It makes them itself (`wasi:sockets`), and its listeners can accept from the host's, too.
    Own,
    /// The code is compiled and does not show it.
    #[default]
    Unknown,
}

impl Traits {
    /// Looks at the names of custom sections (the Go linker writes `go:buildid`), and of a component's imports and
    /// exports. What is damaged has none.
    pub fn of(wasm: &[u8]) -> Traits {
        let mut traits = Traits::default();
        let (mut depth, mut is_newer, mut is_module) = (0, false, false);
        let mut makes_sockets = false;
        for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
            match payload {
                Payload::Version { encoding, .. } if depth == 0 => is_module = encoding == Encoding::Module,
                Payload::CustomSection(section) if section.name() == "go:buildid" => traits.toolchain = Toolchain::Go,
                Payload::ComponentSection { .. } | Payload::ModuleSection { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                // WasmEdge's way ([`crate::wasi::preview1`]).
                Payload::ImportSection(imports) if depth == 0 => {
                    let mut imports = imports.into_imports().map_while(Result::ok);
                    makes_sockets |= imports.any(|import| import.name == "sock_open");
                }
                Payload::ComponentImportSection(imports) if depth == 0 => {
                    for import in imports.into_iter().map_while(Result::ok) {
                        makes_sockets |= import.name.name.starts_with("wasi:sockets/");
                    }
                }
                Payload::ComponentExportSection(exports) if depth == 0 => {
                    for export in exports.into_iter().map_while(Result::ok) {
                        is_newer |= export.name.name.starts_with("wasi:http/handler@");
                        traits.is_made_anew |= export.name.name.starts_with("wasi:http/incoming-handler@0.2.");
                    }
                }
                _ => {}
            }
        }
        let is_given_listeners = is_module || traits.is_made_anew || is_newer;
        traits.sockets = if is_given_listeners && !makes_sockets {
            Sockets::Given
        } else {
            Sockets::Own
        };
        traits.is_made_anew &= !is_newer;
        traits
    }

    /// The same of the text format.
    pub fn of_text(wat: &[u8]) -> Traits {
        wat::parse_bytes(wat).map_or_else(|_| Traits::default(), |wasm| Traits::of(&wasm))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_by_content() {
        assert!(matches!(Source::of(b"\0asm\x01\0\0\0"), Ok(Source::Wasm)));
        assert!(matches!(Source::of(b"(module)"), Ok(Source::Wat)));
        assert!(matches!(
            Source::of(b";; hi\n (; there ;)\n( component )"),
            Ok(Source::Wat)
        ));
        assert!(matches!(Source::of(b""), Err(BinaryError::Empty)));
        assert!(matches!(Source::of(b"\0as"), Err(BinaryError::NotWasm)));
        assert!(matches!(Source::of(b"hello"), Err(BinaryError::NotWasm)));
        assert!(matches!(Source::of(b"(defun x)"), Err(BinaryError::NotWasm)));
        assert!(matches!(Source::of(b"(;"), Err(BinaryError::NotWasm)));
        assert!(matches!(Source::of(b"\x7fELF"), Err(BinaryError::NotWasm)));
    }
}
