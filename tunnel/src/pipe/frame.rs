//! Frames of the pipe, version 1. Numbers are big-endian.
//!
//! | type | fields |
//! |---|---|
//! | 1 HELLO, client to server | `WRP1`, session (16 bytes, 0 = new), epoch u32, received u64, buffer u32, agent text |
//! | 2 WELCOME, server to client | session (16 bytes), received u64, buffer u32, linger in seconds u16, ping in seconds u16 |
//! | 3 REFUSED, server to client | code u16, text |
//! | 4 DATA | bytes |
//! | 5 ACK | received u64 |
//! | 6 PING, 7 PONG | nonce u64 |
//! | 8 BYE | code u16, text |
//!
//! Types of 128 and more are extensions, which are ignored. A frame has no length of its own: the carrier keeps frames apart.

use super::text::Text;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use std::fmt;

/// The first bytes of every HELLO.
pub const MAGIC: [u8; 4] = *b"WRP1";
/// Most bytes in one DATA frame.
pub const MAX_DATA: usize = 64 * 1024;
/// Most bytes of a frame, with its type.
pub const MAX_FRAME: usize = MAX_DATA + 16;

const HELLO: u8 = 1;
const WELCOME: u8 = 2;
const REFUSED: u8 = 3;
const DATA: u8 = 4;
const ACK: u8 = 5;
const PING: u8 = 6;
const PONG: u8 = 7;
const BYE: u8 = 8;
const EXTENSIONS: u8 = 128;

/// What goes over a carrier, one at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The client's first frame on each carrier.
    Hello(Hello),
    /// The server's answer: DATA may follow, both ways.
    Welcome(Welcome),
    /// The server's other answer, which is final for that session.
    Refused(Refused),
    /// Bytes of the stream.
    Data(Data),
    /// How many bytes of the stream the sender of this frame has read.
    Ack(u64),
    /// Asks for a PONG with the same number.
    Ping(u64),
    /// Answers a PING.
    Pong(u64),
    /// The session is over, for both.
    Bye(Bye),
    /// A frame of a later version, to be ignored: its type.
    Extension(u8),
}

/// Begins or resumes a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// [`SessionId::NEW`] for a new session.
    pub session: SessionId,
    /// The carrier's number in the session, from 1. A higher one ends those below it.
    pub epoch: u32,
    /// How many bytes the client has read.
    pub received: u64,
    /// Most bytes that the client holds in one direction.
    pub buffer: u32,
    /// The client's program and version.
    pub agent: Text,
}

/// Takes a carrier in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The session, which the client names when it comes again.
    pub session: SessionId,
    /// How many bytes the server has read.
    pub received: u64,
    /// Most bytes that the server holds in one direction.
    pub buffer: u32,
    /// Seconds that the session outlives its carrier.
    pub linger: u16,
    /// Seconds of silence before a PING.
    pub ping: u16,
}

/// Why there is no session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// For programs.
    pub code: RefusalCode,
    /// For people.
    pub text: Text,
}

/// The end of a session that one side wants. The other answers with the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bye {
    /// [`Bye::DONE`] after everything that was written, others at once.
    pub code: u16,
    /// For people.
    pub text: Text,
}

impl Bye {
    /// Everything is said.
    pub const DONE: u16 = 0;
    /// The program or the holder of the stream ends.
    pub const GOING: u16 = 1;
    /// The server's policy ends the session: a token was removed, a switch turned, a time is over.
    pub const POLICY: u16 = 2;
}

/// Names a session between its two ends. Whoever knows it still needs the right identity.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(pub [u8; 16]);

impl SessionId {
    /// Stands for a session that does not exist yet.
    pub const NEW: SessionId = SessionId([0; 16]);
}

/// Only its beginning: logs are no place for the whole.
impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "{a:02x}{b:02x}{c:02x}{d:02x}...")
    }
}

/// Why a session is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalCode {
    /// It is over, or never was, or is another identity's.
    UnknownSession,
    /// The identity may not have sessions.
    WrongUser,
    /// There are too many sessions.
    Limit,
    /// The versions differ.
    Version,
    /// The client has read more than was sent to it, or less than it said before.
    Position,
    /// A later version's.
    Other(u16),
}

impl From<u16> for RefusalCode {
    fn from(code: u16) -> RefusalCode {
        match code {
            1 => RefusalCode::UnknownSession,
            2 => RefusalCode::WrongUser,
            3 => RefusalCode::Limit,
            4 => RefusalCode::Version,
            5 => RefusalCode::Position,
            code => RefusalCode::Other(code),
        }
    }
}

impl From<RefusalCode> for u16 {
    fn from(code: RefusalCode) -> u16 {
        match code {
            RefusalCode::UnknownSession => 1,
            RefusalCode::WrongUser => 2,
            RefusalCode::Limit => 3,
            RefusalCode::Version => 4,
            RefusalCode::Position => 5,
            RefusalCode::Other(code) => code,
        }
    }
}

/// Bytes of the stream, kept together with the frame's type, so that no carrier has to join them.
#[derive(Clone, PartialEq, Eq)]
pub struct Data(Bytes);

impl Data {
    /// A frame with both parts one after the other, of which at most [`MAX_DATA`] bytes fit.
    pub(super) fn new(first: &[u8], second: &[u8]) -> Data {
        debug_assert!(first.len() + second.len() <= MAX_DATA);
        let mut frame = Vec::with_capacity(1 + first.len() + second.len());
        frame.push(DATA);
        frame.extend_from_slice(first);
        frame.extend_from_slice(second);
        Data(frame.into())
    }

