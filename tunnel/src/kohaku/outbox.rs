//! What streams send to the client. All share few places, first come, first served: a guest is read only where there is one.

use super::frame::{Frame, HEAD, Kind, MAX_PAYLOAD, Protocol};
use crate::pipe::Text;
use bytes::{BufMut, Bytes, BytesMut};
use tokio::sync::mpsc;

/// Frames of all streams that wait for the WebSocket.
const PLACES: usize = 16;

/// A frame of one stream, as its message. An id may be used again: the serial number says by whom.
pub(super) struct Outgoing {
    pub(super) stream: u32,
    pub(super) serial: u64,
    pub(super) is_last: bool,
    pub(super) message: Bytes,
}

/// One stream's way to the client.
#[derive(Clone)]
pub(super) struct Outbox {
    stream: u32,
    serial: u64,
    protocol: Protocol,
    places: mpsc::Sender<Outgoing>,
}

/// The session has ended, and nobody hears.
#[derive(Debug)]
pub(super) struct Gone;

/// A place for one frame.
pub(super) struct Place<'a> {
    outbox: &'a Outbox,
    permit: mpsc::Permit<'a, Outgoing>,
}

pub(super) fn places() -> (mpsc::Sender<Outgoing>, mpsc::Receiver<Outgoing>) {
    mpsc::channel(PLACES)
}

/// A frame without port, or with one.
pub(super) fn message(kind: Kind, protocol: u8, stream: u32, port: u16, payload: Bytes) -> Bytes {
    let frame = Frame {
        kind,
        protocol,
        stream,
        port,
        payload,
    };
    // Payloads of ours are short: a stream's own go through [`Place::data`].
    frame.encode().unwrap_or_default()
}

impl Outbox {
    pub(super) fn new(stream: u32, serial: u64, protocol: Protocol, places: mpsc::Sender<Outgoing>) -> Outbox {
        Outbox {
            stream,
            serial,
            protocol,
            places,
        }
    }

    /// Waits for a place.
    pub(super) async fn place(&self) -> Result<Place<'_>, Gone> {
        let permit = self.places.reserve().await.map_err(|_| Gone)?;
        Ok(Place { outbox: self, permit })
    }

    /// The stream is open.
    pub(super) async fn connected(&self, port: u16) -> Result<(), Gone> {
        let message = message(Kind::Connected, self.protocol.number(), self.stream, port, Bytes::new());
        self.place().await?.put(message, false);
        Ok(())
    }

    /// The stream has ended, both ways, after what was sent before.
    pub(super) async fn close(&self) -> Result<(), Gone> {
        let message = message(Kind::Close, self.protocol.number(), self.stream, 0, Bytes::new());
        self.place().await?.put(message, true);
        Ok(())
    }

    /// The stream has failed.
    pub(super) async fn error(&self, reason: &str) -> Result<(), Gone> {
        let reason = Bytes::from(Text::new(reason).to_string());
        let message = message(Kind::Error, self.protocol.number(), self.stream, 0, reason);
        self.place().await?.put(message, true);
        Ok(())
    }
}

impl Place<'_> {
    /// The head of DATA, with room for a payload, which the caller appends.
    pub(super) fn data(&self, room: usize) -> BytesMut {
        let Outbox { stream, protocol, .. } = *self.outbox;
        let head = message(Kind::Data, protocol.number(), stream, 0, Bytes::new());
        let mut data = BytesMut::with_capacity(HEAD + room.min(MAX_PAYLOAD));
        data.put_slice(&head);
        data
    }

    /// Sends a frame that begins with [`Place::data`].
    pub(super) fn send(self, message: BytesMut) {
        self.put(message.freeze(), false);
    }

    fn put(self, message: Bytes, is_last: bool) {
        self.permit.send(Outgoing {
            stream: self.outbox.stream,
            serial: self.outbox.serial,
            is_last,
            message,
        });
    }
}
