//! What goes over the connections of a guest's process, as it counts and tells it.

use super::message::{FLOWS, Flow, Told};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;

/// A connection that is over is told of with the next ask, or after this: each message wakes the supervisor.
const LATER: Duration = Duration::from_millis(5);

/// The connections of one process.
#[derive(Debug, Default)]
pub(super) struct Connections {
    table: Mutex<Table>,
    /// One is over.
    ends: Notify,
}

#[derive(Debug, Default)]
struct Table {
    /// By number.
    open: HashMap<u64, Arc<Bytes>>,
    /// Those that are over, and not told of yet.
    over: Vec<Flow>,
}

#[derive(Debug, Default)]
struct Bytes {
    sent: AtomicU64,
    received: AtomicU64,
}

impl Connections {
    /// A connection of this number is open.
    pub(super) fn open(self: &Arc<Self>, number: u64) -> Account {
        let bytes: Arc<Bytes> = Arc::default();
        self.table().open.insert(number, bytes.clone());
        Account {
            number,
            bytes,
            connections: self.clone(),
        }
    }

    /// As many as a message has of those that are over.
    pub(super) fn over(&self) -> Option<Told> {
        let over = &mut self.table().over;
        match over.len().min(FLOWS) {
            0 => None,
            count => Some(Told::Flows(over.drain(..count).collect())),
        }
    }

    /// What is to be said of all.
    pub(super) fn all(&self) -> Vec<Told> {
        let mut table = self.table();
        let mut flows = std::mem::take(&mut table.over);
        flows.extend(table.open.iter().map(|(number, bytes)| flow(*number, bytes, false)));
        drop(table);
        let parts = flows.chunks(FLOWS).map(|flows| Told::Flows(flows.to_vec()));
        parts.chain([Told::Counted]).collect()
    }

    /// Tells of connections that are over and that no ask has taken along, until nobody listens.
    pub(super) async fn tell(self: Arc<Self>, told: UnboundedSender<Told>) {
        loop {
            tokio::select! {
                () = self.ends.notified() => {}
                () = told.closed() => return,
            }
            tokio::time::sleep(LATER).await;
            while let Some(over) = self.over() {
                // A supervisor that is gone takes this process with it.
                let _ = told.send(over);
            }
        }
    }

    /// It is consistent at every step, so a panic elsewhere does not spoil it.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What counts the bytes of a connection. Dropping it says that the connection is closed, so the socket has to be dropped first.
#[derive(Debug)]
pub struct Account {
    number: u64,
    bytes: Arc<Bytes>,
    connections: Arc<Connections>,
}

impl Account {
    /// So many bytes more were sent.
    pub fn sent(&self, bytes: usize) {
        self.bytes.sent.fetch_add(bytes as u64, Relaxed);
    }

    /// So many bytes more were received.
    pub fn received(&self, bytes: usize) {
        self.bytes.received.fetch_add(bytes as u64, Relaxed);
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let mut table = self.connections.table();
        table.open.remove(&self.number);
        table.over.push(flow(self.number, &self.bytes, true));
        let is_first = table.over.len() == 1;
        drop(table);
        if is_first {
            self.connections.ends.notify_one();
        }
    }
}

fn flow(connection: u64, bytes: &Bytes, is_over: bool) -> Flow {
    Flow {
        connection,
        sent: bytes.sent.load(Relaxed),
        received: bytes.received.load(Relaxed),
        is_over,
    }
}

/// One that was made and that nobody wants any more.
pub(super) fn unwanted(connection: u64) -> Told {
    Told::Flows(vec![flow(connection, &Bytes::default(), true)])
}
