//! A guest in its jail, from inside: this binary again, with one thread until the jail stands.

#![expect(
    clippy::disallowed_methods,
    reason = "a guest without a supervisor ends, from whichever thread"
)]

use crate::protocol::{self, Adopts, Inside, Launch, Launched, Message, Order, Source, Task};
use crate::records;
use anyhow::{Context, Result};
use futures::FutureExt;
use futures::future::BoxFuture;
use netns::egress::{Client, Failed};
use netns::jail::{self, JailError, Sockets};
use report::{FAILED, TRAPPED};
use runtime::{
    Account, Adoption, Attempt, Counts, Datagrams, Egress, Events, Guest, NameError, OnCounts, Outcome, Outgoing,
    RecordKind, Stop, Trust,
};
use rustix::net::RecvFlags;
use rustix::process::{Signal, set_parent_process_death_signal};
use std::fs::File;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Forwards in one message of counts.
const COUNTS: usize = 256;
/// Becomes the guest's process and runs the guest; returns the exit code.
pub fn guest() -> u8 {
    match run() {
        Ok(code) => code,
        // There is no channel to say it on.
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: the guest's process cannot start: {error:#}");
            FAILED
        }
    }
}

fn run() -> Result<u8> {
    jail::close_inherited().context("cannot close inherited descriptors")?;
    // Standard input is the channel; what the guest reads comes over it.
    let channel = std::io::stdin().as_fd().try_clone_to_owned()?;
    let Launched {
        launch,
        stdin,
        factory,
        egress,
        trust,
        held,
    } = protocol::receive_launch(&channel)?;
    rustix::stdio::dup2_stdin(&stdin)?;
    drop(stdin);
    // What top(1) and the out-of-memory killer call it; as it is, all of them are "exe".
    let _ = rustix::thread::set_name(c"wasmrun-guest");
    let listeners = match enter(&launch, factory, held) {
        Ok(listeners) => listeners,
        Err(error) => {
            let message = Message::Jail {
                errno: errno(&error),
                error: protocol::shorten(netns::chain(&error)),
            };
            protocol::send(&channel, &message)?;
            return Ok(FAILED);
        }
    };
    let channel = Arc::new(channel);
    match &launch.task {
        Task::Probe => {
            protocol::send(&channel, &Message::Inside(look_around()))?;
            Ok(0)
        }
        Task::Run(guest) => {
            let mut guest = guest.clone();
            place(&mut guest, &launch);
            let egress = egress.map(|egress| Arc::new(WayOut(Arc::new(Client::new(egress)))) as Arc<dyn Egress>);
            let trust = Trust::new(trust.map(File::from));
            run_guest(*guest, launch.adopts, listeners, channel, egress, trust)
        }
    }
}

fn enter(launch: &Launch, factory: Option<OwnedFd>, held: Vec<OwnedFd>) -> Result<Vec<OwnedFd>, JailError> {
    let Some(factory) = factory.filter(|_| launch.is_isolated) else {
        set_parent_process_death_signal(Some(Signal::KILL)).map_err(|errno| JailError::Process(errno.into()))?;
        return Ok(Vec::new());
    };
    let (sockets, listens) = match (&launch.task, launch.adopts) {
        (_, Some(adopts)) if adopts.makes_sockets => (Sockets::Brokered, Vec::new()),
        (Task::Run(guest), Some(_)) => (Sockets::Given, guest.ports.clone()),
        // It is given sockets of the host, so it must not say where any of its own leads.
        _ if launch.way_out == Some(protocol::WayOut::Given) => (Sockets::Brokered, Vec::new()),
        _ => (Sockets::Own, Vec::new()),
    };
    let plan = jail::Plan {
        supervisor: launch.supervisor,
        binds: to_jail(launch, held),
        sockets,
        listens,
        tasks: launch.tasks,
    };
    jail::enter(&plan, factory)
}

