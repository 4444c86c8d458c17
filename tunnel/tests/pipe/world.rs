//! Two ends, and carriers between them that lose what is under way when they are cut.

use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tunnel::pipe::{Frame, Pipe, SessionId, Settings};

pub const SESSION: SessionId = SessionId([7; 16]);

/// The byte at an offset of the stream of one direction.
pub fn byte(offset: u64, side: usize) -> u8 {
    ((offset + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 + 2 * side as u64) >> 48) as u8
}

/// One end, and what it has written and read.
pub struct End {
    pub pipe: Option<Pipe>,
    pub written: u64,
    pub read: u64,
    /// Towards this end, with the epoch of the carrier.
    pub wire: VecDeque<(u32, Frame)>,
    /// The carrier that this end writes to.
    pub epoch: u32,
}

impl End {
    fn new(pipe: Option<Pipe>) -> End {
        End {
            pipe,
            written: 0,
            read: 0,
            wire: VecDeque::new(),
            epoch: 0,
        }
    }
}

pub struct World {
    /// Client and server.
    pub ends: [End; 2],
    pub now: Instant,
    pub settings: [Settings; 2],
}

impl World {
    pub fn new(settings: [Settings; 2]) -> World {
        let now = Instant::now();
        World {
            ends: [
                End::new(Some(Pipe::client(settings[0].clone(), 1, now))),
                End::new(None),
            ],
            now,
            settings,
        }
    }

    pub fn pipe(&mut self, side: usize) -> &mut Pipe {
        self.ends[side].pipe.as_mut().expect("the end is there")
    }

    pub fn connect(&mut self) {
        let now = self.now;
        self.ends[0].wire.clear();
        self.ends[0].epoch = self.pipe(0).connect(now);
    }

    pub fn write(&mut self, side: usize, length: usize) {
        let end = &mut self.ends[side];
        let Some(pipe) = end.pipe.as_mut() else { return };
        let bytes: Vec<u8> = (0..length as u64).map(|i| byte(end.written + i, side)).collect();
        end.written += pipe.write(&bytes) as u64;
    }

    pub fn read(&mut self, side: usize, length: usize) -> usize {
        let now = self.now;
        let end = &mut self.ends[side];
        let Some(pipe) = end.pipe.as_mut() else { return 0 };
        let mut bytes = vec![0; length];
        let length = pipe.read(&mut &mut bytes[..], now);
        for byte_read in &bytes[..length] {
            assert_eq!(*byte_read, byte(end.read, 1 - side), "byte {} of side {side}", end.read);
            end.read += 1;
        }
        length
    }

    /// One frame onto the wire.
    pub fn send(&mut self, side: usize) -> bool {
        let now = self.now;
        let end = &mut self.ends[side];
        let epoch = end.epoch;
        let Some(frame) = end.pipe.as_mut().and_then(|pipe| pipe.next_frame(epoch, now)) else {
            return false;
        };
        let frame = Frame::decode(frame.encode()).expect("what is sent can be read");
        self.ends[1 - side].wire.push_back((epoch, frame));
        true
    }

    /// One frame off the wire. A broken rule cuts this side.
    pub fn deliver(&mut self, side: usize) -> bool {
        let now = self.now;
        let Some((epoch, frame)) = self.ends[side].wire.pop_front() else {
            return false;
        };
        match frame {
            Frame::Hello(hello) if side == 1 => {
                let end = &mut self.ends[1];
                let resumed = match &mut end.pipe {
                    Some(pipe) if hello.session == SESSION => pipe.resume(&hello, now).is_ok(),
                    // A client that never heard of its session gets another one.
                    pipe => match Pipe::accept(&hello, SESSION, self.settings[1].clone(), 2, now) {
                        Ok(new) if pipe.as_ref().is_none_or(|old| old.epoch() < hello.epoch) => {
                            assert_eq!(end.read, 0, "a client that has sent bytes names its session");
                            *pipe = Some(new);
                            end.written = 0;
                            true
                        }
                        _ => false,
                    },
                };
                if resumed {
                    end.epoch = hello.epoch;
                }
            }
            frame => {
                if let Some(pipe) = &mut self.ends[side].pipe {
                    pipe.receive(epoch, frame, now).expect("both keep the rules");
                }
            }
        }
        true
    }

    /// Loses all but the first `kept` frames of each direction; only `side` notices.
    pub fn cut(&mut self, side: usize, kept: usize) {
        let now = self.now;
        for end in &mut self.ends {
            end.wire.truncate(kept);
        }
        if let Some(pipe) = &mut self.ends[side].pipe {
            pipe.cut(now);
        }
        self.ends[side].wire.clear();
    }

    pub fn pass(&mut self, time: Duration) {
        self.now += time;
        let now = self.now;
        for end in &mut self.ends {
            if let Some(pipe) = &mut end.pipe
                && pipe.tick(now).is_err()
            {
                pipe.cut(now);
            }
        }
    }

    /// Everything that can happen without time, until nothing happens.
    pub fn settle(&mut self) {
        loop {
            let mut is_busy = false;
            for side in 0..2 {
                while self.send(side) {
                    is_busy = true;
                }
                while self.deliver(side) {
                    is_busy = true;
                }
                while self.read(side, 10_000) > 0 {
                    is_busy = true;
                }
            }
            if !is_busy {
                return;
            }
        }
    }
}
