//! Pauses between attempts to connect: none, then a random part of 0.2, 0.4, ... 10 s.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(200);
/// A link that lives longer is no sign of trouble.
const STEADY: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(10);

/// Counts the attempts since the last success.
#[derive(Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The pause before the next attempt. "Full jitter": many clients of one server that is back do not come together.
    pub(super) fn pause(&mut self) -> Duration {
        let attempt = self.failures;
        self.failures = attempt.saturating_add(1);
        let Some(doublings) = attempt.checked_sub(1) else {
            return Duration::ZERO;
        };
        let ceiling = FIRST.saturating_mul(1 << doublings.min(10)).min(LONGEST);
        ceiling * u32::from(random::<1>()[0]) / 256
    }

    /// A link was there for so long. After one that broke at once the next is not made at once, or two ends that cannot
    /// get on would spin.
    pub(super) fn succeeded(&mut self, lived: Duration) {
        self.failures = u32::from(lived < STEADY);
    }
}

/// Bytes that cannot be guessed.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Linux's getrandom(2) does not fail once the machine has started.
    getrandom::fill(&mut bytes).expect("the kernel gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_attempt_is_at_once_and_none_waits_longer_than_ten_seconds() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.pause(), Duration::ZERO);
        assert!((0..1000).all(|_| backoff.pause() < LONGEST));
        assert!(backoff.pause() + backoff.pause() + backoff.pause() + backoff.pause() > Duration::ZERO);
        backoff.succeeded(STEADY);
        assert_eq!(backoff.pause(), Duration::ZERO);
        for ceiling in [200, 400, 800] {
            assert!(backoff.pause() < Duration::from_millis(ceiling));
        }
        let pauses = (0..100).map(|_| {
            backoff.succeeded(Duration::ZERO);
            backoff.pause()
        });
        assert!(
            pauses.sum::<Duration>() > Duration::from_secs(1),
            "links that break at once are no loop"
        );
    }
}
