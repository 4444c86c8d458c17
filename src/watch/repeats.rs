//! One file that changes again and again is written by what its changes start.

use super::Change;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// So many changes within this are no person's.
const CHANGES: usize = 6;
const WITHIN: Duration = Duration::from_secs(6);
/// The same is said again after this.
const REPEAT: Duration = Duration::from_secs(60);

/// The last changes of one file alone.
#[derive(Debug, Default)]
pub struct Repeats {
    file: Option<PathBuf>,
    times: VecDeque<Instant>,
    said: Option<Instant>,
}

impl Repeats {
    /// Takes changes in; returns the file that is in a loop, once in a while.
    pub fn note(&mut self, files: &[Change], now: Instant) -> Option<PathBuf> {
        let [Change { path, .. }] = files else {
            self.times.clear();
            return None;
        };
        if self.file.as_ref() != Some(path) {
            self.file = Some(path.clone());
            self.times.clear();
        }
        self.times.push_back(now);
        if self.times.len() > CHANGES {
            self.times.pop_front();
        }
        let is_loop = self.times.len() == CHANGES && self.times.front().is_some_and(|first| now - *first < WITHIN);
        if !is_loop || self.said.is_some_and(|said| now - said < REPEAT) {
            return None;
        }
        self.said = Some(now);
        self.file.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(name: &str) -> Change {
        Change {
            path: PathBuf::from(name),
            is_new: false,
        }
    }

    #[test]
    fn a_loop_is_one_file_many_times() {
        let (mut repeats, start) = (Repeats::default(), Instant::now());
        let at = |number: u64| start + Duration::from_millis(number * 100);
        let found: Vec<u64> = (0..20)
            .filter(|number| repeats.note(&[change("a")], at(*number)).is_some())
            .collect();
        assert_eq!(found, [CHANGES as u64 - 1]);
        assert!(
            repeats.note(&[change("a")], at(20) + REPEAT).is_none(),
            "they have paused"
        );
    }

    #[test]
    fn saves_are_no_loop() {
        let (mut repeats, start) = (Repeats::default(), Instant::now());
        for number in 0..50 {
            // A person, two a second at most.
            let now = start + Duration::from_millis(number * 1300);
            assert!(repeats.note(&[change("a")], now).is_none());
        }
        for number in 0..50 {
            let now = start + Duration::from_millis(100_000 + number * 10);
            let name = if number % 2 == 0 { "a" } else { "b" };
            assert!(repeats.note(&[change(name)], now).is_none());
            assert!(repeats.note(&[change("a"), change("b")], now).is_none());
        }
    }
}
