//! Two ends on this machine, and a hand at the cable between them.

#![allow(dead_code, reason = "each test program uses its part")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tunnel::carrier::websocket::WebSocket;
use tunnel::carrier::{BoxCarrier, Framed};
use tunnel::pipe::{End, Settings};
use tunnel::session::{Accepted, Attempt, ConnectError, Event, Limits, Sessions, Stream, connect};

/// A test that hangs fails.
pub async fn patiently<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), test)
        .await
        .expect("the test ends in a minute")
}

pub fn pipes() -> (Framed<UnixStream>, BoxCarrier) {
    let (client, server) = UnixStream::pair().expect("a pair");
    (Framed::new(client), Box::new(Framed::new(server)))
}

/// Breaks carriers by aborting the task that copies their bytes, wherever it is.
#[derive(Clone, Default)]
pub struct Cutter(Arc<Mutex<(JoinSet<()>, bool)>>);

impl Cutter {
    pub fn cut(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.abort_all();
    }

    /// Cuts, and lets no new carrier through.
    pub fn block(&self) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.1 = true;
        inner.0.abort_all();
    }

    /// Both ends of a cable that goes through this hand.
    fn cable(&self) -> Option<(UnixStream, UnixStream)> {
        let (client, mut near) = UnixStream::pair().expect("a pair");
        let (mut far, server) = UnixStream::pair().expect("a pair");
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.1 {
            return None;
        }
        inner.0.spawn(async move {
            let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
        });
        Some((client, server))
    }
}

/// A session, both ends of it.
pub struct Linked {
    pub client: Stream,
    pub server: Option<Stream>,
    pub sessions: Arc<Sessions<&'static str>>,
    pub events: mpsc::UnboundedReceiver<Event>,
    pub link: JoinSet<Result<End, ConnectError>>,
    pub keepers: Arc<Mutex<JoinSet<End>>>,
    pub acceptor: JoinSet<()>,
    /// Its cables are as long as it.
    pub cutter: Cutter,
}

impl Linked {
    /// Over unix sockets, through a cutter.
    pub async fn new(settings: Settings, cutter: Cutter) -> Linked {
        let (cables, incoming) = mpsc::unbounded_channel::<BoxCarrier>();
        let cables_from = cutter.clone();
        let connected = move |_: Attempt| {
            let cable = cables_from.cable();
            let cables = cables.clone();
            async move {
                let (client, server) = cable.ok_or(ConnectError::Later("the cable is cut".into()))?;
                cables
                    .send(Box::new(Framed::new(server)))
                    .map_err(|_| ConnectError::Never("no server".into()))?;
                Ok(Box::new(Framed::new(client)) as BoxCarrier)
            }
        };
        Linked::over(settings, connected, incoming, cutter).await
    }

    /// Over TCP: the client connects to `through`, which leads to `listener`.
    pub async fn tcp(settings: Settings, listener: TcpListener, through: SocketAddr, is_websocket: bool) -> Linked {
        let (carriers, incoming) = mpsc::unbounded_channel::<BoxCarrier>();
        let cutter = Cutter::default();
        cutter
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .0
            .spawn(async move {
                let mut handshakes = JoinSet::new();
                while let Ok((tcp, _)) = listener.accept().await {
                    let carriers = carriers.clone();
                    handshakes.spawn(async move {
                        let _ = tunnel::carrier::tcp::tune(&tcp);
                        let carrier: BoxCarrier = match is_websocket {
                            true => Box::new(WebSocket::accept(tcp).await.ok()?),
                            false => Box::new(Framed::new(tcp)),
                        };
                        carriers.send(carrier).ok()
                    });
                }
            });
        let connected = move |_: Attempt| async move {
            let later = |error: Box<dyn std::error::Error + Send + Sync>| ConnectError::Later(error);
            let tcp = TcpStream::connect(through).await.map_err(|error| later(error.into()))?;
            tunnel::carrier::tcp::tune(&tcp).map_err(|error| later(error.into()))?;
            let carrier: BoxCarrier = if is_websocket {
                let handshake = WebSocket::connect(tcp, "ws://hub/", http::HeaderMap::new());
                let shaken = tokio::time::timeout(Duration::from_secs(2), handshake).await;
                let shaken = shaken.map_err(|error| later(error.into()))?;
                Box::new(shaken.map_err(|error| later(error.into()))?)
            } else {
                Box::new(Framed::new(tcp))
            };
            Ok(carrier)
        };
        Linked::over(settings, connected, incoming, cutter).await
    }

    async fn over<C, F>(
        settings: Settings,
        connected: C,
        mut incoming: mpsc::UnboundedReceiver<BoxCarrier>,
        cutter: Cutter,
    ) -> Linked
    where
        C: FnMut(Attempt) -> F + Send + 'static,
        F: Future<Output = Result<BoxCarrier, ConnectError>> + Send + 'static,
    {
        let sessions = Arc::new(Sessions::new(settings.clone(), Limits::default()));
        let (client, link, events) = connect(connected, settings);
        let link = JoinSet::from_iter([link.run()]);
        let (begun, mut server) = watch::channel(None);
        let keepers = Arc::new(Mutex::new(JoinSet::new()));
        let accepting = sessions.clone();
        let kept = keepers.clone();
        let acceptor = JoinSet::from_iter([async move {
            let begun = Arc::new(begun);
            let mut greetings = JoinSet::new();
            while let Some(carrier) = incoming.recv().await {
                let (accepting, begun, kept) = (accepting.clone(), begun.clone(), kept.clone());
                greetings.spawn(async move {
                    if let Ok(Accepted::New { stream, keeper, .. }) = accepting.accept(carrier, "alice").await {
                        kept.lock().unwrap_or_else(PoisonError::into_inner).spawn(keeper.run());
                        begun.send_replace(Some(Mutex::new(Some(stream))));
                    }
                });
            }
        }]);
        server.changed().await.expect("a session");
        let server = server.borrow().as_ref().and_then(|stream| stream.lock().ok()?.take());
        Linked {
            client,
            server,
            sessions,
            events,
            link,
            keepers,
            acceptor,
            cutter,
        }
    }
}
