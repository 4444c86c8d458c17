//! What guests were told that names stand for.
//!
//! [`Pins`] holds real answers: a rule of a name allows an address that the name was answered with a short time ago. [`Synthetic`] makes
//! addresses up for names that no rule covers: they lead nowhere, and tell a refusal which name was meant. Time is passed in.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long an address may be connected to after it was last among the answers for its name.
const FRESH: Duration = Duration::from_secs(60);
/// Most pins: an address with a name each.
const PINS: usize = 4096;
/// Most addresses of one name.
const ADDRESSES: usize = 64;

/// A name that an address was an answer for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The name, as it was pinned.
    pub name: String,
    /// It was among the answers within the last minute.
    pub is_fresh: bool,
    /// This machine's hosts file has said so.
    pub is_local: bool,
}

/// Names by the addresses that they were answered with.
#[derive(Debug, Default)]
pub(super) struct Pins {
    by_address: HashMap<IpAddr, Vec<Held>>,
    /// Look-ups so far, by which pins are told apart that are of the same instant.
    turn: u64,
}

#[derive(Debug)]
struct Held {
    name: Arc<str>,
    turn: u64,
    asked: Instant,
    is_local: bool,
}

impl Pins {
    /// Remembers an answer. The name is in lower case, without a last dot. `is_local`: this machine's hosts file has answered.
    ///
    /// Other addresses of the name stay, and become stale in their time: answers rotate, and who has just been told one may use it.
    pub(super) fn pin(&mut self, name: &str, addresses: &[IpAddr], is_local: bool, now: Instant) {
        self.turn += 1;
        let name: Arc<str> = name.into();
        for address in addresses.iter().take(ADDRESSES) {
            let names = self.by_address.entry(address.to_canonical()).or_default();
            names.retain(|held| held.name != name);
            names.push(Held {
                name: name.clone(),
                turn: self.turn,
                asked: now,
                is_local,
            });
        }
        self.forget(ADDRESSES, |held| held.name == name);
        self.forget(PINS, |_| true);
    }

    /// The names of an address, the last one asked for first.
    pub(super) fn of(&self, address: IpAddr, now: Instant) -> Vec<Pin> {
        let mut names: Vec<&Held> = self
            .by_address
            .get(&address.to_canonical())
            .into_iter()
            .flatten()
            .collect();
        names.sort_by_key(|held| std::cmp::Reverse(held.turn));
        let pin = |held: &Held| Pin {
            name: held.name.to_string(),
            is_fresh: held.is_fresh(now),
            is_local: held.is_local,
        };
        names.into_iter().map(pin).collect()
    }

    /// The fresh addresses of a name, in order.
    pub(super) fn addresses(&self, name: &str, now: Instant) -> Vec<IpAddr> {
        let is_one = |held: &Held| &*held.name == name && held.is_fresh(now);
        let fresh = self.by_address.iter().filter(|(_, names)| names.iter().any(is_one));
        let mut addresses: Vec<IpAddr> = fresh.map(|(address, _)| *address).collect();
        addresses.sort_unstable();
        addresses
    }

    /// Forgets the oldest of these pins until no more than `most` are left.
    fn forget(&mut self, most: usize, which: impl Fn(&Held) -> bool) {
        let held = self.by_address.values().flatten().filter(|held| which(held));
        let mut turns: Vec<u64> = held.map(|held| held.turn).collect();
        let Some(mut excess) = turns.len().checked_sub(most).filter(|excess| *excess > 0) else {
            return;
        };
        let (_, last, _) = turns.select_nth_unstable(excess - 1);
        let last = *last;
        // What is certainly older goes first, or the count would be used up by pins of the last turn.
        for until in [last.saturating_sub(1), last] {
            self.by_address.retain(|_, names| {
                names.retain(|held| {
                    let goes = excess > 0 && held.turn <= until && which(held);
                    excess -= usize::from(goes);
                    !goes
                });
                !names.is_empty()
            });
        }
    }
}

impl Held {
    fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.asked) < FRESH
    }
}

