//! `wasmrun:crypto/derivation`, where the guest waits, and `deferred`, where it goes on.

use super::hashing::find;
use super::holdings::aside;
use super::keys;
use super::values::Failure;
use crate::host::Host;
use futures::TryFutureExt;
use wasmtime::component::{FutureReader, Linker};
use wasmtime::{Result, StoreContextMut};

pub(super) const INTERFACE: &str = "wasmrun:crypto/derivation@0.1.0";
pub(super) const DEFERRED: &str = "wasmrun:crypto/deferred@0.1.0";

type Store<'a> = StoreContextMut<'a, Host>;
type Bytes = Vec<u8>;
type Key = Result<Bytes, Failure>;
type Pbkdf2 = (String, Bytes, Bytes, u32, u32);
type Scrypt = (Bytes, Bytes, u32, u32, u32, u32);
type Bcrypt = (Bytes, Bytes, u32);

pub(super) fn add_to_linker(linker: &mut Linker<Host>) -> Result<()> {
    let mut interface = linker.instance(INTERFACE)?;
    interface.func_wrap_async("pbkdf2", |_: Store<'_>, arguments: Pbkdf2| {
        Box::new(aside(move || pbkdf2(arguments)))
    })?;
    interface.func_wrap_async("scrypt", |_: Store<'_>, arguments: Scrypt| {
        Box::new(aside(move || scrypt(arguments)))
    })?;
    interface.func_wrap_async("bcrypt", |_: Store<'_>, arguments: Bcrypt| {
        Box::new(aside(move || bcrypt(arguments)))
    })?;
    interface.func_wrap(
        "hkdf",
        |_: Store<'_>, (hash, key, salt, info, length): (String, Bytes, Bytes, Bytes, u32)| {
            Ok((find(&hash).and_then(|hash| Ok(crypto::hkdf(hash, &key, &salt, &info, length as usize)?)),))
        },
    )
}

pub(super) fn add_deferred_to_linker(linker: &mut Linker<Host>) -> Result<()> {
    let mut interface = linker.instance(DEFERRED)?;
    interface.func_wrap("pbkdf2", |store: Store<'_>, arguments: Pbkdf2| {
        let size = arguments.1.len() + arguments.2.len();
        later(store, size, move || pbkdf2(arguments))
    })?;
    interface.func_wrap("scrypt", |store: Store<'_>, arguments: Scrypt| {
        let size = arguments.0.len() + arguments.1.len();
        later(store, size, move || scrypt(arguments))
    })?;
    interface.func_wrap("bcrypt", |store: Store<'_>, arguments: Bcrypt| {
        let size = arguments.0.len() + arguments.1.len();
        later(store, size, move || bcrypt(arguments))
    })?;
    interface.func_wrap("generate", |store: Store<'_>, wanted: keys::Wanted| {
        later(store, 0, move || keys::generate(wanted))
    })
}

fn later(
    mut store: Store<'_>,
    size: usize,
    compute: impl FnOnce() -> Key + Send + 'static,
) -> Result<(FutureReader<Key>,)> {
    let key = store.data_mut().crypto().1.later(size, compute);
    let key = key
        .map_ok(Ok)
        .or_else(async |failure| wasmtime::error::Ok(Err(failure)));
    Ok((FutureReader::new(&mut store, key)?,))
}

fn pbkdf2((hash, password, salt, rounds, length): Pbkdf2) -> Key {
    Ok(crypto::pbkdf2(find(&hash)?, &password, &salt, rounds, length as usize)?)
}

fn scrypt((password, salt, n, r, p, length): Scrypt) -> Key {
    Ok(crypto::scrypt(&password, &salt, [n, r, p], length as usize)?)
}

fn bcrypt((password, salt, cost): Bcrypt) -> Key {
    Ok(crypto::bcrypt(&password, &salt, cost)?)
}
