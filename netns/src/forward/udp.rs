//! Datagrams: a flow for each client, with an inner socket of its own.
//!
//! ```text
//!   client --> outer socket, bound on the host --> flow of that client and address --> inner socket, connected to the guest
//!          <-- from the address that the client used -------------------------------- its answers
//! ```
//!
//! Both ways go in batches (recvmmsg(2), sendmmsg(2)), the only use of them. A flow ends when nothing has come through for
//! a time, when the forward has another target, or when the guest's side refuses. What cannot be sent at once is lost, as
//! datagrams are.

#![expect(clippy::disallowed_methods, reason = "the one door of recvmmsg(2) and sendmmsg(2)")]

use crate::forward::Forward;
use crate::forward::target::Target;
use crate::rule::Protocol;
use crate::sockets::factory::Family;
use nix::errno::Errno as NixErrno;
use nix::libc;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg,
};
use slab::Slab;
use std::collections::HashMap;
use std::io::{IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Datagrams in one system call.
const BATCH: usize = 32;
/// The longest datagram there is.
const LONGEST: usize = 65535;
/// Calls for one socket in one turn, so that a flood of one does not starve the others.
const CALLS: usize = 4;
/// Flows of one worker; the one that has been quiet for the longest gives way to a new one.
const FLOWS: usize = 4096;
/// Datagrams that wait in a flow for the guest to bind its port.
const PENDING: usize = 8;
/// How often quiet flows are looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// What the worker watches for us.
#[derive(Clone, Copy)]
pub(super) enum Watched {
    Outer(usize),
    Flow(usize),
}

/// The host's socket of a forward.
struct Outer {
    forward: Arc<Forward>,
    socket: usize,
}

impl Outer {
    fn socket(&self) -> &OwnedFd {
        &self.forward.sockets()[self.socket]
    }
}

/// Who talks to which of our addresses.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    outer: usize,
    client: SocketAddr,
    /// The address that the client sent to, where the socket is bound to all.
    local: Option<IpAddr>,
}

struct Flow {
    key: Key,
    /// The client as the outer socket knows it.
    client: SockaddrStorage,
    /// None while it waits for the guest.
    reached: Option<Reached>,
    last: Instant,
    pending: Vec<Vec<u8>>,
    /// Attempts that were refused before the guest had answered.
    refused: usize,
}

/// A guest, and the socket that is connected to it.
struct Reached {
    target: Arc<Target>,
    inner: OwnedFd,
}

/// All flows of one worker.
pub(super) struct Datagrams {
    outers: Slab<Outer>,
    flows: Slab<Flow>,
    known: HashMap<Key, usize>,
    /// How long a flow may be quiet.
    pub(super) idle: Duration,
    /// Made for the first forward.
    buffers: Vec<Vec<u8>>,
    next_sweep: Option<Instant>,
    /// Inner sockets to be watched, after this call.
    pub(super) fresh: Vec<usize>,
}

/// One datagram that has come: its buffer, length, sender and the address it was sent to.
struct Come {
    buffer: usize,
    length: usize,
    from: Option<SockaddrStorage>,
    to: Option<IpAddr>,
}

impl Datagrams {
    pub(super) fn new(idle: Duration) -> Datagrams {
        Datagrams {
            outers: Slab::new(),
            flows: Slab::new(),
            known: HashMap::new(),
            idle,
            buffers: Vec::new(),
            next_sweep: None,
            fresh: Vec::new(),
        }
    }

    /// Takes a socket of a forward in; returns what to watch it as.
    pub(super) fn add(&mut self, forward: &Arc<Forward>, socket: usize) -> usize {
        if self.buffers.is_empty() {
            self.buffers = (0..BATCH).map(|_| vec![0; LONGEST]).collect();
        }
        self.outers.insert(Outer {
            forward: forward.clone(),
            socket,
        })
    }

    /// Ends a forward and its flows. Its sockets, for the worker to let go of, are returned.
    pub(super) fn remove(&mut self, id: u64) -> Vec<(Arc<Forward>, usize)> {
        let outers: Vec<usize> = self
            .outers
            .iter()
            .filter(|(_, o)| o.forward.id() == id)
            .map(|(key, _)| key)
            .collect();
        self.end_where(|flow| outers.contains(&flow.key.outer));
        outers
            .into_iter()
            .map(|key| self.outers.remove(key))
            .map(|outer| (outer.forward, outer.socket))
            .collect()
    }

