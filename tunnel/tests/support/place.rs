//! A client of the tunnel on one side, a guest on the other, and sums over what passes.

#![allow(dead_code, reason = "each test program uses its part")]

use super::support::{Cutter, Linked};
use bytes::Bytes;
use futures::StreamExt;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, StreamBody};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Mutex as Held, mpsc, oneshot};
use tokio::task::JoinSet;
use tunnel::mux::{Body, Client, Connected, HALF_CLOSED, Handler, Head, Incoming, Refusal, Relayed, Socket};
use tunnel::pipe::{End, Settings};
use tunnel::session::{ConnectError, Sessions};

/// Every stream goes to one listener.
struct Guest {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<Head>>>,
    relayed: mpsc::UnboundedSender<Relayed>,
}

impl Handler for Guest {
    async fn connect(&self, head: Head) -> Result<Connected, Refusal> {
        if head.run != "guest" {
            let error = format!("there is no run `{}`", head.run);
            return Err(Refusal::new(StatusCode::NOT_FOUND, error).hint("`wasmrun ps` lists them"));
        }
        self.heads.lock().expect("heads").push(head);
        let tcp = TcpStream::connect(self.address).await;
        let tcp = tcp.map_err(|error| Refusal::new(StatusCode::BAD_GATEWAY, error.to_string()))?;
        Ok(Connected {
            tcp,
            generation: Some(7),
            held: Box::new(()),
        })
    }

    async fn associate(&self, head: Head) -> Result<Box<dyn Socket>, Refusal> {
        if head.run != "guest" {
            return Err(Refusal::new(StatusCode::NOT_FOUND, "there is no such run"));
        }
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        socket.connect(("127.0.0.1", head.port)).await.expect("connected");
        Ok(Box::new(socket))
    }

    async fn request(&self, request: Request<Incoming>) -> Response<Body> {
        let frame = |length| Ok(http_body::Frame::data(Bytes::from(vec![0; length])));
        let body: Body = match request.uri().path() {
            "/echo" => request.into_body().map_err(Into::into).boxed_unsync(),
            "/half" => StreamBody::new(futures::stream::iter([frame(10), Err("it is gone".into())])).boxed_unsync(),
            "/endless" => {
                let frames = futures::stream::repeat_with(move || frame(1000));
                StreamBody::new(frames.map(|frame: Result<_, Box<dyn std::error::Error + Send + Sync>>| frame))
                    .boxed_unsync()
            }
            _ => Empty::new().map_err(|never| match never {}).boxed_unsync(),
        };
        Response::new(body)
    }

    fn ended(&self, _: &Head, relayed: &Relayed) {
        let copy = Relayed {
            error: relayed
                .error
                .as_ref()
                .map(|error| std::io::Error::new(error.kind(), error.to_string())),
            ..*relayed
        };
        let _ = self.relayed.send(copy);
    }
}

pub struct Place {
    pub client: Client,
    pub heads: Arc<Mutex<Vec<Head>>>,
    pub sessions: Arc<Sessions<&'static str>>,
    pub events: Held<mpsc::UnboundedReceiver<tunnel::session::Event>>,
    guest: TcpListener,
    local: TcpListener,
    relays: Held<JoinSet<Relayed>>,
    ended: Held<mpsc::UnboundedReceiver<Relayed>>,
    keepers: Arc<Mutex<JoinSet<End>>>,
    stop: Option<oneshot::Sender<()>>,
    server: JoinSet<Result<(), h2::Error>>,
    _client: JoinSet<Result<(), h2::Error>>,
    _link: JoinSet<Result<End, ConnectError>>,
    _acceptor: JoinSet<()>,
    _cutter: Cutter,
}

impl Place {
    pub async fn new(settings: Settings, cutter: Cutter) -> Place {
        Place::over(Linked::new(settings, cutter).await).await
    }

