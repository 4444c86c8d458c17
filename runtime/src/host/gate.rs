//! The one place where sockets are allowed or refused, and where listens are seen.

use super::stand_ins::StandIns;
use crate::event::{Attempt, Event, Events};
use crate::guest::Guest;
use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use wasmtime_wasi::sockets::SocketAddrUse;

/// Addresses that a denied guest is told about; a port scanner would flood the terminal.
const DENIALS_TOLD: usize = 64;

/// Senders of datagrams that are remembered; past this the oldest answers are over.
const CORRESPONDENTS: usize = 8192;

/// Decides on sockets and tells what it sees: the one place where reaching out is allowed or not.
pub(crate) struct Gate {
    loopback: bool,
    denied: Mutex<HashSet<Attempt>>,
    /// Ports of the guest's own where nothing listens, as it was told.
    silent: Mutex<HashSet<u16>>,
    /// Told, as the next.
    handles_end: AtomicBool,
    is_full: AtomicBool,
    /// Since it was asked last.
    was_full: AtomicBool,
    /// Who has sent datagrams: they may be answered.
    correspondents: Mutex<HashSet<SocketAddr>>,
    /// Names that it was told addresses for which lead nowhere.
    stand_ins: Mutex<StandIns>,
    events: Events,
}

impl Gate {
    pub(crate) fn new(guest: &Guest, events: Events) -> Arc<Gate> {
        Arc::new(Gate {
            loopback: guest.loopback,
            denied: Mutex::default(),
            silent: Mutex::default(),
            handles_end: AtomicBool::new(false),
            is_full: AtomicBool::new(false),
            was_full: AtomicBool::new(false),
            correspondents: Mutex::new(HashSet::new()),
            stand_ins: Mutex::default(),
            events,
        })
    }

    pub(crate) fn handles_end(&self) {
        if !self.handles_end.swap(true, Ordering::Relaxed) {
            (self.events)(Event::HandlesEnd);
        }
    }

    /// Nothing listens on a port of the guest's own, to which it connects.
    pub(crate) fn nobody_listens(&self, port: u16) {
        let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        if silent.len() < DENIALS_TOLD && silent.insert(port) {
            (self.events)(Event::NobodyListens(port));
        }
    }

    /// Something that the guest wrote found no room.
    pub(crate) fn full(&self) {
        self.was_full.store(true, Ordering::Relaxed);
        if !self.is_full.swap(true, Ordering::Relaxed) {
            (self.events)(Event::NoSpace);
        }
    }

    /// Whether there was no room for something, since this was asked last.
    pub(crate) fn was_full(&self) -> bool {
        self.was_full.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn listening(&self, address: SocketAddr) {
        (self.events)(Event::Listening(address));
    }

    /// Whether an address may be used for this; tells what others act on.
    pub(crate) fn allows(&self, address: SocketAddr, reason: SocketAddrUse) -> bool {
        match reason {
            SocketAddrUse::TcpListen => {
                self.listening(address);
                true
            }
            SocketAddrUse::TcpConnect => self.outward(self.attempt(address, Attempt::Name, Attempt::Tcp), address),
            SocketAddrUse::UdpSend if self.has_written(address) => true,
            SocketAddrUse::UdpSend => self.outward(self.attempt(address, Attempt::UdpName, Attempt::Udp), address),
            SocketAddrUse::UdpBind => {
                if address.port() != 0 {
                    (self.events)(Event::Bound(address));
                }
                true
            }
            SocketAddrUse::UdpReceive => {
                self.remember(address);
                true
            }
            SocketAddrUse::TcpBind | SocketAddrUse::TcpAccept => true,
        }
    }

    /// An address that leads nowhere, by which a connect to this name is recognized.
    pub(crate) fn stand_in(&self, name: &str) -> Ipv4Addr {
        let mut names = self.stand_ins.lock().unwrap_or_else(PoisonError::into_inner);
        names.address_of(name)
    }

    /// What the guest tries, by name where it knows the address by one.
    fn attempt(
        &self,
        address: SocketAddr,
        by_name: impl FnOnce(String, u16) -> Attempt,
        by_address: impl FnOnce(SocketAddr) -> Attempt,
    ) -> Attempt {
        let names = self.stand_ins.lock().unwrap_or_else(PoisonError::into_inner);
        match names.name_of(address.ip()) {
            Some(name) => by_name(name.to_owned(), address.port()),
            None => by_address(address),
        }
    }

    fn remember(&self, address: SocketAddr) {
        // Loopback is allowed anyway.
        if address.ip().to_canonical().is_loopback() {
            return;
        }
        let mut correspondents = self.correspondents.lock().unwrap_or_else(PoisonError::into_inner);
        if correspondents.len() >= CORRESPONDENTS && !correspondents.contains(&address) {
            correspondents.clear();
        }
        correspondents.insert(address);
    }

    /// Whether this address has sent the guest a datagram, which it may answer.
    pub(crate) fn has_written(&self, address: SocketAddr) -> bool {
        let correspondents = self.correspondents.lock().unwrap_or_else(PoisonError::into_inner);
        correspondents.contains(&address)
    }

    fn outward(&self, attempt: Attempt, address: SocketAddr) -> bool {
        let allowed = self.loopback && address.ip().to_canonical().is_loopback();
        if !allowed {
            self.deny(attempt);
        }
        allowed
    }

    pub(crate) fn deny(&self, attempt: Attempt) {
        let mut denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
        if denied.len() < DENIALS_TOLD && denied.insert(attempt.clone()) {
            (self.events)(Event::Denied(attempt));
        }
    }
}
