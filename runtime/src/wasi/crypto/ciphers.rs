//! `wasmrun:crypto/ciphers`.

use super::holdings::Kept;
use super::values::{Failure, Kind};
use crate::host::Host;
use crypto::{Cipher, CipherKind};
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime::{Result, StoreContextMut};

pub(super) const INTERFACE: &str = "wasmrun:crypto/ciphers@0.1.0";

type Store<'a> = StoreContextMut<'a, Host>;
type Bytes = Vec<u8>;
type Own = Resource<Kept<Cipher>>;
type Done<T> = Result<T, Failure>;

pub(super) fn add_to_linker(linker: &mut Linker<Host>) -> Result<()> {
    let mut interface = linker.instance(INTERFACE)?;
    interface.func_wrap("ciphers", |_: Store<'_>, (): ()| {
        Ok((CipherKind::ALL.map(Kind::from).into_iter().collect::<Vec<_>>(),))
    })?;
    interface.func_wrap("find", |_: Store<'_>, (name,): (String,)| {
        Ok((CipherKind::find(&name).map(Kind::from),))
    })?;
    interface.resource("cipher", ResourceType::host::<Kept<Cipher>>(), |mut store, cipher| {
        store.data_mut().crypto().0.delete(Own::new_own(cipher))?;
        Ok(())
    })?;
    interface.func_wrap(
        "[static]cipher.create",
        |mut store: Store<'_>, (name, encrypts, key, iv, tag): (String, bool, Bytes, Bytes, u32)| {
            let (table, kept) = store.data_mut().crypto();
            let kind = CipherKind::find(&name).ok_or(Failure::Unsupported);
            let made = kind.and_then(|kind| Ok(Cipher::new(kind, encrypts, &key, &iv, tag as usize)?));
            Ok((match made.and_then(|cipher| kept.keep(cipher, 2)) {
                Ok(cipher) => Done::Ok(table.push(cipher)?),
                Err(failure) => Err(failure),
            },))
        },
    )?;
    interface.func_wrap(
        "[method]cipher.set-padding",
        |mut store: Store<'_>, (cipher, wanted): (Own, bool)| {
            get(&mut store, &cipher)?.set_padding(wanted);
            Ok(())
        },
    )?;
    interface.func_wrap(
        "[method]cipher.authenticate",
        |mut store: Store<'_>, (cipher, data): (Own, Bytes)| {
            Ok((get(&mut store, &cipher)?.authenticate(&data).map_err(Failure::from),))
        },
    )?;
    interface.func_wrap(
        "[method]cipher.expect",
        |mut store: Store<'_>, (cipher, tag): (Own, Bytes)| {
            // A longer one is none, and is not kept.
            get(&mut store, &cipher)?.expect(tag.get(..16).unwrap_or(&tag));
            Ok(())
        },
    )?;
    interface.func_wrap(
        "[method]cipher.update",
        |mut store: Store<'_>, (cipher, data): (Own, Bytes)| {
            Ok((get(&mut store, &cipher)?.update(&data).map_err(Failure::from),))
        },
    )?;
    interface.func_wrap("[method]cipher.finish", |mut store: Store<'_>, (cipher,): (Own,)| {
        Ok((get(&mut store, &cipher)?.finish().map_err(Failure::from),))
    })?;
    interface.func_wrap("[method]cipher.tag", |mut store: Store<'_>, (cipher,): (Own,)| {
        Ok((get(&mut store, &cipher)?.tag().to_vec(),))
    })
}

fn get<'a>(store: &'a mut Store<'_>, cipher: &Own) -> Result<&'a mut Cipher> {
    Ok(&mut store.data_mut().crypto().0.get_mut(cipher)?.value)
}
