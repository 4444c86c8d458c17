//! `wasmrun:host/lifecycle`: how a guest hears that its end is asked for. WASI has no signals.

use crate::host::Host;
use wasmtime::component::Linker;
use wasmtime::{Result, StoreContextMut};

pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> Result<()> {
    let mut lifecycle = linker.instance("wasmrun:host/lifecycle@0.1.0")?;
    lifecycle.func_wrap("hear", |store: StoreContextMut<'_, Host>, ()| {
        store.data().network().adoption.hear();
        Ok(())
    })?;
    lifecycle.func_wrap("handle", |store: StoreContextMut<'_, Host>, ()| {
        store.data().network().gate.handles_end();
        Ok(())
    })?;
    lifecycle.func_wrap("is-ending", |store: StoreContextMut<'_, Host>, ()| {
        Ok((store.data().network().stop.is_asked(),))
    })
}
