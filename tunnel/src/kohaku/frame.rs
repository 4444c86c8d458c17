//! Frames: a head of 8 bytes, big-endian, and a payload. One frame is one binary WebSocket message.
//!
//! | byte | field |
//! |---|---|
//! | 0 | type: 1 CONNECT, 2 CONNECTED, 3 DATA, 4 CLOSE, 5 ERROR, 6 PING, 7 PONG |
//! | 1 | protocol: 0 TCP, 1 UDP |
//! | 2 to 5 | stream, as the client numbers it |
//! | 6 and 7 | port: the guest's in CONNECT and CONNECTED, else 0 |

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Bytes of a head.
pub const HEAD: usize = 8;
/// Most bytes of the payload of a frame that is sent.
pub const MAX_PAYLOAD: usize = 64 * 1024;
/// Most bytes of the payload of a frame that is read: what clients accept from a server.
pub const MAX_INCOMING: usize = 1024 * 1024;

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Opens a stream to a port. DATA may follow at once.
    Connect,
    /// The stream is open.
    Connected,
    /// Bytes of a connection, or one datagram.
    Data,
    /// The stream has ended, both ways.
    Close,
    /// The stream has failed; the payload says why, in UTF-8.
    Error,
    /// Asks for a PONG.
    Ping,
    /// Answers a PING.
    Pong,
    /// A type that this version does not know, to be ignored.
    Unknown(u8),
}

/// What a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// A connection.
    Tcp,
    /// Datagrams.
    Udp,
}

/// One frame. Its protocol is as it was sent: PONG has that of its PING, and only CONNECT wants one that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The type.
    pub kind: Kind,
    /// The protocol: see [`Frame::protocol`].
    pub protocol: u8,
    /// The stream.
    pub stream: u32,
    /// The port.
    pub port: u16,
    /// What follows the head.
    pub payload: Bytes,
}

/// Why bytes are no frame, or a frame is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The message is shorter than a head.
    #[error("a frame has {0} bytes, and {HEAD} are the least")]
    Short(usize),
    /// The payload of a frame that was read.
    #[error("a payload has {0} bytes, and {MAX_INCOMING} are the most")]
    Long(usize),
    /// The payload of a frame that was to be sent.
    #[error("a payload has {0} bytes, and {MAX_PAYLOAD} are the most that are sent")]
    TooLongToSend(usize),
}

impl Kind {
    fn read(number: u8) -> Kind {
        match number {
            1 => Kind::Connect,
            2 => Kind::Connected,
            3 => Kind::Data,
            4 => Kind::Close,
            5 => Kind::Error,
            6 => Kind::Ping,
            7 => Kind::Pong,
            number => Kind::Unknown(number),
        }
    }

    fn number(self) -> u8 {
        match self {
            Kind::Connect => 1,
            Kind::Connected => 2,
            Kind::Data => 3,
            Kind::Close => 4,
            Kind::Error => 5,
            Kind::Ping => 6,
            Kind::Pong => 7,
            Kind::Unknown(number) => number,
        }
    }
}

impl Protocol {
    /// The number in a head.
    pub fn number(self) -> u8 {
        match self {
            Protocol::Tcp => 0,
            Protocol::Udp => 1,
        }
    }
}

impl Frame {
    /// What the stream carries, where that is known.
    pub fn protocol(&self) -> Option<Protocol> {
        match self.protocol {
            0 => Some(Protocol::Tcp),
            1 => Some(Protocol::Udp),
            _ => None,
        }
    }

    /// Reads one message.
    ///
    /// # Errors
    ///
    /// It is shorter than a head, or its payload longer than [`MAX_INCOMING`].
    pub fn decode(mut message: Bytes) -> Result<Frame, FrameError> {
        if message.len() < HEAD {
            return Err(FrameError::Short(message.len()));
        }
        if message.len() > HEAD + MAX_INCOMING {
            return Err(FrameError::Long(message.len() - HEAD));
        }
        Ok(Frame {
            kind: Kind::read(message.get_u8()),
            protocol: message.get_u8(),
            stream: message.get_u32(),
            port: message.get_u16(),
            payload: message,
        })
    }

    /// The message.
    ///
    /// # Errors
    ///
    /// The payload is longer than [`MAX_PAYLOAD`].
    pub fn encode(&self) -> Result<Bytes, FrameError> {
        if self.payload.len() > MAX_PAYLOAD {
            return Err(FrameError::TooLongToSend(self.payload.len()));
        }
        let mut message = BytesMut::with_capacity(HEAD + self.payload.len());
        message.put_u8(self.kind.number());
        message.put_u8(self.protocol);
        message.put_u32(self.stream);
        message.put_u16(self.port);
        message.put_slice(&self.payload);
        Ok(message.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_message_is_its_frame_and_back(message in proptest::collection::vec(any::<u8>(), 0..300)) {
            match Frame::decode(Bytes::from(message.clone())) {
                Ok(frame) => prop_assert_eq!(frame.encode().expect("short enough"), message),
                Err(error) => prop_assert_eq!(error, FrameError::Short(message.len())),
            }
        }

        #[test]
        fn a_frame_is_its_message_and_back(
            number in any::<u8>(),
            protocol in any::<u8>(),
            stream in any::<u32>(),
            port in any::<u16>(),
            length in prop_oneof![0..100usize, MAX_PAYLOAD - 1..=MAX_PAYLOAD],
        ) {
            let payload = vec![number; length].into();
            let frame = Frame { kind: Kind::read(number), protocol, stream, port, payload };
            let message = frame.encode().expect("short enough");
            prop_assert_eq!(message.len(), HEAD + length);
            prop_assert_eq!(Frame::decode(message), Ok(frame));
        }
    }

    #[test]
    fn the_head_is_as_clients_have_it() {
        let frame = Frame {
            kind: Kind::Connect,
            protocol: Protocol::Udp.number(),
            stream: 0x0102_0304,
            port: 8888,
            payload: Bytes::from_static(b"x"),
        };
        let message = frame.encode().expect("a message");
        assert_eq!(message[..], [1, 1, 1, 2, 3, 4, 0x22, 0xb8, b'x']);
        assert_eq!(frame.protocol(), Some(Protocol::Udp));
        for (number, kind) in (2..).zip([
            Kind::Connected,
            Kind::Data,
            Kind::Close,
            Kind::Error,
            Kind::Ping,
            Kind::Pong,
        ]) {
            assert_eq!((Kind::read(number), kind.number()), (kind, number));
        }
        assert_eq!((Kind::read(0), Kind::read(8)), (Kind::Unknown(0), Kind::Unknown(8)));
    }

    #[test]
    fn lengths_have_their_limits() {
        let frame = |length| Frame::decode(vec![3; length].into());
        assert_eq!(frame(7), Err(FrameError::Short(7)));
        assert_eq!(frame(HEAD).expect("an empty payload").payload, b"".as_slice());
        assert!(frame(HEAD + MAX_INCOMING).is_ok());
        assert_eq!(frame(HEAD + MAX_INCOMING + 1), Err(FrameError::Long(MAX_INCOMING + 1)));
        let long = frame(HEAD + MAX_PAYLOAD + 1).expect("it may come");
        assert_eq!(
            long.encode(),
            Err(FrameError::TooLongToSend(MAX_PAYLOAD + 1)),
            "and is not sent"
        );
    }
}
