//! Requests over the control socket whose answers have counts of the guest's.

use super::later::{Later, or_never};
use crate::control::Ask;
use std::time::{Duration, Instant};

/// A guest's counts are there within this; those of a busy one are as old as they are.
const COUNT: Duration = Duration::from_millis(100);

/// Requests that wait for the guest's counts.
pub struct Counting {
    pub until: Instant,
    pub asks: Vec<Ask>,
    /// It has said what it has accepted.
    pub is_counted: bool,
    /// Ends when it has said what has left it.
    outbound: Option<Later<()>>,
}

impl Counting {
    pub fn new(ask: Ask, is_counted: bool, outbound: Option<Later<()>>) -> Counting {
        Counting {
            until: Instant::now() + COUNT,
            asks: vec![ask],
            is_counted,
            outbound,
        }
    }

    /// Nothing is waited for any more.
    pub fn is_over(&self) -> bool {
        self.is_counted && self.outbound.is_none()
    }

    /// Returns when the guest has said what has left it. Cancel-safe.
    pub async fn outbound(&mut self) {
        or_never(self.outbound.as_mut()).await;
        self.outbound = None;
    }
}
