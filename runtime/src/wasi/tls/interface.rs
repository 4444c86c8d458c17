//! The functions of `wasmrun:tls/session`.

use super::contexts::{Config, Session};
use super::values::{Certificate, Facts, Failure, Identity, Progress, Settings};
use crate::host::Host;
use crate::wasi::imports::imports;
use wasmtime::component::{Component, Linker, Resource, ResourceType};
use wasmtime::{Result, StoreContextMut};

const INTERFACE: &str = "wasmrun:tls/session@0.1.0";

type Store<'a> = StoreContextMut<'a, Host>;
type Made<T> = Result<Resource<T>, Failure>;

pub(crate) fn add_to_linker(linker: &mut Linker<Host>, component: &Component) -> Result<()> {
    if !imports(component, INTERFACE) {
        return Ok(());
    }
    let mut interface = linker.instance(INTERFACE)?;
    interface.resource("config", ResourceType::host::<Config>(), |mut store, config| {
        store
            .data_mut()
            .contexts()
            .0
            .delete(Resource::<Config>::new_own(config))?;
        Ok(())
    })?;
    interface.resource("session", ResourceType::host::<Session>(), |mut store, session| {
        store
            .data_mut()
            .contexts()
            .0
            .delete(Resource::<Session>::new_own(session))?;
        Ok(())
    })?;
    interface.func_wrap(
        "[static]config.create",
        |mut store: Store<'_>, (settings,): (Settings,)| {
            let (table, contexts) = store.data_mut().contexts();
            Ok((match contexts.config(&settings.into()) {
                Ok(config) => Made::Ok(table.push(config)?),
                Err(failure) => Err(failure.into()),
            },))
        },
    )?;
    interface.func_wrap(
        "[static]session.open",
        |mut store: Store<'_>, (config, name): (Resource<Config>, Option<String>)| {
            let (table, contexts) = store.data_mut().contexts();
            let opened = contexts.session(table.get(&config)?, name.as_deref());
            Ok((match opened {
                Ok(session) => Made::Ok(table.push(session)?),
                Err(failure) => Err(failure.into()),
            },))
        },
    )?;
    interface.func_wrap(
        "[method]session.feed",
        |mut store: Store<'_>, (session, ciphertext, ended): (Resource<Session>, Vec<u8>, bool)| {
            let (table, contexts) = store.data_mut().contexts();
            let fed = table.get_mut(&session)?.feed(contexts, &ciphertext, ended);
            Ok((fed.map(Progress::from).map_err(Failure::from),))
        },
    )?;
    interface.func_wrap(
        "[method]session.seal",
        |mut store: Store<'_>, (session, plaintext): (Resource<Session>, Vec<u8>)| {
            let (table, contexts) = store.data_mut().contexts();
            let sealed = table.get_mut(&session)?.seal(contexts, &plaintext);
            Ok((sealed.map_err(Failure::from),))
        },
    )?;
    interface.func_wrap(
        "[method]session.close",
        |mut store: Store<'_>, (session,): (Resource<Session>,)| {
            Ok((store.data_mut().contexts().0.get_mut(&session)?.session.close(),))
        },
    )?;
    interface.func_wrap(
        "[method]session.facts",
        |mut store: Store<'_>, (session,): (Resource<Session>,)| {
            let facts = store.data_mut().contexts().0.get_mut(&session)?.session.facts();
            Ok((Facts::from(facts),))
        },
    )?;
    interface.func_wrap(
        "[method]session.derive",
        |mut store: Store<'_>, (session, label, context, length): (Resource<Session>, String, Option<Vec<u8>>, u32)| {
            let session = &store.data_mut().contexts().0.get(&session)?.session;
            Ok((session
                .derive(&label, context.as_deref(), length)
                .map_err(Failure::from),))
        },
    )?;
    interface.func_wrap("describe", |_: Store<'_>, (der,): (Vec<u8>,)| {
        Ok((tls::describe(&der).map(Certificate::from),))
    })?;
    interface.func_wrap("split", |_: Store<'_>, (pem,): (Vec<u8>,)| Ok((tls::split(&pem),)))?;
    interface.func_wrap("check", |_: Store<'_>, (identity,): (Identity,)| {
        Ok((tls::check(&identity.into()).map_err(Failure::from),))
    })
}
