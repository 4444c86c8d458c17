//! `wasmrun os`: binds, prepares, starts, forwards, and ends in order.

use crate::cli::Os;
use crate::code::{self, Code};
use crate::config::File;
use crate::failure::{Failure, Result};
use crate::generation::{Generation, Start};
use crate::protocol::{Bind, Message, Task};
use crate::settings::{self, Settings};
use crate::{artifact, doctor, report};
use anyhow::{Context, anyhow};
use netns::{Forward, Forwarder, Limits, Notice, jail};
use runtime::{Event, Guest, Outcome};
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, sleep_until};

/// A guest that listens on a port that is not forwarded has this long to listen on those that are.
const SETTLE: Duration = Duration::from_secs(1);
/// Connections of a guest that has ended have this long to deliver what it had sent.
const LINGER: Duration = Duration::from_secs(1);
/// The same complaint is made again after this: a load balancer's health check is no reason for a line a second.
const REPEAT: Duration = Duration::from_secs(30);

/// Runs the command and returns wasmrun's exit code.
pub async fn run(os: &Os) -> Result<u8> {
    // From here on signals wait for us instead of ending the process.
    let signals = Signals::new()?;
    let file = File::find(os.config.as_deref(), &os.path)?;
    let settings = settings::resolve(os, file.as_ref())?;
    if let Some(file) = &file {
        tracing::debug!("config: {}", file.path.display());
    }
    let artifact = artifact::find(&os.path, file.as_ref())?;
    raise_descriptor_limit();
    let listeners = settings.mappings.iter().map(|mapping| {
        let address = mapping.bind;
        let listeners = netns::listen(mapping).map_err(|error| {
            let hint = error.hint();
            Failure::from(anyhow!("cannot forward host port {}: {error}", mapping.host)).hint(hint)
        })?;
        if !address.is_loopback() {
            tracing::warn!("{} can be reached from other machines", shown(&listeners.addresses));
        }
        Ok(listeners)
    });
    let listeners: Vec<netns::Listeners> = listeners.collect::<Result<_>>()?;
    if !settings.isolation {
        tracing::warn!("--no-isolation: the guest runs in the host's network, without namespaces around it");
    }
    let (notices, notice_receiver) = unbounded_channel();
    // A receiver that is gone is a session that has ended.
    let listener: netns::forward::Listener = Arc::new(move |notice| drop(notices.send(notice)));
    let forwarder = Forwarder::start(limits(&settings), listener).context("cannot start the forwards")?;
    let forwards: Vec<Arc<Forward>> = listeners.into_iter().map(|one| forwarder.add(one)).collect();
    let mut session = Session {
        settings,
        forwarder,
        forwards,
        notices: notice_receiver,
        signals,
        listening: BTreeSet::new(),
        told: BTreeSet::new(),
        waited: HashMap::new(),
    };
    let code = tokio::select! {
        code = code::prepare(&artifact, session.settings.cache) => code?,
        number = session.signals.next() => return Ok(128 + number),
    };
    session.serve(&artifact, code).await
}

fn limits(settings: &Settings) -> Limits {
    let mut limits = Limits::of_this_process();
    limits.connect_timeout = settings.connect_timeout;
    // More than the descriptors allow would fail at accept, with a worse message.
    limits.connections = settings.max_connections.unwrap_or(usize::MAX).min(limits.connections);
    limits
}

/// Takes what the hard limit allows: each connection needs two descriptors here and one in the guest.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // What is there then has to do; the connection limit follows it.
    let _ = setrlimit(Resource::Nofile, limit);
}

struct Session {
    settings: Settings,
    forwarder: Forwarder,
    forwards: Vec<Arc<Forward>>,
    notices: UnboundedReceiver<Notice>,
    signals: Signals,
    /// Ports that the guest listens on.
    listening: BTreeSet<u16>,
    /// Forwarded ports of which it was said that nobody listens.
    told: BTreeSet<u16>,
    /// When it was last said of a port that a connection had waited in vain.
    waited: HashMap<u16, Instant>,
}

/// Why the session stopped serving.
enum Stopped {
    GuestEnded,
    Signal(u8),
}

