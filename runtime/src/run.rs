//! Running a guest to its end.

use crate::adoption::Adoption;
use crate::code::engine::{Allocation, engine};
use crate::egress::Egress;
use crate::event::{Event, Events};
use crate::guest::Guest;
use crate::host::epoch;
use crate::host::memory::Budget;
use crate::host::{Gate, Stores};
use crate::kind::Kind;
use crate::stop::Stop;
use crate::trust::Trust;
use crate::wasi::command;
use crate::wasi::compression::Streams;
use crate::wasi::crypto::Holdings;
use crate::wasi::http::{self, LoadMore, Outgoing};
use crate::wasi::imports;
use crate::wasi::preview1;
use crate::wasi::sockets::Network;
use crate::wasi::sqlite::Directories;
use crate::wasi::tls::Contexts;
use std::sync::Arc;
use wasmtime::component::Component;
use wasmtime::{Engine, Module, Precompiled, Result, Trap};
use wasmtime_wasi::I32Exit;

/// How a guest ended.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Outcome {
    /// It returned or exited with this code.
    Exited(i32),
    /// It trapped; the text names the trap and has the backtrace.
    Trapped(String),
    /// It never ran, or the host failed; the text has every cause.
    Failed(String),
}

/// Runs `guest` and returns when it has ended.
///
/// Without `egress` it reaches nothing outside of its network. `trust` is for TLS.
pub fn run(
    guest: Guest,
    events: &Events,
    stop: &Stop,
    adoption: &Adoption,
    egress: Option<Arc<dyn Egress>>,
    trust: Trust,
) -> Outcome {
    match start(guest, events, stop, adoption, egress, trust) {
        Ok(outcome) => outcome,
        Err(error) => Outcome::Failed(format!("{error:#}")),
    }
}

/// Loaded code of either form.
enum Code {
    Module(Module),
    Component(Component, Kind),
}

fn start(
    guest: Guest,
    events: &Events,
    stop: &Stop,
    adoption: &Adoption,
    egress: Option<Arc<dyn Egress>>,
    trust: Trust,
) -> Result<Outcome> {
    let (code, allocation) = load_suitably(&guest)?;
    let is_pooled = allocation == Allocation::Pooled;
    let network = Network {
        gate: Gate::new(&guest, events.clone()),
        adoption: adoption.clone(),
        stop: stop.clone(),
        egress,
        localhost: guest.localhost.clone().into(),
        sending: Default::default(),
    };
    let budget = Budget::new(guest.memory, events.clone());
    match code {
        Code::Module(module) => {
            drop(trust);
            epoch::start(module.engine())?;
            events(Event::Loaded(Kind::Module));
            let ended = one_thread()?.block_on(unbudgeted(preview1::run(&module, &guest, network, budget)));
            Ok(outcome(ended.map(Ok)))
        }
        Code::Component(component, kind) => {
            epoch::start(component.engine())?;
            let instance = command::linker(&component)?;
            // Its 200 kB are not kept in memory for a guest that cannot ask for them.
            let trust = match imports::speaks_tls(&component) {
                true => trust,
                false => {
                    drop(trust);
                    Trust::default()
                }
            };
            let stores = Stores {
                folders: Directories::new(&guest),
                guest,
                network,
                budget,
                outgoing: Arc::new(Outgoing::new(trust.clone())),
                contexts: Contexts::new(trust),
                streams: Streams::new(),
                crypto: Holdings::default(),
            };
            events(Event::Loaded(kind));
            match kind {
                Kind::Http02 | Kind::Http03 => {
                    let beyond = is_pooled.then(|| load_more(&stores.guest));
                    let served = http::serve(instance, beyond, kind, stores, events, stop, adoption);
                    let served = many_threads()?.block_on(served);
                    Ok(outcome(served.map(Ok)))
                }
                Kind::Command03 => {
                    let run = command::run_03(instance, &stores);
                    Ok(outcome(one_thread()?.block_on(unbudgeted(run))))
                }
                Kind::Command02 | Kind::Module => {
                    let run = async {
                        let ended = command::run_02(instance, &stores).await;
                        stores.network.sent().await;
                        ended
                    };
                    Ok(outcome(one_thread()?.block_on(unbudgeted(run))))
                }
            }
        }
    }
}

