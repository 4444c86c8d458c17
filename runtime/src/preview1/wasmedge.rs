//! WasmEdge's sockets: calls beside those of wasip1 by which a module opens, binds and connects sockets of its own. Their
//! types are those of the crate wasmedge_wasi_socket 0.5, which the ports of tokio, hyper and others to it use.

use super::context::{Context, code, split};
use super::sockets::{Kind, Socket};
use crate::sockets::{ErrorCode, Family, Network, Tcp, reached};
use rustix::net::RecvFlags;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Poll, ready};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use wasmtime::{Caller, ExternType, Linker, Module, Result};
use wasmtime_wasi::p1::types::{Ciovec, Errno, Error, Fd, Fdflags, Iovec};
use wasmtime_wasi::sockets::SocketAddrUse;
use wiggle::{GuestMemory, GuestPtr};

const MODULE: &str = "wasi_snapshot_preview1";
/// Of `address_family`.
const INET4: u32 = 1;
const INET6: u32 = 2;
/// Of `socket_type`.
const DATAGRAM: u32 = 1;
const STREAM: u32 = 2;
/// Names of options, of the one level that there is.
const REUSE_ADDRESS: u32 = 0;
const TYPE: u32 = 1;
const ERROR: u32 = 2;
const BROADCAST: u32 = 4;
const SEND_BUFFER: u32 = 5;
const RECEIVE_BUFFER: u32 = 6;
const KEEP_ALIVE: u32 = 7;
const ACCEPTS: u32 = 13;
/// Longest name of a host, with some room (RFC 1035 has 255).
const LONGEST_NAME: u32 = 1024;
/// Longest datagram that there is.
const LONGEST: usize = 64 << 10;

/// Whether a module opens sockets itself.
pub(super) fn is_used_by(module: &Module) -> bool {
    module.imports().any(|import| import.name() == "sock_open")
}

/// The wasip1 error for one of `wasi:sockets`.
fn errno_of(error: ErrorCode) -> Errno {
    match error {
        ErrorCode::AccessDenied => Errno::Acces,
        ErrorCode::NotSupported => Errno::Notsup,
        ErrorCode::InvalidArgument | ErrorCode::InvalidState => Errno::Inval,
        ErrorCode::OutOfMemory => Errno::Nomem,
        ErrorCode::Timeout => Errno::Timedout,
        ErrorCode::AddressNotBindable => Errno::Addrnotavail,
        ErrorCode::AddressInUse => Errno::Addrinuse,
        ErrorCode::RemoteUnreachable => Errno::Hostunreach,
        ErrorCode::ConnectionRefused => Errno::Connrefused,
        ErrorCode::ConnectionBroken => Errno::Pipe,
        ErrorCode::ConnectionReset => Errno::Connreset,
        ErrorCode::ConnectionAborted => Errno::Connaborted,
        ErrorCode::DatagramTooLarge => Errno::Msgsize,
        ErrorCode::Other => Errno::Io,
    }
}

fn refused(error: ErrorCode) -> Error {
    errno_of(error).into()
}

fn failed(error: std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::WouldBlock => Errno::Again.into(),
        _ => refused(error.into()),
    }
}

/// Datagrams of one socket, which is there from its first use on.
pub(super) struct Datagrams {
    network: Network,
    family: Family,
    socket: Option<UdpSocket>,
}

impl Datagrams {
    async fn bind(&mut self, address: SocketAddr) -> Result<(), Error> {
        if self.socket.is_some() || !self.family.takes(address.ip()) {
            return Err(Errno::Inval.into());
        }
        if !self.network.gate.allows(address, SocketAddrUse::UdpBind) {
            return Err(Errno::Acces.into());
        }
        self.socket = Some(UdpSocket::bind(address).await.map_err(failed)?);
        Ok(())
    }

    pub(super) fn socket(&self) -> Option<&UdpSocket> {
        self.socket.as_ref()
    }

