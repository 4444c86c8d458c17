//! Wrong credentials are counted by address, and after too many nothing is looked at for a while.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Wrong credentials of one address in [`WINDOW`].
pub const MOST: u32 = 10;
/// How long they are remembered.
pub const WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are remembered at once.
const ADDRESSES: usize = 4096;

/// Counts failures.
#[derive(Default)]
pub struct Throttle(Mutex<HashMap<IpAddr, Count>>);

struct Count {
    since: Instant,
    failures: u32,
}

impl Throttle {
    /// How long an address still has to wait; none where it may try.
    pub fn wait(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = table.get(&group(address))?;
        let left = WINDOW.checked_sub(now.saturating_duration_since(count.since))?;
        (count.failures >= MOST && !left.is_zero()).then_some(left)
    }

    /// An address has presented what is nothing.
    pub fn failed(&self, address: IpAddr, now: Instant) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let address = group(address);
        if table.len() >= ADDRESSES && !table.contains_key(&address) {
            table.retain(|_, count| now.saturating_duration_since(count.since) < WINDOW);
        }
        if table.len() >= ADDRESSES && !table.contains_key(&address) {
            // Whoever has so many addresses loses nothing by it: a token cannot be guessed.
            let oldest = table
                .iter()
                .min_by_key(|(_, count)| count.since)
                .map(|(address, _)| *address);
            oldest.and_then(|oldest| table.remove(&oldest));
        }
        let count = table.entry(address).or_insert(Count {
            since: now,
            failures: 0,
        });
        if now.saturating_duration_since(count.since) >= WINDOW {
            *count = Count {
                since: now,
                failures: 0,
            };
        }
        count.failures = count.failures.saturating_add(1);
    }
}

/// A network of IPv6 belongs to one customer as a whole (RFC 6177).
fn group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eleventh_try_of_a_minute_waits_and_others_do_not() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        for _ in 0..MOST {
            assert_eq!(throttle.wait(one, now), None);
            throttle.failed(one, now);
        }
        assert_eq!(throttle.wait(one, now), Some(WINDOW));
        assert_eq!(throttle.wait(other, now), None);
        assert_eq!(throttle.wait(one, now + WINDOW), None);
        throttle.failed(one, now + WINDOW);
        assert_eq!(throttle.wait(one, now + WINDOW), None, "a new minute begins at nothing");
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for host in 0..MOST {
            throttle.failed(format!("2001:db8::{host:x}").parse().unwrap(), now);
        }
        assert!(throttle.wait("2001:db8::ffff".parse().unwrap(), now).is_some());
        assert!(throttle.wait("2001:db8:0:1::1".parse().unwrap(), now).is_none());
    }

    #[test]
    fn many_addresses_take_bounded_memory() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for address in 0..20_000u32 {
            throttle.failed(
                IpAddr::from(address.to_be_bytes()),
                now + Duration::from_millis(address.into()),
            );
        }
        assert!(throttle.0.lock().unwrap().len() <= ADDRESSES);
    }
}
