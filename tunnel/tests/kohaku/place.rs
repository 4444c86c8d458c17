//! A server over real WebSockets on loopback, a guest behind it, and a client that writes its frames by hand.

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http::{Request, Response, StatusCode};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::sync::{Mutex as Held, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server;
use tunnel::kohaku::{Endpoint, Error, Forward, Limits, refuse, serve};
use tunnel::mux::{Body, Connected, Handler, Head, Incoming, Refusal, Relayed, Socket};

pub const CONNECT: u8 = 1;
pub const CONNECTED: u8 = 2;
pub const DATA: u8 = 3;
pub const CLOSE: u8 = 4;
pub const ERROR: u8 = 5;
pub const PING: u8 = 6;
pub const PONG: u8 = 7;
pub const TCP: u8 = 0;
pub const UDP: u8 = 1;

/// A port on which nothing listens.
pub const DEAF: u16 = 1;
/// A port on which the guest listens once the test opens it.
pub const LATER: u16 = 2;

/// A test that hangs fails.
pub async fn patiently<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(15), test)
        .await
        .expect("the test ends in time")
}

/// Sockets with small buffers, so that little has to be sent until they are full.
fn socket() -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_send_buffer_size(128 * 1024).expect("SO_SNDBUF");
    socket.set_recv_buffer_size(128 * 1024).expect("SO_RCVBUF");
    socket
}

fn listen() -> TcpListener {
    let socket = socket();
    socket.bind(([127, 0, 0, 1], 0).into()).expect("an address");
    socket.listen(1024).expect("a listener")
}

async fn connect(address: SocketAddr) -> TcpStream {
    socket().connect(address).await.expect("connected")
}

pub struct Guest {
    address: SocketAddr,
    pub heads: Mutex<Vec<Head>>,
    /// What [`LATER`] waits for.
    pub gate: Semaphore,
    relayed: mpsc::UnboundedSender<Relayed>,
}

impl Guest {
    async fn reach(&self, head: &Head) -> Result<(), Refusal> {
        self.heads.lock().expect("heads").push(head.clone());
        if head.port == DEAF {
            let refusal = Refusal::new(StatusCode::BAD_GATEWAY, "the guest does not listen on port 1");
            return Err(refusal.hint("it listens on 8888"));
        }
        if head.port == LATER {
            self.gate.acquire().await.expect("a gate").forget();
        }
        Ok(())
    }
}

impl Handler for Guest {
    async fn connect(&self, head: Head) -> Result<Connected, Refusal> {
        self.reach(&head).await?;
        Ok(Connected {
            tcp: connect(self.address).await,
            generation: None,
            held: Box::new(()),
        })
    }

    async fn associate(&self, head: Head) -> Result<Box<dyn Socket>, Refusal> {
        self.reach(&head).await?;
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        socket.connect(("127.0.0.1", head.port)).await.expect("connected");
        Ok(Box::new(socket))
    }

    async fn request(&self, _: Request<Incoming>) -> Response<Body> {
        unreachable!("this protocol has none")
    }

    fn ended(&self, _: &Head, relayed: &Relayed) {
        let copy = Relayed {
            error: relayed.error.as_ref().map(|error| error.kind().into()),
            ..*relayed
        };
        let _ = self.relayed.send(copy);
    }
}

pub struct Place {
    pub address: SocketAddr,
    pub guest: Arc<Guest>,
    listener: TcpListener,
    relayed: Held<mpsc::UnboundedReceiver<Relayed>>,
    ended: Held<mpsc::UnboundedReceiver<Result<(), Error>>>,
    stop: watch::Sender<bool>,
    _server: JoinSet<()>,
}

impl Place {
    pub async fn new(limits: Limits) -> Place {
        let (front, listener) = (listen(), listen());
        let (relayed, all_relayed) = mpsc::unbounded_channel();
        let (ended, all_ended) = mpsc::unbounded_channel();
        let guest = Arc::new(Guest {
            address: listener.local_addr().expect("an address"),
            heads: Mutex::default(),
            gate: Semaphore::new(0),
            relayed,
        });
        let stop = watch::Sender::new(false);
        let address = front.local_addr().expect("an address");
        let (handler, stopping) = (guest.clone(), stop.clone());
        let server = JoinSet::from_iter([async move {
            let mut sessions = JoinSet::new();
            while let Ok((tcp, peer)) = front.accept().await {
                let (handler, limits, ended) = (handler.clone(), limits.clone(), ended.clone());
                let mut stopped = stopping.subscribe();
                sessions.spawn(async move {
                    let stopped = async move { drop(stopped.wait_for(|is_stopped| *is_stopped).await) };
                    let result = session(tcp, peer, handler, limits, stopped).await;
                    let _ = ended.send(result);
                });
            }
        }]);
        Place {
            address,
            guest,
            listener,
            relayed: Held::new(all_relayed),
            ended: Held::new(all_ended),
            stop,
            _server: server,
        }
    }

    /// The guest's end of the next connection.
    pub async fn accept(&self) -> TcpStream {
        self.listener.accept().await.expect("accepted").0
    }

    pub async fn relayed(&self) -> Relayed {
        self.relayed.lock().await.recv().await.expect("the server lives")
    }

