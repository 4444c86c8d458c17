//! A link that breaks at every turn, and eight connections that do not notice.
//!
//! `TEST_SEEDS=1000` tries as many seeds, one after another in each of three lanes; each is printed with what it did.
//! `TEST_CUTS=100 TEST_MIB=128` breaks the link so often, and moves so much each way; then one seed is tried at a time, beside
//! a link that holds, and may take 1.3 times as long as that and the outages together.

#[path = "support/place.rs"]
mod place;
#[path = "support/mod.rs"]
mod support;

use place::{Place, sums};
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::{Linked, patiently};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tunnel::mux::Head;
use tunnel::pipe::Settings;
use tunnel::session::Event;

/// How often a link breaks before it holds.
const CUTS: u32 = 25;
const STREAMS: usize = 8;
/// Each way, in all streams together.
const MIB: u32 = 8;
/// Of the time without a cut and the outages.
const MOST: f64 = 1.3;

/// A number from the environment.
fn chosen(variable: &str, otherwise: u32) -> u32 {
    match std::env::var(variable) {
        Ok(value) => value.parse().expect("a number"),
        Err(_) => otherwise,
    }
}

fn is_whole() -> bool {
    std::env::var_os("TEST_CUTS").is_some()
}

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
    outages: Arc<Outages>,
    _proxy: JoinSet<()>,
}

/// Since when nothing comes through, and for how long nothing did before.
#[derive(Default)]
struct Outages(Mutex<(Option<Instant>, Duration)>);

impl Outages {
    fn begin(&self) {
        self.0.lock().expect("outages").0.get_or_insert_with(Instant::now);
    }

    fn end(&self) {
        let mut outages = self.0.lock().expect("outages");
        if let Some(since) = outages.0.take() {
            outages.1 += since.elapsed();
        }
    }

    fn sum(&self) -> Duration {
        self.0.lock().expect("outages").1
    }
}

impl Cutter {
    async fn new(target: SocketAddr, seed: u64, most: u32) -> Cutter {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("an address");
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let cuts = Arc::new(AtomicU32::new(0));
        let counter = cuts.clone();
        let outages = Arc::<Outages>::default();
        let noted = outages.clone();
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
                let budget = if cut < most { u64::from(budget) } else { u64::MAX };
                connections.spawn(pass(near, far, budget, kind, noted.clone()));
            }
        };
        Cutter {
            address,
            cuts,
            outages,
            _proxy: JoinSet::from_iter([proxy]),
        }
    }
}