    /// Ends the flows to a guest.
    pub(super) fn abort(&mut self, target: &Arc<Target>) {
        self.end_where(|flow| {
            flow.reached
                .as_ref()
                .is_some_and(|reached| Arc::ptr_eq(&reached.target, target))
        });
    }

    pub(super) fn end_all(&mut self) {
        self.end_where(|_| true);
    }

    fn end_where(&mut self, ends: impl Fn(&Flow) -> bool) {
        let keys: Vec<usize> = self
            .flows
            .iter()
            .filter(|(_, flow)| ends(flow))
            .map(|(key, _)| key)
            .collect();
        keys.into_iter().for_each(|key| self.end(key));
    }

    fn end(&mut self, key: usize) {
        let flow = self.flows.remove(key);
        self.known.remove(&flow.key);
        if let Some(outer) = self.outers.get(flow.key.outer) {
            outer.forward.counters().live.fetch_sub(1, Relaxed);
        }
    }

    /// The inner socket of a flow, to be watched.
    pub(super) fn inner(&self, key: usize) -> Option<&OwnedFd> {
        Some(&self.flows.get(key)?.reached.as_ref()?.inner)
    }

    /// When to sweep.
    pub(super) fn due(&self) -> Option<Instant> {
        self.next_sweep
    }

    /// Ends flows that were quiet for too long.
    pub(super) fn sweep(&mut self, now: Instant) {
        if self.next_sweep.is_none_or(|at| at > now) {
            return;
        }
        let idle = self.idle;
        self.end_where(|flow| now.saturating_duration_since(flow.last) >= idle);
        self.next_sweep = (!self.flows.is_empty()).then_some(now + SWEEP);
    }

    /// Something has come from clients.
    pub(super) fn outer_ready(&mut self, key: usize, now: Instant) {
        let mut buffers = std::mem::take(&mut self.buffers);
        for _ in 0..CALLS {
            let Some(outer) = self.outers.get(key) else { break };
            let come = receive(outer.socket(), &mut buffers, Address::Wanted).unwrap_or_default();
            let full = come.len() == BATCH;
            self.distribute(key, &come, &buffers, now);
            if !full {
                break;
            }
        }
        self.buffers = buffers;
    }

    /// Sends what has come on, flow by flow.
    fn distribute(&mut self, outer: usize, come: &[Come], buffers: &[Vec<u8>], now: Instant) {
        let mut at = 0;
        while at < come.len() {
            // Neighbours of one client go in one call.
            let same = come[at..]
                .iter()
                .take_while(|other| other.from == come[at].from && other.to == come[at].to)
                .count();
            let run = &come[at..at + same];
            at += same;
            let Some(flow) = self.flow_of(outer, &run[0], now) else {
                continue;
            };
            let parts: Vec<&[u8]> = run.iter().map(|one| &buffers[one.buffer][..one.length]).collect();
            self.send_in(flow, &parts);
        }
    }

    /// The flow that a datagram belongs to, made where there is none.
    fn flow_of(&mut self, outer: usize, come: &Come, now: Instant) -> Option<usize> {
        let from = come.from?;
        let client = address_of(&from)?;
        let key = Key {
            outer,
            client,
            local: come.to,
        };
        let forward = self.outers.get(outer)?.forward.clone();
        let target = forward.target();
        if let Some(&found) = self.known.get(&key) {
            let flow = &mut self.flows[found];
            let same = match (&flow.reached, &target) {
                (Some(old), Some(new)) => Arc::ptr_eq(&old.target, new),
                // It waits, and may go on waiting.
                (None, _) => true,
                (Some(_), None) => false,
            };
            if same {
                flow.last = now;
                return Some(found);
            }
            // Another guest: the flow begins anew there.
            self.end(found);
        }
        if self.flows.len() >= FLOWS {
            let oldest = self
                .flows
                .iter()
                .min_by_key(|(_, flow)| flow.last)
                .map(|(key, _)| key)?;
            forward.counters().refused.fetch_add(1, Relaxed);
            self.end(oldest);
        }
        let made = self.flows.insert(Flow {
            key,
            client: from,
            reached: None,
            last: now,
            pending: Vec::new(),
            refused: 0,
        });
        self.known.insert(key, made);
        forward.counters().accepted.fetch_add(1, Relaxed);
        forward.counters().live.fetch_add(1, Relaxed);
        self.next_sweep.get_or_insert(now + SWEEP);
        Some(made)
    }

