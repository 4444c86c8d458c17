//! Makes a connection for a guest: what the address stands for, whether a rule allows it, and the socket.

use super::datagrams::{self, Refusals};
use super::message::Failed;
use super::pins::{self, Pin};
use super::policy::{Verdict, is_inside};
use super::proxy::{Proxy, Stuck};
use super::refusal::{Reason, Refusal};
use super::rule::HOST_NAMES;
use super::shared::{Rules, Shared, lock, of_protocol};
use super::special;
use crate::link::{self, Link, Refused};
use crate::rule::Protocol;
use futures::future::BoxFuture;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// How long the first datagram of a link waits for its guest: whoever sends datagrams expects no wait.
const DATAGRAM_PATIENCE: Duration = Duration::from_secs(5);

/// A connection that was made.
pub(super) struct Made {
    /// Connected; of datagrams, one end of a pair ([`datagrams`]).
    pub(super) socket: OwnedFd,
    pub(super) address: SocketAddr,
    /// What the guest asked for, with its port.
    pub(super) to: String,
    /// What allows it.
    pub(super) rule: String,
    pub(super) link: Option<link::Held>,
    /// What hands on its datagrams.
    pub(super) moves: Option<BoxFuture<'static, ()>>,
}

impl Shared {
    pub(super) async fn connect(&self, to: SocketAddr, protocol: Protocol) -> Result<Made, Failed> {
        let (ip, port) = (to.ip().to_canonical(), to.port());
        let rules = self.rules();
        self.has_room(&to.to_string(), protocol)?;
        let alias = lock(&self.names).aliases.name_of(ip).map(str::to_owned);
        if let Some(alias) = alias {
            return self.to_link(&rules, alias, SocketAddr::new(ip, port), protocol).await;
        }
        let policy = &rules.policy;
        if ip.is_loopback() {
            return match policy.localhost(port, protocol) {
                Some(rule) => {
                    self.to_host(format!("localhost:{port}"), &rule.to_string(), port, protocol)
                        .await
                }
                None => Err(self.refused(format!("localhost:{port}"), protocol, Reason::NoRule)),
            };
        }
        if ip == IpAddr::from(pins::HOST) {
            let name = format!("{}:{port}", HOST_NAMES[0]);
            return match policy.host(port, protocol) {
                Some(rule) => self.to_host(name, &rule.to_string(), port, protocol).await,
                None => Err(self.refused(name, protocol, Reason::NoRule)),
            };
        }
        if pins::is_synthetic(ip) {
            return self.to_name(&rules, SocketAddr::new(ip, port), protocol).await;
        }
        self.to_address(&rules, SocketAddr::new(ip, port), protocol).await
    }

    /// Whether there may be one connection more.
    pub(super) fn has_room(&self, to: &str, protocol: Protocol) -> Result<(), Failed> {
        let connections = self.rules().connections;
        let is_full = lock(&self.ledger).live() >= connections;
        match is_full {
            true => Err(self.in_the_way(
                to.to_owned(),
                protocol,
                Reason::AtLimit { connections },
                Errno::ADDRINUSE,
            )),
            false => Ok(()),
        }
    }

    /// To the guest of another run.
    async fn to_link(
        &self,
        rules: &Rules,
        alias: String,
        address: SocketAddr,
        protocol: Protocol,
    ) -> Result<Made, Failed> {
        let (ip, port) = (address.ip(), address.port());
        let to = format!("{alias}:{port}");
        let is_meant = |link: &&Link| (link.alias == alias, link.port, link.protocol) == (true, port, protocol);
        let (Some(link), IpAddr::V4(client)) = (rules.links.iter().find(is_meant), ip) else {
            return Err(self.refused(to, protocol, Reason::NotLinked));
        };
        let made = |socket, held, moves| Made {
            socket,
            address,
            to: to.clone(),
            rule: link.to_string(),
            link: held,
            moves,
        };
        let reached = match protocol {
            Protocol::Tcp => {
                let connected = self.links.connect(&link.run, link.to, client, rules.timeout).await;
                connected.map(|(stream, held)| made(stream.into(), Some(held), None))
            }
            Protocol::Udp => {
                let patience = rules.timeout.min(DATAGRAM_PATIENCE);
                let socket = self.links.datagrams(&link.run, link.to, client, patience).await;
                let relayed = |socket| {
                    let relayed = datagrams::relayed_by(socket, Refusals::End);
                    relayed.map_err(|error| Refused::of(&error))
                };
                socket
                    .and_then(relayed)
                    .map(|(end, moves)| made(end, None, Some(moves)))
            }
        };
        match reached {
            Ok(made) => {
                // When it fails again, that is news.
                let is_over = |told: &Refusal| told.to != to;
                lock(&self.told).retain(is_over);
                Ok(made)
            }
            Err(why) => {
                let errno = match &why {
                    Refused::NotListening { .. } => Errno::TIMEDOUT,
                    Refused::NotRunning | Refused::Ended => Errno::CONNREFUSED,
                    Refused::Failed { .. } => Errno::HOSTUNREACH,
                };
                self.failed(&to, protocol, &link.to_string(), &format!("{} {why}", link.run));
                let run = link.run.clone();
                Err(self.in_the_way(to, protocol, Reason::Link { run, why }, errno))
            }
        }
    }