    /// How the next session ends.
    pub async fn ended(&self) -> Result<(), Error> {
        self.ended.lock().await.recv().await.expect("the server lives")
    }

    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// A client of `/ws/forward` that has been told that it may begin.
    pub async fn client(&self) -> Client {
        let mut client = Client::at(self, "/ws/forward/guest/8888?proto=tcp").await;
        assert_eq!(client.message().await, Message::text("CONNECTED"));
        client
    }

    /// A stream and the guest's end of it.
    pub async fn stream(&self, client: &mut Client, stream: u32) -> TcpStream {
        client.send(CONNECT, TCP, stream, 8888, b"").await;
        client.expect(CONNECTED, TCP, stream, 8888, b"").await;
        self.accept().await
    }
}

async fn session(
    tcp: TcpStream,
    peer: SocketAddr,
    handler: Arc<Guest>,
    limits: Limits,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let mut asked = String::new();
    #[expect(clippy::result_large_err, reason = "tungstenite's own type of a refusal")]
    let callback = |request: &server::Request, response: server::Response| {
        asked = request.uri().to_string();
        Ok::<_, server::ErrorResponse>(response)
    };
    // The client says nothing before it has the answer: no byte is lost here.
    let upgraded = tokio_tungstenite::accept_hdr_async(tcp, callback)
        .await
        .expect("an upgrade");
    let io = upgraded.into_inner();
    let (run, port) = match Endpoint::parse(&asked) {
        Ok(Endpoint::Forward { run, port, .. }) => (run, Some(port)),
        Ok(Endpoint::Tunnel { run }) => (run, None),
        other => panic!("{asked}: {other:?}"),
    };
    let status = match run.as_str() {
        "nobody" => StatusCode::NOT_FOUND,
        "broken" => StatusCode::SERVICE_UNAVAILABLE,
        _ => {
            let forward = Forward {
                run,
                port,
                client: Some(peer),
                wait: Some(Duration::from_secs(30)),
            };
            return serve(io, forward, handler, limits, stop).await;
        }
    };
    let refusal = Refusal::new(status, format!("there is no run `{run}`")).hint("`wasmrun ps` lists them");
    refuse(io, port.is_some(), &refusal, &limits).await;
    Ok(())
}

pub struct Client {
    pub socket: WebSocketStream<TcpStream>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub protocol: u8,
    pub stream: u32,
    pub port: u16,
    pub payload: Bytes,
}

impl Client {
    pub async fn at(place: &Place, path: &str) -> Client {
        let tcp = connect(place.address).await;
        let url = format!("ws://127.0.0.1{path}");
        let (socket, _) = tokio_tungstenite::client_async(url, tcp).await.expect("an upgrade");
        Client { socket }
    }

    pub async fn send(&mut self, kind: u8, protocol: u8, stream: u32, port: u16, payload: &[u8]) {
        self.say(frame(kind, protocol, stream, port, payload)).await;
    }

    pub async fn say(&mut self, message: Message) {
        self.socket.send(message).await.expect("sent");
    }

    /// The next message that is no ping.
    pub async fn message(&mut self) -> Message {
        loop {
            match self.socket.next().await.expect("no end").expect("no failure") {
                Message::Ping(_) => {}
                message => return message,
            }
        }
    }

    pub async fn frame(&mut self) -> Frame {
        let message = match self.message().await {
            Message::Binary(message) => message,
            other => panic!("{other:?} is no frame"),
        };
        assert!(
            message.len() >= 8 && message.len() <= 8 + 65_536,
            "{} bytes",
            message.len()
        );
        Frame {
            kind: message[0],
            protocol: message[1],
            stream: u32::from_be_bytes([message[2], message[3], message[4], message[5]]),
            port: u16::from_be_bytes([message[6], message[7]]),
            payload: message.slice(8..),
        }
    }

    pub async fn expect(&mut self, kind: u8, protocol: u8, stream: u32, port: u16, payload: &[u8]) {
        let payload = Bytes::copy_from_slice(payload);
        let expected = Frame {
            kind,
            protocol,
            stream,
            port,
            payload,
        };
        assert_eq!(self.frame().await, expected);
    }

    /// The reason of an ERROR of that stream, which is next.
    pub async fn error(&mut self, stream: u32) -> String {
        let frame = self.frame().await;
        assert_eq!((frame.kind, frame.stream, frame.port), (ERROR, stream, 0), "{frame:?}");
        String::from_utf8(frame.payload.to_vec()).expect("UTF-8")
    }

    /// The code and the reason of the server's CLOSE, which is next.
    pub async fn closed(&mut self) -> (u16, String) {
        match self.message().await {
            Message::Close(Some(close)) => (close.code.into(), close.reason.to_string()),
            other => panic!("{other:?} is no end"),
        }
    }
}

pub fn frame(kind: u8, protocol: u8, stream: u32, port: u16, payload: &[u8]) -> Message {
    let mut message = vec![kind, protocol];
    message.extend(stream.to_be_bytes());
    message.extend(port.to_be_bytes());
    message.extend(payload);
    Message::binary(message)
}

/// Everything to FIN.
pub async fn rest(guest: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    guest.read_to_end(&mut rest).await.expect("FIN, not a reset");
    rest
}

/// Reads to the reset. Fails at FIN.
pub async fn reset(guest: &mut TcpStream) {
    let mut rest = Vec::new();
    let error = guest.read_to_end(&mut rest).await.expect_err("a reset, not FIN");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}
