//! A link that breaks at every turn, and eight connections that do not notice.
//!
//! `TEST_SEEDS=1000` tries as many seeds, one after another in each of three lanes; each is printed with what it did.

#[path = "support/place.rs"]
mod place;
#[path = "support/mod.rs"]
mod support;

use place::{Place, sums};
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use support::{Linked, patiently};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tunnel::pipe::Settings;
use tunnel::session::Event;

/// How often a link breaks before it holds.
const CUTS: u32 = 25;
const STREAMS: usize = 8;
/// Each way, in each stream.
const BYTES: usize = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Break {
    Reset,
    End,
    /// Nothing comes through any more, and nobody says so.
    BlackHole,
}

/// A proxy whose connections break after a number of bytes, which may end inside a frame or inside the greeting.
struct Cutter {
    address: SocketAddr,
    cuts: Arc<AtomicU32>,
    _proxy: JoinSet<()>,
}

impl Cutter {
    async fn new(target: SocketAddr, seed: u64) -> Cutter {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("an address");
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let cuts = Arc::new(AtomicU32::new(0));
        let counter = cuts.clone();
        let proxy = async move {
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(target).await else {
                    continue;
                };
                let cut = counter.fetch_add(1, Ordering::Relaxed);
                let budget = match random.next_u32() % 6 {
                    // HELLO has 37 bytes, and a length before it.
                    0 => random.next_u32() % 100,
                    1 => random.next_u32() % 100_000,
                    _ => random.next_u32() % 2_000_000,
                };
                let kind = match random.next_u32() % 20 {
                    // In a greeting it takes ten seconds to be noticed: once in a while.
                    0 if budget > 1000 || seed % 8 == 7 => Break::BlackHole,
                    0..10 => Break::Reset,
                    _ => Break::End,
                };
                let budget = if cut < CUTS { u64::from(budget) } else { u64::MAX };
                connections.spawn(pass(near, far, budget, kind));
            }
        };
        Cutter {
            address,
            cuts,
            _proxy: JoinSet::from_iter([proxy]),
        }
    }
}

async fn pass(mut near: TcpStream, mut far: TcpStream, mut budget: u64, kind: Break) {
    let (mut from_near, mut from_far) = (vec![0; 40_000], vec![0; 40_000]);
    loop {
        let (length, is_near) = tokio::select! {
            read = near.read(&mut from_near) => (read.unwrap_or(0), true),
            read = far.read(&mut from_far) => (read.unwrap_or(0), false),
        };
        if length == 0 {
            return;
        }
        let passed = usize::try_from(budget.min(length as u64)).expect("short");
        let written = match is_near {
            true => far.write_all(&from_near[..passed]).await,
            false => near.write_all(&from_far[..passed]).await,
        };
        budget -= passed as u64;
        if written.is_err() {
            return;
        }
        if budget == 0 {
            break;
        }
    }
    match kind {
        Break::End => {}
        Break::Reset => {
            let _ = (near.set_zero_linger(), far.set_zero_linger());
        }
        Break::BlackHole => tokio::time::sleep(Duration::from_secs(30)).await,
    }
}

fn settings() -> Settings {
    Settings {
        // A second is the least, so a black hole is noticed after 2.5.
        ping: Duration::from_secs(1),
        ..Settings::default()
    }
}

async fn chaos(seed: u64) {
    let started = Instant::now();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let cutter = Cutter::new(listener.local_addr().expect("an address"), seed).await;
    let linked = Linked::tcp(settings(), listener, cutter.address, seed.is_multiple_of(2)).await;
    let place = Place::over(linked).await;
    let mut streams = JoinSet::new();
    for stream in 0..STREAMS {
        let connection = place.connection().await;
        let seed = seed.wrapping_mul(1000) + 2 * stream as u64;
        streams.spawn(async move {
            let (written, read) = sums(connection, BYTES, seed).await;
            assert_eq!(written, read, "bytes differ");
        });
    }
    while let Some(stream) = streams.join_next().await {
        stream.expect("every byte arrives once");
    }
    let mut is_up = false;
    let mut outages = 0;
    while let Ok(event) = place.events.lock().await.try_recv() {
        match event {
            Event::Up | Event::Back { .. } if !is_up => is_up = true,
            Event::Lost { .. } if is_up => (is_up, outages) = (false, outages + 1),
            Event::Unreachable { .. } if !is_up => {}
            event => panic!("{event:?} while up is {is_up}"),
        }
    }
    assert!(outages > 0, "the link broke");
    let cuts = cutter.cuts.load(Ordering::Relaxed);
    eprintln!("seed {seed}: {cuts} links, {outages} outages, {:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_byte_is_lost_or_doubled_however_the_link_breaks() {
    let seeds: u64 = std::env::var("TEST_SEEDS")
        .ok()
        .and_then(|seeds| seeds.parse().ok())
        .unwrap_or(4);
    let mut running = JoinSet::new();
    for lane in 0..3 {
        running.spawn(async move {
            for seed in (lane..seeds).step_by(3) {
                let tried = JoinSet::from_iter([tokio::time::timeout(Duration::from_secs(120), chaos(seed))]);
                let tried = tried.join_all().await;
                assert!(
                    tried.iter().all(|tried| tried.is_ok()),
                    "seed {seed} takes longer than two minutes"
                );
            }
        });
    }
    while let Some(lane) = running.join_next().await {
        lane.expect("each seed passes");
    }
}

#[tokio::test]
async fn a_link_that_stays_down_is_a_reset_for_every_client() {
    patiently(async {
        let settings = Settings {
            linger: Duration::from_secs(1),
            ..settings()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let mut cutter = Cutter::new(listener.local_addr().expect("an address"), 0).await;
        // It holds until it is gone.
        cutter.cuts.store(CUTS, Ordering::Relaxed);
        let place = Place::over(Linked::tcp(settings, listener, cutter.address, true).await).await;
        let mut ends = Vec::new();
        for _ in 0..STREAMS {
            let (mut client, mut guest) = place.connection().await;
            guest.write_all(b"a response without a length").await.expect("written");
            client.read_u8().await.expect("read");
            ends.extend([client, guest]);
        }
        cutter._proxy.abort_all();
        for mut end in ends {
            let mut rest = Vec::new();
            let error = end.read_to_end(&mut rest).await.expect_err("a reset, never an end");
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
    })
    .await;
}
