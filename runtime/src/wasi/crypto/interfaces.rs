//! The interfaces of `wasmrun:crypto` that a component asks for.

use super::{ciphers, derivation, hashing, keys};
use crate::host::Host;
use wasmtime::Result;
use wasmtime::component::{Component, Linker};

/// Nothing where the component does not ask for it: few do, and a start is counted in microseconds.
pub(crate) fn add_to_linker(linker: &mut Linker<Host>, component: &Component) -> Result<()> {
    let ty = component.component_type();
    let asks = |interface: &str| ty.get_import(component.engine(), interface).is_some();
    if asks(hashing::INTERFACE) {
        hashing::add_to_linker(linker)?;
    }
    if asks(ciphers::INTERFACE) {
        ciphers::add_to_linker(linker)?;
    }
    if asks(keys::INTERFACE) {
        keys::add_to_linker(linker)?;
    }
    if asks(derivation::INTERFACE) {
        derivation::add_to_linker(linker)?;
    }
    if asks(derivation::DEFERRED) {
        derivation::add_deferred_to_linker(linker)?;
    }
    Ok(())
}
