//! Any interleaving of writes, reads, frames, cuts and time: each byte arrives once and in order, and memory has its bound.

use super::world::World;
use proptest::prelude::*;
use std::time::Duration;
use tunnel::pipe::{Bye, Settings};

#[derive(Clone, Copy, Debug)]
enum Step {
    Write(usize, usize),
    Read(usize, usize),
    Send(usize),
    Deliver(usize),
    Cut(usize, usize),
    Connect,
    Pass(u64),
    Settle,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let side = 0..2usize;
    let step = prop_oneof![
        4 => (side.clone(), prop_oneof![0..40usize, 0..300_000usize]).prop_map(|(side, n)| Step::Write(side, n)),
        4 => (side.clone(), prop_oneof![0..40usize, 0..300_000usize]).prop_map(|(side, n)| Step::Read(side, n)),
        8 => side.clone().prop_map(Step::Send),
        8 => side.clone().prop_map(Step::Deliver),
        2 => (side, 0..4usize).prop_map(|(side, kept)| Step::Cut(side, kept)),
        3 => Just(Step::Connect),
        2 => (0..30u64).prop_map(Step::Pass),
        1 => Just(Step::Settle),
    ];
    proptest::collection::vec(step, 0..120)
}

fn buffers() -> impl Strategy<Value = usize> {
    prop_oneof![Just(64 * 1024), Just(100_001), Just(1 << 20)]
}

fn cases() -> u32 {
    std::env::var("TEST_SEEDS")
        .ok()
        .and_then(|seeds| seeds.parse().ok())
        .unwrap_or(1)
        .max(1)
        * 256
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn each_byte_arrives_once_and_in_order(steps in steps(), client in buffers(), server in buffers()) {
        let settings = |buffer| Settings { buffer, ..Settings::default() };
        let mut world = World::new([settings(client), settings(server)]);
        for step in steps {
            match step {
                Step::Write(side, length) => world.write(side, length),
                Step::Read(side, length) => { world.read(side, length); }
                Step::Send(side) => { world.send(side); }
                Step::Deliver(side) => { world.deliver(side); }
                Step::Cut(side, kept) => world.cut(side, kept),
                Step::Connect => world.connect(),
                Step::Pass(milliseconds) => world.pass(Duration::from_millis(milliseconds)),
                Step::Settle => world.settle(),
            }
            for (end, buffer) in world.ends.iter().zip([client, server]) {
                let held = end.pipe.as_ref().map_or(0, |pipe| pipe.held());
                prop_assert!(held <= 2 * buffer, "{held} bytes are held, of twice {buffer}");
            }
        }
        // Once the link holds, everything arrives.
        world.connect();
        world.settle();
        for _ in 0..3 {
            world.pass(Duration::from_millis(21));
            world.settle();
        }
        let [client, server] = &world.ends;
        prop_assert_eq!(server.read, client.written);
        prop_assert_eq!(client.read, server.written);
        prop_assert_eq!(client.pipe.as_ref().expect("client").held(), 0, "all is acknowledged");

        world.write(0, 5000);
        world.pipe(0).close(Bye { code: Bye::DONE, text: "".into() });
        world.settle();
        prop_assert!(world.pipe(0).end().is_some() && world.pipe(1).end().is_some());
        prop_assert_eq!(world.ends[1].read, world.ends[0].written, "BYE comes after the bytes");
    }
}
