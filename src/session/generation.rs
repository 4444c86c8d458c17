//! A generation with what is known of it.

use crate::session::build::Made;
use crate::session::forwards::Port;
use crate::session::ledger::Ledger;
use anyhow::{Context, anyhow};
use netns::Protocol;
use report::{Failure, Result};
use runtime::{Event, Kind, Outcome};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};
use supervisor::logs::Ring;
use supervisor::output::Output;
use supervisor::protocol::Message;
use supervisor::{GuestProcess, OutOfMemory, Start, refusal};

/// A guest that was told to end has this long before it is ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The exit code that stands for SIGKILL.
const KILLED: u8 = 128 + 9;

/// Where the host's listeners are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listeners {
    /// None were lent, or all were given back.
    Ours,
    Lent,
    /// It was asked for them and has yet to answer.
    Asked,
}

/// One process, from its start to its end.
pub struct Generation {
    /// Counts the session's generations, from 1.
    pub number: u64,
    pub process: GuestProcess,
    pub made: Made,
    /// What the process was given.
    pub given: Start,
    pub started: Instant,
    /// Known when the code is loaded.
    pub kind: Option<Kind>,
    /// Ports that it listens on, or has bound for datagrams.
    pub listening: BTreeSet<Port>,
    /// What it says of connections that it accepts itself.
    pub ledger: Arc<Ledger>,
    /// It does something of its own at its end.
    handles_end: bool,
    listeners: Listeners,
    /// How often it was asked for them.
    releases: u64,
    /// How it ended, when it has said so.
    pub outcome: Option<Outcome>,
}

impl Generation {
    pub fn start(number: u64, made: Made, start: Start, ring: Arc<Ring>) -> Result<Generation> {
        let output = Output::start(number, ring).context("cannot make pipes for the guest's output")?;
        let process = GuestProcess::start(start.clone(), Some(output))?;
        if let Some(pid) = process.pid() {
            tracing::debug!("guest: process {pid}");
        }
        let ledger = Ledger::new(process.target.clone());
        Ok(Generation {
            number,
            process,
            made,
            given: start,
            started: Instant::now(),
            kind: None,
            listening: BTreeSet::new(),
            ledger,
            handles_end: false,
            listeners: Listeners::Ours,
            releases: 0,
            outcome: None,
        })
    }

    /// Takes a message in; an event is for others to be told.
    ///
    /// # Errors
    ///
    /// The jail could not be built.
    pub fn take(&mut self, message: Message) -> Result<Option<Event>> {
        Ok(match message {
            Message::Event(event) => {
                match &event {
                    Event::Loaded(kind) => self.kind = Some(*kind),
                    Event::Listening(address) => self.hears(Protocol::Tcp, *address),
                    Event::Bound(address) => self.hears(Protocol::Udp, *address),
                    Event::HandlesEnd => self.handles_end = true,
                    Event::Adopted(counts) => self.ledger.enter(&[*counts]),
                    _ => {}
                }
                Some(event)
            }
            Message::Adopted(counts) => {
                self.ledger.enter(&counts);
                None
            }
            Message::Released(number) => {
                if self.listeners == Listeners::Asked && number == self.releases {
                    self.listeners = Listeners::Ours;
                }
                None
            }
            Message::Ended(outcome) => {
                self.outcome = Some(outcome);
                None
            }
            // Once its code is loaded the jail stands: what it says then is not to be believed.
            Message::Jail { error, errno } if self.kind.is_none() => return Err(refusal::explain(&error, errno)),
            Message::Jail { .. } | Message::Inside(_) | Message::Counted => None,
        })
    }

    fn hears(&mut self, protocol: Protocol, address: SocketAddr) {
        self.process.target.listens(protocol, address);
        self.listening.insert((protocol, address.port()));
    }

    /// Whether listeners of the host can be left to it: not while it is asked for those that it has.
    pub fn adopts(&self) -> bool {
        self.given.adopts.is_some() && self.listeners != Listeners::Asked
    }