    /// To what an address stands for that was made up for a name.
    async fn to_name(&self, rules: &Rules, to: SocketAddr, protocol: Protocol) -> Result<Made, Failed> {
        let (policy, port) = (&rules.policy, to.port());
        let name = match to.ip() {
            IpAddr::V4(ip) => lock(&self.names).synthetic.name_of(ip).map(str::to_owned),
            IpAddr::V6(_) => None,
        };
        let Some(name) = name else {
            return Err(Failed::Errno(Errno::HOSTUNREACH.raw_os_error()));
        };
        if !policy.names(&name) {
            let to = format!("{name}:{port}");
            // Other runs are not looked for again and again: a guest could hold them up.
            if self.is_told(&to, protocol) {
                lock(&self.ledger).of(&of_protocol(&to, protocol), |row| row.refused += 1);
                return Err(Failed::Denied);
            }
            let reason = match self.links.finds(&name) {
                true => Reason::NotLinked,
                false => Reason::NoRule,
            };
            return Err(self.refused(to, protocol, reason));
        }
        if !is_inside(&name)
            && let Some(proxy) = rules.proxy(&name, port, protocol)
        {
            let to = format!("{name}:{port}");
            return match policy.of_name(&name, port, protocol) {
                Some(rule) => self.through(&proxy, to, &rule.to_string()).await,
                None => Err(self.refused(to, protocol, Reason::NoRule)),
            };
        }
        // A rule has come since, or a proxy has gone.
        let mut last = Failed::Unknown;
        for address in self.look_up(&name).await? {
            match self.to_address(rules, SocketAddr::new(address, port), protocol).await {
                Ok(made) => return Ok(made),
                Err(failed) => last = failed,
            }
        }
        Err(last)
    }

    async fn to_address(&self, rules: &Rules, to: SocketAddr, protocol: Protocol) -> Result<Made, Failed> {
        let policy = &rules.policy;
        let is_own = self.own.has(to.ip()).await;
        let mut names = self.names_of(to.ip());
        // Whoever translates an address that carries another one (NAT64, 6to4) sends what is for this machine back to it.
        let inside = special::canonical(to.ip());
        if inside != to.ip() && !special::is_forbidden(inside) && self.own.has(inside).await {
            return Err(self.refused(to.to_string(), protocol, Reason::Own));
        }
        if let Verdict::Stale(stale) = policy.judge(to, protocol, &names, is_own) {
            for name in stale {
                // What cannot be looked up is not allowed, either.
                let _ = self.look_up(&name).await;
            }
            names = self.names_of(to.ip());
        }
        let called = names
            .first()
            .map_or_else(|| to.to_string(), |pin| format!("{}:{}", pin.name, to.port()));
        match policy.judge(to, protocol, &names, is_own) {
            Verdict::Allowed(rule) => {
                let host = names
                    .first()
                    .map_or_else(|| to.ip().to_string(), |pin| pin.name.clone());
                // A name of this network is nobody else's, whatever its address.
                let is_outside = special::block(to.ip()).is_none()
                    && !is_own
                    && names.first().is_none_or(|pin| !is_inside(&pin.name));
                match rules.proxy(&host, to.port(), protocol).filter(|_| is_outside) {
                    Some(proxy) => self.through(&proxy, called, &rule.to_string()).await,
                    None => self.to_one(called, protocol, &rule.to_string(), &[to]).await,
                }
            }
            Verdict::Denied(reason) => Err(self.refused(called, protocol, reason)),
            Verdict::Stale(names) => {
                let name = names.into_iter().next().unwrap_or_default();
                let now = lock(&self.names).pins.addresses(&name, Instant::now());
                Err(self.refused(to.to_string(), protocol, Reason::Stale { name, now }))
            }
        }
    }