/// What the jail shows: the code first, then each mount.
fn to_jail(launch: &Launch, held: Vec<OwnedFd>) -> Vec<jail::Bind> {
    let mut held = held.into_iter();
    let mut host = |path: &Path, read_only: bool, fixed: &[PathBuf]| {
        held.next().map(|held| jail::Bind::Host {
            held,
            path: path.to_owned(),
            read_only,
            fixed: fixed.to_owned(),
        })
    };
    let mut binds = Vec::new();
    binds.extend(launch.code.iter().filter_map(|path| host(path, true, &[])));
    for mount in &launch.mounts {
        binds.extend(match &mount.source {
            Source::Host { path, .. } => host(path, mount.read_only, &mount.fixed),
            Source::Memory { size } => Some(jail::Bind::Scratch { size: *size }),
        });
    }
    binds
}

/// Where the runtime finds the code and the directories: by their numbers in the jail ([`to_jail`]), or as the host has them.
fn place(guest: &mut Guest, launch: &Launch) {
    let seen = |number: usize, host: &Path| match launch.is_isolated {
        true => jail::path_of(number),
        false => host.to_owned(),
    };
    guest.code = launch.code.as_deref().map(|path| seen(0, path)).unwrap_or_default();
    let directories = launch.mounts.iter().zip(1..).map(|(mount, number)| runtime::Directory {
        host: match &mount.source {
            Source::Host { path, .. } => seen(number, path),
            Source::Memory { .. } => jail::path_of(number),
        },
        guest: mount.guest.clone(),
        read_only: mount.read_only,
    });
    guest.directories = directories.collect();
}

fn run_guest(
    guest: Guest,
    adopts: Option<Adopts>,
    listeners: Vec<OwnedFd>,
    channel: Arc<OwnedFd>,
    egress: Option<Arc<dyn Egress>>,
    trust: Trust,
) -> Result<u8> {
    let stop = Stop::default();
    let events: Events = {
        let channel = channel.clone();
        Arc::new(move |event| {
            let event = match event {
                runtime::Event::InstanceTrapped(text) => runtime::Event::InstanceTrapped(protocol::shorten(text)),
                runtime::Event::Denied(Attempt::Name(name, port)) => {
                    runtime::Event::Denied(Attempt::Name(protocol::shorten(name), port))
                }
                runtime::Event::Denied(Attempt::UdpName(name, port)) => {
                    runtime::Event::Denied(Attempt::UdpName(protocol::shorten(name), port))
                }
                runtime::Event::Denied(Attempt::Records(kind, name)) => {
                    runtime::Event::Denied(Attempt::Records(kind, protocol::shorten(name)))
                }
                other => other,
            };
            // A supervisor that is gone takes this process with it.
            let _ = protocol::send(&*channel, &Message::Event(event));
        })
    };
    let listeners = guest.ports.iter().copied().zip(listeners).collect();
    let on_counts: OnCounts = {
        let channel = channel.clone();
        // As above.
        Arc::new(move |counts| drop(protocol::send(&*channel, &Message::Adopted(vec![counts]))))
    };
    let connections = adopts.map_or(0, |adopts| adopts.connections);
    let adoption = Adoption::new(connections, listeners, events.clone(), on_counts);
    let orders = {
        let (channel, stop, adoption) = (channel.clone(), stop.clone(), adoption.clone());
        move || obey(&channel, &stop, &adoption)
    };
    std::thread::Builder::new().name("orders".to_owned()).spawn(orders)?;
    let outcome = match runtime::run(guest, &events, &stop, &adoption, egress, trust) {
        Outcome::Trapped(text) => Outcome::Trapped(protocol::shorten(text)),
        Outcome::Failed(text) => Outcome::Failed(protocol::shorten(text)),
        exited => exited,
    };
    let code = exit_code(&outcome);
    protocol::send(&*channel, &Message::Ended(outcome))?;
    Ok(code)
}

/// A connection's account, as the runtime keeps it.
struct Counted(netns::egress::Account);

impl Account for Counted {
    fn sent(&self, bytes: usize) {
        self.0.sent(bytes);
    }

    fn received(&self, bytes: usize) {
        self.0.received(bytes);
    }
}

/// The way out of the guest's network, as the runtime asks for it.
struct WayOut(Arc<Client>);

/// A flow of datagrams, as the runtime has it.
struct Flow(netns::egress::Datagrams);

impl Datagrams for Flow {
    fn send<'a>(&'a self, datagram: &'a [u8]) -> BoxFuture<'a, io::Result<()>> {
        self.0.send(datagram).boxed()
    }

