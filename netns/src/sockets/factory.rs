//! Sockets that live in another network namespace, without ever entering it.
//!
//! A socket belongs to the namespace it was created in, whoever binds and connects it (network_namespaces(7)). So
//! somebody inside makes unconnected sockets in batches and passes them out, and the forwards connect them:
//!
//! ```text
//!   forwards (host)                       jail's init, or a thread that entered (inside)
//!   SocketFactory  -- "64 IPv4 sockets" -->  FactoryServer
//!                  <-- 64 descriptors ----
//!                  -- "10.0.0.9 is a client: make it local" -->
//!                  <-- done --------------
//! ```
//!
//! The client's own address is put on the namespace's `lo`, so that the inner socket can be bound to it and the guest
//! sees its true peer. Nothing inside can reach that address on the real network: `lo` is all there is.

use crate::fd_passing;
use crate::forward::in_store;
use crate::netlink::{LinkError, Links};
use crate::rule::Protocol;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::sockopt;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType};
use std::collections::{HashSet, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Most sockets in one batch; another is ordered when fewer than half of them are left. A flow of datagrams lasts longer than
/// most connections.
const fn batch(protocol: Protocol) -> usize {
    match protocol {
        Protocol::Tcp => 64,
        Protocol::Udp => 16,
    }
}
/// Wanted receive buffer of a datagram socket, in bytes.
pub(crate) const DATAGRAM_BUFFER: usize = 4 << 20;
/// Client addresses that one namespace learns; clients beyond them appear as the dummy address.
const MAX_CLIENT_ADDRESSES: usize = 1024;
/// Who a client is inside when its own address cannot be there: never loopback, which some guests trust. RFC 7600 has
/// this one for IPv4 packets that have no source of their own.
const DUMMY_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 8);
/// The same in IPv6: an address of the dummy prefix of RFC 9780.
const DUMMY_V6: Ipv6Addr = Ipv6Addr::new(0x100, 0, 0, 1, 0, 0, 0, 1);
/// How long an answer is waited for; it takes microseconds. Meanwhile every forward stands still, so whoever asks later does
/// not wait for one that is overdue: what has not come by then is taken when it comes.
const PATIENCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};
/// Most that one look adds to a silence: where nobody looked, or could (a machine that slept, a freezer), nobody missed it.
const LOOK: Duration = Duration::from_secs(1);
/// op, family or errno, address or number
const MESSAGE: usize = 18;
const OP_SOCKETS: u8 = 1;
const OP_LOCAL: u8 = 2;

/// The address family of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `AF_INET`
    V4,
    /// `AF_INET6`
    V6,
}

impl Family {
    /// The family that `address` belongs to.
    pub fn of(address: IpAddr) -> Family {
        if address.is_ipv4() { Family::V4 } else { Family::V6 }
    }

    fn domain(self) -> AddressFamily {
        match self {
            Family::V4 => AddressFamily::INET,
            Family::V6 => AddressFamily::INET6,
        }
    }
}

/// The kinds of sockets that are kept in stock, by their number in messages.
const KINDS: [(Family, Protocol); 4] = [
    (Family::V4, Protocol::Tcp),
    (Family::V6, Protocol::Tcp),
    (Family::V4, Protocol::Udp),
    (Family::V6, Protocol::Udp),
];

fn number(family: Family, protocol: Protocol) -> usize {
    family as usize + 2 * usize::from(protocol == Protocol::Udp)
}

/// A non-blocking, close-on-exec TCP socket in the calling thread's namespace, ready to be bound and connected.
fn make_socket(family: Family, protocol: Protocol) -> rustix::io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let kind = match protocol {
        Protocol::Tcp => SocketType::STREAM,
        Protocol::Udp => SocketType::DGRAM,
    };
    let socket = rustix::net::socket_with(family.domain(), kind, flags, None)?;
    match protocol {
        Protocol::Tcp => {
            sockopt::set_tcp_nodelay(&socket, true)?;
            // The client's port may still be in TIME_WAIT here from its last connection.
            sockopt::set_socket_reuseaddr(&socket, true)?;
            // Urgent data stays in its place in the stream, which is all that a relay can do for it.
            sockopt::set_socket_oobinline(&socket, true)?;
        }
        // As much as the machine allows (net.core.rmem_max): a guest may answer with many datagrams at once.
        Protocol::Udp => sockopt::set_socket_recv_buffer_size(&socket, DATAGRAM_BUFFER)?,
    }
    Ok(socket)
}