    fn send_in(&mut self, key: usize, parts: &[&[u8]]) {
        if self.flows[key].reached.is_none() && !self.connect(key) {
            let flow = &mut self.flows[key];
            let room = PENDING.saturating_sub(flow.pending.len());
            flow.pending.extend(parts.iter().take(room).map(|part| part.to_vec()));
            return;
        }
        let flow = &self.flows[key];
        let (Some(reached), Some(outer)) = (&flow.reached, self.outers.get(flow.key.outer)) else {
            return;
        };
        match send(&reached.inner, parts, None, None) {
            Ok(bytes) => {
                outer.forward.counters().to_guest.fetch_add(bytes, Relaxed);
            }
            Err(NixErrno::ECONNREFUSED) => self.refused(key),
            Err(_) => {}
        }
    }

    /// The guest's port is closed: the next datagram tries again, by another socket.
    fn refused(&mut self, key: usize) {
        let flow = &mut self.flows[key];
        flow.reached = None;
        flow.refused += 1;
    }

    /// Makes the inner socket, once the guest has bound the port. False when that is still to come.
    fn connect(&mut self, key: usize) -> bool {
        let flow = &mut self.flows[key];
        let Some(outer) = self.outers.get(flow.key.outer) else {
            return false;
        };
        let Some(target) = outer.forward.target() else {
            return false;
        };
        let port = outer.forward.guest_port();
        // Where it is not known on which address the guest is, the next attempt has the other.
        let candidates = target.datagram_candidates(port);
        let first = flow.refused % candidates.len().max(1);
        for ip in candidates[first..].iter().copied() {
            if let Ok(inner) = connected(&target, ip, port, flow.key.client) {
                flow.reached = Some(Reached { target, inner });
                self.fresh.push(key);
                return true;
            }
        }
        false
    }

    /// The guest of a forward has bound its port, or is another: those who wait go on.
    pub(super) fn wake(&mut self, id: u64) {
        let outers = &self.outers;
        let ours = |flow: &Flow| outers.get(flow.key.outer).is_some_and(|outer| outer.forward.id() == id);
        let waiting = self
            .flows
            .iter()
            .filter(|(_, flow)| ours(flow) && !flow.pending.is_empty());
        for key in waiting.map(|(key, _)| key).collect::<Vec<_>>() {
            let pending = std::mem::take(&mut self.flows[key].pending);
            let parts: Vec<&[u8]> = pending.iter().map(Vec::as_slice).collect();
            self.send_in(key, &parts);
        }
    }

    /// Something has come from the guest.
    pub(super) fn inner_ready(&mut self, key: usize, now: Instant) {
        let mut buffers = std::mem::take(&mut self.buffers);
        for _ in 0..CALLS {
            let Some(flow) = self.flows.get_mut(key) else { break };
            let (Some(reached), Some(outer)) = (&flow.reached, self.outers.get(flow.key.outer)) else {
                break;
            };
            let come = match receive(&reached.inner, &mut buffers, Address::Known) {
                Ok(come) => come,
                Err(NixErrno::EAGAIN) => break,
                Err(_) => {
                    self.refused(key);
                    break;
                }
            };
            flow.last = now;
            flow.refused = 0;
            let parts: Vec<&[u8]> = come.iter().map(|one| &buffers[one.buffer][..one.length]).collect();
            match send(outer.socket(), &parts, Some(flow.client), flow.key.local) {
                Ok(bytes) => {
                    outer.forward.counters().to_client.fetch_add(bytes, Relaxed);
                }
                // The client is gone. With the inner socket closed the guest is told, when it sends again.
                Err(NixErrno::ECONNREFUSED) => {
                    self.end(key);
                    break;
                }
                Err(_) => {}
            }
            if come.len() < BATCH {
                break;
            }
        }
        self.buffers = buffers;
    }
}

/// An inner socket with the client's address, connected to the guest's.
///
/// A guest that is bound to a wildcard answers from the address that the kernel chooses for its client, which for an
/// address of its own host is that very address. So that is where the datagrams are sent to, or the answers would not
/// belong to this socket. All of 127.0.0.0/8 has one route, whose address is 127.0.0.1.
pub(super) fn connected(target: &Target, ip: IpAddr, port: u16, client: SocketAddr) -> rustix::io::Result<OwnedFd> {
    let factory = target.factory();
    let family = Family::of(ip);
    let socket = factory.socket(family, Protocol::Udp)?;
    let source = factory.source(client.ip(), family)?;
    if let Some(source) = source {
        // The port may be taken inside; then another has to do.
        if rustix::net::bind(&socket, &SocketAddr::new(source, client.port())).is_err() {
            rustix::net::bind(&socket, &SocketAddr::new(source, 0))?;
        }
    }
    let to = match (ip, source) {
        (ip, Some(IpAddr::V4(source))) if ip.is_unspecified() && source.is_loopback() => Ipv4Addr::LOCALHOST.into(),
        (ip, Some(source)) if ip.is_unspecified() => source,
        (IpAddr::V4(ip), None) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        (IpAddr::V6(ip), None) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        (ip, _) => ip,
    };
    rustix::net::connect(&socket, &SocketAddr::new(to, port))?;
    Ok(socket)
}

