//! One direction of a connection.

use super::end::End;
use super::pipe::{Pipe, Pool};
use super::request;
use rustix::io::Errno;
use std::io::ErrorKind;

/// Bytes read at once while a flow copies: an HTTP head, a small body, a database row.
pub(in crate::forward) const SCRATCH: usize = 16 * 1024;
/// Full buffers in a row that make a flow a bulk stream.
const BULK_AFTER: u8 = 2;
/// Short fills in a row that make a bulk stream an ordinary one again.
const CALM_AFTER: u8 = 8;
/// Bytes that one turn moves before other connections have theirs.
const TURN: u64 = 4 * 1024 * 1024;

/// Bytes that were read and not yet written.
enum Held {
    Nothing,
    Bytes { bytes: Box<[u8]>, sent: usize },
    Piped(Pipe),
}

/// How a flow moves bytes.
enum Way {
    /// Through the worker's buffer; counts full buffers.
    Copy { full: u8 },
    /// Through a pipe; counts short fills.
    Splice { short: u8 },
    /// splice(2) refused one of the sockets once.
    CopyOnly,
}

/// What a turn of a flow came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::forward) enum Progress {
    /// It waits for an edge.
    Waiting,
    /// It could go on, but others come first.
    More,
    /// End-of-file was passed on.
    Ended,
    /// The source was reset and all that came before was delivered.
    SourceReset,
    /// The sink takes nothing any more.
    SinkReset,
}

/// Bytes that a turn moved, by way.
#[derive(Clone, Copy, Default)]
pub(in crate::forward) struct Moved {
    pub(in crate::forward) copied: u64,
    pub(in crate::forward) spliced: u64,
}

impl Moved {
    pub(in crate::forward) fn total(self) -> u64 {
        self.copied + self.spliced
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Open,
    Eof,
    Reset,
}

impl Source {
    /// What a read of nothing means.
    fn of_end(from: &End) -> Source {
        match from.reset {
            true => Source::Reset,
            false => Source::Eof,
        }
    }
}

/// One direction: its source, what is under way, and whether it is over.
pub(in crate::forward) struct Flow {
    held: Held,
    way: Way,
    source: Source,
    over: bool,
    /// Its first bytes were those of an HTTP/1 request; none before they have come.
    began_with_request: Option<bool>,
}

impl Flow {
    pub(in crate::forward) fn new() -> Flow {
        Flow {
            held: Held::Nothing,
            way: Way::Copy { full: 0 },
            source: Source::Open,
            over: false,
            began_with_request: None,
        }
    }

    pub(in crate::forward) fn is_over(&self) -> bool {
        self.over
    }

    /// It speaks HTTP/1, and everything that it has read has gone out.
    pub(in crate::forward) fn rests_between_requests(&self) -> bool {
        self.began_with_request == Some(true) && self.is_at_rest()
    }

    /// Nothing is under way.
    pub(in crate::forward) fn is_at_rest(&self) -> bool {
        !self.over && self.source == Source::Open && matches!(self.held, Held::Nothing)
    }

    /// Moves what can be moved. `scratch` is the worker's buffer, empty between turns.
    pub(in crate::forward) fn turn(
        &mut self,
        from: &mut End,
        to: &mut End,
        scratch: &mut [u8],
        pool: &mut Pool,
        moved: &mut Moved,
    ) -> Progress {
        if self.over {
            return Progress::Ended;
        }
        let before = moved.total();
        while moved.total() - before < TURN {
            // Drained before refilled: a splice into a filled pipe cannot tell "socket empty" from "pipe full".
            if !self.drain(to, pool, moved) {
                self.end(pool);
                return Progress::SinkReset;
            }
            if !matches!(self.held, Held::Nothing) {
                return Progress::Waiting;
            }
            match self.source {
                Source::Open if !from.readable => return Progress::Waiting,
                Source::Open => self.fill(from, to, scratch, pool, moved),
                Source::Eof => {
                    to.finish();
                    self.end(pool);
                    return Progress::Ended;
                }
                Source::Reset => {
                    self.end(pool);
                    return Progress::SourceReset;
                }
            }
        }
        Progress::More
    }

    /// Gives back what the flow holds.
    pub(in crate::forward) fn end(&mut self, pool: &mut Pool) {
        self.over = true;
        if let Held::Piped(pipe) = std::mem::replace(&mut self.held, Held::Nothing) {
            pool.give(pipe);
        }
    }

