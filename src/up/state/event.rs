//! What can happen to services and what is to be done, as plain data.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// What decides what follows from what.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// A guest that fails comes again with its next build.
    pub watch: bool,
    /// The first end of a service is the end of all.
    pub abort_on_exit: bool,
    /// Who is not there once nobody is on the way is a reason to end.
    pub needs_all: bool,
}

/// A service, as far as others depend on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// The project; another one is another process.
    pub path: PathBuf,
    /// Services that it links to, and on which ports.
    pub links: BTreeMap<String, BTreeSet<u16>>,
    /// Its process is not started again where it dies.
    pub restarts_never: bool,
}

/// How a run is, by its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    Making,
    Starting,
    Serving,
    /// Nothing runs, for a restart or a change.
    Waiting,
    Stopping,
}

/// What a service's process says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    State {
        condition: Condition,
        /// TCP ports that the guest listens on.
        listening: BTreeSet<u16>,
    },
    /// A guest has ended with this exit code.
    Ended(u8),
    /// Somebody has asked the run to stop.
    Stopped,
}

/// Something that has happened.
#[derive(Clone, Debug)]
pub enum Event {
    Begin,
    /// A deadline has come.
    Due,
    Told(String, Told),
    /// A process has ended, with this exit code.
    Exited(String, u8),
    /// These are to end: all without one.
    Down(Vec<String>),
    /// A signal that asks for the end.
    Signal(u8),
    /// The file has these services now.
    Planned(BTreeMap<String, Service>),
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    Start(String),
    /// Have it end, with its grace.
    Stop(String),
    /// Have it end without.
    EndNow(String),
    /// End its process: it does not end by itself.
    Kill(String),
    Say(Say),
    /// Nobody is on the way any more: all that can be there is. Whether that is everybody.
    Up {
        all: bool,
    },
    Exit(u8),
}

/// How a service ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// By itself, well.
    Ended,
    Failed(u8),
    /// It never began.
    NotStarted(Why),
    /// As it was asked to.
    Stopped,
}

/// Why it never began: who is not there for it, and what became of that one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    pub linked: String,
    pub outcome: Box<Outcome>,
}

/// Something that the user reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Say {
    NotStarted(String, Why),
    Failed(String, u8),
    /// It failed, and comes with its next build.
    AwaitsChange {
        service: String,
        code: Option<u8>,
        /// Who waits for it.
        dependants: Vec<String>,
    },
    Ready(String, Duration),
    Restarts(String, u8, Duration),
    /// Who is not there yet, and what for.
    Waits(Vec<(String, Waits)>),
    Stopping(Vec<String>),
}

/// What a service waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waits {
    /// These are not ready.
    For(Vec<String>),
    /// It has started, and nobody listens on these ports.
    Ports(Vec<u16>),
    /// It is on its way: what it does.
    Is(Condition),
    /// It has failed, and nothing has changed since.
    Change,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Ended => f.write_str("ended (exit 0)"),
            Outcome::Failed(code) => write!(f, "failed (exit {code})"),
            Outcome::NotStarted(why) => write!(f, "not started: {why}"),
            Outcome::Stopped => f.write_str("stopped"),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.outcome {
            // The first in the line is what happened.
            Outcome::NotStarted(why) => why.fmt(f),
            outcome => write!(f, "{} {outcome}", self.linked),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Condition::Making => "being made",
            Condition::Starting => "starting",
            Condition::Serving => "serving",
            Condition::Waiting => "waiting",
            Condition::Stopping => "stopping",
        })
    }
}