    /// Whether it has listeners of the host, as far as is known.
    pub fn has_listeners(&self) -> bool {
        self.listeners != Listeners::Ours
    }

    /// Asks it to give back the listeners of the host. False when it has none, or cannot be asked.
    pub fn release(&mut self) -> bool {
        if !self.has_listeners() {
            return false;
        }
        self.releases += 1;
        let asked = self.process.release(self.releases);
        self.listeners = if asked { Listeners::Asked } else { Listeners::Lent };
        asked
    }

    /// Leaves the listeners of a forward to it. False when it does not take them.
    pub fn adopt(&mut self, forward: u64, port: u16, listeners: &[OwnedFd]) -> bool {
        self.ledger.open(forward);
        self.listeners = Listeners::Lent;
        self.process.adopt(forward, port, listeners)
    }

    /// Has it give back the listeners of the host and say what came by them, as far as it does within `limit`.
    pub async fn give_back(&mut self, limit: Duration) {
        if self.listeners != Listeners::Asked && !self.release() {
            return;
        }
        let told = async {
            while self.has_listeners()
                && let Some(message) = self.process.message().await
            {
                // What goes wrong in there now is of no interest.
                let _ = self.take(message);
            }
        };
        let _ = tokio::time::timeout(limit, told).await;
    }

    /// Its ports of one protocol.
    pub fn ports(&self, protocol: Protocol) -> Vec<u16> {
        let ports = self.listening.iter().filter(|port| port.0 == protocol);
        ports.map(|port| port.1).collect()
    }

    /// Whether it can take over: loaded, and listening on each of these ports.
    pub fn listens_on(&self, ports: &BTreeSet<Port>) -> bool {
        self.kind.is_some() && self.listening.is_superset(ports)
    }

    /// Whether a change of the forwarded ports needs a new start: listeners of these kinds are opened before the guest
    /// runs.
    pub fn is_given_listeners(&self) -> bool {
        self.kind.is_none_or(|kind| kind == Kind::Module || kind.is_http())
    }

    /// How it ended, in words, and what there is to say at length; the exit code is its process's.
    pub fn epitaph(&self, code: u8) -> (String, Option<&str>) {
        match &self.outcome {
            Some(Outcome::Exited(_)) => (format!("ended with exit code {code}"), None),
            Some(Outcome::Trapped(text)) => ("trapped".to_owned(), Some(text)),
            Some(Outcome::Failed(text)) => ("cannot run".to_owned(), Some(text)),
            None => (
                format!("was killed (exit code {code}){}", self.end_of_memory(code)),
                None,
            ),
        }
    }

    /// The error that it is to the user when nothing follows it.
    pub fn failure(&self, code: u8) -> Option<Failure> {
        match &self.outcome {
            Some(Outcome::Failed(text)) => Some(Failure {
                hint: supervisor::foreign_hint(text).map(str::to_owned),
                ..anyhow!("the guest cannot run: {text}").into()
            }),
            None => Some(Failure {
                code,
                ..anyhow!(
                    "the guest's process was killed (exit code {code}){}",
                    self.end_of_memory(code)
                )
                .into()
            }),
            Some(_) => None,
        }
    }

    fn end_of_memory(&self, code: u8) -> &'static str {
        match self.process.out_of_memory() {
            _ if code != KILLED => "",
            None => "",
            Some(OutOfMemory::OfGuest) => ": it had all the memory that --memory gives it and the runtime",
            Some(OutOfMemory::OfMachine) => ": this machine's memory had ended",
        }
    }

    /// Ends it. One that does something of its own has until `deadline` for that.
    pub async fn finish(&mut self, deadline: Instant) {
        let patience = match self.kind {
            _ if self.handles_end => deadline.saturating_duration_since(Instant::now()),
            Some(kind) if kind.is_http() => LAST_WORDS,
            _ => Duration::ZERO,
        };
        self.process.finish(patience).await;
    }
}
