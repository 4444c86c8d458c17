//! WasmEdge's sockets: calls beside those of wasip1 by which a module opens, binds and connects sockets of its own. Their
//! types are those of the crate wasmedge_wasi_socket 0.5, which the ports of tokio, hyper and others to it use.

mod address;

use self::address::{DATAGRAM, INET4, INET6, LONGEST_NAME, Place, STREAM, answer, port_of, say, write};
use super::calls::{code, split};
use super::context::Context;
use super::datagrams::Datagrams;
use super::errno::{errno_of, failed, refused};
use super::sockets::{Kind, Socket};
use crate::egress::NameError;
use crate::wasi::sockets::{Family, Network, Options, Tcp, reached};
use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::task::Poll;
use wasmtime::{Caller, ExternType, Linker, Module, Result};
use wasmtime_wasi::p1::types::{Ciovec, Errno, Error, Fd, Fdflags, Iovec};
use wiggle::{GuestMemory, GuestPtr};

const MODULE: &str = "wasi_snapshot_preview1";
/// Names of options, of the one level that there is.
const REUSE_ADDRESS: u32 = 0;
const TYPE: u32 = 1;
const ERROR: u32 = 2;
const BROADCAST: u32 = 4;
const SEND_BUFFER: u32 = 5;
const RECEIVE_BUFFER: u32 = 6;
const KEEP_ALIVE: u32 = 7;
const ACCEPTS: u32 = 13;
/// Longest datagram that there is.
const LONGEST: usize = 64 << 10;

/// A name in a guest's memory.
fn name(memory: &GuestMemory<'_>, at: u32, size: u32) -> Result<String, Error> {
    if size > LONGEST_NAME {
        return Err(Errno::Nametoolong.into());
    }
    let bytes = memory.to_vec(GuestPtr::<u8>::new(at).as_array(size))?;
    let text = String::from_utf8(bytes).map_err(|_| Errno::Ilseq)?;
    Ok(text.trim_end_matches('\0').to_owned())
}

/// Whether a module opens sockets itself.
pub(super) fn is_used_by(module: &Module) -> bool {
    module.imports().any(|import| import.name() == "sock_open")
}

/// The wasip1 error for one of `wasi:sockets`.
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
            DATAGRAM => Kind::Datagrams(Datagrams::new(network, family)),
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
    let knows = network.clone();
    type LookUp = (u32, u32, u32, u32, u32, u32, u32, u32);
    linker.func_wrap_async(
        MODULE,
        "sock_getaddrinfo",
        move |mut caller: Caller<'_, T>,
              (node, node_size, service, service_size, hints, results, most, count): LookUp| {
            let network = knows.clone();
            Box::new(async move {
                let (memory, _) = split(&mut caller, get)?;
                let memory = &mut GuestMemory::Unshared(memory);
                let done = async {
                    let node = name(memory, node, node_size)?;
                    let port = port_of(&name(memory, service, service_size)?)?;
                    let found = match node.as_str() {
                        "" => vec![Ipv4Addr::UNSPECIFIED.into()],
                        node => network.look_up(node).await.map_err(|error| match error {
                            NameError::Unknown => Errno::Noent,
                            NameError::Temporary => Errno::Again,
                        })?,
                    };
                    let found: Vec<SocketAddr> = found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
                    let first = memory.read(GuestPtr::<u32>::new(results))?;
                    let written = answer(memory, &found, hints, first, most)?;
                    write(memory, count, written)
                };
                code(done.await)
            })
        },
    )?;
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
