//! `poll_oneoff` over sockets, clocks and everything else.

use super::context::Context;
use super::errno;
use super::sockets::Sockets;
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;
use wasmtime_wasi::p1::types::{
    Clockid, Errno, Error, Event, EventFdReadwrite, Eventrwflags, Eventtype, Fd, Size, Subclockflags, Subscription,
    SubscriptionU,
};
use wiggle::{GuestMemory, GuestPtr};

/// Subscriptions in one call; they take memory of this process, not of the guest.
const MAX_SUBSCRIPTIONS: Size = 64 * 1024;

/// What one subscription waits for.
enum Wanted {
    Time(Instant),
    Read(u32),
    Write(u32),
    /// A descriptor that is always ready: a file, or standard output.
    Now(Eventtype),
    Refused(Eventtype, Errno),
}

struct Waiting {
    userdata: u64,
    wanted: Wanted,
}

/// Whether a subscription list names a socket: without one, wasmtime-wasi's own implementation serves it.
pub(super) fn names_socket(
    sockets: &Sockets,
    memory: &GuestMemory<'_>,
    subscriptions: GuestPtr<Subscription>,
    count: Size,
) -> Result<bool, Error> {
    for subscription in subscriptions.as_array(count).iter() {
        let descriptor = match memory.read(subscription?)?.u {
            SubscriptionU::Clock(_) => continue,
            SubscriptionU::FdRead(wanted) => wanted.file_descriptor,
            SubscriptionU::FdWrite(wanted) => wanted.file_descriptor,
        };
        if sockets.has(descriptor.into()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Waits until at least one subscription is ready and writes all that are.
pub(super) async fn poll(
    context: &mut Context,
    memory: &mut GuestMemory<'_>,
    subscriptions: GuestPtr<Subscription>,
    events: GuestPtr<Event>,
    count: Size,
) -> Result<Size, Error> {
    if count > MAX_SUBSCRIPTIONS {
        return Err(Errno::Inval.into());
    }
    let mut waiting = Vec::with_capacity(count as usize);
    for subscription in subscriptions.as_array(count).iter() {
        let subscription = memory.read(subscription?)?;
        waiting.push(Waiting {
            userdata: subscription.userdata,
            wanted: wanted(context, &subscription.u)?,
        });
    }
    let timers = waiting.iter().filter_map(|waiting| match waiting.wanted {
        Wanted::Time(at) => Some(at),
        _ => None,
    });
    // One timer for the earliest: when it fires, all that are due are found below.
    let earliest = timers.min();
    let mut timer = std::pin::pin!(async {
        match earliest {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    });
    let sockets = &mut context.sockets;
    let ready = std::future::poll_fn(|task| {
        let due = timer.as_mut().poll(task).is_ready().then(Instant::now);
        let ready: Vec<Event> = waiting
            .iter()
            .filter_map(|waiting| happened(waiting, sockets, due, task))
            .collect();
        if ready.is_empty() {
            Poll::Pending
        } else {
            Poll::Ready(ready)
        }
    })
    .await;
    for (event, slot) in ready.iter().zip(events.as_array(count).iter()) {
        memory.write(slot?, event.clone())?;
    }
    Ok(Size::try_from(ready.len()).unwrap_or(count))
}

fn wanted(context: &mut Context, subscription: &SubscriptionU) -> Result<Wanted, Error> {
    let (descriptor, kind) = match subscription {
        SubscriptionU::Clock(clock) => {
            let timeout = Duration::from_nanos(clock.timeout);
            let absolute = clock.flags.contains(Subclockflags::SUBSCRIPTION_CLOCK_ABSTIME);
            let wait = match (clock.id, absolute) {
                (Clockid::Realtime | Clockid::Monotonic, false) => timeout,
                (Clockid::Realtime, true) => {
                    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                    timeout.saturating_sub(now)
                }
                (Clockid::Monotonic, true) => timeout.saturating_sub(context.monotonic_now()?),
                _ => return Ok(Wanted::Refused(Eventtype::Clock, Errno::Inval)),
            };
            let now = Instant::now();
            // A time beyond what can be said is as good as never.
            let at = now.checked_add(wait).unwrap_or(now + Duration::from_secs(1 << 30));
            return Ok(Wanted::Time(at));
        }
        SubscriptionU::FdRead(wanted) => (u32::from(wanted.file_descriptor), Eventtype::FdRead),
        SubscriptionU::FdWrite(wanted) => (u32::from(wanted.file_descriptor), Eventtype::FdWrite),
    };
    Ok(match (context.sockets.has(descriptor), kind) {
        (true, Eventtype::FdWrite) => Wanted::Write(descriptor),
        (true, _) => Wanted::Read(descriptor),
        (false, kind) if context.is_open(Fd::from(descriptor)) => Wanted::Now(kind),
        (false, kind) => Wanted::Refused(kind, Errno::Badf),
    })
}

fn happened(
    waiting: &Waiting,
    sockets: &mut Sockets,
    due: Option<Instant>,
    task: &mut std::task::Context<'_>,
) -> Option<Event> {
    let event = |kind, nbytes, error| {
        Some(Event {
            userdata: waiting.userdata,
            error,
            type_: kind,
            fd_readwrite: EventFdReadwrite {
                nbytes,
                flags: Eventrwflags::empty(),
            },
        })
    };
    match waiting.wanted {
        Wanted::Time(at) => match due {
            Some(now) if at <= now => event(Eventtype::Clock, 0, errno::SUCCESS),
            _ => None,
        },
        Wanted::Read(descriptor) => match sockets.get(descriptor)?.kind.poll_readable(task) {
            Poll::Ready(bytes) => event(Eventtype::FdRead, bytes, errno::SUCCESS),
            Poll::Pending => None,
        },
        Wanted::Write(descriptor) => match sockets.get(descriptor)?.kind.poll_writable(task) {
            // How much is not known; anything is more than nothing.
            Poll::Ready(()) => event(Eventtype::FdWrite, 1, errno::SUCCESS),
            Poll::Pending => None,
        },
        Wanted::Now(kind) => event(kind, 1, errno::SUCCESS),
        Wanted::Refused(kind, refused) => event(kind, 0, refused),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adoption::Adoption;
    use crate::guest::{Guest, Listeners};
    use crate::host::Gate;
    use proptest::prelude::*;
    use std::collections::HashMap;
    use std::sync::Arc;
    use wasmtime_wasi::WasiCtxBuilder;

    /// Bytes of a subscription (wasip1's `subscription`).
    const SUBSCRIPTION: usize = 48;

    /// One subscription, with more sense in it than chance would give.
    fn subscription() -> impl Strategy<Value = [u8; SUBSCRIPTION]> {
        let descriptor = prop_oneof![0u32..8, Just(600), any::<u32>()];
        let nanoseconds = prop_oneof![0u64..2_000_000, any::<u64>()];
        (any::<u64>(), 0u8..5, descriptor, nanoseconds, any::<u16>()).prop_map(
            |(userdata, tag, descriptor, timeout, flags)| {
                let mut bytes = [0; SUBSCRIPTION];
                bytes[..8].copy_from_slice(&userdata.to_le_bytes());
                bytes[8] = tag;
                bytes[16..20].copy_from_slice(&descriptor.to_le_bytes());
                bytes[24..32].copy_from_slice(&timeout.to_le_bytes());
                bytes[40..42].copy_from_slice(&(flags % 3).to_le_bytes());
                bytes
            },
        )
    }

    fn context() -> Context {
        let events: crate::Events = Arc::new(|_| ());
        let guest = Guest::default();
        let adoption = Adoption::new(1, HashMap::new(), events.clone(), Arc::new(|_| ()));
        let gate = Gate::new(&guest, events);
        let sockets = Sockets::listen(&[0, 0], 3, Listeners::AfterDirectories, &gate, &adoption).unwrap();
        Context::new(WasiCtxBuilder::new().build_p1(), sockets)
    }

    proptest! {
        /// Whatever a guest's memory holds, the call waits, or returns as many events as there were subscriptions at most,
        /// and writes nowhere else.
        #[test]
        fn fuzzed_subscriptions_are_waited_for_or_refused(
            subscriptions in prop::collection::vec(subscription(), 0..6),
            count in prop_oneof![0u32..8, any::<u32>()],
            at in prop_oneof![Just(0u32), any::<u32>()],
            to in prop_oneof![Just(1024u32), any::<u32>()],
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut context = context();
                let mut bytes: Vec<u8> = subscriptions.concat();
                bytes.resize(2048, 0);
                let before = bytes.clone();
                let mut memory = GuestMemory::Unshared(&mut bytes);
                let call = poll(&mut context, &mut memory, GuestPtr::new(at), GuestPtr::new(to), count);
                let ended = tokio::time::timeout(Duration::from_millis(5), call).await;
                if let Ok(Ok(events)) = ended {
                    prop_assert!(events <= count.max(1));
                }
                let first = (to as usize).min(before.len());
                prop_assert_eq!(&bytes[..first], &before[..first]);
                Ok(())
            })?;
        }
    }
}
