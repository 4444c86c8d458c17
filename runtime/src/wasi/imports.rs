//! What a component asks for. Few ask for interfaces of `wasmrun:`, and a start is counted in microseconds, so those that nobody
//! asks for are not linked.

use wasmtime::component::Component;

/// Interfaces with which a component can begin a session of TLS: wasi:http/outgoing-handler is of 0.2, wasi:http/client of 0.3.
const WITH_TLS: [&str; 3] = ["wasmrun:tls/", "wasi:http/outgoing-handler@", "wasi:http/client@"];

pub(crate) fn imports(component: &Component, interface: &str) -> bool {
    component
        .component_type()
        .get_import(component.engine(), interface)
        .is_some()
}

/// Whether a component can begin a session of TLS.
pub(crate) fn speaks_tls(component: &Component) -> bool {
    component
        .component_type()
        .imports(component.engine())
        .any(|(name, _)| WITH_TLS.iter().any(|interface| name.starts_with(interface)))
}