    /// Ready when a datagram is there, and how long it is.
    pub(super) fn poll_readable(&self, context: &mut std::task::Context<'_>) -> Poll<u64> {
        let Some(socket) = &self.socket else {
            return Poll::Pending;
        };
        loop {
            if ready!(socket.poll_recv_ready(context)).is_err() {
                return Poll::Ready(0);
            }
            let peeked = socket.try_io(Interest::READABLE, || {
                let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT | RecvFlags::TRUNC;
                Ok(rustix::net::recv(socket, &mut [0u8; 1][..], flags)?.1)
            });
            match peeked {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Ok(length) => return Poll::Ready(length as u64),
                Err(_) => return Poll::Ready(0),
            }
        }
    }

    async fn send(&mut self, bytes: &[u8], to: SocketAddr, wait: bool) -> Result<usize, Error> {
        if !self.network.gate.allows(to, SocketAddrUse::UdpSend) {
            return Err(Errno::Acces.into());
        }
        if self.socket.is_none() {
            self.bind(self.family.any()).await?;
        }
        let socket = self.socket.as_ref().ok_or(Errno::Inval)?;
        match socket.try_send_to(bytes, to) {
            Err(error) if error.kind() == ErrorKind::WouldBlock && wait => {
                socket.send_to(bytes, to).await.map_err(failed)
            }
            done => done.map_err(failed),
        }
    }

    async fn receive(&self, bytes: &mut [u8], wait: bool) -> Result<(usize, SocketAddr), Error> {
        let socket = self.socket.as_ref().ok_or(Errno::Inval)?;
        let (length, from) = match socket.try_recv_from(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock && wait => {
                socket.recv_from(bytes).await.map_err(failed)?
            }
            done => done.map_err(failed)?,
        };
        // Who has written may be answered.
        let _ = self.network.gate.allows(from, SocketAddrUse::UdpReceive);
        Ok((length, from))
    }
}

/// `WasiAddress`: where an address lies and how long it is. Four bytes are IPv4, sixteen IPv6; what is longer begins with
/// the family.
struct Place {
    bytes: GuestPtr<u8>,
    size: u32,
}

impl Place {
    fn at(memory: &GuestMemory<'_>, address: u32) -> Result<Place, Error> {
        Ok(Place {
            bytes: GuestPtr::new(memory.read(GuestPtr::<u32>::new(address))?),
            size: memory.read(GuestPtr::<u32>::new(after(address, 4)?))?,
        })
    }

    fn read(&self, memory: &GuestMemory<'_>, port: u32) -> Result<SocketAddr, Error> {
        let port = u16::try_from(port).map_err(|_| Errno::Inval)?;
        let copy = |at: u32, length: u32| -> Result<Vec<u8>, Error> {
            let from = GuestPtr::<u8>::new(after(self.bytes.offset(), at)?);
            Ok(memory.to_vec(from.as_array(length))?)
        };
        let four = |at| -> Result<IpAddr, Error> {
            let bytes: [u8; 4] = copy(at, 4)?.try_into().map_err(|_| Errno::Inval)?;
            Ok(Ipv4Addr::from(bytes).into())
        };
        let sixteen = |at| -> Result<IpAddr, Error> {
            let bytes: [u8; 16] = copy(at, 16)?.try_into().map_err(|_| Errno::Inval)?;
            Ok(Ipv6Addr::from(bytes).into())
        };
        let ip = match self.size {
            4 => four(0)?,
            16 => sixteen(0)?,
            18.. => match u32::from(u16::from_le_bytes(copy(0, 2)?.try_into().map_err(|_| Errno::Inval)?)) {
                INET4 => four(2)?,
                INET6 => sixteen(2)?,
                _ => return Err(Errno::Afnosupport.into()),
            },
            _ => return Err(Errno::Inval.into()),
        };
        Ok(SocketAddr::new(ip, port))
    }