    pub async fn over(mut linked: Linked) -> Place {
        let server = linked.server.take().expect("a server's end");
        let guest = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let (relayed, ended) = mpsc::unbounded_channel();
        let heads = Arc::default();
        let handler = Arc::new(Guest {
            address: guest.local_addr().expect("an address"),
            heads: Arc::clone(&heads),
            relayed,
        });
        let (stop, stopped) = oneshot::channel();
        let stopped = async move {
            if stopped.await.is_err() {
                std::future::pending().await
            }
        };
        let server = JoinSet::from_iter([tunnel::mux::serve(server, handler, stopped)]);
        let (client, driver) = tunnel::mux::connect(linked.client).await.expect("a connection");
        Place {
            client,
            heads,
            sessions: linked.sessions,
            events: Held::new(linked.events),
            guest,
            local: TcpListener::bind("127.0.0.1:0").await.expect("a listener"),
            relays: Held::default(),
            ended: Held::new(ended),
            keepers: linked.keepers,
            stop: Some(stop),
            server,
            _client: JoinSet::from_iter([driver.run()]),
            _link: linked.link,
            _acceptor: linked.acceptor,
            _cutter: linked.cutter,
        }
    }

    /// A TCP connection through the tunnel as [`Client::carry`] makes it: the client's end and the guest's.
    pub async fn carried(&self) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(self.local.local_addr().expect("an address"))
            .await
            .expect("connected");
        let (accepted, _) = self.local.accept().await.expect("accepted");
        let tunnel = self.client.clone();
        self.relays.lock().await.spawn(async move {
            let carried = tunnel.carry(&Head::new("guest", 80), accepted, HALF_CLOSED).await;
            carried.expect("a stream")
        });
        (client, self.accept().await)
    }

    /// A TCP connection through the tunnel: the client's end and the guest's.
    pub async fn connection(&self) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(self.local.local_addr().expect("an address"))
            .await
            .expect("connected");
        let (accepted, _) = self.local.accept().await.expect("accepted");
        let channel = self.client.open(&Head::new("guest", 80)).await.expect("a stream");
        self.relays.lock().await.spawn(channel.relay(accepted, HALF_CLOSED));
        (client, self.accept().await)
    }

    pub async fn accept(&self) -> TcpStream {
        self.guest.accept().await.expect("accepted").0
    }

    /// The server's view of the next stream that ends.
    pub async fn relayed(&self) -> Relayed {
        self.ended.lock().await.recv().await.expect("the server lives")
    }

    /// As `kill -9` does: the kernel closes what the server has.
    pub fn kill_server(&mut self) {
        self.server.abort_all();
        self.keepers.lock().expect("keepers").abort_all();
    }

    pub fn stop(&mut self) {
        let stop = self.stop.take().expect("it has not been stopped");
        stop.send(()).expect("the server lives");
    }

    pub async fn finished(&mut self) {
        self.server
            .join_next()
            .await
            .expect("one server")
            .expect("no panic")
            .expect("an orderly end");
    }
}

/// Closes with RST.
pub fn reset(tcp: TcpStream) {
    tcp.set_zero_linger().expect("SO_LINGER");
}

/// Moves so many bytes each way at once. Returns sums over what was written and over what was read.
pub async fn sums((client, guest): (TcpStream, TcpStream), length: usize, seed: u64) -> (u64, u64) {
    let (client_read, client_write) = client.into_split();
    let (guest_read, guest_write) = guest.into_split();
    let (a, b, c, d) = tokio::join!(
        write(client_write, length, seed),
        write(guest_write, length, seed + 1),
        read(guest_read),
        read(client_read)
    );
    (a.wrapping_add(b.rotate_left(32)), c.wrapping_add(d.rotate_left(32)))
}

async fn write(mut to: impl tokio::io::AsyncWrite + Unpin, length: usize, seed: u64) -> u64 {
    let (mut state, mut sum, mut left) = (seed | 1, 0u64, length);
    while left > 0 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let part: Vec<u8> = (0..left.min((state >> 48) as usize + 1))
            .map(|i| (i as u64 ^ (state >> 20)) as u8)
            .collect();
        left -= part.len();
        sum = digest(sum, &part);
        to.write_all(&part).await.expect("written");
    }
    to.shutdown().await.expect("FIN");
    sum
}

async fn read(mut from: impl tokio::io::AsyncRead + Unpin) -> u64 {
    let (mut sum, mut part) = (0, vec![0; 65_536]);
    loop {
        match from.read(&mut part).await.expect("read") {
            0 => return sum,
            length => sum = digest(sum, &part[..length]),
        }
    }
}

/// Depends on every byte and its place.
fn digest(sum: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(sum, |sum, byte| {
        sum.wrapping_mul(0x100_0000_01b3).wrapping_add(u64::from(*byte) + 1)
    })
}
