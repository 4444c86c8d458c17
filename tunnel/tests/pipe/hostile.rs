//! Peers that break the rules: the carrier is dropped, nothing panics and nothing grows.

use super::world::{SESSION, World};
use bytes::Bytes;
use proptest::prelude::*;
use std::time::{Duration, Instant};
use tunnel::pipe::{
    Bye, End, Frame, Hello, LEAST_BUFFER, MAX_DATA, Pipe, RefusalCode, Refused, Resume, SessionId, Settings, Violation,
    Welcome,
};

fn data(length: usize) -> Frame {
    Frame::decode(Bytes::from(vec![4; length + 1])).expect("DATA")
}

fn open(buffer: usize) -> World {
    let settings = Settings {
        buffer,
        ..Settings::default()
    };
    let mut world = World::new([settings.clone(), settings]);
    world.connect();
    world.settle();
    assert!(world.pipe(0).is_open() && world.pipe(1).is_open());
    world
}

fn hello(session: SessionId, epoch: u32, received: u64) -> Hello {
    Hello {
        session,
        epoch,
        received,
        buffer: 1 << 20,
        agent: "test".into(),
    }
}

#[test]
fn bytes_beyond_the_buffer_are_refused() {
    let mut world = open(LEAST_BUFFER);
    let (now, epoch) = (world.now, world.pipe(0).epoch());
    let pipe = world.pipe(0);
    assert_eq!(pipe.receive(epoch, data(MAX_DATA), now), Ok(()));
    assert_eq!(
        pipe.receive(epoch, data(1), now),
        Err(Violation::Overrun { limit: LEAST_BUFFER })
    );
    // What was read makes room only when the peer knows of it.
    assert_eq!(pipe.read(&mut &mut [0; 1000][..], now), 1000);
    assert!(pipe.receive(epoch, data(1), now).is_err());
    assert_eq!(
        pipe.next_frame(epoch, now + Duration::from_millis(20)),
        Some(Frame::Ack(1000))
    );
    assert_eq!(pipe.receive(epoch, data(1000), now), Ok(()));
}

#[test]
fn an_acknowledgement_ahead_or_back_is_refused() {
    let mut world = open(1 << 20);
    world.write(0, 1000);
    let (now, epoch) = (world.now, world.pipe(0).epoch());
    let ahead = Violation::AcknowledgedAhead { received: 1, sent: 0 };
    assert_eq!(
        world.pipe(0).receive(epoch, Frame::Ack(1), now),
        Err(ahead),
        "written, but not sent"
    );
    assert!(world.send(0));
    assert_eq!(world.pipe(0).receive(epoch, Frame::Ack(600), now), Ok(()));
    let back = Violation::AcknowledgedBack {
        received: 599,
        before: 600,
    };
    assert_eq!(world.pipe(0).receive(epoch, Frame::Ack(599), now), Err(back));
    assert!(world.pipe(0).receive(epoch, Frame::Ack(u64::MAX), now).is_err());
}

#[test]
fn frames_of_an_old_carrier_count_for_nothing() {
    let mut world = open(1 << 20);
    let (now, old) = (world.now, world.pipe(1).epoch());
    world.connect();
    world.settle();
    let pipe = world.pipe(1);
    assert_eq!(pipe.receive(old, Frame::Ack(u64::MAX), now), Ok(()));
    assert_eq!(pipe.receive(old, data(100), now), Ok(()));
    assert_eq!(
        (pipe.readable(), pipe.next_frame(old, now + Duration::from_secs(20))),
        (0, None)
    );
}

#[test]
fn only_a_newer_carrier_resumes() {
    let mut world = open(1 << 20);
    let now = world.now;
    for epoch in [0, 1] {
        assert_eq!(world.pipe(1).resume(&hello(SESSION, epoch, 0), now), Err(Resume::Stale));
    }
    assert!(world.pipe(1).is_open(), "a copied HELLO takes nothing");
    assert_eq!(world.pipe(1).resume(&hello(SESSION, u32::MAX, 0), now), Ok(()));
    assert_eq!(
        world.pipe(1).resume(&hello(SESSION, u32::MAX, 0), now),
        Err(Resume::Stale)
    );
}

#[test]
fn a_position_that_cannot_be_ends_the_session() {
    let mut world = open(1 << 20);
    world.write(1, 500);
    world.settle();
    world.pass(Duration::from_millis(25));
    world.settle();
    let now = world.now;
    // 500 were read and acknowledged: neither fewer nor more can be.
    for received in [499, 501, u64::MAX] {
        let mut world = open(1 << 20);
        world.write(1, 500);
        world.settle();
        world.pass(Duration::from_millis(25));
        world.settle();
        assert_eq!(
            world.pipe(1).resume(&hello(SESSION, 2, received), now),
            Err(Resume::Position)
        );
        assert_eq!(world.pipe(1).end(), Some(&End::Position));
        assert_eq!(world.pipe(1).resume(&hello(SESSION, 3, 500), now), Err(Resume::Over));
    }
    // The same for the client.
    world.connect();
    let epoch = world.pipe(0).epoch();
    let welcome = Frame::Welcome(Welcome {
        session: SESSION,
        received: 1,
        buffer: 1 << 20,
        linger: 60,
        ping: 15,
    });
    assert_eq!(world.pipe(0).receive(epoch, welcome, now), Ok(()));
    assert_eq!(world.pipe(0).end(), Some(&End::Position));
}

