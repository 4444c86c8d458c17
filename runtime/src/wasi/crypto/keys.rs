//! `wasmrun:crypto/keys`.

use super::hashing::find;
use super::holdings::aside;
use super::values::{Der, Details, Encoding, Failure, Form, Lock, Padding};
use crate::host::Host;
use crypto::keys::{self, Curve, Key, Part, Private, Scheme};
use std::sync::Arc;
use wasmtime::component::Linker;
use wasmtime::{Result, StoreContextMut};

pub(super) const INTERFACE: &str = "wasmrun:crypto/keys@0.1.0";

type Store<'a> = StoreContextMut<'a, Host>;
type Bytes = Vec<u8>;
type Done<T> = Result<T, Failure>;
pub(super) type Wanted = (String, u32, u32);

pub(super) fn add_to_linker(linker: &mut Linker<Host>) -> Result<()> {
    let mut interface = linker.instance(INTERFACE)?;
    // Passwords are made to be slow.
    interface.func_wrap_async(
        "read",
        |_: Store<'_>, (data, form, password): (Bytes, Option<Form>, Option<Bytes>)| {
            Box::new(aside(move || read(&data, form, password.as_deref())))
        },
    )?;
    interface.func_wrap(
        "write",
        |mut store: Store<'_>, (key, form, pem, lock): (Der, Form, bool, Option<Lock>)| {
            Ok((get(&mut store, &key).and_then(|key| write(&key, form, pem, lock)),))
        },
    )?;
    interface.func_wrap("parts", |mut store: Store<'_>, (key,): (Der,)| {
        Ok((get(&mut store, &key).map(|key| key.parts()),))
    })?;
    interface.func_wrap("assemble", |_: Store<'_>, (parts,): (Vec<Part>,)| {
        let key = Key::assemble(&parts).map_err(Failure::from);
        Ok((key.and_then(|key| der(&key)),))
    })?;
    interface.func_wrap("describe", |mut store: Store<'_>, (key,): (Der,)| {
        Ok((get(&mut store, &key).map(|key| Details::from(key.details())),))
    })?;
    interface.func_wrap("public", |mut store: Store<'_>, (key,): (Bytes,)| {
        let key = private(&mut store, key);
        let public = key.and_then(|key| Ok(Key::Public(key.public()).write(keys::Form::Spki, None)?));
        Ok((public,))
    })?;
    interface.func_wrap(
        "point",
        |_: Store<'_>, (curve, encoded, compressed): (String, Bytes, bool)| Ok((point(&curve, &encoded, compressed),)),
    )?;
    interface.func_wrap_async("generate", |_: Store<'_>, wanted: Wanted| {
        Box::new(aside(move || generate(wanted)))
    })?;
    interface.func_wrap(
        "sign",
        |mut store: Store<'_>,
         (key, hash, padding, encoding, message): (Bytes, Option<String>, Padding, Encoding, Bytes)| {
            let key = private(&mut store, key);
            Ok((key.and_then(|key| {
                let hash = hash.as_deref().map(find).transpose()?;
                Ok(key
                    .private()?
                    .sign(hash, scheme(&padding)?, encoding.into(), &message)?)
            }),))
        },
    )?;
    interface.func_wrap(
        "verify",
        |mut store: Store<'_>,
         (key, hash, padding, encoding, message, signature): (
            Bytes,
            Option<String>,
            Padding,
            Encoding,
            Bytes,
            Bytes,
        )| {
            let key = public(&mut store, key);
            Ok((key.and_then(|key| {
                let hash = hash.as_deref().map(find).transpose()?;
                Ok(key
                    .public()
                    .verify(hash, scheme(&padding)?, encoding.into(), &message, &signature)?)
            }),))
        },
    )?;
    interface.func_wrap(
        "encrypt",
        |mut store: Store<'_>, (key, padding, data): (Bytes, Padding, Bytes)| {
            let key = public(&mut store, key);
            Ok((key.and_then(|key| Ok(key.public().encrypt(sealed(&padding)?, &data)?)),))
        },
    )?;
    interface.func_wrap(
        "decrypt",
        |mut store: Store<'_>, (key, padding, data): (Bytes, Padding, Bytes)| {
            let key = private(&mut store, key);
            Ok((key.and_then(|key| Ok(key.private()?.decrypt(sealed(&padding)?, &data)?)),))
        },
    )?;
    interface.func_wrap("agree", |mut store: Store<'_>, (own, other): (Bytes, Bytes)| {
        let keys = private(&mut store, own).and_then(|own| Ok((own, public(&mut store, other)?)));
        Ok((keys.and_then(|(own, other)| Ok(own.private()?.agree(&other.public())?)),))
    })
}

fn get(store: &mut Store<'_>, key: &Der) -> Done<Arc<Key>> {
    store.data_mut().crypto().1.key(key.is_private, &key.der)
}

fn private(store: &mut Store<'_>, der: Bytes) -> Done<Arc<Key>> {
    get(store, &Der { is_private: true, der })
}

fn public(store: &mut Store<'_>, der: Bytes) -> Done<Arc<Key>> {
    get(store, &Der { is_private: false, der })
}

fn read(data: &[u8], form: Option<Form>, password: Option<&[u8]>) -> Done<Der> {
    let key = match form {
        Some(form) => Key::read(form.into(), data, password)?,
        None => Key::read_pem(data, password)?,
    };
    der(&key)
}

fn der(key: &Key) -> Done<Der> {
    let is_private = key.private().is_ok();
    let form = if is_private {
        keys::Form::Pkcs8
    } else {
        keys::Form::Spki
    };
    Ok(Der {
        is_private,
        der: key.write(form, None)?,
    })
}

fn write(key: &Key, form: Form, pem: bool, lock: Option<Lock>) -> Done<Bytes> {
    let lock = lock.as_ref().map(|lock| keys::Lock {
        key: lock.key as usize,
        password: &lock.password,
    });
    let written = match pem {
        true => key.write_pem(form.into(), lock.as_ref()),
        false => key.write(form.into(), lock.as_ref()),
    };
    Ok(written?)
}

fn point(curve: &str, encoded: &[u8], compressed: bool) -> Done<Bytes> {
    let curve = Curve::find(curve).ok_or(Failure::Unsupported)?;
    let point = curve.point(encoded)?;
    Ok(if compressed { curve.compressed(&point)? } else { point })
}

pub(super) fn generate((kind, bits, exponent): Wanted) -> Done<Bytes> {
    let wanted = match kind.as_str() {
        "rsa" => keys::Wanted::Rsa { bits, exponent },
        "ed25519" => keys::Wanted::Ed25519,
        "x25519" => keys::Wanted::X25519,
        curve => keys::Wanted::Ec(Curve::find(curve).ok_or(Failure::Unsupported)?),
    };
    let key = Key::Private(Private::generate(wanted)?);
    Ok(key.write(keys::Form::Pkcs8, None)?)
}

fn scheme(padding: &Padding) -> Done<Scheme> {
    match padding {
        Padding::Pkcs1 => Ok(Scheme::Pkcs1),
        Padding::Pss(salt) => Ok(Scheme::Pss(salt.map(|salt| salt as usize))),
        Padding::Oaep(_) => Err(Failure::Unsupported),
    }
}

fn sealed(padding: &Padding) -> Done<keys::Padding<'_>> {
    match padding {
        Padding::Pkcs1 => Ok(keys::Padding::Pkcs1),
        Padding::Oaep((hash, label)) => Ok(keys::Padding::Oaep(find(hash)?, label)),
        Padding::Pss(_) => Err(Failure::Unsupported),
    }
}
