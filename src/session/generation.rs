//! A generation with what is known of it.

use crate::session::build::Made;
use crate::session::ledger::Ledger;
use crate::session::state::End;
use anyhow::{Context, anyhow};
use netns::Protocol;
use report::{Failure, Result};
use runtime::{Event, Kind, Outcome};
use std::collections::BTreeMap;
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

/// A process that closed its channel, or said what makes no sense, ends within this, or is ended.
const LINGER: Duration = Duration::from_secs(1);

/// Something that a generation said.
pub enum Word {
    Event(Event),
    /// It has given back the listeners that it was asked for.
    Released,
    /// It has said what it counts.
    Counted,
}

/// What comes next of a generation.
pub enum Next {
    Message(Message),
    /// Its process has ended, with this exit code.
    Ended(u8),
}

/// How far the end of a process has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Runs,
    /// It says nothing more, and is killed then.
    Lingers(tokio::time::Instant),
    Killed,
    Over,
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
    /// What it says of connections that it accepts itself.
    pub ledger: Arc<Ledger>,
    /// It does something of its own at its end.
    handles_end: bool,
    listeners: Listeners,
    /// How often it was asked for them.
    releases: u64,
    /// How it ended, when it has said so.
    outcome: Option<Outcome>,
    ending: Ending,
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
            ledger,
            handles_end: false,
            listeners: Listeners::Ours,
            releases: 0,
            outcome: None,
            ending: Ending::Runs,
        })
    }

    /// The next message, or the end of its process, once. Cancel-safe.
    pub async fn next(&mut self) -> Next {
        if self.ending == Ending::Runs {
            if let Some(message) = self.process.message().await {
                return Next::Message(message);
            }
            self.ledger.close();
            self.ending = Ending::Lingers(tokio::time::Instant::now() + LINGER);
        }
        if let Ending::Lingers(until) = self.ending
            && tokio::time::timeout_at(until, self.process.ended()).await.is_err()
        {
            self.process.kill();
            self.ending = Ending::Killed;
        }
        if self.ending == Ending::Over {
            std::future::pending::<()>().await;
        }
        let ended = self.process.ended().await;
        self.ending = Ending::Over;
        Next::Ended(ended.unwrap_or_else(|failure| {
            report::failure(&failure);
            report::FAILED
        }))
    }

    /// Takes a message in; a word is for others to be told.
    ///
    /// # Errors
    ///
    /// The jail could not be built.
    pub fn take(&mut self, message: Message) -> Result<Option<Word>> {
        Ok(match message {
            Message::Event(event) => {
                match &event {
                    Event::Loaded(kind) => self.kind = Some(*kind),
                    Event::Listening(address) => self.process.target.listens(Protocol::Tcp, *address),
                    Event::Bound(address) => self.process.target.listens(Protocol::Udp, *address),
                    Event::HandlesEnd => self.handles_end = true,
                    _ => {}
                }
                Some(Word::Event(event))
            }
            Message::Adopted(counts) => {
                self.ledger.enter(&counts);
                None
            }
            Message::Released(number) => {
                if self.listeners == Listeners::Asked && number == self.releases {
                    self.listeners = Listeners::Ours;
                    return Ok(Some(Word::Released));
                }
                None
            }
            Message::Ended(outcome) => {
                self.outcome = Some(outcome);
                None
            }
            // Once its code is loaded the jail stands: what it says then is not to be believed.
            Message::Jail { error, errno } if self.kind.is_none() => return Err(refusal::explain(&error, errno)),
            Message::Counted => Some(Word::Counted),
            Message::Jail { .. } | Message::Inside(_) => None,
        })
    }

    /// Whether it takes listeners of the host.
    pub fn adopts(&self) -> bool {
        self.given.adopts.is_some()
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

    /// How it ended, with the exit code of its process.
    pub fn end(&self, code: u8) -> End {
        let killed = self.end_of_memory(code);
        let (short, long, failure): (_, _, Option<Failure>) = match &self.outcome {
            Some(Outcome::Exited(_)) => (format!("ended with exit code {code}"), None, None),
            Some(Outcome::Trapped(text)) => ("trapped".to_owned(), Some(text.clone()), None),
            Some(Outcome::Failed(text)) => {
                let failure = Failure {
                    hint: supervisor::foreign_hint(text).map(str::to_owned),
                    ..anyhow!("the guest cannot run: {text}").into()
                };
                ("cannot run".to_owned(), Some(text.clone()), Some(failure))
            }
            None => {
                let failure = anyhow!("the guest's process was killed (exit code {code}){killed}");
                let failure = Failure { code, ..failure.into() };
                (format!("was killed (exit code {code}){killed}"), None, Some(failure))
            }
        };
        End {
            code,
            is_well: matches!(self.outcome, Some(Outcome::Exited(_))) && code == 0,
            has_trapped: matches!(self.outcome, Some(Outcome::Trapped(_))),
            short,
            long,
            failure,
        }
    }

    fn end_of_memory(&self, code: u8) -> &'static str {
        match self.process.out_of_memory() {
            _ if code != KILLED => "",
            None => "",
            Some(OutOfMemory::OfGuest) => {
                ": it exceeded the memory that `--memory` allows for the guest and its runtime"
            }
            Some(OutOfMemory::OfMachine) => ": this machine ran out of memory",
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

/// What comes next of any generation.
pub async fn next_of(generations: &mut BTreeMap<u64, Generation>) -> (u64, Next) {
    let nexts = generations
        .iter_mut()
        .map(|(number, live)| Box::pin(async { (*number, live.next().await) }));
    let nexts: Vec<_> = nexts.collect();
    match nexts.is_empty() {
        true => std::future::pending().await,
        false => futures::future::select_all(nexts).await.0,
    }
}