    fn write(&self, memory: &mut GuestMemory<'_>, ip: IpAddr) -> Result<(), Error> {
        let bytes = match ip {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let mut all = Vec::new();
        if self.size >= 18 {
            all.extend((family_of(ip) as u16).to_le_bytes());
        }
        all.extend(bytes);
        let length = u32::try_from(all.len())?;
        if self.size < length {
            return Err(Errno::Inval.into());
        }
        Ok(memory.copy_from_slice(&all, self.bytes.as_array(length))?)
    }
}

fn family_of(ip: IpAddr) -> u32 {
    if ip.is_ipv4() { INET4 } else { INET6 }
}

fn after(address: u32, offset: u32) -> Result<u32, Error> {
    Ok(address.checked_add(offset).ok_or(Errno::Fault)?)
}

fn write(memory: &mut GuestMemory<'_>, to: u32, value: u32) -> Result<(), Error> {
    Ok(memory.write(GuestPtr::new(to), value)?)
}

impl Context {
    fn made(&mut self, fd: u32) -> Result<&mut Socket, Error> {
        Ok(self.sockets.get(fd).ok_or(Errno::Badf)?)
    }

    fn open(&mut self, network: &Network, family: u32, kind: u32) -> Result<u32, Error> {
        let family = match family {
            INET4 => Family::V4,
            INET6 => Family::V6,
            _ => return Err(Errno::Afnosupport.into()),
        };
        let kind = match kind {
            STREAM => Kind::Fresh(Box::new(Tcp::new(network, family).map_err(refused)?)),
            DATAGRAM => Kind::Datagrams(Datagrams {
                network: network.clone(),
                family,
                socket: None,
            }),
            _ => return Err(Errno::Prototype.into()),
        };
        let descriptor = self.sockets.free();
        self.sockets.put(descriptor, Socket::new(kind, false));
        Ok(descriptor)
    }

    async fn bind(&mut self, fd: u32, address: SocketAddr) -> Result<(), Error> {
        match &mut self.made(fd)?.kind {
            Kind::Fresh(tcp) => tcp.bind(address).map_err(refused),
            Kind::Datagrams(datagrams) => datagrams.bind(address).await,
            _ => Err(Errno::Inval.into()),
        }
    }

    fn listen(&mut self, fd: u32, backlog: u32) -> Result<(), Error> {
        let socket = self.made(fd)?;
        let Kind::Fresh(tcp) = &mut socket.kind else {
            return Err(Errno::Inval.into());
        };
        // Whoever comes while the queue is full tries again after a whole second; samples ask for 128.
        tcp.set_backlog(u64::from(backlog).max(1024)).map_err(refused)?;
        tcp.listen().map_err(refused)?;
        let acceptor = tcp.take_acceptor().ok_or(Errno::Inval)?;
        socket.kind = Kind::listener(acceptor, None).map_err(failed)?;
        Ok(())
    }

    async fn connect(&mut self, fd: u32, address: SocketAddr) -> Result<(), Error> {
        let socket = self.made(fd)?;
        socket.kind.settle();
        let Kind::Fresh(tcp) = &mut socket.kind else {
            return Err(Errno::Isconn.into());
        };
        if tcp.is_connecting() {
            return Err(Errno::Already.into());
        }
        tcp.connect(address).map_err(refused)?;
        let waits = !socket.nonblocking;
        let connected = poll_fn(|context| match tcp.poll_connected(context) {
            Poll::Pending if waits => Poll::Pending,
            Poll::Pending => Poll::Ready(Err(Errno::Inprogress.into())),
            Poll::Ready(connected) => Poll::Ready(connected.map_err(refused)),
        });
        connected.await?;
        socket.kind.settle();
        Ok(())
    }

    /// The address of one end.
    fn address(&mut self, fd: u32, is_peer: bool) -> Result<SocketAddr, Error> {
        let socket = self.made(fd)?;
        socket.kind.settle();
        let came_by = socket.came_by;
        Ok(match (&socket.kind, is_peer) {
            (Kind::Stream(stream), true) => match came_by {
                Some(listener) => Family::of(listener).shown(stream.peer()),
                None => stream.peer(),
            },
            (Kind::Stream(stream), false) => match came_by.filter(|_| stream.is_adopted()) {
                Some(listener) => reached(listener),
                None => stream.socket().local_addr().map_err(failed)?,
            },
            (Kind::Listener { address, .. }, false) => *address,
            (Kind::Fresh(tcp), false) => tcp.local_address().map_err(refused)?,
            (Kind::Datagrams(datagrams), false) => {
                datagrams.socket().ok_or(Errno::Inval)?.local_addr().map_err(failed)?
            }
            (_, true) => return Err(Errno::Notconn.into()),
        })
    }

