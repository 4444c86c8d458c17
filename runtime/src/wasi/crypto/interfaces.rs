//! The interfaces of `wasmrun:crypto` that a component asks for.

use super::{ciphers, derivation, hashing, keys};
use crate::host::Host;
use crate::wasi::imports::imports;
use wasmtime::Result;
use wasmtime::component::{Component, Linker};

pub(crate) fn add_to_linker(linker: &mut Linker<Host>, component: &Component) -> Result<()> {
    let asks = |interface| imports(component, interface);
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