/// The outer end: hands out sockets of one namespace. Any thread may ask.
#[derive(Debug)]
pub struct SocketFactory {
    supply: Supply,
}

#[derive(Debug)]
enum Supply {
    /// No namespace of its own (`--no-isolation`): sockets are made right here.
    Here,
    Remote(Box<Mutex<Remote>>),
}

#[derive(Debug)]
struct Remote {
    channel: OwnedFd,
    /// Most sockets in a batch that there are descriptors for.
    room: usize,
    stock: [Vec<OwnedFd>; KINDS.len()],
    ordered: [bool; KINDS.len()],
    local: HashSet<IpAddr>,
    /// Addresses that were asked for and not answered yet, in this order, which is the answers' (unix(7)).
    asked: VecDeque<IpAddr>,
    /// An answer is overdue.
    silence: Option<Silence>,
    /// It has ended, or does not keep to what was agreed.
    dead: bool,
}

/// A time without an answer that was waited for.
#[derive(Debug)]
struct Silence {
    length: Duration,
    looked: Instant,
}

impl SocketFactory {
    /// A factory for the calling process's own namespace.
    pub fn here() -> SocketFactory {
        SocketFactory { supply: Supply::Here }
    }

    /// The factory whose server (`FactoryServer`) has the other end of `channel`.
    pub fn remote(channel: OwnedFd) -> SocketFactory {
        SocketFactory {
            supply: Supply::Remote(Box::new(Mutex::new(Remote {
                channel,
                room: in_store(usize::MAX),
                stock: Default::default(),
                ordered: Default::default(),
                local: HashSet::new(),
                asked: VecDeque::new(),
                silence: None,
                dead: false,
            }))),
        }
    }

    /// An unconnected, non-blocking socket of the namespace.
    ///
    /// # Errors
    ///
    /// `CONNRESET` when the namespace is gone, `TIMEDOUT` while it does not answer, or what the kernel says of a socket it
    /// will not make.
    pub fn socket(&self, family: Family, protocol: Protocol) -> rustix::io::Result<OwnedFd> {
        match &self.supply {
            Supply::Here => make_socket(family, protocol),
            Supply::Remote(remote) => lock(remote).take(number(family, protocol)),
        }
    }

    /// The address that a socket of `family` is to be bound to, so that the guest sees who its client is: the client's
    /// own, made local to the namespace, or the dummy address where that one cannot be. None leaves it to the kernel.
    ///
    /// # Errors
    ///
    /// `CONNRESET` when the namespace is gone, `TIMEDOUT` while it does not answer, `ADDRNOTAVAIL` when it takes no address.
    pub fn source(&self, client: IpAddr, family: Family) -> rustix::io::Result<Option<IpAddr>> {
        let Supply::Remote(remote) = &self.supply else {
            // The client's own socket has that address and port already.
            return Ok(None);
        };
        let (loopback, dummy): (IpAddr, IpAddr) = match family {
            Family::V4 => (Ipv4Addr::LOCALHOST.into(), DUMMY_V4.into()),
            Family::V6 => (Ipv6Addr::LOCALHOST.into(), DUMMY_V6.into()),
        };
        let same_family = Family::of(client) == family;
        if client.is_loopback() {
            return Ok(Some(if same_family { client } else { loopback }));
        }
        let mut remote = lock(remote);
        if same_family && !is_link_local(client) && remote.make_local(client, MAX_CLIENT_ADDRESSES)? {
            return Ok(Some(client));
        }
        if remote.make_local(dummy, usize::MAX)? {
            return Ok(Some(dummy));
        }
        Err(Errno::ADDRNOTAVAIL)
    }

    /// For how long an answer of the namespace has been overdue, as far as somebody waited for it; none when none is. Who
    /// has stopped its process (SIGSTOP, a debugger, a freezer) may let it go on, and then all is well again.
    pub fn silence(&self) -> Option<Duration> {
        match &self.supply {
            Supply::Here => None,
            Supply::Remote(remote) => lock(remote).silence.as_ref().map(|silence| silence.length),
        }
    }
}

/// Such an address means nothing without its interface, which the namespace does not have.
fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

