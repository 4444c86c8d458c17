//! What is to be done, as plain data.

use super::event::{End, ForwardId, Number, Port};
use report::Failure;
use std::time::Duration;

/// Something to do.
#[derive(Debug)]
pub enum Effect {
    /// Build what runs next; what is being built is dropped.
    Build,
    /// Drop what is being built.
    CancelBuild,
    /// Make better code of what is made, or what its next start needs; what was being made is dropped.
    Optimize(u64),
    CancelOptimize,
    /// The code of what is made is let go.
    LetGo(u64),

    /// Start a generation; answered with `Started`, `NotStarted`, or where it is one of before, `Stale`.
    Start {
        number: Number,
        made: u64,
        again: bool,
    },
    /// Ask a generation whether it is well: GET `path` on `port`.
    Probe {
        number: Number,
        port: u16,
        path: String,
        limit: Duration,
    },
    /// Ask for the host's listeners; answered with `Released` or `Deaf`.
    Release(Number),
    /// Kill its process; `Ended` follows.
    Kill(Number),
    /// Forget it, and end what is left of it.
    Drop(Number),
    /// Another has taken over: its connections leave for that one where nobody notices.
    Retire(Number),
    /// Let its connections end, for at most so long, and then itself; `Drained` follows.
    Drain {
        number: Number,
        grace: Duration,
    },

    /// Send a forward's new connections elsewhere.
    Retarget(ForwardId, Upstream),
    /// Try its waiting connections again.
    Wake(ForwardId),
    /// Leave its listeners to a generation; answered with `NotLent` where it does not take them.
    Lend {
        forward: ForwardId,
        port: u16,
        to: Number,
    },
    /// Accept here what comes to it.
    Reclaim(ForwardId),
    /// Say that it leads to who listens.
    Announce(ForwardId),
    /// Close these.
    Unforward(Vec<ForwardId>),
    /// Forward a port from one of this machine's that is free; answered with `Added`.
    Detect(Port),
    /// Refuse new connections everywhere.
    Close,

    /// Tell who waits for it that the guest serves.
    Ready,
    /// Tell pages to refresh.
    Refresh(Number),
    Say(Say),

    /// Watch no more.
    Unwatch,
    /// Have the programs of those that drain end.
    Terminate,
    /// End the connections of those that drain; answered with `Cut`.
    Abort,
    Exit(Exit),
}

/// Where new connections go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// They wait for a generation that is to come.
    Awaited,
    /// Nobody is to come: they are reset.
    Nobody,
    Guest(Number),
}

/// How the session ends.
#[derive(Debug)]
pub enum Exit {
    Code(u8),
    /// With the guest, whose last bytes still go out.
    Guest {
        number: Number,
        end: End,
    },
    Failed(Failure),
}

/// Something that the user reads.
#[derive(Debug)]
pub enum Say {
    Failure(Failure),
    NotOptimized(Failure),
    /// Who could not start is started again after a pause.
    TriesAgain(Duration),
    ServesOn(Number),
    NobodyServes,
    /// What was built is what serves.
    Unchanged(Number),
    DidNotTakeOver {
        number: Number,
        why: Why,
    },
    /// A generation has ended, and something follows.
    Ended {
        number: Number,
        end: End,
        next: Next,
    },
    Reloaded(Swap),
    Optimized(Swap),
    Drained {
        number: Number,
        cut: usize,
    },
    /// The guest answers HTTP, and no port leads to it.
    NoForward,
    /// The guest listens on a port, and none leads to it.
    NotForwarded(Port),
    /// A port is forwarded on which the guest does not listen; it does on another.
    NotListening {
        port: Port,
        elsewhere: Option<u16>,
    },
    WaitedInVain {
        port: u16,
        waited: Duration,
    },
    /// So many ports are forwarded by themselves, and no more.
    MostDetected(usize),
    /// Its init does not answer. `ends`: so it is ended.
    Silent {
        number: Number,
        ends: bool,
    },
    StoppedByUser,
    /// The end takes longer than a moment.
    Stopping,
    /// So many connections were ended.
    Cut(usize),
}

/// A change of generations.
#[derive(Debug)]
pub struct Swap {
    pub number: Number,
    /// From the change to the new generation.
    pub took: Duration,
    pub built: Option<Duration>,
    pub compiled: Option<Duration>,
    pub started: Duration,
    pub cause: Option<String>,
}

/// Why a candidate did not take over.
#[derive(Debug)]
pub enum Why {
    Ended(End),
    Refused(Failure),
    Unwell(String),
    /// It listens on all ports and was not well within the time.
    Overdue(Duration),
    /// It does not listen on these.
    NotListening(Vec<Port>, Duration),
}

/// What follows a generation that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    TakesOver(Number),
    /// It is being made.
    Made,
    /// The same, after a pause.
    Again(Duration),
    /// Somebody has to change something.
    Change,
    Nothing,
}
