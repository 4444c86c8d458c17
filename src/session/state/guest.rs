//! Generations on their way to serve, and the one that does.

use super::event::{Made, Number, Port};
use runtime::Kind;
use std::collections::BTreeSet;
use std::fmt;
use std::time::Instant;

/// A build under way.
pub(super) struct Build {
    pub(super) since: Instant,
    /// It is started even if it is what serves already.
    pub(super) anyway: bool,
}

/// A generation that was asked for.
pub(super) struct Starting {
    pub(super) number: Number,
    pub(super) made: Made,
    pub(super) since: Instant,
    pub(super) is_upgrade: bool,
}

/// A generation that runs.
pub(super) struct Guest {
    pub(super) number: Number,
    pub(super) made: Made,
    pub(super) started: Instant,
    /// Known when its code is loaded.
    pub(super) kind: Option<Kind>,
    /// Ports that it listens on, or has bound for datagrams.
    pub(super) listening: BTreeSet<Port>,
    /// It takes the host's listeners.
    pub(super) adopts: bool,
    /// It was asked for them, and has until then to give them back.
    pub(super) releases: Option<Instant>,
}

/// A generation that is to take over.
pub(super) struct Candidate {
    pub(super) guest: Guest,
    /// The change that it is the answer to.
    pub(super) since: Instant,
    /// It is what serves already, with better code.
    pub(super) is_upgrade: bool,
    pub(super) step: Step,
    /// It has to be ready by then.
    pub(super) due: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Starts,
    /// It listens everywhere and is asked whether it is well.
    Probed,
    /// It is ready, and the serving one was asked for the host's listeners.
    TakesOver,
}

/// How a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing runs, and something is being made.
    Making,
    /// The guest does not listen on every forwarded port yet.
    Starting,
    Serving,
    /// Nothing runs: for a restart, or until something changes.
    Waiting,
    Stopping,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Condition::Making => "making",
            Condition::Starting => "starting",
            Condition::Serving => "serving",
            Condition::Waiting => "waiting",
            Condition::Stopping => "stopping",
        })
    }
}

impl Guest {
    pub(super) fn listens_on(&self, ports: &BTreeSet<Port>) -> bool {
        self.kind.is_some() && self.listening.is_superset(ports)
    }
}
