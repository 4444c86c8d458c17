//! When a run of events has become one change.

use std::time::{Duration, Instant};

/// A run that never pauses is cut after this many quiet times.
const CEILING: u32 = 10;
/// After this many quiet times without an event a complete change needs no wait.
const CALM: u32 = 4;

/// Trailing: due when nothing has come for `quiet`, or when the first event is ten times as old.
#[derive(Debug)]
pub struct Debounce {
    quiet: Duration,
    run: Option<Run>,
    last: Option<Instant>,
}

#[derive(Debug)]
struct Run {
    first: Instant,
    due: Instant,
}

impl Debounce {
    pub fn new(quiet: Duration) -> Debounce {
        Debounce {
            quiet,
            run: None,
            last: None,
        }
    }

    /// Takes an event in.
    pub fn event(&mut self, now: Instant) {
        self.at(now, self.quiet);
    }

    /// Takes in an event that ends a change by its nature, such as a file that was renamed into its place.
    pub fn complete(&mut self, now: Instant) {
        // Alone it is due at once; among others it waits like every event, or each of many quick saves would count.
        let alone = self.last.is_none_or(|last| now - last >= self.quiet * CALM);
        self.at(now, if alone { Duration::ZERO } else { self.quiet });
    }

    fn at(&mut self, now: Instant, quiet: Duration) {
        let first = self.run.as_ref().map_or(now, |run| run.first);
        let due = (now + quiet).min(first + self.quiet * CEILING);
        self.run = Some(Run { first, due });
        self.last = Some(now);
    }

    /// When the run is over, if there is one.
    pub fn due(&self) -> Option<Instant> {
        self.run.as_ref().map(|run| run.due)
    }

    /// Ends the run; returns the time of its first event.
    pub fn take(&mut self) -> Option<Instant> {
        self.run.take().map(|run| run.first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_due_after_a_quiet_time_but_not_later_than_the_ceiling() {
        let quiet = Duration::from_millis(50);
        let start = Instant::now();
        let mut debounce = Debounce::new(quiet);
        assert_eq!(debounce.due(), None);
        for step in 0..100 {
            let now = start + Duration::from_millis(20) * step;
            debounce.event(now);
            let due = debounce.due().unwrap();
            assert_eq!(due, (now + quiet).min(start + quiet * CEILING));
        }
        assert_eq!(debounce.take(), Some(start));
        assert_eq!(debounce.due(), None);
    }

    #[test]
    fn a_complete_change_is_due_at_once_unless_others_came_shortly_before() {
        let quiet = Duration::from_millis(50);
        let mut now = Instant::now();
        let mut debounce = Debounce::new(quiet);
        let mut runs = 0;
        // Fifty saves in a second, and the end of the last run.
        for _ in 0..50 {
            debounce.complete(now);
            if debounce.due().is_some_and(|due| due <= now) {
                debounce.take();
                runs += 1;
            }
            now += Duration::from_millis(20);
        }
        assert_eq!(runs + usize::from(debounce.take().is_some()), 3);
        now += quiet * CALM;
        debounce.complete(now);
        assert_eq!(debounce.due(), Some(now));
    }
}