#[test]
fn a_new_session_begins_at_nothing() {
    let now = Instant::now();
    let accept = |hello: &Hello| Pipe::accept(hello, SESSION, Settings::default(), 0, now).map(|_| ());
    assert_eq!(accept(&hello(SessionId::NEW, 1, 1)), Err(Violation::Unexpected));
    assert_eq!(accept(&hello(SESSION, 1, 0)), Err(Violation::Unexpected));
    let small = Hello {
        buffer: 10,
        ..hello(SessionId::NEW, 1, 0)
    };
    assert_eq!(accept(&small), Err(Violation::Buffer(10)));
    assert_eq!(
        accept(&hello(SessionId::NEW, 3, 0)),
        Ok(()),
        "two carriers failed before"
    );
}

#[test]
fn a_refusal_is_the_end_and_a_late_one_a_violation() {
    let refused = Refused {
        code: RefusalCode::UnknownSession,
        text: "no such session".into(),
    };
    let mut world = open(1 << 20);
    let (now, epoch) = (world.now, world.pipe(0).epoch());
    assert_eq!(
        world.pipe(0).receive(epoch, Frame::Refused(refused.clone()), now),
        Err(Violation::Unexpected)
    );
    world.connect();
    let epoch = world.pipe(0).epoch();
    assert_eq!(
        world.pipe(0).receive(epoch, data(5), now),
        Err(Violation::Unexpected),
        "DATA before WELCOME"
    );
    assert_eq!(
        world.pipe(0).receive(epoch, Frame::Refused(refused.clone()), now),
        Ok(())
    );
    assert_eq!(world.pipe(0).end(), Some(&End::Refused(refused)));
    assert_eq!((world.pipe(0).write(b"more"), world.pipe(0).deadline()), (0, None));
}

#[test]
fn what_arrived_before_a_bye_is_read() {
    let mut world = open(1 << 20);
    world.write(1, 3000);
    world.pipe(1).close(Bye {
        code: Bye::DONE,
        text: "".into(),
    });
    while world.send(1) {}
    while world.deliver(0) {}
    world.cut(0, 0);
    assert!(matches!(world.pipe(0).end(), Some(End::Bye(_))));
    assert_eq!(world.read(0, 10_000), 3000);
}

#[test]
fn many_pings_fill_nothing() {
    let mut world = open(1 << 20);
    let (now, epoch) = (world.now, world.pipe(1).epoch());
    for nonce in 0..10_000 {
        world.pipe(1).receive(epoch, Frame::Ping(nonce), now).expect("a PING");
    }
    assert_eq!(world.pipe(1).next_frame(epoch, now), Some(Frame::Pong(9_999)));
    assert_eq!(world.pipe(1).next_frame(epoch, now), None);
}

#[derive(Clone, Debug)]
enum Fed {
    Bytes(Vec<u8>),
    Data(usize),
    Number(u8, u64),
}

fn fed() -> impl Strategy<Value = Fed> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..64).prop_map(Fed::Bytes),
        (1..MAX_DATA).prop_map(Fed::Data),
        (5..8u8, prop_oneof![0..2000u64, any::<u64>()]).prop_map(|(kind, number)| Fed::Number(kind, number)),
    ]
}

proptest! {
    #[test]
    fn no_sequence_of_frames_panics_or_grows(frames in proptest::collection::vec((0..2usize, fed()), 0..200)) {
        let mut world = open(LEAST_BUFFER);
        world.write(0, 1000);
        world.write(1, 1000);
        for (side, fed) in frames {
            let frame = match fed {
                Fed::Bytes(bytes) => Frame::decode(bytes.into()),
                Fed::Data(length) => Ok(data(length)),
                Fed::Number(kind, number) => Frame::decode([vec![kind], number.to_be_bytes().to_vec()].concat().into()),
            };
            let (now, epoch) = (world.now, world.pipe(side).epoch());
            let Ok(frame) = frame else { continue };
            if world.pipe(side).receive(epoch, frame, now).is_err() {
                world.pipe(side).cut(now);
            }
            while world.pipe(side).next_frame(epoch, now).is_some() {}
            prop_assert!(world.pipe(side).held() <= 2 * LEAST_BUFFER);
        }
    }
}