impl Session {
    async fn serve(&mut self, artifact: &Path, code: Code) -> Result<u8> {
        let start = self.start(artifact, &code);
        let mut generation = Generation::start(start)?;
        if let Some(pid) = generation.pid() {
            tracing::debug!("guest: process {pid}");
        }
        for forward in &self.forwards {
            self.forwarder.retarget(forward, Some(generation.target.clone()));
        }
        let mut temporary = code.temporary;
        let mut look = std::pin::pin!(sleep_until(Instant::now() + self.settings.connect_timeout));
        let mut outcome = None;
        let stopped = loop {
            tokio::select! {
                message = generation.message() => match message {
                    None => break Stopped::GuestEnded,
                    Some(Message::Event(event)) => {
                        if matches!(event, Event::Loaded(_)) {
                            drop(temporary.take());
                        }
                        if let Some(at) = self.event(event, &generation) {
                            let at = at.min(look.deadline());
                            look.as_mut().reset(at);
                        }
                    }
                    Some(Message::Ended(ended)) => outcome = Some(ended),
                    Some(Message::Jail { error, errno }) => return Err(doctor::explain(&error, errno)),
                    Some(Message::Inside(_)) => {}
                },
                Some(notice) = self.notices.recv() => self.notice(notice),
                () = &mut look => {
                    self.look_for_listeners();
                    look.as_mut().reset(Instant::now() + Duration::from_secs(1 << 30));
                }
                number = self.signals.next() => break Stopped::Signal(number),
            }
        };
        match stopped {
            Stopped::GuestEnded => self.ended(&mut generation, outcome).await,
            Stopped::Signal(number) => {
                self.drain(&mut generation).await;
                generation.kill();
                generation.ended().await?;
                Ok(128 + number)
            }
        }
    }

    /// What the guest's process is given: paths as it will see them.
    fn start(&self, artifact: &Path, code: &Code) -> Start {
        let settings = &self.settings;
        let name = artifact.file_name().unwrap_or(artifact.as_os_str()).to_string_lossy();
        let mut arguments = vec![name.into_owned()];
        arguments.extend(settings.arguments.iter().cloned());
        let mut binds = vec![Bind {
            host: code.path.clone(),
            read_only: true,
        }];
        binds.extend(settings.directories.iter().map(|directory| Bind {
            host: directory.host.clone(),
            read_only: directory.read_only,
        }));
        let seen = |number: usize| -> PathBuf {
            if settings.isolation {
                jail::path_of(number)
            } else {
                binds[number].host.clone()
            }
        };
        let directories = settings.directories.iter().enumerate();
        let ports: BTreeSet<u16> = settings.mappings.iter().map(|mapping| mapping.guest).collect();
        let guest = Guest {
            code: seen(0),
            arguments,
            environment: settings.environment.clone(),
            directories: directories
                .map(|(number, directory)| runtime::Directory {
                    host: seen(number + 1),
                    guest: directory.guest.clone(),
                    read_only: directory.read_only,
                })
                .collect(),
            // In the order of the rules, as the listeners' numbers follow it; each port once.
            ports: {
                let mut seen = ports;
                let all = settings.mappings.iter().map(|mapping| mapping.guest);
                all.filter(|port| seen.remove(port)).collect()
            },
            listeners: match settings.listeners {
                Some(crate::cli::Listeners::AfterDirectories) => runtime::Listeners::AfterDirectories,
                Some(crate::cli::Listeners::BeforeDirectories) => runtime::Listeners::BeforeDirectories,
                None => code.toolchain.listeners(),
            },
            memory: settings.memory,
            stdin: settings.stdin,
            loopback: settings.isolation,
        };
        Start {
            task: Task::Run(Box::new(guest)),
            binds: settings.isolation.then_some(binds),
            stdin: settings.stdin,
        }
    }