async fn pass(mut near: TcpStream, mut far: TcpStream, mut budget: u64, kind: Break, outages: Arc<Outages>) {
    outages.end();
    let (mut from_near, mut from_far) = (vec![0; 40_000], vec![0; 40_000]);
    loop {
        let (length, is_near) = tokio::select! {
            read = near.read(&mut from_near) => (read.unwrap_or(0), true),
            read = far.read(&mut from_far) => (read.unwrap_or(0), false),
        };
        if length == 0 {
            return outages.begin();
        }
        let passed = usize::try_from(budget.min(length as u64)).expect("short");
        let written = match is_near {
            true => far.write_all(&from_near[..passed]).await,
            false => near.write_all(&from_far[..passed]).await,
        };
        budget -= passed as u64;
        if written.is_err() {
            return outages.begin();
        }
        if budget == 0 {
            break;
        }
    }
    outages.begin();
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

/// How long it took beyond the outages. The link breaks `cuts` times.
async fn chaos(seed: u64, cuts: u32) -> Duration {
    let bytes = chosen("TEST_MIB", MIB) as usize * (1 << 20) / STREAMS;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let cutter = Cutter::new(listener.local_addr().expect("an address"), seed, cuts).await;
    let started = Instant::now();
    let linked = Linked::tcp(settings(), listener, cutter.address, seed.is_multiple_of(2)).await;
    let place = Arc::new(Place::over(linked).await);
    let mut streams = JoinSet::new();
    for stream in 0..STREAMS {
        let connection = place.connection().await;
        let seed = seed.wrapping_mul(1000) + 2 * stream as u64;
        streams.spawn(async move {
            let (written, read) = sums(connection, bytes, seed).await;
            assert_eq!(written, read, "bytes differ");
        });
    }
    let echoes = Arc::new(AtomicU32::new(0));
    let mut flow = JoinSet::from_iter([datagrams(place.clone(), echoes.clone())]);
    while let Some(stream) = streams.join_next().await {
        stream.expect("every byte arrives once");
    }
    let took = started.elapsed().saturating_sub(cutter.outages.sum());
    // Over the link that holds, one comes back for certain.
    while echoes.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    if let Some(Err(error)) = flow.try_join_next() {
        panic!("the flow of datagrams: {error}");
    }
    drop(flow);
    let echoes = echoes.load(Ordering::Relaxed);
    let mut is_up = false;
    let mut lost = 0;
    while let Ok(event) = place.events.lock().await.try_recv() {
        match event {
            Event::Up | Event::Back { .. } if !is_up => is_up = true,
            Event::Lost { .. } if is_up => (is_up, lost) = (false, lost + 1),
            Event::Unreachable { .. } if !is_up => {}
            event => panic!("{event:?} while up is {is_up}"),
        }
    }
    assert_eq!(lost > 0, cuts > 0, "the link broke {lost} times");
    let links = cutter.cuts.load(Ordering::Relaxed);
    let out = cutter.outages.sum();
    eprintln!("seed {seed}: {links} links, {lost} losses, out for {out:?}, {took:?} beside that, {echoes} datagrams");
    took
}

/// One datagram after the other, until it is dropped: each comes back whole, in its order, and once, or not at all.
async fn datagrams(place: Arc<Place>, echoes: Arc<AtomicU32>) {
    let echo = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let port = echo.local_addr().expect("an address").port();
    let (client, near) = (
        UdpSocket::bind("127.0.0.1:0").await,
        UdpSocket::bind("127.0.0.1:0").await,
    );
    let (client, near) = (client.expect("a socket"), near.expect("a socket"));
    client
        .connect(near.local_addr().expect("an address"))
        .await
        .expect("connected");
    near.connect(client.local_addr().expect("an address"))
        .await
        .expect("connected");
    let association = place.client.associate(&Head::new("guest", port)).await.expect("a flow");
    let relaying = association.relay(&near, Duration::from_secs(100));
    let echoing = async {
        let mut datagram = [0; 2000];
        loop {
            let (length, from) = echo.recv_from(&mut datagram).await.expect("a datagram");
            echo.send_to(&datagram[..length], from).await.expect("sent");
        }
    };
    let flow = async {
        let mut last = 0;
        for number in 1u64.. {
            let length = 8 + (number % 1300) as usize;
            let mut datagram = vec![number as u8; length];
            datagram[..8].copy_from_slice(&number.to_be_bytes());
            client.send(&datagram).await.expect("sent");
            let mut back = [0; 2000];
            // Answers to earlier ones come, too.
            while let Ok(length) = tokio::time::timeout(Duration::from_millis(20), client.recv(&mut back)).await {
                let length = length.expect("received");
                let number = u64::from_be_bytes(back[..8].try_into().expect("eight bytes"));
                assert!(number > last, "{number} after {last}");
                assert_eq!(length, 8 + (number % 1300) as usize);
                assert!(back[8..length].iter().all(|byte| *byte == number as u8));
                last = number;
                echoes.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    tokio::select! {
        _ = relaying => panic!("the flow has ended"),
        () = echoing => {}
        () = flow => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_byte_is_lost_or_doubled_however_the_link_breaks() {
    let cuts = chosen("TEST_CUTS", CUTS);
    let seeds = u64::from(chosen("TEST_SEEDS", 4));
    let lanes = if is_whole() { 1 } else { 3 };
    let mut running = JoinSet::new();
    for lane in 0..lanes as u64 {
        running.spawn(async move {
            let tried = async |seed, cuts| {
                let tried = JoinSet::from_iter([tokio::time::timeout(Duration::from_secs(300), chaos(seed, cuts))]);
                let took = tried.join_all().await.remove(0);
                took.unwrap_or_else(|_| panic!("seed {seed} takes longer than five minutes"))
            };
            let mut ratios = Vec::new();
            for seed in (lane..seeds).step_by(lanes) {
                let took = tried(seed, cuts).await;
                if is_whole() {
                    ratios.push(took.as_secs_f64() / tried(seed, 0).await.as_secs_f64());
                }
            }
            ratios
        });
    }
    let mut ratios = running.join_all().await.concat();
    ratios.sort_by(f64::total_cmp);
    if let Some(median) = ratios.get(ratios.len() / 2) {
        eprintln!("{ratios:.2?} of the time without a cut: in the middle {median:.2}");
        assert!(*median <= MOST, "it takes {median:.2} times as long");
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
        let mut cutter = Cutter::new(listener.local_addr().expect("an address"), 0, 0).await;
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