    fn receive(&self) -> BoxFuture<'_, io::Result<Option<Vec<u8>>>> {
        self.0.receive().boxed()
    }
}

/// Why there is no connection, as the kernel would say it.
fn refused(failed: Failed) -> io::Error {
    match failed {
        Failed::Errno(number) => io::Error::from_raw_os_error(number),
        Failed::Denied => io::ErrorKind::PermissionDenied.into(),
        Failed::Unknown | Failed::TryAgain => io::ErrorKind::HostUnreachable.into(),
    }
}

/// Why nothing is known of a name.
fn no_name(failed: Failed) -> NameError {
    match failed {
        Failed::Unknown | Failed::Denied => NameError::Unknown,
        Failed::TryAgain | Failed::Errno(_) => NameError::Temporary,
    }
}

impl Egress for WayOut {
    fn connect(&self, to: SocketAddr) -> BoxFuture<'static, io::Result<Outgoing>> {
        let client = self.0.clone();
        let connect = async move {
            let (stream, account) = client.connect(to).await.map_err(refused)?;
            Ok(Outgoing {
                stream,
                account: Box::new(Counted(account)),
            })
        };
        connect.boxed()
    }

    fn datagrams(&self, to: SocketAddr) -> BoxFuture<'static, io::Result<Arc<dyn Datagrams>>> {
        let client = self.0.clone();
        let open = async move {
            let flow = client.datagrams(to).await.map_err(refused)?;
            Ok(Arc::new(Flow(flow)) as Arc<dyn Datagrams>)
        };
        open.boxed()
    }

    fn resolve(&self, name: String) -> BoxFuture<'static, std::result::Result<Vec<IpAddr>, NameError>> {
        let client = self.0.clone();
        async move { client.resolve(&name).await.map_err(no_name) }.boxed()
    }

    fn records(
        &self,
        name: String,
        kind: RecordKind,
    ) -> BoxFuture<'static, std::result::Result<Vec<Vec<String>>, NameError>> {
        let kind = records::kind(kind);
        let client = self.0.clone();
        async move { client.records(&name, kind).await.map_err(no_name) }.boxed()
    }
}

/// Orders come until the supervisor ends; then there is nothing to run for.
fn obey(channel: &OwnedFd, stop: &Stop, adoption: &Adoption) {
    let tell = |counts: Vec<Counts>, end: Message| {
        let pieces = counts.chunks(COUNTS).map(|piece| Message::Adopted(piece.to_vec()));
        for message in pieces.chain([end]) {
            // A supervisor that is gone takes this process with it.
            let _ = protocol::send(channel, &message);
        }
    };
    while let Ok(Some((order, fds))) = protocol::receive_with(channel, RecvFlags::empty()) {
        match order {
            Order::Adopt { forward, port } => {
                fds.into_iter()
                    .for_each(|listener| adoption.give(forward, port, listener));
            }
            Order::Count => tell(adoption.counts(), Message::Counted),
            Order::Release(number) => adoption.release(|counts| tell(counts, Message::Released(number))),
            Order::Retire => stop.retire(),
            Order::Stop => {
                stop.ask();
                adoption.end();
            }
        }
    }
    std::process::exit(i32::from(FAILED));
}

/// The process's exit code for an outcome. A guest's own code keeps its low byte, as in every shell.
pub fn exit_code(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Exited(code) => (code & 0xff) as u8,
        Outcome::Trapped(_) => TRAPPED,
        Outcome::Failed(_) => FAILED,
    }
}

fn look_around() -> Inside {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0));
    let loopback = listener.is_ok_and(|listener| {
        let address = listener.local_addr();
        address.is_ok_and(|address| std::net::TcpStream::connect(address).is_ok())
    });
    Inside {
        loopback,
        root_is_empty: !Path::new("/proc").exists() && !Path::new("/etc").exists(),
        capabilities: jail::has_capabilities(),
    }
}

fn errno(error: &JailError) -> Option<i32> {
    match error {
        JailError::Namespaces(error) => error.errno().map(|errno| errno as i32),
        JailError::Process(error) => error.raw_os_error(),
        _ => None,
    }
}
