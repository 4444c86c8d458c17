//! Bodies of ordinary requests and their answers, streamed both ways.

use super::relay::credit;
use super::window::Counted;
use bytes::Bytes;
use futures::future::poll_fn;
use h2::{Reason, RecvStream, SendStream};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

/// A body that is sent.
pub type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// A body that comes. What is read from it gives the peer credit for more; a reset is an error, never an end.
pub struct Incoming {
    receive: RecvStream,
    _counted: Option<Counted>,
}

impl Incoming {
    pub(super) fn new(receive: RecvStream, counted: Option<Counted>) -> Incoming {
        Incoming {
            receive,
            _counted: counted,
        }
    }
}

impl http_body::Body for Incoming {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        match ready!(self.receive.poll_data(cx)) {
            Some(Ok(data)) => {
                let released = self.receive.flow_control().release_capacity(data.len());
                Poll::Ready(Some(released.map(|()| Frame::data(data))))
            }
            Some(Err(error)) => Poll::Ready(Some(Err(error))),
            None => match ready!(self.receive.poll_trailers(cx)) {
                Ok(trailers) => Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers)))),
                Err(error) => Poll::Ready(Some(Err(error))),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.receive.is_end_stream()
    }
}

/// Sends a body to its end. One that fails is a reset: half of it never looks whole.
pub(super) async fn send_body<B>(mut send: SendStream<Bytes>, body: B) -> io::Result<()>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let sent = pass(&mut send, body).await;
    if sent.is_err() {
        send.send_reset(Reason::INTERNAL_ERROR);
    }
    sent
}

async fn pass<B>(send: &mut SendStream<Bytes>, body: B) -> io::Result<()>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut body = pin!(body);
    loop {
        let frame = tokio::select! {
            frame = poll_fn(|cx| body.as_mut().poll_frame(cx).map_err(io::Error::other)) => frame,
            // Nobody wants the rest: a log that is followed would wait for its next line.
            _ = poll_fn(|cx| send.poll_reset(cx)) => return Err(io::ErrorKind::ConnectionReset.into()),
        };
        let Some(frame) = frame else {
            return send.send_data(Bytes::new(), true).map_err(io::Error::other);
        };
        match frame?.into_data() {
            Ok(mut data) => {
                while !data.is_empty() {
                    let credit = credit(send, data.len()).await?;
                    let part = data.split_to(credit.min(data.len()));
                    send.send_data(part, false).map_err(io::Error::other)?;
                }
            }
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    return send.send_trailers(trailers).map_err(io::Error::other);
                }
            }
        }
    }
}