    /// An option's value.
    fn option(&mut self, fd: u32, name: u32) -> Result<u32, Error> {
        let socket = self.made(fd)?;
        socket.kind.settle();
        let kernel = socket.kind.kernel();
        Ok(match name {
            TYPE if matches!(socket.kind, Kind::Datagrams(_)) => DATAGRAM,
            TYPE => STREAM,
            ACCEPTS => u32::from(matches!(socket.kind, Kind::Listener { .. })),
            ERROR => match &socket.kind {
                Kind::Fresh(tcp) => tcp.error().map_or(0, |error| errno_of(error) as u32),
                _ => match kernel.map(rustix::net::sockopt::socket_error).transpose().map_err(io)? {
                    Some(Err(error)) => errno_of(std::io::Error::from(error).into()) as u32,
                    _ => 0,
                },
            },
            REUSE_ADDRESS => 1,
            BROADCAST => 0,
            KEEP_ALIVE => kernel
                .map(rustix::net::sockopt::socket_keepalive)
                .transpose()
                .map_err(io)?
                .unwrap_or(false)
                .into(),
            SEND_BUFFER => bytes(
                kernel
                    .map(rustix::net::sockopt::socket_send_buffer_size)
                    .transpose()
                    .map_err(io)?,
            ),
            RECEIVE_BUFFER => bytes(
                kernel
                    .map(rustix::net::sockopt::socket_recv_buffer_size)
                    .transpose()
                    .map_err(io)?,
            ),
            _ => return Err(Errno::Noprotoopt.into()),
        })
    }

