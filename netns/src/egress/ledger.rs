//! What has become of what guests asked for: a row a place, and the connections that are open.

use super::message::Flow;
use crate::link;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Instant;

/// Places that are counted apart.
const ROWS: usize = 256;

/// What has become of asks for one place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Row {
    /// What was asked for, with its port.
    pub to: String,
    /// The last address that it was; empty where there was none.
    pub address: String,
    /// The rule, or the link, that allows it; empty where none does.
    pub rule: String,
    /// Connections that are open, as the guest tells.
    pub live: usize,
    /// Connections that were made.
    pub opened: u64,
    /// Those that the network refused.
    pub failed: u64,
    /// Those that no rule allowed.
    pub refused: u64,
    /// Bytes that the guest has sent, as it tells.
    pub sent: u64,
    /// Bytes that it has received.
    pub received: u64,
    /// The last of the network's errors; empty where there is none.
    pub error: String,
}

/// A connection that is over.
#[derive(Debug)]
pub(super) struct Closed {
    pub(super) to: String,
    pub(super) address: SocketAddr,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) began: Instant,
}

/// A connection that is open.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) to: String,
    pub(super) address: SocketAddr,
    pub(super) began: Instant,
    /// The place at the other guest, which is given back at the end.
    pub(super) _link: Option<link::Held>,
    sent: u64,
    received: u64,
}

impl Open {
    pub(super) fn new(to: String, address: SocketAddr, link: Option<link::Held>) -> Open {
        Open {
            to,
            address,
            began: Instant::now(),
            _link: link,
            sent: 0,
            received: 0,
        }
    }
}

/// Of all guests of a session.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    rows: BTreeMap<String, Row>,
    live: usize,
}

/// The connections of one guest's process, by number.
pub(super) type OfGuest = HashMap<u64, Open>;

impl Ledger {
    pub(super) fn rows(&self) -> Vec<Row> {
        self.rows.values().cloned().collect()
    }

    /// Connections that are open.
    pub(super) fn live(&self) -> usize {
        self.live
    }

    /// Changes what is known of a place.
    pub(super) fn of(&mut self, to: &str, change: impl FnOnce(&mut Row)) {
        if self.rows.len() >= ROWS && !self.rows.contains_key(to) {
            return;
        }
        let row = self.rows.entry(to.to_owned()).or_default();
        to.clone_into(&mut row.to);
        change(row);
    }

    /// A guest has another connection. One that had the number counts as closed, and is returned: numbers are the guest's own.
    pub(super) fn open(&mut self, guest: &mut OfGuest, number: u64, open: Open, rule: &str) -> Option<Closed> {
        self.live += 1;
        self.of(&open.to, |row| {
            rule.clone_into(&mut row.rule);
            row.address = open.address.to_string();
            row.live += 1;
            row.opened += 1;
        });
        let former = guest.insert(number, open)?;
        Some(self.close(former))
    }

    /// A guest tells of one; what it closes is returned. One that lies, lies about itself.
    pub(super) fn told(&mut self, guest: &mut OfGuest, flow: Flow) -> Option<Closed> {
        let open = guest.get_mut(&flow.connection)?;
        let sent = flow.sent.saturating_sub(open.sent);
        let received = flow.received.saturating_sub(open.received);
        (open.sent, open.received) = (open.sent + sent, open.received + received);
        self.of(&open.to, |row| {
            row.sent = row.sent.saturating_add(sent);
            row.received = row.received.saturating_add(received);
        });
        if !flow.is_over {
            return None;
        }
        let open = guest.remove(&flow.connection)?;
        Some(self.close(open))
    }

    /// A connection is over.
    pub(super) fn close(&mut self, open: Open) -> Closed {
        self.live = self.live.saturating_sub(1);
        self.of(&open.to, |row| row.live = row.live.saturating_sub(1));
        let Open {
            to,
            address,
            began,
            sent,
            received,
            _link,
        } = open;
        Closed {
            to,
            address,
            sent,
            received,
            began,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(connection: u64, sent: u64, received: u64, is_over: bool) -> Flow {
        Flow {
            connection,
            sent,
            received,
            is_over,
        }
    }

    #[test]
    fn bytes_are_counted_once_and_a_connection_is_closed_once() {
        let (mut ledger, mut guest) = (Ledger::default(), OfGuest::new());
        let open = |to: &str| Open::new(to.to_owned(), ([192, 0, 2, 1], 80).into(), None);
        ledger.open(&mut guest, 1, open("a:80"), "a:80");
        ledger.open(&mut guest, 2, open("a:80"), "a:80");
        ledger.open(&mut guest, 3, open("b:80"), "*:80");
        assert_eq!(ledger.live(), 3);
        for told in [flow(1, 5, 7, false), flow(1, 6, 7, false), flow(9, 100, 100, true)] {
            assert!(ledger.told(&mut guest, told).is_none());
        }
        let closed = ledger.told(&mut guest, flow(1, 6, 9, true)).unwrap();
        assert_eq!((closed.sent, closed.received), (6, 9));
        assert!(ledger.told(&mut guest, flow(1, 60, 90, true)).is_none());
        // What becomes less does not.
        assert!(ledger.told(&mut guest, flow(2, u64::MAX, 1, false)).is_none());
        assert!(ledger.told(&mut guest, flow(2, 0, 0, false)).is_none());
        let rows = ledger.rows();
        assert_eq!(
            (rows[0].live, rows[0].opened, rows[0].sent, rows[0].received),
            (1, 2, u64::MAX, 10)
        );
        assert_eq!(
            (rows[1].live, rows[1].rule.as_str(), rows[1].address.as_str()),
            (1, "*:80", "192.0.2.1:80")
        );
        guest.drain().for_each(|(_, open)| drop(ledger.close(open)));
        assert_eq!((ledger.live(), ledger.rows()[1].live), (0, 0));
    }

    #[test]
    fn a_number_that_is_given_twice_leaves_nothing_behind() {
        let (mut ledger, mut guest) = (Ledger::default(), OfGuest::new());
        for turn in 0..3 {
            let open = Open::new("a:80".to_owned(), ([192, 0, 2, 1], 80).into(), None);
            let former = ledger.open(&mut guest, 1, open, "a:80");
            assert_eq!(former.is_some(), turn > 0);
            assert_eq!((ledger.live(), ledger.rows()[0].live), (1, 1));
        }
        assert!(ledger.told(&mut guest, flow(1, 0, 0, true)).is_some());
        assert_eq!((ledger.live(), ledger.rows()[0].live), (0, 0));
    }

    #[test]
    fn who_asks_for_everything_is_counted_as_far_as_there_are_rows() {
        let (mut ledger, mut guest) = (Ledger::default(), OfGuest::new());
        for port in 0..1000 {
            let open = Open::new(format!("a:{port}"), ([192, 0, 2, 1], port).into(), None);
            ledger.open(&mut guest, port.into(), open, "*:*");
        }
        assert_eq!((ledger.rows().len(), ledger.live()), (ROWS, 1000));
        guest.drain().for_each(|(_, open)| drop(ledger.close(open)));
        assert_eq!(ledger.live(), 0);
    }
}