fn lock(remote: &Mutex<Remote>) -> std::sync::MutexGuard<'_, Remote> {
    // The stock stays consistent at every step, so a panic elsewhere does not spoil it.
    remote.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Remote {
    fn take(&mut self, kind: usize) -> rustix::io::Result<OwnedFd> {
        if self.stock[kind].is_empty() {
            self.order(kind)?;
            while self.stock[kind].is_empty() {
                self.answer()?;
            }
        }
        let socket = self.stock[kind].pop().ok_or(Errno::CONNRESET)?;
        if self.stock[kind].len() < self.batch(kind) / 2 {
            // What goes wrong here concerns the next one.
            let _ = self.order(kind);
        }
        Ok(socket)
    }

    fn batch(&self, kind: usize) -> usize {
        batch(KINDS[kind].1).min(self.room)
    }

    fn order(&mut self, kind: usize) -> rustix::io::Result<()> {
        if !self.ordered[kind] {
            let wanted = self.batch(kind) as u128;
            self.ask(&encode(OP_SOCKETS, kind as u8, Ipv6Addr::from_bits(wanted)))?;
            self.ordered[kind] = true;
        }
        Ok(())
    }

    /// False when the namespace knows `most` addresses already, or refuses this one.
    fn make_local(&mut self, address: IpAddr, most: usize) -> rustix::io::Result<bool> {
        if self.local.contains(&address) {
            return Ok(true);
        }
        if self.local.len() >= most {
            return Ok(false);
        }
        let mapped = match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        if !self.asked.contains(&address) {
            self.ask(&encode(OP_LOCAL, 0, mapped))?;
            self.asked.push_back(address);
        }
        loop {
            if let Some((answered, done)) = self.answer()?
                && answered == address
            {
                return Ok(done);
            }
        }
    }

    fn ask(&mut self, message: &[u8; MESSAGE]) -> rustix::io::Result<()> {
        // One that does not answer is asked nothing more: at some time the channel would be full.
        while self.silence.is_some() {
            self.answer()?;
        }
        if self.dead {
            return Err(Errno::CONNRESET);
        }
        fd_passing::send(&self.channel, message, &[]).inspect_err(|_| self.dead = true)
    }

    /// Takes one answer in: sockets go to the stock (`None`), the answer to an address request is returned, too.
    fn answer(&mut self) -> rustix::io::Result<Option<(IpAddr, bool)>> {
        if self.dead {
            return Err(Errno::CONNRESET);
        }
        let answer = self.receive();
        match answer {
            Err(Errno::TIMEDOUT) => self.is_silent(),
            Ok(_) | Err(Errno::NFILE | Errno::MFILE) => self.silence = None,
            Err(_) => self.dead = true,
        }
        answer
    }

    fn is_silent(&mut self) {
        let now = Instant::now();
        let silence = self.silence.get_or_insert(Silence {
            length: Duration::ZERO,
            looked: now,
        });
        silence.length += (now - silence.looked).min(LOOK);
        silence.looked = now;
    }

    fn receive(&mut self) -> rustix::io::Result<Option<(IpAddr, bool)>> {
        let patience = match self.silence {
            None => PATIENCE,
            Some(_) => Timespec::default(),
        };
        let mut ready = [PollFd::new(&self.channel, PollFlags::IN)];
        if rustix::io::retry_on_intr(|| rustix::event::poll(&mut ready, Some(&patience)))? == 0 {
            return Err(Errno::TIMEDOUT);
        }
        let mut message = [0; MESSAGE];
        let (length, fds) = match fd_passing::receive(&self.channel, &mut message, RecvFlags::DONTWAIT) {
            // No descriptor is left here for what came; the next one orders again.
            Err(Errno::MSGSIZE) => {
                self.ordered = Default::default();
                return Err(Errno::MFILE);
            }
            received => received?,
        };
        match (length, message[0]) {
            (MESSAGE, OP_SOCKETS) => {
                let kind = usize::from(message[1]) % KINDS.len();
                self.ordered[kind] = false;
                if fds.is_empty() {
                    return Err(Errno::NFILE);
                }
                self.stock[kind].extend(fds);
                Ok(None)
            }
            (MESSAGE, OP_LOCAL) => {
                let address = self.asked.pop_front().ok_or(Errno::PROTO)?;
                let done = message[1] == 0;
                if done {
                    self.local.insert(address);
                }
                Ok(Some((address, done)))
            }
            _ => Err(Errno::CONNRESET),
        }
    }
}

fn encode(op: u8, detail: u8, address: Ipv6Addr) -> [u8; MESSAGE] {
    let mut message = [0; MESSAGE];
    message[0] = op;
    message[1] = detail;
    message[2..].copy_from_slice(&address.octets());
    message
}

/// The inner end: makes sockets in the namespace of the thread that opened it.
pub(crate) struct FactoryServer {
    channel: OwnedFd,
    links: Links,
}

/// What became of one turn of a [`FactoryServer`].
pub(crate) enum Turn {
    Served,
    /// The outer end is closed: nobody needs this namespace any more.
    Over,
}

