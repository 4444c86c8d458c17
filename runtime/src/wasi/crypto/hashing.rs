//! `wasmrun:crypto/hashing`.

use super::holdings::Kept;
use super::values::{Failure, Traits};
use crate::host::Host;
use crypto::{Algorithm, Hash};
use wasmtime::component::{Linker, Resource, ResourceType, WasmList};
use wasmtime::{Result, StoreContextMut};

pub(super) const INTERFACE: &str = "wasmrun:crypto/hashing@0.1.0";

type Store<'a> = StoreContextMut<'a, Host>;
type Bytes = WasmList<u8>;
type Made = Result<Resource<Kept<Hash>>, Failure>;

pub(super) fn add_to_linker(linker: &mut Linker<Host>) -> Result<()> {
    let mut interface = linker.instance(INTERFACE)?;
    interface.func_wrap("hashes", |_: Store<'_>, (): ()| {
        Ok((Algorithm::ALL.map(Traits::from).into_iter().collect::<Vec<_>>(),))
    })?;
    interface.func_wrap("find", |_: Store<'_>, (name,): (String,)| {
        Ok((Algorithm::find(&name).map(Traits::from),))
    })?;
    interface.func_wrap(
        "digest",
        |store: Store<'_>, (name, data, length): (String, Bytes, Option<u32>)| {
            let length = length.map(|length| length as usize);
            Ok((find(&name).and_then(|found| Ok(crypto::digest(found, data.as_le_slice(&store), length)?)),))
        },
    )?;
    interface.func_wrap("hmac", |store: Store<'_>, (name, key, data): (String, Bytes, Bytes)| {
        let (key, data) = (key.as_le_slice(&store), data.as_le_slice(&store));
        Ok((find(&name).and_then(|found| Ok(crypto::hmac(found, key, data)?)),))
    })?;
    interface.func_wrap("equal", |store: Store<'_>, (one, other): (Bytes, Bytes)| {
        Ok((crypto::equal(one.as_le_slice(&store), other.as_le_slice(&store)),))
    })?;
    interface.resource("hash", ResourceType::host::<Kept<Hash>>(), |mut store, hash| {
        let (table, _) = store.data_mut().crypto();
        table.delete(Resource::<Kept<Hash>>::new_own(hash))?;
        Ok(())
    })?;
    interface.func_wrap(
        "[static]hash.create",
        |mut store: Store<'_>, (name, length): (String, Option<u32>)| {
            let length = length.map(|length| length as usize);
            let made = find(&name).and_then(|found| Ok(Hash::new(found, length)?));
            Ok((keep(&mut store, made)?,))
        },
    )?;
    interface.func_wrap(
        "[static]hash.keyed",
        |mut store: Store<'_>, (name, key): (String, Bytes)| {
            let made = find(&name).and_then(|found| Ok(Hash::keyed(found, key.as_le_slice(&store))?));
            Ok((keep(&mut store, made)?,))
        },
    )?;
    interface.func_wrap(
        "[method]hash.copy",
        |mut store: Store<'_>, (hash,): (Resource<Kept<Hash>>,)| {
            let copied = store.data_mut().crypto().0.get(&hash)?.value.clone();
            Ok((keep(&mut store, Ok(copied))?,))
        },
    )?;
    interface.func_wrap(
        "[method]hash.update",
        |mut store: Store<'_>, (hash, data): (Resource<Kept<Hash>>, Bytes)| {
            // The data lies in the guest, which is borrowed as a whole: in turns that fit into a cache.
            let mut part = [0; 16 << 10];
            let mut done = 0;
            loop {
                let rest = data.as_le_slice(&store).get(done..).unwrap_or_default();
                let length = rest.len().min(part.len());
                if length == 0 {
                    return Ok(());
                }
                part[..length].copy_from_slice(&rest[..length]);
                let hash = store.data_mut().crypto().0.get_mut(&hash)?;
                hash.value.update(&part[..length]);
                done += length;
            }
        },
    )?;
    interface.func_wrap(
        "[method]hash.finish",
        |mut store: Store<'_>, (hash,): (Resource<Kept<Hash>>,)| {
            Ok((store.data_mut().crypto().0.get(&hash)?.value.finish(),))
        },
    )
}

pub(super) fn find(name: &str) -> Result<Algorithm, Failure> {
    Algorithm::find(name).ok_or(Failure::Unsupported)
}

fn keep(store: &mut Store<'_>, made: Result<Hash, Failure>) -> Result<Made> {
    let (table, kept) = store.data_mut().crypto();
    Ok(match made.and_then(|hash| kept.keep(hash, 1)) {
        Ok(hash) => Made::Ok(table.push(hash)?),
        Err(failure) => Made::Err(failure),
    })
}
