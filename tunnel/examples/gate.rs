//! What the layers cost: HTTP/2 over a pipe over a WebSocket, beside a bare WebSocket relay and `ssh -L`, on loopback.
//!
//! ```sh
//! cargo run --release -p wasmrun-tunnel --example gate -- [ROUNDS] [MEBIBYTES]
//! ```
//!
//! Each round moves the bytes from a guest to a client once through each way, so that what else the machine does meets all
//! of them alike. `ssh -L` needs /usr/sbin/sshd and ssh, and is left out without them. Medians and ratios are printed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tunnel::carrier::BoxCarrier;
use tunnel::carrier::websocket::WebSocket;
use tunnel::mux::{Body, Client, Connected, HALF_CLOSED, Handler, Head, Incoming, Refusal};
use tunnel::pipe::Settings;
use tunnel::session::{Accepted, Attempt, ConnectError, Limits, Sessions};

#[path = "gate/relay.rs"]
mod relay;
#[path = "gate/ssh.rs"]
mod ssh;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Readers that stop, and one that does not.
const STALLED: usize = 63;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let rounds: usize = arguments.next().map_or(Ok(7), |rounds| rounds.parse())?;
    let mebibytes: usize = arguments.next().map_or(Ok(512), |mebibytes| mebibytes.parse())?;
    // As the hub and its client have: two threads each would be four here.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(measure(rounds, mebibytes << 20))
}

async fn measure(rounds: usize, bytes: usize) -> Result<()> {
    let mut tasks = JoinSet::new();
    let guest = guest(&mut tasks).await?;
    let tunnel = tunnel_to(guest, &mut tasks).await?;
    let bare = relay::start(guest, &mut tasks).await?;
    let ssh = ssh::start(guest).await?;
    let mut ways = vec![("direct", guest), ("tunnel", tunnel), ("bare WebSocket", bare)];
    ways.extend(ssh.as_ref().map(|ssh| ("ssh -L", ssh.address)));
    let mut speeds = vec![Vec::new(); ways.len()];
    let mut costs = vec![Vec::new(); ways.len()];
    let mut stalled_speeds = Vec::new();
    for _ in 0..rounds {
        for (way, (speeds, costs)) in ways.iter().zip(speeds.iter_mut().zip(&mut costs)) {
            let before = busy()?;
            speeds.push(speed(way.1, bytes).await?);
            costs.push((busy()? - before) / (bytes as f64 / f64::from(1 << 30)));
        }
        let stalled = stall(tunnel).await?;
        stalled_speeds.push(speed(tunnel, bytes).await?);
        drop(stalled);
    }
    let medians: Vec<f64> = speeds.into_iter().map(median).collect();
    for (((name, _), median), cost) in ways.iter().zip(&medians).zip(costs) {
        let (ratio, cost) = (medians[1] / median, self::median(cost));
        println!("{name:>16}: {median:8.0} MiB/s, {cost:5.2} s of this process per GiB, tunnel / {name} = {ratio:.2}");
    }
    let beside = median(stalled_speeds);
    println!(
        "{:>16}: {beside:8.0} MiB/s beside {STALLED} stalled streams, {:.2} of alone",
        "tunnel",
        beside / medians[1]
    );
    Ok(())
}

/// Sends as many bytes as it is asked for.
async fn guest(tasks: &mut JoinSet<()>) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut tcp, _)) = listener.accept().await {
            connections.spawn(async move {
                let mut left = tcp.read_u64().await.unwrap_or(0);
                let part = vec![7; 256 * 1024];
                while left > 0 {
                    let length = left.min(part.len() as u64);
                    if tcp.write_all(&part[..length as usize]).await.is_err() {
                        return;
                    }
                    left -= length;
                }
            });
        }
    });
    Ok(address)
}

