//! `wasmrun:host/records`: records of DNS that are no addresses. WASI has none.

use crate::egress::{NameError, RecordKind};
use crate::event::Attempt;
use crate::host::Host;
use futures::FutureExt;
use wasmtime::component::{ComponentType, FutureReader, Lift, Linker, Lower};
use wasmtime::{Result, StoreContextMut};

/// Why there are none.
#[derive(Clone, Copy, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
enum Failure {
    #[component(name = "unknown")]
    Unknown,
    #[component(name = "temporary")]
    Temporary,
}

pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> Result<()> {
    let mut records = linker.instance("wasmrun:host/records@0.1.0")?;
    records.func_wrap(
        "look-up",
        |mut store: StoreContextMut<'_, Host>, (name, kind): (String, RecordKind)| {
            let network = store.data().network();
            let asked = match &network.egress {
                Some(egress) => egress.records(name, kind),
                None => {
                    network.gate.deny(Attempt::Records(kind, name));
                    std::future::ready(Err(NameError::Unknown)).boxed()
                }
            };
            let found = async move {
                wasmtime::error::Ok(asked.await.map_err(|error| match error {
                    NameError::Unknown => Failure::Unknown,
                    NameError::Temporary => Failure::Temporary,
                }))
            };
            Ok((FutureReader::new(&mut store, found)?,))
        },
    )
}