    /// The bytes of the stream.
    pub fn payload(&self) -> &[u8] {
        self.0.get(1..).unwrap_or_default()
    }

    /// The same, without a copy.
    pub(super) fn into_payload(mut self) -> Bytes {
        self.0.advance(1);
        self.0
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.payload().len())
    }
}

/// Bytes that are no frame: the carrier is not to be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Nothing at all, or fields are missing or too many.
    #[error("a frame of type {0} has the wrong length")]
    Length(u8),
    /// More than [`MAX_FRAME`] bytes.
    #[error("a frame has {0} bytes, and {MAX_FRAME} are the most")]
    Oversized(usize),
    /// HELLO without [`MAGIC`]: another protocol or another version.
    #[error("a greeting does not begin with `WRP1`")]
    Magic,
    /// A type that this version does not know and may not ignore.
    #[error("a frame has the unknown type {0}")]
    Type(u8),
}

impl Frame {
    /// The frame as it goes over a carrier.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(64);
        match self {
            Frame::Data(data) => return data.0.clone(),
            Frame::Hello(hello) => {
                out.put_u8(HELLO);
                out.put_slice(&MAGIC);
                out.put_slice(&hello.session.0);
                out.put_u32(hello.epoch);
                out.put_u64(hello.received);
                out.put_u32(hello.buffer);
                out.put_slice(hello.agent.as_str().as_bytes());
            }
            Frame::Welcome(welcome) => {
                out.put_u8(WELCOME);
                out.put_slice(&welcome.session.0);
                out.put_u64(welcome.received);
                out.put_u32(welcome.buffer);
                out.put_u16(welcome.linger);
                out.put_u16(welcome.ping);
            }
            Frame::Refused(Refused { code, text }) => put_reason(&mut out, REFUSED, (*code).into(), text),
            Frame::Bye(Bye { code, text }) => put_reason(&mut out, BYE, *code, text),
            Frame::Ack(number) => put_number(&mut out, ACK, *number),
            Frame::Ping(number) => put_number(&mut out, PING, *number),
            Frame::Pong(number) => put_number(&mut out, PONG, *number),
            Frame::Extension(kind) => out.put_u8(EXTENSIONS | kind),
        }
        out.freeze()
    }

    /// Reads one frame, all of it.
    ///
    /// # Errors
    ///
    /// It is none of this version.
    pub fn decode(frame: Bytes) -> Result<Frame, Malformed> {
        if frame.len() > MAX_FRAME {
            return Err(Malformed::Oversized(frame.len()));
        }
        let Some((&kind, fields)) = frame.split_first() else {
            return Err(Malformed::Length(0));
        };
        match kind {
            DATA if fields.is_empty() || fields.len() > MAX_DATA => Err(Malformed::Length(DATA)),
            DATA => Ok(Frame::Data(Data(frame))),
            EXTENSIONS.. => Ok(Frame::Extension(kind)),
            _ => control(kind, fields),
        }
    }
}

fn put_number(out: &mut BytesMut, kind: u8, number: u64) {
    out.put_u8(kind);
    out.put_u64(number);
}

fn put_reason(out: &mut BytesMut, kind: u8, code: u16, text: &Text) {
    out.put_u8(kind);
    out.put_u16(code);
    out.put_slice(text.as_str().as_bytes());
}

fn control(kind: u8, fields: &[u8]) -> Result<Frame, Malformed> {
    let fields = &mut &*fields;
    let short = |_| Malformed::Length(kind);
    let frame = match kind {
        HELLO => {
            let magic: [u8; 4] = array(fields).ok_or(Malformed::Magic)?;
            if magic != MAGIC {
                return Err(Malformed::Magic);
            }
            Frame::Hello(Hello {
                session: SessionId(array(fields).ok_or(Malformed::Length(kind))?),
                epoch: fields.try_get_u32().map_err(short)?,
                received: fields.try_get_u64().map_err(short)?,
                buffer: fields.try_get_u32().map_err(short)?,
                agent: text(fields),
            })
        }
        WELCOME => Frame::Welcome(Welcome {
            session: SessionId(array(fields).ok_or(Malformed::Length(kind))?),
            received: fields.try_get_u64().map_err(short)?,
            buffer: fields.try_get_u32().map_err(short)?,
            linger: fields.try_get_u16().map_err(short)?,
            ping: fields.try_get_u16().map_err(short)?,
        }),
        REFUSED => Frame::Refused(Refused {
            code: fields.try_get_u16().map_err(short)?.into(),
            text: text(fields),
        }),
        BYE => Frame::Bye(Bye {
            code: fields.try_get_u16().map_err(short)?,
            text: text(fields),
        }),
        ACK => Frame::Ack(fields.try_get_u64().map_err(short)?),
        PING => Frame::Ping(fields.try_get_u64().map_err(short)?),
        PONG => Frame::Pong(fields.try_get_u64().map_err(short)?),
        _ => return Err(Malformed::Type(kind)),
    };
    if fields.is_empty() {
        Ok(frame)
    } else {
        Err(Malformed::Length(kind))
    }
}

fn array<const N: usize>(fields: &mut &[u8]) -> Option<[u8; N]> {
    let (array, rest) = fields.split_first_chunk()?;
    *fields = rest;
    Some(*array)
}

/// The rest of a frame.
fn text(fields: &mut &[u8]) -> Text {
    Text::new(&String::from_utf8_lossy(std::mem::take(fields)))
}
