//! The streams of a guest, and the bound of the memory that they have in this process.

use crate::host::{Places, Room};
use compression::{Failure, Format, Progress};

/// What all streams of a guest may keep, in places of [`PLACE`] bytes: 1 GiB. One has at least a place.
const MOST: usize = 262_144;
const PLACE: usize = 4 << 10;

/// What all of a guest's instances share.
#[derive(Clone)]
pub(crate) struct Streams {
    room: Room,
}

pub(super) struct Stream {
    stream: compression::Stream,
    places: Places,
    /// It needs more than there is.
    is_refused: bool,
}

impl Streams {
    pub(crate) fn new() -> Streams {
        Streams { room: Room::new(MOST) }
    }

    pub(super) fn open(&self, format: Format) -> Result<Stream, Failure> {
        let places = self.room.take(places(format.size())).ok_or_else(too_much)?;
        Ok(Stream {
            stream: compression::Stream::open(format)?,
            places,
            is_refused: false,
        })
    }
}

/// Z_MEM_ERROR, in all formats: none of their own errors is about a guest.
fn too_much() -> Failure {
    Failure {
        number: -4,
        text: "insufficient memory: compression of a guest may keep 1 GiB".to_owned(),
    }
}

fn places(size: usize) -> usize {
    1 + size / PLACE
}

impl Stream {
    pub(super) fn push(
        &mut self,
        streams: &Streams,
        input: &[u8],
        operation: u8,
        most: u32,
    ) -> Result<Progress, Failure> {
        if self.is_refused {
            return Err(too_much());
        }
        let progress = self.stream.push(input, operation, most as usize);
        self.measure(streams)?;
        progress
    }

    pub(super) fn stream(&mut self) -> &mut compression::Stream {
        &mut self.stream
    }

    /// A format knows what it keeps when it has seen the head of its input.
    fn measure(&mut self, streams: &Streams) -> Result<(), Failure> {
        self.is_refused = !streams.room.fit(&mut self.places, places(self.stream.size()));
        match self.is_refused {
            true => Err(too_much()),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_has_a_bound_and_gets_back_what_it_drops() {
        let streams = Streams::new();
        let best = || Format::Bzip2Compress(9);
        let size = places(best().size());
        let opened = streams.open(best()).expect("a stream");
        assert_eq!(streams.room.left(), MOST - size);
        let all = streams.room.take(MOST - size).expect("the rest");
        assert!(streams.open(Format::Bzip2Decompress).is_err());
        drop(opened);
        streams.open(Format::Bzip2Decompress).expect("a stream");
        drop(all);
        assert_eq!(streams.room.left(), MOST);
    }

    #[test]
    fn what_a_head_asks_for_is_counted() {
        let streams = Streams::new();
        let mut writer = streams
            .open(Format::ZstdCompress(frames(vec![(100, 19)])))
            .expect("a stream");
        let before = streams.room.left();
        let head = writer
            .push(&streams, &[7; 100_000], 1, 1000)
            .expect("a frame's head")
            .output;
        assert!(streams.room.left() >= before, "it said more than it needs");
        drop(writer);
        let mut reader = streams
            .open(Format::ZstdDecompress(frames(Vec::new())))
            .expect("a stream");
        let before = streams.room.left();
        reader.push(&streams, &head, 0, 1000).expect("read");
        let window = before - streams.room.left();
        assert!(window >= places(8 << 20) - 1, "{window} places for a window of 8 MiB");
        let _rest = streams.room.take(streams.room.left()).expect("the rest");
        drop(reader);
        let _less = streams.room.take(window).expect("the window");
        let mut reader = streams
            .open(Format::ZstdDecompress(frames(Vec::new())))
            .expect("a stream");
        let refused = reader.push(&streams, &head, 0, 1000).expect_err("no room");
        assert_eq!(refused.number, -4);
        assert_eq!(reader.push(&streams, &head, 0, 1000), Err(refused));
    }

    fn frames(parameters: Vec<(u32, i32)>) -> compression::Frames {
        compression::Frames {
            parameters,
            ..compression::Frames::default()
        }
    }
}