/// The address of this machine in a guest: host.wasmrun.internal.
pub(super) const HOST: Ipv4Addr = Ipv4Addr::new(240, 0, 0, 1);
/// 240.0.1.0/24: names of links, in the order in which they came.
const LINKS: [u8; 3] = [240, 0, 1];

/// Whether a consumer may be known by an address: those of links are no other's.
pub(crate) fn is_of_link(address: Ipv4Addr) -> bool {
    address.octets()[..3] == LINKS
}

/// Addresses of the names of links. A name keeps its own for as long as the session lasts.
#[derive(Debug, Default)]
pub(super) struct Aliases(Vec<String>);

impl Aliases {
    /// The address of a name; none when there are too many.
    pub(super) fn address_of(&mut self, name: &str) -> Option<Ipv4Addr> {
        let at = match self.0.iter().position(|known| known == name) {
            Some(at) => at,
            None => self.0.len(),
        };
        let last = u8::try_from(at + 1).ok()?;
        if at == self.0.len() {
            self.0.push(name.to_owned());
        }
        Some(Ipv4Addr::from([LINKS[0], LINKS[1], LINKS[2], last]))
    }

    /// The name of an address.
    pub(super) fn name_of(&self, address: IpAddr) -> Option<&str> {
        let IpAddr::V4(address) = address.to_canonical() else {
            return None;
        };
        let [a, b, c, last] = address.octets();
        let at = usize::from(last).checked_sub(1).filter(|_| [a, b, c] == LINKS)?;
        self.0.get(at).map(String::as_str)
    }
}

/// 240.0.128.0/17, without its first address.
const FIRST: u32 = 0xf000_8001;
const LAST: u32 = 0xf000_ffff;
/// Names with an address of their own. They are fewer than the addresses, so that one that was forgotten leads nowhere for a while
/// before it leads to another name.
const NAMES: usize = 4096;

/// Whether an address is of 240.0.0.0/16: seen by guests alone, and never sent anywhere.
pub(super) fn is_synthetic(address: IpAddr) -> bool {
    matches!(address.to_canonical(), IpAddr::V4(address) if address.octets()[..2] == [240, 0])
}

/// Addresses that stand for names that no rule covers. A name keeps its address while it is among the last 4,096 that were asked for.
#[derive(Debug, Default)]
pub(super) struct Synthetic {
    by_name: HashMap<Arc<str>, (Ipv4Addr, u64)>,
    by_address: HashMap<Ipv4Addr, Arc<str>>,
    by_turn: BTreeMap<u64, Arc<str>>,
    turn: u64,
    /// The last address that was given away.
    last: u32,
}

impl Synthetic {
    /// The address of a name, which is in lower case, without a last dot.
    pub(super) fn address_of(&mut self, name: &str) -> Ipv4Addr {
        self.turn += 1;
        let turn = self.turn;
        if let Some((address, asked)) = self.by_name.get_mut(name) {
            let address = *address;
            if let Some(name) = self.by_turn.remove(asked) {
                self.by_turn.insert(turn, name);
            }
            *asked = turn;
            return address;
        }
        if self.by_name.len() >= NAMES
            && let Some((_, oldest)) = self.by_turn.pop_first()
            && let Some((address, _)) = self.by_name.remove(&oldest)
        {
            self.by_address.remove(&address);
        }
        let (address, name): (_, Arc<str>) = (self.free(), name.into());
        self.by_name.insert(name.clone(), (address, turn));
        self.by_address.insert(address, name.clone());
        self.by_turn.insert(turn, name);
        address
    }

    /// The name of an address that was given away.
    pub(super) fn name_of(&self, address: Ipv4Addr) -> Option<&str> {
        self.by_address.get(&address).map(|name| &**name)
    }

    /// The next address that no name has; there are more addresses than names.
    fn free(&mut self) -> Ipv4Addr {
        loop {
            self.last = if (FIRST..LAST).contains(&self.last) {
                self.last + 1
            } else {
                FIRST
            };
            let address = Ipv4Addr::from(self.last);
            if !self.by_address.contains_key(&address) {
                return address;
            }
        }
    }
}

#[cfg(test)]
#[path = "pins_tests.rs"]
mod tests;
