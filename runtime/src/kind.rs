//! What a guest is, told from the binary itself.

use serde::{Deserialize, Serialize};
use std::fmt;
use wasmtime::Engine;
use wasmtime::component::Component;

/// How a guest is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A core module with `_start` and wasip1 imports.
    Module,
    /// A component that exports `wasi:cli/run` 0.2.
    Command02,
    /// A component that exports `wasi:cli/run` 0.3.
    Command03,
    /// A component that exports `wasi:http/incoming-handler` 0.2: a new instance for each request.
    Http02,
    /// A component that exports `wasi:http/handler` 0.3: instances serve many requests.
    Http03,
}

impl Kind {
    /// Whether the requests of the forwarded ports are served by wasmrun's own HTTP server.
    pub fn is_http(self) -> bool {
        matches!(self, Kind::Http02 | Kind::Http03)
    }

    /// The kind of a component, or the names of its exports where none is one that can be run.
    pub(crate) fn of_component(engine: &Engine, component: &Component) -> Result<Kind, Vec<String>> {
        let ty = component.component_type();
        let exports: Vec<String> = ty.exports(engine).map(|(name, _)| name.to_owned()).collect();
        // HTTP first: what exports both is a service, and its `run` a leftover of the toolchain.
        let known = [
            ("wasi:http/handler@0.3.", Kind::Http03),
            ("wasi:http/incoming-handler@0.2.", Kind::Http02),
            ("wasi:cli/run@0.3.", Kind::Command03),
            ("wasi:cli/run@0.2.", Kind::Command02),
        ];
        let found = known
            .into_iter()
            .find(|(prefix, _)| exports.iter().any(|name| name.starts_with(prefix)));
        found.map(|(_, kind)| kind).ok_or(exports)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Module => "core module (wasip1)",
            Kind::Command02 => "component (wasi:cli/run 0.2)",
            Kind::Command03 => "component (wasi:cli/run 0.3)",
            Kind::Http02 => "component (wasi:http/incoming-handler 0.2)",
            Kind::Http03 => "component (wasi:http/handler 0.3)",
        })
    }
}