impl FactoryServer {
    /// Serves `channel` out of the calling thread's namespace.
    pub(crate) fn open(channel: OwnedFd) -> Result<FactoryServer, LinkError> {
        Ok(FactoryServer {
            channel,
            links: Links::open()?,
        })
    }

    pub(crate) fn links(&self) -> &Links {
        &self.links
    }

    pub(crate) fn channel(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }

    /// Waits for one request and answers it.
    pub(crate) fn turn(&self) -> Turn {
        let mut message = [0; MESSAGE];
        match fd_passing::receive(&self.channel, &mut message, RecvFlags::empty()) {
            Ok((MESSAGE, _)) => match self.serve(&message) {
                Ok(()) => Turn::Served,
                Err(_) => Turn::Over,
            },
            Ok(_) | Err(_) => Turn::Over,
        }
    }

    fn serve(&self, message: &[u8; MESSAGE]) -> rustix::io::Result<()> {
        let address = <[u8; 16]>::try_from(&message[2..]).expect("the message is 18 bytes");
        match message[0] {
            OP_SOCKETS => {
                let (family, protocol) = KINDS[usize::from(message[1]) % KINDS.len()];
                // An order has a number in the place of the address.
                let wanted = u128::from_be_bytes(address).min(batch(protocol) as u128);
                let made = (0..wanted).map_while(|_| make_socket(family, protocol).ok());
                let sockets: Vec<OwnedFd> = made.collect();
                let borrowed: Vec<BorrowedFd<'_>> = sockets.iter().map(AsFd::as_fd).collect();
                fd_passing::send(&self.channel, message, &borrowed)
            }
            OP_LOCAL => {
                let address = Ipv6Addr::from(address).to_canonical();
                let refused = self.links.add_local_address(address).is_err();
                let answer = encode(OP_LOCAL, refused.into(), Ipv6Addr::UNSPECIFIED);
                fd_passing::send(&self.channel, &answer, &[])
            }
            _ => Err(Errno::PROTO),
        }
    }
}

