//! Bodies on their way, frame by frame.

use super::pool::{Conversation, Pool};
use crate::traffic::Use;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

type Failure = Box<dyn Error + Send + Sync>;
type Polled = Poll<Option<Result<Frame<Bytes>, Failure>>>;

/// The body of a request. It remembers whether it has passed to its end.
pub(super) struct Upload {
    body: Incoming,
    is_whole: Arc<AtomicBool>,
}

impl Upload {
    pub(super) fn new(body: Incoming, is_whole: Arc<AtomicBool>) -> Upload {
        is_whole.store(http_body::Body::is_end_stream(&body), Ordering::Relaxed);
        Upload { body, is_whole }
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let is_end = match &frame {
            None => true,
            Some(Ok(frame)) => frame.is_trailers() || self.body.is_end_stream(),
            Some(Err(_)) => false,
        };
        if is_end {
            self.is_whole.store(true, Ordering::Relaxed);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer. At its end its connection waits for the next request; dropped before, it ends with it. Where the
/// connection is left in the middle, hyper makes an error of it, whatever the framing.
pub(super) struct Download {
    body: Incoming,
    conversation: Option<Conversation>,
    pool: Arc<Pool>,
    is_sent: Arc<AtomicBool>,
    _in_use: Use,
}

impl Download {
    pub(super) fn new(
        body: Incoming,
        conversation: Conversation,
        pool: Arc<Pool>,
        is_sent: Arc<AtomicBool>,
        in_use: Use,
    ) -> Download {
        let mut download = Download {
            body,
            conversation: Some(conversation),
            pool,
            is_sent,
            _in_use: in_use,
        };
        if http_body::Body::is_end_stream(&download.body) {
            download.over();
        }
        download
    }

    fn over(&mut self) {
        let conversation = self.conversation.take();
        if let Some(conversation) = conversation.filter(|_| self.is_sent.load(Ordering::Relaxed)) {
            self.pool.keep(conversation);
        }
    }
}

impl http_body::Body for Download {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let is_last = match &frame {
            None => true,
            Some(Ok(frame)) => frame.is_trailers() || self.body.is_end_stream(),
            Some(Err(_)) => {
                self.conversation = None;
                false
            }
        };
        if is_last {
            self.over();
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
