//! An exchange under way.

use super::clock::Clock;
use super::exchange::Exchange;
use super::line::Line;
use super::register::{Entry, Register};
use super::turns::Turn;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// Keeps an exchange open, from the head of its request until its response is handed over.
pub(super) struct Open {
    entry: Entry<Exchange>,
    /// What it occupies until then.
    pub(super) share: Option<OwnedSemaphorePermit>,
    pub(super) turn: Option<Arc<Turn>>,
    is_whole: bool,
}

impl Open {
    pub(super) fn new(register: &Arc<Register<Exchange>>, clock: Clock, line: &Arc<Line>, is_http_2: bool) -> Open {
        line.request_begins(is_http_2);
        let exchange = Exchange::new(clock, line, is_http_2);
        Open {
            entry: register.enter(exchange),
            share: None,
            turn: None,
            is_whole: false,
        }
    }

    pub(super) fn exchange(&self) -> &Arc<Exchange> {
        self.entry.thing()
    }

    /// All of the response is handed over. Otherwise its client has broken off when this is dropped.
    pub(super) fn is_whole(&mut self) {
        self.is_whole = true;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.is_whole {
            self.exchange().breaks();
        }
        self.exchange().line.request_ends();
    }
}