/// A factory for an existing namespace such as `/run/netns/NAME`: a thread enters it and serves until the factory is
/// dropped.
///
/// # Errors
///
/// The namespace cannot be opened or entered (entering needs CAP_SYS_ADMIN, setns(2)).
pub fn in_namespace(path: &std::path::Path) -> io::Result<SocketFactory> {
    let namespace = std::fs::File::open(path)?;
    let (outer, inner) = fd_passing::channel()?;
    let (entered, result) = std::sync::mpsc::channel();
    std::thread::Builder::new()
        .name("netns-factory".to_owned())
        .spawn(move || {
            let opened = crate::namespace::enter_network(&namespace)
                .map_err(io::Error::from)
                .and_then(|()| FactoryServer::open(inner).map_err(io::Error::other));
            match opened {
                Ok(server) => {
                    let _ = entered.send(Ok(()));
                    while let Turn::Served = server.turn() {}
                }
                Err(error) => {
                    let _ = entered.send(Err(error));
                }
            }
        })?;
    result.recv().map_err(io::Error::other)??;
    Ok(SocketFactory::remote(outer))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the inner end does with one request, as init would.
    fn serve(inner: &OwnedFd) {
        let mut message = [0; MESSAGE];
        let (length, _) = fd_passing::receive(inner, &mut message, RecvFlags::DONTWAIT).unwrap();
        assert_eq!(length, MESSAGE);
        match message[0] {
            OP_SOCKETS => {
                let (family, protocol) = KINDS[usize::from(message[1])];
                let sockets: Vec<OwnedFd> = (0..4).map(|_| make_socket(family, protocol).unwrap()).collect();
                let borrowed: Vec<BorrowedFd<'_>> = sockets.iter().map(AsFd::as_fd).collect();
                fd_passing::send(inner, &message, &borrowed).unwrap();
            }
            _ => fd_passing::send(inner, &encode(OP_LOCAL, 0, Ipv6Addr::UNSPECIFIED), &[]).unwrap(),
        }
    }

    fn nothing_is_asked(inner: &OwnedFd) {
        let received = fd_passing::receive(inner, &mut [0; MESSAGE], RecvFlags::DONTWAIT);
        assert_eq!(received.unwrap_err(), Errno::AGAIN);
    }

    #[test]
    fn a_namespace_that_is_silent_holds_nobody_up_and_serves_when_it_answers_again() {
        let (outer, inner) = fd_passing::channel().unwrap();
        let factory = SocketFactory::remote(outer);
        let socket = || factory.socket(Family::V4, Protocol::Tcp);
        let stranger = IpAddr::from([10, 1, 2, 3]);
        let other = IpAddr::from([10, 1, 2, 4]);
        let begun = Instant::now();
        assert_eq!(factory.source(stranger, Family::V4).unwrap_err(), Errno::TIMEDOUT);
        assert_eq!(factory.silence(), Some(Duration::ZERO));
        let started = Instant::now();
        for _ in 0..100 {
            assert_eq!(socket().unwrap_err(), Errno::TIMEDOUT);
            assert_eq!(factory.source(other, Family::V4).unwrap_err(), Errno::TIMEDOUT);
        }
        assert!(started.elapsed() < Duration::from_millis(500));
        assert!(factory.silence().is_some_and(|silence| silence <= begun.elapsed()));
        // It was asked once, and its late answer belongs to what was asked then.
        serve(&inner);
        nothing_is_asked(&inner);
        let asked = std::thread::scope(|scope| {
            let asked = scope.spawn(|| factory.source(other, Family::V4));
            while fd_passing::receive(&inner, &mut [0; MESSAGE], RecvFlags::PEEK | RecvFlags::DONTWAIT).is_err() {
                std::thread::yield_now();
            }
            serve(&inner);
            asked.join().unwrap()
        });
        assert!(
            matches!(asked, Ok(Some(ip)) if ip == other) || asked == Err(Errno::TIMEDOUT),
            "{asked:?}"
        );
        assert_eq!(factory.source(stranger, Family::V4), Ok(Some(stranger)));
        assert_eq!(factory.source(other, Family::V4), Ok(Some(other)));
        nothing_is_asked(&inner);
        // An order that was late is there for the next.
        let late = socket();
        assert_eq!(late.unwrap_err(), Errno::TIMEDOUT);
        serve(&inner);
        assert!(socket().is_ok());
        assert_eq!(factory.silence(), None);
    }

    #[test]
    fn a_namespace_that_is_gone_or_answers_what_was_not_asked_is_given_up() {
        let (outer, inner) = fd_passing::channel().unwrap();
        let factory = SocketFactory::remote(outer);
        drop(inner);
        let stranger = IpAddr::from([10, 1, 2, 3]);
        assert!(factory.socket(Family::V4, Protocol::Tcp).is_err());
        assert_eq!(factory.socket(Family::V4, Protocol::Tcp).unwrap_err(), Errno::CONNRESET);
        assert_eq!(factory.source(stranger, Family::V4).unwrap_err(), Errno::CONNRESET);
        let (outer, inner) = fd_passing::channel().unwrap();
        let factory = SocketFactory::remote(outer);
        fd_passing::send(&inner, &encode(OP_LOCAL, 0, Ipv6Addr::UNSPECIFIED), &[]).unwrap();
        assert_eq!(factory.socket(Family::V4, Protocol::Tcp).unwrap_err(), Errno::PROTO);
        assert_eq!(factory.socket(Family::V4, Protocol::Tcp).unwrap_err(), Errno::CONNRESET);
    }

    proptest::proptest! {
        /// An init that a guest has taken over answers what it likes, with sockets or without, and holds nobody up.
        #[test]
        fn fuzzed_answers_are_sockets_or_an_error(
            answers in proptest::collection::vec(
                (proptest::collection::vec(proptest::prelude::any::<u8>(), 0..2 * MESSAGE), 0usize..3),
                1..8,
            ),
            asks in proptest::collection::vec(proptest::prelude::any::<bool>(), 1..6),
        ) {
            let (outer, inner) = fd_passing::channel().unwrap();
            let factory = SocketFactory::remote(outer);
            for (bytes, count) in &answers {
                let sockets: Vec<OwnedFd> =
                    (0..*count).map(|_| make_socket(Family::V4, Protocol::Tcp).unwrap()).collect();
                let sockets: Vec<BorrowedFd<'_>> = sockets.iter().map(AsFd::as_fd).collect();
                // An empty message is the end of a channel, and more than it takes is not sent.
                let _ = fd_passing::send(&inner, bytes, &sockets);
            }
            // Silence has a test of its own.
            drop(inner);
            let started = Instant::now();
            for is_socket in asks {
                if is_socket {
                    let _ = factory.socket(Family::V4, Protocol::Tcp);
                } else {
                    let _ = factory.source(IpAddr::from([10, 1, 2, 3]), Family::V4);
                }
            }
            proptest::prop_assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
        }
    }
}
