//! Whether the machine slept: CLOCK_BOOTTIME goes on meanwhile, CLOCK_MONOTONIC does not (clock_gettime(2)).

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// A jump of less is no sleep.
const LEAST: Duration = Duration::from_secs(2);

/// Time that was slept since the machine was started.
pub(super) struct Sleep(Duration);

impl Sleep {
    pub(super) fn new() -> Sleep {
        Sleep(slept())
    }

    /// Whether the machine slept since the last question.
    pub(super) fn has_passed(&mut self) -> bool {
        let slept = slept();
        let is_longer = slept.saturating_sub(self.0) >= LEAST;
        self.0 = slept;
        is_longer
    }
}

fn slept() -> Duration {
    let read = |clock| Duration::try_from(clock_gettime(clock)).unwrap_or_default();
    let monotonic = read(ClockId::Monotonic);
    read(ClockId::Boottime).saturating_sub(monotonic)
}