enum Address {
    /// The socket is connected.
    Known,
    Wanted,
}

/// Takes up to a batch of datagrams.
fn receive(socket: &OwnedFd, buffers: &mut [Vec<u8>], address: Address) -> nix::Result<Vec<Come>> {
    let space = match address {
        Address::Known => None,
        // Of both families, a socket has one.
        Address::Wanted => Some(nix::cmsg_space!(libc::in6_pktinfo, libc::in_pktinfo)),
    };
    let mut headers: MultiHeaders<SockaddrStorage> = MultiHeaders::preallocate(buffers.len(), space);
    let mut slices: Vec<[IoSliceMut<'_>; 1]> = buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
    let flags = MsgFlags::MSG_DONTWAIT;
    let come = recvmmsg(socket.as_fd().as_raw_fd(), &mut headers, slices.iter_mut(), flags, None)?;
    let each = come.enumerate().map(|(buffer, message)| Come {
        buffer,
        length: message.bytes,
        from: message.address,
        to: message
            .cmsgs()
            .ok()
            .and_then(|mut all| all.find_map(|one| local_of(&one))),
    });
    Ok(each.collect())
}

fn local_of(message: &ControlMessageOwned) -> Option<IpAddr> {
    match message {
        ControlMessageOwned::Ipv4PacketInfo(info) => Some(Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr)).into()),
        ControlMessageOwned::Ipv6PacketInfo(info) => Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into()),
        _ => None,
    }
}

/// Sends datagrams, all to one address and from one of ours where they are given; returns the bytes that went out.
fn send(socket: &OwnedFd, parts: &[&[u8]], to: Option<SockaddrStorage>, from: Option<IpAddr>) -> nix::Result<u64> {
    let v4 = libc::in_pktinfo {
        ipi_ifindex: 0,
        ipi_spec_dst: libc::in_addr {
            s_addr: match from {
                Some(IpAddr::V4(ip)) => u32::from(ip).to_be(),
                _ => 0,
            },
        },
        ipi_addr: libc::in_addr { s_addr: 0 },
    };
    let v6 = libc::in6_pktinfo {
        ipi6_addr: libc::in6_addr {
            s6_addr: match from {
                Some(IpAddr::V6(ip)) => ip.octets(),
                _ => [0; 16],
            },
        },
        ipi6_ifindex: 0,
    };
    // The space is all sent, so it has to be exact.
    let (control, space) = match from {
        None => (vec![], None),
        Some(IpAddr::V4(_)) => (
            vec![ControlMessage::Ipv4PacketInfo(&v4)],
            Some(nix::cmsg_space!(libc::in_pktinfo)),
        ),
        Some(IpAddr::V6(_)) => (
            vec![ControlMessage::Ipv6PacketInfo(&v6)],
            Some(nix::cmsg_space!(libc::in6_pktinfo)),
        ),
    };
    let mut headers: MultiHeaders<SockaddrStorage> = MultiHeaders::preallocate(parts.len(), space);
    let slices: Vec<[IoSlice<'_>; 1]> = parts.iter().map(|part| [IoSlice::new(part)]).collect();
    let to = vec![to; parts.len()];
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    let sent = sendmmsg(
        socket.as_fd().as_raw_fd(),
        &mut headers,
        slices.iter(),
        &to,
        &control,
        flags,
    )?;
    Ok(sent.map(|message| message.bytes as u64).sum())
}

/// The sender as the guest is to see it.
fn address_of(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address
        .as_sockaddr_in()
        .map(|v4| SocketAddr::new(v4.ip().into(), v4.port()));
    let v6 = || {
        address
            .as_sockaddr_in6()
            .map(|v6| SocketAddr::new(v6.ip().to_canonical(), v6.port()))
    };
    v4.or_else(v6)
}