    /// Writes what is held while the sink takes it. False when the sink is gone.
    fn drain(&mut self, to: &mut End, pool: &mut Pool, moved: &mut Moved) -> bool {
        while to.writable {
            match &mut self.held {
                Held::Nothing => return true,
                Held::Bytes { bytes, sent } => match to.send(&bytes[*sent..]) {
                    Ok(length) => {
                        *sent += length;
                        moved.copied += length as u64;
                        if *sent == bytes.len() {
                            self.held = Held::Nothing;
                        }
                    }
                    Err(error) if transient(error.kind()) => {}
                    Err(_) => return false,
                },
                Held::Piped(pipe) => match pipe.drain(&*to) {
                    Ok(length) => {
                        moved.spliced += length as u64;
                        if pipe.is_empty()
                            && let Held::Piped(pipe) = std::mem::replace(&mut self.held, Held::Nothing)
                        {
                            pool.give(pipe);
                        }
                    }
                    Err(Errno::AGAIN) => to.writable = false,
                    Err(error) => {
                        to.reset |= error == Errno::CONNRESET;
                        return false;
                    }
                },
            }
        }
        true
    }

    fn fill(&mut self, from: &mut End, to: &mut End, scratch: &mut [u8], pool: &mut Pool, moved: &mut Moved) {
        // splice(2) stops at an urgent mark for good; a read passes it.
        if matches!(self.way, Way::Splice { .. })
            && !from.urgent
            && let Some(pipe) = pool.take()
        {
            self.splice(from, pipe, pool);
        } else {
            self.copy(from, to, scratch, moved);
        }
    }

    fn copy(&mut self, from: &mut End, to: &mut End, scratch: &mut [u8], moved: &mut Moved) {
        let length = match from.receive(scratch) {
            Ok(0) => {
                self.source = Source::of_end(from);
                return;
            }
            Ok(length) => length,
            Err(error) if transient(error.kind()) => return,
            Err(_) => {
                self.source = Source::Reset;
                return;
            }
        };
        if self.began_with_request.is_none() {
            self.began_with_request = Some(request::begins(&scratch[..length]));
        }
        if let Way::Copy { full } = &mut self.way {
            *full = if length == scratch.len() { *full + 1 } else { 0 };
            if *full >= BULK_AFTER {
                self.way = Way::Splice { short: 0 };
            }
        }
        // Most often everything goes out at once and nothing is kept. An error shows again when the rest is drained.
        let sent = if to.writable {
            to.send(&scratch[..length]).unwrap_or(0)
        } else {
            0
        };
        moved.copied += sent as u64;
        if sent < length {
            self.held = Held::Bytes {
                bytes: scratch[sent..length].into(),
                sent: 0,
            };
        }
    }

    fn splice(&mut self, from: &mut End, mut pipe: Pipe, pool: &mut Pool) {
        match pipe.fill(&*from) {
            Ok(0) => self.source = Source::of_end(from),
            Ok(length) => {
                if let Way::Splice { short } = &mut self.way {
                    *short = if length < SCRATCH { *short + 1 } else { 0 };
                    if *short >= CALM_AFTER {
                        self.way = Way::Copy { full: 0 };
                    }
                }
                self.held = Held::Piped(pipe);
                return;
            }
            Err(Errno::AGAIN) => from.readable = false,
            Err(Errno::INVAL) => self.way = Way::CopyOnly,
            Err(_) => self.source = Source::Reset,
        }
        pool.give(pipe);
    }
}

fn transient(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::sockopt;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    /// Both ends of a connection; the first is the relay's.
    fn pair() -> (End, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        ours.set_nonblocking(true).unwrap();
        (End::new(ours.into()), listener.accept().unwrap().0)
    }

    /// A turn of both directions after the client has sent something, and the guest has done this.
    fn turns(guest_does: fn(TcpStream)) -> (Progress, Progress, std::io::Result<usize>) {
        let ((mut client, mut clients_peer), (mut guest, guests_peer)) = (pair(), pair());
        clients_peer.write_all(b"x").unwrap();
        guest_does(guests_peer);
        let (mut scratch, mut pool, mut moved) = (vec![0; SCRATCH], Pool::new(), Moved::default());
        let (mut to_guest, mut to_client) = (Flow::new(), Flow::new());
        // On loopback everything has arrived by now.
        let sent = to_guest.turn(&mut client, &mut guest, &mut scratch, &mut pool, &mut moved);
        let got = to_client.turn(&mut guest, &mut client, &mut scratch, &mut pool, &mut moved);
        clients_peer.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        (sent, got, clients_peer.read(&mut [0]))
    }

    #[test]
    fn a_reset_that_a_write_has_heard_of_is_no_end() {
        let (sent, got, client) = turns(|guest| sockopt::set_socket_linger(&guest, Some(Duration::ZERO)).unwrap());
        assert_eq!((sent, got), (Progress::SinkReset, Progress::SourceReset));
        assert_eq!(
            client.unwrap_err().kind(),
            ErrorKind::WouldBlock,
            "the client is told of an end"
        );
    }

    #[test]
    fn an_end_that_came_before_is_one() {
        let (_, got, client) = turns(|guest| guest.shutdown(std::net::Shutdown::Write).unwrap());
        assert_eq!(got, Progress::Ended);
        assert_eq!(client.unwrap(), 0);
    }
}