    fn set_option(&mut self, fd: u32, name: u32, value: u32) -> Result<(), Error> {
        let socket = self.made(fd)?;
        socket.kind.settle();
        if let Kind::Fresh(tcp) = &socket.kind {
            return match name {
                REUSE_ADDRESS => Ok(()),
                KEEP_ALIVE => tcp.set_keep_alive(value != 0).map_err(refused),
                SEND_BUFFER => tcp.set_send_buffer(value.into()).map_err(refused),
                RECEIVE_BUFFER => tcp.set_receive_buffer(value.into()).map_err(refused),
                _ => Err(Errno::Noprotoopt.into()),
            };
        }
        // Datagrams that were not bound yet have no socket.
        let kernel = socket.kind.kernel().ok_or(Errno::Inval)?;
        match name {
            // It is on, always.
            REUSE_ADDRESS => Ok(()),
            KEEP_ALIVE => rustix::net::sockopt::set_socket_keepalive(kernel, value != 0).map_err(io),
            SEND_BUFFER => rustix::net::sockopt::set_socket_send_buffer_size(kernel, value as usize).map_err(io),
            RECEIVE_BUFFER => rustix::net::sockopt::set_socket_recv_buffer_size(kernel, value as usize).map_err(io),
            _ => Err(Errno::Noprotoopt.into()),
        }
    }
}

fn io(errno: rustix::io::Errno) -> Error {
    failed(errno.into())
}

fn bytes(size: Option<usize>) -> u32 {
    size.and_then(|size| u32::try_from(size).ok()).unwrap_or(0)
}

/// Adds them. Where a module has `sock_accept` of the older form, without flags, it gets that.
pub(super) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    module: &Module,
    network: &Network,
    get: impl Fn(&mut T) -> &mut Context + Copy + Send + Sync + 'static,
) -> Result<()> {
    /// A call: its name, what it is given, and what it does with memory and context.
    macro_rules! call {
        ($name:literal ($($argument:ident),*) |$memory:ident, $context:ident| $does:expr) => {
            linker.func_wrap_async(MODULE, $name, move |mut caller: Caller<'_, T>, ($($argument),*,): ($(call!(@u32 $argument)),*,)| {
                Box::new(async move {
                    let (memory, $context) = split(&mut caller, get)?;
                    let mut guest = GuestMemory::Unshared(memory);
                    let $memory = &mut guest;
                    let done = async { $does; Ok(()) };
                    code(done.await)
                })
            })?;
        };
        (@u32 $argument:ident) => { u32 };
    }
    let opens = network.clone();
    linker.func_wrap_async(
        MODULE,
        "sock_open",
        move |mut caller: Caller<'_, T>, (family, kind, to): (u32, u32, u32)| {
            let network = opens.clone();
            Box::new(async move {
                let (memory, context) = split(&mut caller, get)?;
                let opened = context.open(&network, family, kind);
                code(opened.and_then(|descriptor| write(&mut GuestMemory::Unshared(memory), to, descriptor)))
            })
        },
    )?;
    call!(
        "sock_bind"(fd, address, port) | memory,
        context | {
            let address = Place::at(memory, address)?.read(memory, port)?;
            context.bind(fd, address).await?
        }
    );
    call!(
        "sock_listen"(fd, backlog) | _memory,
        context | context.listen(fd, backlog)?
    );
    call!(
        "sock_connect"(fd, address, port) | memory,
        context | {
            let address = Place::at(memory, address)?.read(memory, port)?;
            context.connect(fd, address).await?
        }
    );
    call!(
        "sock_getlocaladdr"(fd, address, family, port) | memory,
        context | { say(memory, context.address(fd, false)?, address, family, port)? }
    );
    call!(
        "sock_getpeeraddr"(fd, address, family, port) | memory,
        context | { say(memory, context.address(fd, true)?, address, family, port)? }
    );
    call!(
        "sock_getsockopt"(fd, _level, name, to, size) | memory,
        context | {
            let value = context.option(fd, name)?;
            if memory.read(GuestPtr::<u32>::new(size))? < 4 {
                return Err(Errno::Inval.into());
            }
            write(memory, to, value)?;
            write(memory, size, 4)?
        }
    );
    call!(
        "sock_setsockopt"(fd, _level, name, from, size) | memory,
        context | {
            let value = if size >= 4 {
                memory.read(GuestPtr::<u32>::new(from))?
            } else {
                0
            };
            context.set_option(fd, name, value)?
        }
    );
    call!(
        "sock_send_to"(fd, buffers, count, address, port, _flags, to) | memory,
        context | {
            let address = Place::at(memory, address)?.read(memory, port)?;
            let mut bytes = Vec::new();
            for buffer in GuestPtr::<[Ciovec]>::new((buffers, count)).iter() {
                let buffer = memory.read(buffer?)?;
                if bytes.len() + buffer.buf_len as usize > LONGEST {
                    return Err(Errno::Msgsize.into());
                }
                bytes.extend(memory.to_vec(buffer.buf.as_array(buffer.buf_len))?);
            }
            let socket = context.made(fd)?;
            let wait = !socket.nonblocking;
            let Kind::Datagrams(datagrams) = &mut socket.kind else {
                return Err(Errno::Isconn.into());
            };
            let length = datagrams.send(&bytes, address, wait).await?;
            write(memory, to, u32::try_from(length)?)?
        }
    );
    call!(
        "sock_recv_from"(fd, buffers, count, address, _flags, port, to, flags) | memory,
        context | {
            let socket = context.made(fd)?;
            let wait = !socket.nonblocking;
            let Kind::Datagrams(datagrams) = &mut socket.kind else {
                return Err(Errno::Notsup.into());
            };
            let mut bytes = vec![0; LONGEST];
            let (length, from) = datagrams.receive(&mut bytes, wait).await?;
            let mut rest = &bytes[..length];
            for buffer in GuestPtr::<[Iovec]>::new((buffers, count)).iter() {
                let buffer = memory.read(buffer?)?;
                let (piece, more) = rest.split_at(rest.len().min(buffer.buf_len as usize));
                memory.copy_from_slice(piece, buffer.buf.as_array(u32::try_from(piece.len())?))?;
                rest = more;
            }
            Place::at(memory, address)?.write(memory, from.ip())?;
            write(memory, port, from.port().into())?;
            // What had no room is lost, which is said (`ROFLAGS_RECV_DATA_TRUNCATED`).
            write(memory, flags, u32::from(!rest.is_empty()))?;
            write(memory, to, u32::try_from(length - rest.len())?)?
        }
    );
    call!(
        "sock_getaddrinfo"(node, node_size, service, service_size, hints, results, most, count) | memory,
        _context | {
            let name = |at: u32, size: u32| -> Result<String, Error> {
                if size > LONGEST_NAME {
                    return Err(Errno::Nametoolong.into());
                }
                let bytes = memory.to_vec(GuestPtr::<u8>::new(at).as_array(size))?;
                let text = String::from_utf8(bytes).map_err(|_| Errno::Ilseq)?;
                Ok(text.trim_end_matches('\0').to_owned())
            };
            let found = look_up(&name(node, node_size)?, &name(service, service_size)?)?;
            let first = memory.read(GuestPtr::<u32>::new(results))?;
            let written = answer(memory, &found, hints, first, most)?;
            write(memory, count, written)?
        }
    );
    linker.allow_shadowing(true);
    if has_old_accept(module) {
        call!(
            "sock_accept"(fd, to) | memory,
            context | {
                let accepted = context.accept(Fd::from(fd), Fdflags::empty()).await?;
                write(memory, to, accepted.into())?
            }
        );
    }
    linker.allow_shadowing(false);
    Ok(())
}

