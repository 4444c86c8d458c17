//! What can happen to a session, as plain data.

use crate::control::Source;
use crate::settings::choices::Restart;
use netns::Protocol;
use report::Failure;
use runtime::Kind;
use std::time::{Duration, Instant};

/// A port of the guest.
pub type Port = (Protocol, u16);
/// A generation: they are counted from 1.
pub type Number = u64;
/// A forward's number ([`netns::Forward::id`]).
pub type ForwardId = u64;

/// What of the settings decides what follows from what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Changes are waited for.
    pub watch: bool,
    /// What runs is built by a plan, not found as a file.
    pub builds: bool,
    pub restart: Restart,
    pub auto_forward: bool,
    /// A guest listens within this.
    pub connect_timeout: Duration,
    /// A generation with a successor drains within this.
    pub grace: Duration,
    /// The port and path that a candidate is asked on, whether it is well.
    pub health: Option<(u16, String)>,
}

/// Something that can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// No two have the same.
    pub id: u64,
    /// Of the guest's file.
    pub digest: blake3::Hash,
    /// The file is an interpreter, which says nothing about what it runs.
    pub is_program: bool,
    /// Better code can be made of it.
    pub is_baseline: bool,
    /// Something can be made for the next start.
    pub has_ahead: bool,
    /// Its code is in no cache and can be let go once it is in memory.
    pub is_temporary: bool,
    /// How long the build and the compilation took, where there was one.
    pub built: Option<Duration>,
    pub compiled: Option<Duration>,
}

/// How a generation ended.
#[derive(Debug)]
pub struct End {
    /// The exit code of its process.
    pub code: u8,
    /// It returned, with exit code 0.
    pub is_well: bool,
    pub has_trapped: bool,
    /// How, in a few words, and at length.
    pub short: String,
    pub long: Option<String>,
    /// What it is to the user where nothing follows.
    pub failure: Option<Failure>,
}

/// What a generation says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Its code is loaded and linked.
    Loaded(Kind),
    /// It listens on a port, or has bound it for datagrams.
    Listening(Port),
    /// It accepts no more on a TCP port, from any listener.
    Closed(u16),
    /// It has given back the host's listeners that it was asked for.
    Released,
    /// It takes no orders.
    Deaf,
}

/// Something that has happened.
#[derive(Debug)]
pub enum Event {
    /// The session begins.
    Begin,
    /// A deadline has come ([`super::State::deadline`]).
    Due,
    /// The project is another than what runs; since then.
    Changed {
        since: Instant,
        /// What has changed, in a few words.
        cause: Option<String>,
    },
    /// Other settings hold.
    Ruled(Rules),

    /// A build has ended. `fits`: the serving generation was started under the settings that hold now.
    Built {
        made: Made,
        fits: bool,
    },
    NotBuilt(Failure),
    /// Better code is there, or what there was to make for the next start is made.
    Optimized(Option<Made>),
    NotOptimized(Failure),

    /// A generation's process runs. `adopts`: it takes the host's listeners.
    Started {
        number: Number,
        adopts: bool,
    },
    NotStarted {
        number: Number,
        failure: Failure,
    },
    /// What was to be started again is no longer what it was made of.
    Stale(Number),
    Heard {
        number: Number,
        heard: Heard,
    },
    /// Its jail cannot be built.
    Refused {
        number: Number,
        failure: Failure,
    },
    /// Its process has ended.
    Ended {
        number: Number,
        end: End,
    },
    /// Its init has not answered for long.
    Silent(Number),
    Healthy(Number),
    Unwell {
        number: Number,
        why: String,
    },
    /// A generation with a successor is gone; so many connections were ended for it.
    Drained {
        number: Number,
        cut: usize,
    },

    /// Forwards are bound, and accept.
    Added {
        forwards: Vec<(ForwardId, Port)>,
        source: Source,
    },
    /// Forwards are not wanted any more.
    Removed(Vec<ForwardId>),
    /// A generation did not take a forward's listeners, which are ours again.
    NotLent {
        forward: ForwardId,
        number: Number,
    },
    /// A connection has waited in vain for somebody to listen on a port.
    NobodyListens {
        port: u16,
        waited: Duration,
    },

    /// Somebody wants a new generation of the same.
    Restart,
    /// Somebody wants the end, and says what grace there is.
    Stop {
        grace: Option<Duration>,
    },
    /// A signal that asks for the end.
    Signal(u8),
    /// So many connections were ended at once.
    Cut(usize),
}
