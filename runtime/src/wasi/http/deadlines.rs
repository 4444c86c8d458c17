//! The server's one timer: it ends connections and requests whose clients have been waited for long enough.
//!
//! Deadlines only move away while a client does something, so the earliest of them, and the shortest time that one which
//! has not begun can take, say when to look again.

use super::clock::{Clock, milliseconds};
use super::exchange::Exchange;
use super::line::Line;
use super::register::Register;
use crate::guest::HttpLimits;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// A day: no clock needs to be right for longer.
const LONGEST: u64 = 86_400_000;

pub(super) struct Deadlines {
    pub(super) clock: Clock,
    pub(super) limits: HttpLimits,
    pub(super) lines: Arc<Register<Line>>,
    pub(super) exchanges: Arc<Register<Exchange>>,
    /// A connection has come: without any there is nothing to look at.
    pub(super) has_line: Notify,
}

impl Deadlines {
    /// Sees to them for as long as this is awaited.
    pub(super) async fn keep(&self) -> Infallible {
        let limits = &self.limits;
        let times = [limits.header_timeout, limits.send_timeout, limits.idle_timeout];
        let shortest = times.into_iter().min().map_or(u64::MAX, milliseconds);
        loop {
            let now = self.clock.now();
            let mut next = now.saturating_add(shortest);
            let mut is_over = |deadline: Option<u64>| {
                let at = deadline.unwrap_or(u64::MAX);
                if at > now {
                    next = next.min(at);
                }
                at <= now
            };
            let has_lines = self.lines.with(|lines| {
                let mut has_lines = false;
                for line in lines {
                    has_lines = true;
                    if is_over(line.deadline(limits)) {
                        line.cut();
                    }
                }
                has_lines
            });
            self.exchanges.with(|exchanges| {
                let over = exchanges.filter(|exchange| is_over(exchange.deadline(limits)));
                over.for_each(|exchange| exchange.cut());
            });
            if has_lines {
                tokio::time::sleep(Duration::from_millis((next - now).min(LONGEST))).await;
            } else {
                self.has_line.notified().await;
            }
        }
    }
}
