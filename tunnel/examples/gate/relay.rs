//! The yardstick: one WebSocket for each TCP connection, 64 KiB a message, and nothing else.

use super::Result;
use futures::{SinkExt, StreamExt};
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Listens on both ends; returns the client's.
pub async fn start(guest: SocketAddr, tasks: &mut JoinSet<()>) -> Result<SocketAddr> {
    let server = TcpListener::bind("127.0.0.1:0").await?;
    let through = server.local_addr()?;
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((tcp, _)) = server.accept().await {
            connections.spawn(async move {
                tcp.set_nodelay(true)?;
                let guest = TcpStream::connect(guest).await?;
                copy(tokio_tungstenite::accept_async(tcp).await?, guest).await
            });
        }
    });
    let client = TcpListener::bind("127.0.0.1:0").await?;
    let address = client.local_addr()?;
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((local, _)) = client.accept().await {
            connections.spawn(async move {
                let tcp = TcpStream::connect(through).await?;
                tcp.set_nodelay(true)?;
                copy(tokio_tungstenite::client_async("ws://hub/", tcp).await?.0, local).await
            });
        }
    });
    Ok(address)
}

async fn copy<T: AsyncRead + AsyncWrite + Unpin>(socket: WebSocketStream<T>, tcp: TcpStream) -> Result<()> {
    let (mut sink, mut messages) = socket.split();
    let (mut read, mut write) = tcp.into_split();
    let outwards = async {
        loop {
            let mut part = bytes::BytesMut::with_capacity(64 * 1024);
            if read.read_buf(&mut part).await? == 0 {
                return Result::Ok(sink.close().await?);
            }
            sink.send(Message::Binary(part.freeze())).await?;
        }
    };
    let inwards = async {
        while let Some(message) = messages.next().await {
            write.write_all(&message?.into_data()).await?;
        }
        Result::Ok(write.shutdown().await?)
    };
    tokio::try_join!(outwards, inwards)?;
    Ok(())
}