    /// Through a proxy, which looks the name up.
    async fn through(&self, proxy: &Proxy, to: String, rule: &str) -> Result<Made, Failed> {
        let reach = async {
            let mut last = Stuck::Io(ErrorKind::NotFound.into());
            for ip in self.addresses_of(&proxy.host).await? {
                let address = SocketAddr::new(ip, proxy.port);
                match open_stream(address).await {
                    Ok(socket) => {
                        let mut stream = tokio::net::TcpStream::from_std(socket.into())?;
                        proxy.lead(&mut stream).await?;
                        return Ok((OwnedFd::from(stream.into_std()?), address));
                    }
                    Err(error) => last = error.into(),
                }
            }
            Err(last)
        };
        let reached = tokio::time::timeout(self.rules().timeout, reach).await;
        let why = match reached {
            Ok(Ok((socket, address))) => {
                return Ok(Made {
                    socket,
                    address,
                    to,
                    rule: rule.to_owned(),
                    link: None,
                    moves: None,
                });
            }
            Ok(Err(stuck)) => stuck.to_string(),
            Err(_) => "does not answer in time".to_owned(),
        };
        let proxy = proxy.to_string();
        self.failed(&to, Protocol::Tcp, rule, &format!("the proxy {proxy} {why}"));
        // As of a host behind a router that does not know the way.
        Err(self.in_the_way(to, Protocol::Tcp, Reason::Proxy { proxy, why }, Errno::HOSTUNREACH))
    }

    /// Of a host that the user has named, and no guest.
    async fn addresses_of(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let unknown = |_| io::Error::other("nobody knows its name");
        Ok(self.find(host).await.map_err(unknown)?.addresses)
    }

    fn names_of(&self, ip: IpAddr) -> Vec<Pin> {
        lock(&self.names).pins.of(ip, Instant::now())
    }

    /// To a port of this machine.
    async fn to_host(&self, called: String, rule: &str, port: u16, protocol: Protocol) -> Result<Made, Failed> {
        let both = [
            SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            SocketAddr::from((Ipv6Addr::LOCALHOST, port)),
        ];
        let connected = self.to_one(called, protocol, rule, &both).await;
        if connected.as_ref().err() == Some(&Failed::Errno(Errno::CONNREFUSED.raw_os_error())) {
            self.tell(Refusal {
                to: format!("localhost:{port}"),
                protocol,
                reason: Reason::NothingListensOnHost { port },
            });
        }
        connected
    }

    /// To the first of these that takes it.
    async fn to_one(
        &self,
        to: String,
        protocol: Protocol,
        rule: &str,
        addresses: &[SocketAddr],
    ) -> Result<Made, Failed> {
        let until = tokio::time::Instant::now() + self.rules().timeout;
        let mut last = Errno::HOSTUNREACH.into();
        for address in addresses {
            let attempt = tokio::time::timeout_at(until, open(*address, protocol)).await;
            match attempt.unwrap_or_else(|_| Err(Errno::TIMEDOUT.into())) {
                Ok((socket, moves)) => {
                    return Ok(Made {
                        socket,
                        address: *address,
                        to,
                        rule: rule.to_owned(),
                        link: None,
                        moves,
                    });
                }
                Err(error) => last = error,
            }
        }
        self.failed(&to, protocol, rule, &last.to_string());
        Err(Failed::Errno(last.raw_os_error().unwrap_or(Errno::IO.raw_os_error())))
    }
}

/// What a guest is given for an address.
async fn open(to: SocketAddr, protocol: Protocol) -> io::Result<(OwnedFd, Option<BoxFuture<'static, ()>>)> {
    match protocol {
        Protocol::Tcp => Ok((open_stream(to).await?, None)),
        Protocol::Udp => datagrams::relayed(to).map(|(end, moves)| (end, Some(moves))),
    }
}

/// A connection as the runtime's own are: plain TCP, and what is written goes at once.
async fn open_stream(to: SocketAddr) -> io::Result<OwnedFd> {
    let family = match to {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    rustix::net::sockopt::set_tcp_nodelay(&socket, true)?;
    let stream = match rustix::net::connect(&socket, &to) {
        // To this machine it is there at once, and nothing has to be waited for.
        Ok(()) => TcpStream::from(socket),
        Err(Errno::INPROGRESS) => {
            let stream = tokio::net::TcpStream::from_std(socket.into())?;
            stream.writable().await?;
            if let Some(error) = stream.take_error()? {
                return Err(error);
            }
            stream.into_std()?
        }
        Err(errno) => return Err(errno.into()),
    };
    // Where nobody listens on a port from which connections are made, TCP connects a socket to itself (RFC 9293, 3.5).
    match stream.local_addr()? == to {
        true => Err(Errno::CONNREFUSED.into()),
        false => Ok(stream.into()),
    }
}