    /// Takes an event in. Returns a time at which to look whether the right ports are listened on.
    fn event(&mut self, event: Event, generation: &Generation) -> Option<Instant> {
        match event {
            Event::Loaded(kind) => {
                tracing::debug!("guest: {kind}");
                if kind.is_http() && self.forwards.is_empty() {
                    tracing::warn!(
                        hint = "add --forward 8080:8080",
                        "the guest answers HTTP requests, but no port is forwarded to it"
                    );
                }
                None
            }
            Event::Listening(address) => {
                tracing::debug!("guest: listens on {address}");
                let port = address.port();
                generation.target.listens(address);
                let first = self.listening.insert(port);
                let mut forwarded = false;
                for forward in self.forwards.iter().filter(|forward| forward.guest_port() == port) {
                    forwarded = true;
                    self.forwarder.wake(forward);
                    if first {
                        forward.addresses().iter().for_each(|host| report::ready(*host, port));
                    }
                }
                (!forwarded).then(|| Instant::now() + SETTLE)
            }
            Event::Denied(attempt) => {
                tracing::warn!(
                    "the guest tried to reach {attempt} and was refused: a guest has no way out of its namespace"
                );
                None
            }
            Event::MemoryLimit(limit) => {
                let limit = bytesize::ByteSize::b(limit);
                tracing::warn!(
                    hint = "give it more with --memory",
                    "the guest asked for more than its {limit} of memory and was refused"
                );
                None
            }
            Event::InstanceTrapped(text) => {
                tracing::error!("a request failed in the guest: {text}");
                None
            }
        }
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::NotListening { guest_port, waited } => {
                let now = Instant::now();
                if self.waited.get(&guest_port).is_some_and(|said| now - *said < REPEAT) {
                    return;
                }
                self.waited.insert(guest_port, now);
                let waited = humantime::format_duration(Duration::from_secs(waited.as_secs().max(1)));
                tracing::warn!(
                    "a connection waited {waited} for guest:{guest_port} and was closed: nothing listens there"
                );
                self.look_for_listeners();
            }
            Notice::AtLimit { connections } => tracing::warn!(
                hint = "raise --max-connections, and `ulimit -n` with it: each connection needs two descriptors",
                "{connections} connections are open, which is the limit; more wait in the queue"
            ),
            Notice::Failed { guest_port, reason } => {
                tracing::warn!("a connection to guest:{guest_port} failed: {reason}");
            }
        }
    }

    /// Says once of each forwarded port that nobody listens on it, and where the guest listens instead.
    fn look_for_listeners(&mut self) {
        let forwarded: BTreeSet<u16> = self.forwards.iter().map(|forward| forward.guest_port()).collect();
        let elsewhere: Vec<u16> = self.listening.difference(&forwarded).copied().collect();
        for forward in &self.forwards {
            let port = forward.guest_port();
            if self.listening.contains(&port) || !self.told.insert(port) {
                continue;
            }
            match elsewhere.first() {
                Some(other) => tracing::warn!(
                    hint = format!("forward that one: --forward {}:{other}", forward.addresses()[0].port()),
                    "port {port} is forwarded, but the guest listens on {other}"
                ),
                None => tracing::warn!("port {port} is forwarded, but the guest does not listen on any port yet"),
            }
        }
    }

    async fn ended(&mut self, generation: &mut Generation, outcome: Option<Outcome>) -> Result<u8> {
        for forward in &self.forwards {
            self.forwarder.remove(forward);
        }
        // A process that closed its channel, or said what makes no sense, and goes on is ended.
        let code = match tokio::time::timeout(LINGER, generation.ended()).await {
            Ok(code) => code?,
            Err(_) => {
                generation.kill();
                generation.ended().await?
            }
        };
        // What the guest sent before it ended still goes out.
        let _ = tokio::time::timeout(LINGER, generation.target.drained()).await;
        match outcome {
            Some(Outcome::Exited(_)) if !self.forwards.is_empty() => {
                tracing::info!("the guest ended with exit code {code}; its ports are closed");
            }
            Some(Outcome::Exited(_)) => {}
            Some(Outcome::Trapped(text)) => tracing::error!("the guest trapped: {text}"),
            Some(Outcome::Failed(text)) => return Err(anyhow!("the guest cannot run: {text}").into()),
            None => {
                return Err(Failure {
                    code,
                    ..anyhow!("the guest's process was killed (exit code {code})").into()
                });
            }
        }
        Ok(code)
    }

    /// Takes no new connection and gives those that are open time to end.
    async fn drain(&mut self, generation: &mut Generation) {
        for forward in &self.forwards {
            self.forwarder.remove(forward);
            self.forwarder.retarget(forward, None);
        }
        generation.ask_to_stop();
        let grace = self.settings.grace;
        let live = generation.target.live();
        if live > 0 {
            let connections = plural(live, "open connection");
            let shown = humantime::format_duration(grace);
            tracing::info!("stopping: {connections}, up to {shown}; Ctrl-C again to end now");
        }
        let drained = generation.target.clone();
        // What the guest still says is let go, so that it is not held up; its own end is no end of its connections, whose
        // last bytes may be on their way.
        let listen = async {
            while generation.message().await.is_some() {}
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = drained.drained() => {}
            () = tokio::time::sleep(grace) => {}
            _ = self.signals.next() => {}
            () = listen => {}
        }
        let cut = generation.target.live();
        if cut > 0 {
            self.forwarder.abort(&generation.target);
            tracing::warn!("ended {}", plural(cut, "open connection"));
        }
    }
}

fn plural(count: usize, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}

fn shown(addresses: &[SocketAddr]) -> String {
    let texts: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
    texts.join(" and ")
}

/// The signals that ask for an end.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> Result<Signals> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Signals {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// The number of the next one.
    async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 2,
            _ = self.terminate.recv() => 15,
            _ = self.hangup.recv() => 1,
        }
    }
}
