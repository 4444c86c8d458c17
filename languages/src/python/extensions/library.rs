//! Shared libraries of WebAssembly
//! (<https://github.com/WebAssembly/tool-conventions/blob/main/DynamicLinking.md>).

use anyhow::{Context, anyhow};
use report::Result;
use wasm_encoder::{CodeSection, Function, FunctionSection, LinkingSection, Module, SymbolTable, TypeSection, ValType};
use wasmparser::{Parser, Payload};

/// Says where a library's data and functions begin.
const DYLINK: &str = "dylink.0";

/// Refuses what is no library with an extension module's entry point
/// (<https://docs.python.org/3/extending/building.html>, "PyInit_modulename").
pub(super) fn check(bytes: &[u8], module: &str) -> Result<()> {
    let name = module.rsplit('.').next().unwrap_or(module);
    let entry = format!("PyInit_{name}");
    let (mut is_library, mut has_entry) = (false, false);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.context("the compiler made no WebAssembly")? {
            Payload::CustomSection(section) if section.name() == DYLINK => is_library = true,
            Payload::ExportSection(exports) => {
                has_entry |= exports.into_iter().flatten().any(|export| export.name == entry);
            }
            _ => {}
        }
    }
    match is_library && has_entry {
        true => Ok(()),
        false => Err(anyhow!("its crate is no extension module (no {entry})").into()),
    }
}

/// An object that has `wasip3_task_set`, a function of wit-bindgen for components with asynchronous exports. No library
/// of Python's calls it. Rust's standard library comes with one that is not position-independent and so cannot be linked;
/// the first of a name counts.
///
/// <https://github.com/WebAssembly/tool-conventions/blob/main/Linking.md>
pub(super) fn stub() -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I32]);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut body = Function::new([]);
    body.instructions().unreachable().end();
    let mut code = CodeSection::new();
    code.function(&body);
    let mut symbols = SymbolTable::new();
    symbols.function(0, 0, Some("wasip3_task_set"));
    let mut linking = LinkingSection::new();
    linking.symbol_table(&symbols);
    let mut module = Module::new();
    module
        .section(&types)
        .section(&functions)
        .section(&code)
        .section(&linking);
    module.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_encoder::{CustomSection, ExportKind, ExportSection};

    fn module(is_library: bool, export: &str) -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let mut functions = FunctionSection::new();
        functions.function(0);
        let mut exports = ExportSection::new();
        exports.export(export, ExportKind::Func, 0);
        let mut body = Function::new([]);
        body.instructions().end();
        let mut code = CodeSection::new();
        code.function(&body);
        let mut module = Module::new();
        if is_library {
            module.section(&CustomSection {
                name: DYLINK.into(),
                data: (&[][..]).into(),
            });
        }
        module
            .section(&types)
            .section(&functions)
            .section(&exports)
            .section(&code);
        module.finish()
    }

    #[test]
    fn libraries_have_the_entry_point_of_their_module() {
        assert!(check(&module(true, "PyInit__core"), "package._core").is_ok());
        for (bytes, said) in [
            (module(false, "PyInit__core"), "no extension module"),
            (module(true, "PyInit_other"), "no PyInit__core"),
            (b"\x7fELF".to_vec(), "no WebAssembly"),
        ] {
            let failure = check(&bytes, "package._core").unwrap_err();
            assert!(format!("{:#}", failure.error).contains(said), "{:#}", failure.error);
        }
    }

    #[test]
    fn the_object_is_one() {
        let bytes = stub();
        let sections: Vec<_> = Parser::new(0)
            .parse_all(&bytes)
            .filter_map(|payload| match payload.unwrap() {
                Payload::CustomSection(section) => Some(section.name().to_owned()),
                _ => None,
            })
            .collect();
        assert_eq!(sections, ["linking"]);
    }
}
