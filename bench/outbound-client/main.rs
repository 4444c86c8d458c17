//! The client of bench/outbound.py and its server, in a guest as natively: std, and one thread.
//!
//!     rustc --edition 2024 -O [--target wasm32-wasip2] main.rs
//!
//! `serve PORT` and `datagrams PORT` serve; `connects HOST PORT N`, `requests HOST PORT N` and `lookup NAME ADDRESS N` print the median, the 99th
//! percentile and the sum in nanoseconds; `stream HOST PORT BYTES out|in CONNECTIONS` prints nanoseconds. What does not come
//! as it was sent is an error.

use std::io::{self, Error, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Instant;

/// Most bytes of one call.
const PIECE: usize = 64 << 10;
/// Calls that one connection makes before the others have their turn.
const TURN: usize = 16;
/// The byte at `n` of a stream is `n % PERIOD`: a prime, so that a piece that is lost is seen.
const PERIOD: u64 = 251;

/// As poll(2) has it.
#[repr(C)]
struct PollFd {
    fd: i32,
    events: i16,
    revents: i16,
}
const POLLIN: i16 = 1;
const POLLOUT: i16 = if cfg!(target_os = "wasi") { 2 } else { 4 };

unsafe extern "C" {
    fn poll(fds: *mut PollFd, count: std::ffi::c_ulong, timeout: i32) -> i32;
}

/// Waits until one of them is ready.
fn wait(fds: &mut [PollFd]) -> io::Result<()> {
    // SAFETY: a list of poll(2)'s entries and its length.
    match unsafe { poll(fds.as_mut_ptr(), fds.len() as _, -1) } {
        -1 => Err(Error::last_os_error()),
        _ => Ok(()),
    }
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}

/// What an end of a connection does. Its first byte tells the server: `d` and a number receive, `s` and a number send, any other
/// echo. Nothing hangs on a half that ends first, which some relays do not carry.
enum Role {
    New,
    Echo,
    /// A server says what has come.
    Receive(u64, Side),
    Send(u64, Side),
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Client,
    Server,
}

struct End {
    stream: TcpStream,
    role: Role,
    moved: u64,
}

impl End {
    fn new(stream: TcpStream, role: Role) -> End {
        End { stream, role, moved: 0 }
    }

    fn wanted(&self) -> PollFd {
        let events = if matches!(self.role, Role::Send(..)) {
            POLLOUT
        } else {
            POLLIN
        };
        PollFd {
            fd: self.stream.as_raw_fd(),
            events,
            revents: 0,
        }
    }

    /// Moves what can be moved now. False when it is over.
    fn turn(&mut self, sent: &[u8], received: &mut [u8]) -> io::Result<bool> {
        for _ in 0..TURN {
            let goes_on = match self.role {
                Role::New => return self.begin(),
                Role::Echo => {
                    let length = self.stream.read(received)?;
                    return self.stream.write_all(&received[..length]).map(|()| length > 0);
                }
                Role::Receive(total, side) => self.receive(total, side, received),
                Role::Send(total, side) => self.send(total, side, sent),
            };
            match goes_on {
                Ok(true) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                over => return over,
            }
        }
        Ok(true)
    }

    fn begin(&mut self) -> io::Result<bool> {
        let (mut first, mut total) = ([0], [0; 8]);
        if self.stream.read(&mut first)? == 0 {
            return Ok(false);
        }
        match first[0] {
            kind @ (b'd' | b's') => {
                self.stream.read_exact(&mut total)?;
                let role = if kind == b'd' { Role::Receive } else { Role::Send };
                self.role = role(u64::from_le_bytes(total), Side::Server);
            }
            _ => {
                self.role = Role::Echo;
                return self.stream.write_all(&first).map(|()| true);
            }
        }
        self.stream.set_nonblocking(true).map(|()| true)
    }

    fn send(&mut self, total: u64, side: Side, bytes: &[u8]) -> io::Result<bool> {
        let length = (total - self.moved).min(PIECE as u64) as usize;
        if length > 0 {
            let at = (self.moved % PERIOD) as usize;
            self.moved += self.stream.write(&bytes[at..][..length])? as u64;
            return Ok(true);
        }
        if side == Side::Client {
            let mut told = [0; 8];
            self.stream.set_nonblocking(false)?;
            self.stream.read_exact(&mut told)?;
            if u64::from_le_bytes(told) != total {
                return Err(wrong("not all that was sent has come"));
            }
        }
        Ok(false)
    }

    fn receive(&mut self, total: u64, side: Side, bytes: &mut [u8]) -> io::Result<bool> {
        let (at, length) = (self.moved, self.stream.read(bytes)?);
        self.moved += length as u64;
        if length == 0 {
            return Err(wrong("not all has come"));
        }
        let ends = [at, self.moved - 1].map(|at| (at % PERIOD) as u8);
        if ends != [bytes[0], bytes[length - 1]] {
            return Err(wrong("other bytes than were sent"));
        }
        if self.moved < total {
            return Ok(true);
        }
        if side == Side::Server {
            self.stream.set_nonblocking(false)?;
            self.stream.write_all(&self.moved.to_le_bytes())?;
        }
        Ok(false)
    }
}

/// Connections that take turns.
struct Ends {
    ends: Vec<End>,
    sent: Vec<u8>,
    received: Vec<u8>,
}

impl Ends {
    fn new() -> Ends {
        let sent = (0..PIECE as u64 + PERIOD).map(|n| (n % PERIOD) as u8).collect();
        Ends {
            ends: Vec::new(),
            sent,
            received: vec![0; PIECE],
        }
    }

    /// A turn for those that are ready. The last error ends only its own connection.
    fn turns(&mut self, is_ready: impl Fn(usize) -> bool) -> io::Result<()> {
        let (mut place, mut result) = (0, Ok(()));
        self.ends.retain_mut(|end| {
            place += 1;
            let goes_on = if is_ready(place - 1) {
                end.turn(&self.sent, &mut self.received)
            } else {
                Ok(true)
            };
            goes_on.unwrap_or_else(|error| {
                result = Err(error);
                false
            })
        });
        result
    }
}

fn serve(port: u16) -> io::Result<()> {
    let listener = TcpListener::bind(("0.0.0.0", port))?;
    let mut all = Ends::new();
    loop {
        let own = PollFd {
            fd: listener.as_raw_fd(),
            events: POLLIN,
            revents: 0,
        };
        let mut fds: Vec<PollFd> = std::iter::once(own).chain(all.ends.iter().map(End::wanted)).collect();
        wait(&mut fds)?;
        // A client sees its connection end before it should.
        let _ = all.turns(|place| fds[place + 1].revents != 0);
        if fds[0].revents != 0 {
            all.ends.push(End::new(listener.accept()?.0, Role::New));
        }
    }
}

/// Sends each datagram back.
fn datagrams(port: u16) -> io::Result<()> {
    let socket = UdpSocket::bind(("0.0.0.0", port))?;
    let mut datagram = vec![0; PIECE];
    loop {
        let (length, from) = socket.recv_from(&mut datagram)?;
        socket.send_to(&datagram[..length], from)?;
    }
}

fn stream(to: SocketAddr, bytes: u64, is_out: bool, count: u64) -> io::Result<()> {
    let (each, mut all) = (bytes / count, Ends::new());
    for _ in 0..count {
        let role = if is_out {
            Role::Send(each, Side::Client)
        } else {
            Role::Receive(each, Side::Client)
        };
        all.ends.push(End::new(TcpStream::connect(to)?, role));
    }
    let began = Instant::now();
    for end in &mut all.ends {
        let asks = [if is_out { b"d" } else { b"s" }, each.to_le_bytes().as_slice()].concat();
        end.stream.write_all(&asks)?;
        // One alone waits in its own calls.
        end.stream.set_nonblocking(count > 1)?;
    }
    while !all.ends.is_empty() {
        let mut fds: Vec<PollFd> = all.ends.iter().map(End::wanted).collect();
        if count > 1 {
            wait(&mut fds)?;
        }
        all.turns(|place| count == 1 || fds[place].revents != 0)?;
    }
    println!("{}", began.elapsed().as_nanos());
    Ok(())
}

/// Times it so often, after a tenth as many that are not counted.
fn timed(count: usize, mut act: impl FnMut(usize) -> io::Result<()>) -> io::Result<()> {
    (0..count / 10).try_for_each(&mut act)?;
    let mut times = Vec::with_capacity(count);
    for n in 0..count {
        let began = Instant::now();
        act(n)?;
        times.push(began.elapsed().as_nanos() as u64);
    }
    times.sort_unstable();
    println!(
        "{} {} {}",
        times[count / 2],
        times[count * 99 / 100],
        times.iter().sum::<u64>()
    );
    Ok(())
}

fn echoed(stream: &mut TcpStream, byte: u8) -> io::Result<()> {
    let mut back = [!byte];
    stream.write_all(&[byte])?;
    stream.read_exact(&mut back)?;
    if back == [byte] {
        Ok(())
    } else {
        Err(wrong("another byte than was sent"))
    }
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let argument = |n: usize| arguments.get(n).map_or("", String::as_str);
    let number = |n| {
        argument(n)
            .parse::<u64>()
            .map_err(|_| wrong("an argument is no number"))
    };
    let address = |name: &str, port| {
        (name, port)
            .to_socket_addrs()?
            .next()
            .ok_or(wrong("a name without address"))
    };
    let place = || address(argument(2), number(3)? as u16);
    match argument(1) {
        "serve" => serve(number(2)? as u16),
        "datagrams" => datagrams(number(2)? as u16),
        "lookup" => {
            let known: IpAddr = argument(3).parse().map_err(|_| wrong("an argument is no address"))?;
            timed(number(4)? as usize, |_| match address(argument(2), 0)?.ip() == known {
                true => Ok(()),
                false => Err(wrong("another address than is known")),
            })
        }
        "connects" => {
            let to = place()?;
            timed(number(4)? as usize, |_| echoed(&mut TcpStream::connect(to)?, b'e'))
        }
        "requests" => {
            let mut stream = TcpStream::connect(place()?)?;
            echoed(&mut stream, b'e')?;
            timed(number(4)? as usize, |n| echoed(&mut stream, n as u8))
        }
        "stream" => stream(place()?, number(4)?, argument(5) == "out", number(6)?),
        _ => Err(wrong("an unknown command")),
    }
}
