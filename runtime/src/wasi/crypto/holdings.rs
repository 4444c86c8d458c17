//! What a guest may keep in this process, and have computed at once.

use super::values::Failure;
use crate::host::{Places, Room};
use crypto::keys::{Form, Key};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Most KiB of hashes, ciphers and keys of a guest.
const ROOM: usize = 256 << 10;
/// Most KiB that wait to be computed from, and most that are computed at once.
const WAITING: usize = 64 << 10;
const AT_ONCE: usize = 4;
/// Keys that were used last, which need not be read again. None is larger than a few KiB.
const KEYS: usize = 64;

/// Keys by their DER, the last used first.
type Recent = VecDeque<(Box<[u8]>, Arc<Key>)>;

/// What all of a guest's instances share.
#[derive(Clone)]
pub(crate) struct Holdings {
    room: Room,
    waiting: Room,
    at_once: Arc<Semaphore>,
    keys: Arc<Mutex<Recent>>,
}

/// Something that is kept, and its room.
pub(super) struct Kept<T> {
    pub(super) value: T,
    _room: Places,
}

impl Default for Holdings {
    fn default() -> Holdings {
        Holdings {
            room: Room::new(ROOM),
            waiting: Room::new(WAITING),
            at_once: Arc::new(Semaphore::new(AT_ONCE)),
            keys: Arc::default(),
        }
    }
}

impl Holdings {
    /// Keeps what takes about this many KiB.
    pub(super) fn keep<T>(&self, value: T, size: usize) -> Result<Kept<T>, Failure> {
        let room = self.room.take(size).ok_or(Failure::Limit)?;
        Ok(Kept { value, _room: room })
    }

    /// The key of this DER.
    pub(super) fn key(&self, is_private: bool, der: &[u8]) -> Result<Arc<Key>, Failure> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let found = keys
            .iter()
            .position(|(own, key)| **own == *der && key.private().is_ok() == is_private);
        if let Some(kept) = found.and_then(|index| keys.remove(index)) {
            let key = kept.1.clone();
            keys.push_front(kept);
            return Ok(key);
        }
        let key = Arc::new(Key::read(if is_private { Form::Pkcs8 } else { Form::Spki }, der, None)?);
        keys.truncate(KEYS - 1);
        keys.push_front((der.into(), key.clone()));
        Ok(key)
    }

    /// Computes on a thread of its own, when there is one, from arguments of so many bytes.
    pub(super) fn later<T: Send + 'static>(
        &self,
        size: usize,
        compute: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> impl Future<Output = Result<T, Failure>> + Send + 'static {
        let waiting = self.waiting.take(1 + size / 1024);
        let at_once = self.at_once.clone();
        async move {
            let _waiting = waiting.ok_or(Failure::Limit)?;
            let turn = at_once.acquire_owned().await.map_err(|_| Failure::Limit)?;
            let computed = tokio::task::spawn_blocking(move || {
                // Whoever asked may be gone; the thread is taken until the end.
                let _turn = turn;
                compute()
            });
            computed.await.unwrap_or(Err(Failure::Limit))
        }
    }
}

/// Computes on a thread of its own, so that connections and orders go on.
pub(super) async fn aside<T: Send + 'static>(compute: impl FnOnce() -> T + Send + 'static) -> wasmtime::Result<(T,)> {
    Ok((tokio::task::spawn_blocking(compute).await?,))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_has_a_bound_and_gets_back_what_it_drops() {
        let holdings = Holdings::default();
        let most = holdings.keep((), ROOM).unwrap();
        assert_eq!(holdings.keep((), 1).err(), Some(Failure::Limit));
        drop(most);
        holdings.keep((), 1).unwrap();
    }

    #[tokio::test]
    async fn what_waits_has_a_bound() {
        let holdings = Holdings::default();
        let large = holdings.later(WAITING * 1024 - 1, || Ok(1));
        assert_eq!(holdings.later(WAITING * 1024, || Ok(2)).await, Err(Failure::Limit));
        assert_eq!(holdings.later(1024, || Ok(3)).await, Err(Failure::Limit));
        assert_eq!(large.await, Ok(1));
        assert_eq!(holdings.later(1024, || Ok(3)).await, Ok(3));
    }
}