/// tokio's cooperative budget makes a socket that is ready look as if it were not, once a task has done much in one
/// turn. A guest that polled and was told "ready" must find it so.
fn unbudgeted<F: Future>(future: F) -> impl Future<Output = F::Output> {
    tokio::task::unconstrained(future)
}

/// One guest, one task: its sockets are best served on the thread that runs it.
fn one_thread() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// Instances of an HTTP guest run side by side.
fn many_threads() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// Loads the code with a pool of instances where each request has its own. Where address space is scarce there is no
/// pool, and a guest with larger tables or more of anything than a pool's places have does not fit: then instances are
/// mapped one by one.
fn load_suitably(guest: &Guest) -> Result<(Code, Allocation)> {
    let pooled = || engine(Allocation::Pooled, guest.tier).and_then(|pool| load(&pool, guest));
    // Most are what they look like: one engine less to make at the start.
    if guest.is_made_anew
        && let Ok(code @ Code::Component(_, Kind::Http02)) = pooled()
    {
        return Ok((code, Allocation::Pooled));
    }
    let code = load(&engine(Allocation::OnDemand, guest.tier)?, guest)?;
    if let Code::Component(_, Kind::Http02) = code
        && !guest.is_made_anew
        && let Ok(code) = pooled()
    {
        return Ok((code, Allocation::Pooled));
    }
    Ok((code, Allocation::OnDemand))
}

/// For when the pool is full: the same guest with instances that are mapped one by one.
fn load_more(guest: &Guest) -> LoadMore {
    let guest = guest.clone();
    Box::new(move || {
        let Code::Component(component, _) = load(&engine(Allocation::OnDemand, guest.tier)?, &guest)? else {
            return Err(wasmtime::format_err!("the compiled code has changed"));
        };
        epoch::start(component.engine())?;
        command::linker(&component)
    })
}

#[expect(unsafe_code, reason = "compiled code is trusted as it is, see below")]
fn load(engine: &Engine, guest: &Guest) -> Result<Code> {
    match Engine::detect_precompiled_file(&guest.code)? {
        // SAFETY: the code runs with this process's rights whatever it is, and the file is either our compiler's output
        // in a folder that only this user can write, or what the user named as compiled code to run. wasmtime checks
        // version and settings. The file stays as it is: the cache replaces files whole, never writes into them.
        Some(Precompiled::Module) => unsafe { Module::deserialize_file(engine, &guest.code) }.map(Code::Module),
        Some(Precompiled::Component) => {
            // SAFETY: as above.
            let component = unsafe { Component::deserialize_file(engine, &guest.code) }?;
            let kind = Kind::of_component(engine, &component).map_err(not_runnable)?;
            Ok(Code::Component(component, kind))
        }
        None => Err(wasmtime::format_err!("the file is not compiled code")),
    }
}

fn not_runnable(exports: Vec<String>) -> wasmtime::Error {
    let exports = match exports.as_slice() {
        [] => "nothing".to_owned(),
        names => names.join(", "),
    };
    wasmtime::format_err!(
        "the component exports neither `wasi:cli/run` nor a `wasi:http` handler (0.2 or 0.3), so there is nothing to run; it exports {exports}"
    )
}

fn outcome(ended: Result<Result<(), ()>>) -> Outcome {
    match ended {
        Ok(Ok(())) => Outcome::Exited(0),
        Ok(Err(())) => Outcome::Exited(1),
        Err(error) => match error.downcast_ref::<I32Exit>() {
            Some(exit) => Outcome::Exited(exit.0),
            None if error.is::<Trap>() || error.is::<wasmtime::WasmBacktrace>() => {
                Outcome::Trapped(format!("{error:?}"))
            }
            None => Outcome::Failed(format!("{error:#}")),
        },
    }
}
