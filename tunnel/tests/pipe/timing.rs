//! When frames are sent, carriers given up, and sessions over.

use super::world::World;
use std::time::Duration;
use tunnel::pipe::{Bye, End, Frame, HANDSHAKE, Settings};

const SECOND: Duration = Duration::from_secs(1);

fn open(linger: u64) -> World {
    let settings = Settings {
        linger: Duration::from_secs(linger),
        ..Settings::default()
    };
    let mut world = World::new([Settings::default(), settings]);
    world.connect();
    world.settle();
    world.write(0, 1);
    world.settle();
    world
}

#[test]
fn an_acknowledgement_comes_after_64_kib_or_20_ms() {
    let mut world = open(60);
    let epoch = world.pipe(1).epoch();
    let due = world.pipe(1).deadline().expect("a deadline");
    assert_eq!(due, world.now + Duration::from_millis(20));
    assert_eq!(world.pipe(1).next_frame(epoch, due - Duration::from_millis(1)), None);
    assert_eq!(world.pipe(1).next_frame(epoch, due), Some(Frame::Ack(1)));
    world.write(0, 70_000);
    while world.send(0) {}
    while world.deliver(1) {}
    let now = world.now;
    assert_eq!(world.read(1, 65_535), 65_535);
    assert_eq!(world.pipe(1).next_frame(epoch, now), None);
    assert_eq!(world.read(1, 1), 1);
    assert_eq!(world.pipe(1).next_frame(epoch, now), Some(Frame::Ack(65_537)));
}

#[test]
fn silence_is_asked_and_then_ends_the_carrier() {
    let mut world = open(60);
    world.pass(SECOND);
    world.settle();
    let (start, epoch) = (world.now, world.pipe(0).epoch());
    let pipe = world.pipe(0);
    let ping = pipe.deadline().expect("a PING") - start;
    assert!(12 * SECOND <= ping && ping <= 18 * SECOND, "{ping:?}");
    assert!(matches!(pipe.next_frame(epoch, start + ping), Some(Frame::Ping(_))));
    assert_eq!(pipe.next_frame(epoch, start + ping), None, "one is enough");
    let dead = pipe.deadline().expect("patience");
    assert_eq!(dead - start, Duration::from_millis(37_500));
    assert!(pipe.tick(dead - Duration::from_millis(1)).is_ok());
    pipe.hear(dead - Duration::from_millis(1));
    assert!(pipe.tick(dead).is_ok(), "half a frame is a sign of life");
    assert!(pipe.tick(dead + 38 * SECOND).is_err());
}

#[test]
fn idle_ends_ping_at_most_once_in_their_interval() {
    let mut world = open(60);
    world.pass(SECOND);
    world.settle();
    let mut pings = 0;
    for _ in 0..600 {
        world.pass(SECOND);
        for side in 0..2 {
            let (now, epoch) = (world.now, world.pipe(side).epoch());
            while let Some(frame) = world.pipe(side).next_frame(epoch, now) {
                pings += u32::from(matches!(frame, Frame::Ping(_)));
                world.ends[1 - side].wire.push_back((epoch, frame));
            }
        }
        world.settle();
    }
    assert!((33..=100).contains(&pings), "{pings} in ten minutes");
    assert!(world.pipe(0).is_open());
}

#[test]
fn a_carrier_that_is_doubted_has_two_seconds() {
    let mut world = open(60);
    world.pass(SECOND);
    world.settle();
    let (now, epoch) = (world.now, world.pipe(0).epoch());
    let pipe = world.pipe(0);
    pipe.doubt(2 * SECOND, now);
    assert!(pipe.is_due(now));
    assert!(matches!(pipe.next_frame(epoch, now), Some(Frame::Ping(_))));
    assert!(pipe.tick(now + 2 * SECOND).is_err());
    world.settle();
    world.pipe(0).hear(now);
    assert!(world.pipe(0).tick(now + 2 * SECOND).is_ok());
}

#[test]
fn a_greeting_has_its_time() {
    let mut world = World::new([Settings::default(), Settings::default()]);
    world.connect();
    let now = world.now;
    assert_eq!(world.pipe(0).deadline(), Some(now + HANDSHAKE));
    assert!(world.pipe(0).tick(now + HANDSHAKE).is_err());
    world.pipe(0).cut(now + HANDSHAKE);
    assert_eq!(
        world.pipe(0).deadline(),
        None,
        "a client without a session tries for as long as it is let"
    );
}

#[test]
fn a_session_lingers_and_then_is_over() {
    let mut world = open(60);
    world.cut(0, 0);
    world.cut(1, 0);
    world.pass(59 * SECOND);
    assert_eq!(world.pipe(1).end(), None);
    world.pass(SECOND);
    assert_eq!(world.pipe(1).end(), Some(&End::Expired));
    // The client cannot know when the server noticed.
    assert_eq!(world.pipe(0).end(), None);
    world.pass(38 * SECOND);
    assert_eq!(world.pipe(0).end(), Some(&End::Expired));
}

#[test]
fn attempts_do_not_prolong_a_session() {
    let mut world = open(60);
    world.cut(0, 0);
    for _ in 0..100 {
        world.connect();
        world.pass(SECOND);
        world.cut(0, 0);
    }
    world.pass(SECOND);
    assert_eq!(world.pipe(0).end(), Some(&End::Expired));
}

#[test]
fn without_linger_a_cut_is_the_end() {
    let mut world = open(0);
    world.cut(0, 0);
    world.cut(1, 0);
    world.pass(Duration::ZERO);
    assert_eq!(world.pipe(0).end(), Some(&End::Expired));
    assert_eq!(world.pipe(1).end(), Some(&End::Expired));
}

#[test]
fn a_session_that_its_client_may_not_know_is_soon_over() {
    let mut world = World::new([Settings::default(), Settings::default()]);
    world.connect();
    world.send(0);
    world.deliver(1);
    world.cut(1, 0);
    world.pass(10 * SECOND);
    assert_eq!(world.pipe(1).end(), Some(&End::Expired));
}

#[test]
fn a_hurried_bye_overtakes_the_bytes() {
    let mut world = open(60);
    world.write(0, 100_000);
    world.pipe(0).close(Bye {
        code: Bye::POLICY,
        text: "the token was removed".into(),
    });
    assert!(world.send(0));
    assert!(world.deliver(1));
    assert!(matches!(world.pipe(1).end(), Some(End::Bye(bye)) if bye.code == Bye::POLICY));
    assert_eq!(world.ends[1].read, 1);
}

#[test]
fn the_queue_before_a_slow_carrier_is_short() {
    let mut world = open(60);
    world.write(0, 1 << 20);
    assert!(world.ends[0].written <= 256 * 1024 + 1, "{}", world.ends[0].written);
    // What is under way does not count.
    while world.send(0) {}
    world.write(0, 1 << 20);
    assert!(world.ends[0].written > 500_000);
}

#[test]
fn a_bye_that_is_lost_is_said_again_with_the_bytes_before_it() {
    let mut world = open(60);
    world.write(0, 10_000);
    world.pipe(0).close(Bye {
        code: Bye::DONE,
        text: "".into(),
    });
    while world.send(0) {}
    assert_eq!(world.pipe(0).end(), None, "nobody has answered");
    world.cut(0, 0);
    world.cut(1, 0);
    world.connect();
    world.settle();
    assert_eq!(world.ends[1].read, 10_001);
    assert!(matches!(world.pipe(0).end(), Some(End::Bye(_))));
    assert!(matches!(world.pipe(1).end(), Some(End::Bye(_))));
}