fn has_old_accept(module: &Module) -> bool {
    module.imports().any(|import| {
        import.name() == "sock_accept" && matches!(import.ty(), ExternType::Func(ty) if ty.params().len() == 2)
    })
}

fn say(memory: &mut GuestMemory<'_>, is: SocketAddr, address: u32, family: u32, port: u32) -> Result<(), Error> {
    Place::at(memory, address)?.write(memory, is.ip())?;
    write(memory, family, if is.is_ipv4() { 4 } else { 6 })?;
    write(memory, port, is.port().into())
}

/// There is no resolver in a namespace that leads nowhere: what is left are numbers and the machine itself.
fn look_up(node: &str, service: &str) -> Result<Vec<SocketAddr>, Error> {
    let port = match service {
        "" => 0,
        "http" => 80,
        "https" => 443,
        number => number.parse::<u16>().map_err(|_| Errno::Noent)?,
    };
    let ips: Vec<IpAddr> = match node {
        "" => vec![Ipv4Addr::UNSPECIFIED.into()],
        "localhost" => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        number => vec![number.parse().map_err(|_| Errno::Noent)?],
    };
    Ok(ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
}

/// Fills the guest's own list of `WasiAddrinfo`, and says how many were filled. A `WasiSockaddr` has the port, high byte
/// first, and the address.
fn answer(memory: &mut GuestMemory<'_>, found: &[SocketAddr], hints: u32, first: u32, most: u32) -> Result<u32, Error> {
    let wanted = match hints {
        0 => 0,
        hints => memory.read(GuestPtr::<u8>::new(after(hints, 2)?))?.into(),
    };
    let (mut at, mut written) = (first, 0);
    for address in found
        .iter()
        .filter(|address| [0, family_of(address.ip())].contains(&wanted))
    {
        if written == most || at == 0 {
            break;
        }
        let family = family_of(address.ip()) as u8;
        let sockaddr = memory.read(GuestPtr::<u32>::new(after(at, 12)?))?;
        let data = memory.read(GuestPtr::<u32>::new(after(sockaddr, 8)?))?;
        let mut bytes = address.port().to_be_bytes().to_vec();
        match address.ip() {
            IpAddr::V4(ip) => bytes.extend(ip.octets()),
            IpAddr::V6(ip) => bytes.extend(ip.octets()),
        }
        memory.write(GuestPtr::<u8>::new(sockaddr), family)?;
        write(memory, after(sockaddr, 4)?, u32::try_from(bytes.len())?)?;
        memory.copy_from_slice(&bytes, GuestPtr::<u8>::new(data).as_array(u32::try_from(bytes.len())?))?;
        memory.write(GuestPtr::<u8>::new(after(at, 2)?), family)?;
        // Streams of TCP, which is 1 among protocols.
        memory.write(GuestPtr::<u8>::new(after(at, 3)?), STREAM as u8)?;
        memory.write(GuestPtr::<u8>::new(after(at, 4)?), 1)?;
        write(memory, after(at, 8)?, u32::try_from(bytes.len())?)?;
        write(memory, after(at, 20)?, 0)?;
        at = memory.read(GuestPtr::<u32>::new(after(at, 24)?))?;
        written += 1;
    }
    Ok(written)
}