/// MiB/s from the first byte to the last.
async fn speed(way: SocketAddr, bytes: usize) -> Result<f64> {
    let mut tcp = TcpStream::connect(way).await?;
    tcp.write_u64(bytes as u64).await?;
    let mut part = vec![0; 256 * 1024];
    let mut left = bytes - tcp.read(&mut part).await?;
    let started = Instant::now();
    while left > 0 {
        match tcp.read(&mut part).await? {
            0 => return Err("the stream ended early".into()),
            length => left -= length,
        }
    }
    Ok(bytes as f64 / (1 << 20) as f64 / started.elapsed().as_secs_f64())
}

/// Streams that are asked for much, of which nobody reads anything.
async fn stall(way: SocketAddr) -> Result<Vec<TcpStream>> {
    let mut stalled = Vec::new();
    for _ in 0..STALLED {
        let mut tcp = TcpStream::connect(way).await?;
        tcp.write_u64(1 << 40).await?;
        stalled.push(tcp);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    Ok(stalled)
}

/// Seconds of the processor that this process has had (proc_pid_stat(5)): what counts where others use the machine, too.
fn busy() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no name in /proc/self/stat")?;
    // The 14th and 15th of all are the 12th and 13th after the name, in ticks of 10 ms.
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<std::result::Result<f64, _>>()? / 100.0)
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

struct Guest(SocketAddr);

impl Handler for Guest {
    async fn connect(&self, _: Head) -> std::result::Result<Connected, Refusal> {
        let tcp = TcpStream::connect(self.0).await;
        let tcp = tcp.map_err(|error| Refusal::new(http::StatusCode::BAD_GATEWAY, error.to_string()))?;
        Ok(Connected {
            tcp,
            generation: None,
            held: Box::new(()),
        })
    }

    async fn request(&self, _: http::Request<Incoming>) -> http::Response<Body> {
        http::Response::new(Body::default())
    }
}

/// The whole of it: a local port, HTTP/2, a pipe, a WebSocket, and back.
async fn tunnel_to(guest: SocketAddr, tasks: &mut JoinSet<()>) -> Result<SocketAddr> {
    let hub = TcpListener::bind("127.0.0.1:0").await?;
    let address = hub.local_addr()?;
    tasks.spawn(async move {
        let sessions = Sessions::new(Settings::default(), Limits::default());
        let mut running = JoinSet::new();
        while let Ok((tcp, _)) = hub.accept().await {
            let Ok(()) = tunnel::carrier::tcp::tune(&tcp) else {
                continue;
            };
            let Ok(carrier) = WebSocket::accept(tcp).await else {
                continue;
            };
            if let Ok(Accepted::New { stream, keeper, .. }) = sessions.accept(Box::new(carrier), ()).await {
                running.spawn(async move { drop(keeper.run().await) });
                running.spawn(async move {
                    let _ = tunnel::mux::serve(stream, Arc::new(Guest(guest)), std::future::pending()).await;
                });
            }
        }
    });
    let connect = move |_: Attempt| async move {
        let tcp = TcpStream::connect(address)
            .await
            .map_err(|error| ConnectError::Later(error.into()))?;
        tunnel::carrier::tcp::tune(&tcp).map_err(|error| ConnectError::Later(error.into()))?;
        let carrier = WebSocket::connect(tcp, "ws://hub/", http::HeaderMap::new()).await;
        Ok(Box::new(carrier.map_err(|error| ConnectError::Never(error.into()))?) as BoxCarrier)
    };
    let (stream, link, _) = tunnel::session::connect(connect, Settings::default());
    tasks.spawn(async move { drop(link.run().await) });
    let (client, driver) = tunnel::mux::connect(stream).await?;
    tasks.spawn(async move { drop(driver.run().await) });
    let local = TcpListener::bind("127.0.0.1:0").await?;
    let address = local.local_addr()?;
    tasks.spawn(forward(local, client));
    Ok(address)
}

async fn forward(local: TcpListener, client: Client) {
    let mut streams = JoinSet::new();
    while let Ok((tcp, _)) = local.accept().await {
        let client = client.clone();
        streams.spawn(async move {
            if let Ok(channel) = client.open(&Head::new("guest", 80)).await {
                channel.relay(tcp, HALF_CLOSED).await;
            }
        });
    }
}
