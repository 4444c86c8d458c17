//! Who may have the guest work: a share for each, and none for those whose clients stall.

use super::clock::{Clock, milliseconds};
use super::exchange::Exchange;
use super::register::Register;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Of all turns, requests whose body is still on its way have one of so many.
const LATE: usize = 4;
/// And one HTTP/2 connection.
const SHARE: usize = 8;
/// Where others wait for a turn, one whose client has done nothing for this long loses it.
const STALLED: Duration = Duration::from_secs(5);
/// How often one who waits looks for such a one.
const LOOK: Duration = Duration::from_secs(1);
/// And all of them together, where there was none.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

pub(super) struct Turns {
    clock: Clock,
    all: Arc<Semaphore>,
    late: Arc<Semaphore>,
    /// When it is worth to look for one that stalls, for a turn and for a place.
    look: [AtomicU64; 2],
    /// Requests under way, with a turn or without.
    pub(super) exchanges: Arc<Register<Exchange>>,
}

/// One request's turn: the guest may work for it until this is dropped.
pub(super) struct Turn {
    exchange: Arc<Exchange>,
    _permit: OwnedSemaphorePermit,
}

impl Turn {
    pub(super) fn exchange(&self) -> &Arc<Exchange> {
        &self.exchange
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.exchange.has_turn(false);
    }
}

/// What one connection may have of them at once.
pub(super) struct Share {
    pub(super) all: Arc<Semaphore>,
    late: Arc<Semaphore>,
}

/// A place among the requests whose body is on its way.
pub(super) struct Late {
    _of_all: OwnedSemaphorePermit,
    _of_the_share: OwnedSemaphorePermit,
}

impl Turns {
    pub(super) fn new(clock: Clock, requests: usize) -> Arc<Turns> {
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits.clamp(1, Semaphore::MAX_PERMITS)));
        Arc::new(Turns {
            clock,
            all: semaphore(requests),
            late: semaphore(requests / LATE),
            look: Default::default(),
            exchanges: Register::new(),
        })
    }

    /// One connection's share of so many requests.
    pub(super) fn share(requests: usize) -> Share {
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits.clamp(1, Semaphore::MAX_PERMITS)));
        Share {
            all: semaphore(requests / SHARE),
            late: semaphore(requests / SHARE / LATE),
        }
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self, exchange: &Arc<Exchange>) -> Arc<Turn> {
        let permit = self.permit(&self.all, false).await;
        exchange.has_turn(true);
        Arc::new(Turn {
            exchange: exchange.clone(),
            _permit: permit,
        })
    }

    /// A place for a request whose body is on its way, if there is one.
    pub(super) fn late_now(&self, share: &Share) -> Option<Late> {
        Some(Late {
            _of_the_share: share.late.clone().try_acquire_owned().ok()?,
            _of_all: self.late.clone().try_acquire_owned().ok()?,
        })
    }

    /// Waits for such a place. One that could use it at once ends another that stalls, if need be.
    pub(super) async fn late(&self, share: &Share, at_once: bool) -> Late {
        let of_the_share = acquire(&share.late).await;
        Late {
            _of_the_share: of_the_share,
            _of_all: match at_once {
                true => self.permit(&self.late, true).await,
                false => acquire(&self.late).await,
            },
        }
    }

    async fn permit(&self, of: &Arc<Semaphore>, late: bool) -> OwnedSemaphorePermit {
        if let Ok(permit) = of.clone().try_acquire_owned() {
            return permit;
        }
        let mut permit = pin!(acquire(of));
        loop {
            self.end_one_that_stalls(late);
            if let Ok(permit) = tokio::time::timeout(LOOK, permit.as_mut()).await {
                return permit;
            }
        }
    }

    /// Ends the request whose client has stalled the longest, if that is long: somebody else needs what it has. Of all, or of
    /// those whose body is late.
    pub(super) fn end_one_that_stalls(&self, late: bool) {
        let (now, look) = (self.clock.now(), &self.look[usize::from(late)]);
        if now < look.load(Relaxed) {
            return;
        }
        let long_ago = now.saturating_sub(milliseconds(STALLED));
        let stalls = self.exchanges.with(|all| {
            let stalling = all.filter_map(|exchange| Some((exchange.stalls(late)?, exchange)));
            let long = stalling.filter(|(since, _)| *since <= long_ago);
            long.min_by_key(|(since, _)| *since)
                .map(|(_, exchange)| exchange.clone())
        });
        match stalls {
            Some(exchange) => exchange.cut(),
            None => look.store(now + milliseconds(LOOK_AGAIN), Relaxed),
        }
    }
}

async fn acquire(of: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    match of.clone().acquire_owned().await {
        Ok(permit) => permit,
        Err(_) => unreachable!("the semaphore is never closed"),
    }
}
