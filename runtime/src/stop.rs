//! Asking a running guest to end.

use tokio::sync::watch;

/// Asks a running guest to end: HTTP guests finish their requests, and others are told where they listen for it (`lifecycle.rs`).
#[derive(Clone, Debug)]
pub struct Stop(watch::Sender<Asked>);

/// What was asked of a guest so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Asked {
    Nothing,
    Retire,
    Stop,
}

impl Default for Stop {
    fn default() -> Stop {
        Stop(watch::Sender::new(Asked::Nothing))
    }
}

impl Stop {
    /// Asks. More than once is the same as once.
    pub fn ask(&self) {
        self.0.send_replace(Asked::Stop);
    }

    /// Says that another guest has taken over. Clients that can be told to go there are.
    pub fn retire(&self) {
        self.0.send_modify(|asked| *asked = (*asked).max(Asked::Retire));
    }

    pub(crate) fn is_asked(&self) -> bool {
        *self.0.borrow() == Asked::Stop
    }

    pub(crate) async fn asked(&self) {
        self.reaches(Asked::Stop).await;
    }

    /// Whether another guest has taken over.
    pub(crate) fn is_retired(&self) -> bool {
        *self.0.borrow() >= Asked::Retire
    }

    pub(crate) async fn retired(&self) {
        self.reaches(Asked::Retire).await;
    }

    async fn reaches(&self, least: Asked) {
        // The sender lives in `self`, so the wait cannot fail.
        let _ = self.0.subscribe().wait_for(|asked| *asked >= least).await;
    }
}
