//! Memory goes back to the kernel when a crowd of connections has gone: the C library keeps what was freed, for the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// So many connections at once are a crowd; what fewer need is kept.
const CROWD: usize = 1024;
/// Until what belonged to the last of them is freed, too.
const LATER: Duration = Duration::from_millis(500);

/// Connections that are open, and how many there were.
#[derive(Default)]
pub(crate) struct Crowd {
    open: AtomicUsize,
    most: AtomicUsize,
}

/// One of them.
pub(crate) struct Member(Arc<Crowd>);

impl Crowd {
    pub(crate) fn enter(self: &Arc<Crowd>) -> Member {
        let open = self.open.fetch_add(1, Relaxed) + 1;
        self.most.fetch_max(open, Relaxed);
        Member(self.clone())
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let left = self.0.open.fetch_sub(1, Relaxed) - 1;
        let most = self.0.most.load(Relaxed);
        if most < CROWD || left > most / 4 {
            return;
        }
        // Whoever sees it first does it.
        if self.0.most.compare_exchange(most, left, Relaxed, Relaxed).is_ok() {
            // It takes milliseconds, in which nobody should wait. Without a thread it stays as it is.
            let _ = std::thread::Builder::new().name("trim".to_owned()).spawn(|| {
                std::thread::sleep(LATER);
                give_back();
            });
        }
    }
}

#[cfg(target_env = "gnu")]
fn give_back() {
    #[expect(unsafe_code, reason = "malloc_trim(3) has no safe form")]
    // SAFETY: it takes no pointers and may be called at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(not(target_env = "gnu"))]
fn give_back() {}
