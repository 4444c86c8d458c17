//! Datagrams of this machine's clients, each with a stream of its own to the guest.

use super::hub::Hub;
use super::says::Says;
use netns::Limits;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;
use tunnel::mux::{Head, IDLE, Socket};

/// The longest datagram there is.
const LONGEST: usize = 65535;
/// Clients of one port; datagrams of others are lost.
const CLIENTS: usize = 256;
/// Datagrams of a client that wait for its stream; more are lost.
const WAITING: usize = 64;
/// The pause after a socket has failed.
const PAUSE: Duration = Duration::from_millis(50);

/// One client's part of the port's socket.
struct Client {
    port: Arc<UdpSocket>,
    address: SocketAddr,
    came: Mutex<Receiver<Vec<u8>>>,
}

impl Socket for Client {
    fn poll_recv(&self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut came = self.came.lock().unwrap_or_else(PoisonError::into_inner);
        match ready!(came.poll_recv(cx)) {
            Some(datagram) => {
                into.put_slice(&datagram[..datagram.len().min(into.remaining())]);
                Poll::Ready(Ok(()))
            }
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn send(&self, datagram: &[u8]) {
        let _ = self.port.try_send_to(datagram, self.address);
    }
}

/// Forwards the datagrams of a port until the future is dropped.
pub(super) async fn forward(port: UdpSocket, hub: Arc<Hub>, head: Head, says: Says) {
    let port = Arc::new(port);
    let mut clients: HashMap<SocketAddr, Sender<Vec<u8>>> = HashMap::new();
    let mut streams = JoinSet::new();
    let mut buffer = vec![0; LONGEST];
    loop {
        tokio::select! {
            received = port.recv_from(&mut buffer) => {
                let Ok((length, address)) = received else {
                    // What the network says of an answer (udp(7)) is for nobody; anything else may last.
                    tokio::time::sleep(PAUSE).await;
                    continue;
                };
                let datagram = buffer[..length].to_vec();
                if let Some(client) = clients.get(&address).filter(|client| !client.is_closed()) {
                    let _ = client.try_send(datagram);
                } else if clients.len() < CLIENTS {
                    let (client, came) = channel(WAITING);
                    let _ = client.try_send(datagram);
                    clients.insert(address, client);
                    let socket = Client { port: port.clone(), address, came: Mutex::new(came) };
                    streams.spawn(carry(socket, hub.clone(), head.clone(), says.clone()));
                }
            }
            Some(_) = streams.join_next() => clients.retain(|_, client| !client.is_closed()),
        }
    }
}

async fn carry(socket: Client, hub: Arc<Hub>, mut head: Head, says: Says) {
    head.client = Some(socket.address);
    head.wait = Some(Limits::CONNECT_TIMEOUT);
    match hub.associate(&head).await {
        Ok(stream) => {
            let passed = stream.relay(&socket, IDLE).await;
            says.works_again();
            if passed.dropped > 0 {
                tracing::debug!("{} datagrams to {}:{} were lost", passed.dropped, head.run, head.port);
            }
        }
        Err(error) => says.failed(head.port, &error),
    }
}
