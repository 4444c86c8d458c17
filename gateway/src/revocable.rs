//! A body that fails once its reader may not have it any more: a log that is followed ends with the right to it.

use super::ruling::Denied;
use bytes::Bytes;
use futures::future::BoxFuture;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use tunnel::mux::Body;

pub(crate) struct Revocable {
    body: Body,
    lost: BoxFuture<'static, Denied>,
}

impl Revocable {
    pub(crate) fn new(body: Body, lost: impl Future<Output = Denied> + Send + 'static) -> Revocable {
        Revocable {
            body,
            lost: Box::pin(lost),
        }
    }

    pub(crate) fn boxed(self) -> Body {
        self.boxed_unsync()
    }
}

impl http_body::Body for Revocable {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(denied) = self.lost.as_mut().poll(cx) {
            // Polled once more it must not be.
            self.lost = Box::pin(std::future::pending());
            return Poll::Ready(Some(Err(denied.into())));
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
