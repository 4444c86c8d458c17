//! Bodies of requests and responses, with what their clients make of them.

use super::exchange::Exchange;
use super::open::Open;
use super::turns::Late;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Sleep;
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

/// So much of a body is taken in before the guest is asked (nginx: client_body_buffer_size).
const AHEAD: usize = 16 * 1024;

/// A request's body.
pub(super) struct RequestBody {
    ahead: VecDeque<Frame<Bytes>>,
    held: usize,
    /// What has not come yet.
    rest: Option<Incoming>,
    exchange: Arc<Exchange>,
    timeout: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
    /// Its place, while it is on its way.
    late: Option<Late>,
}

impl RequestBody {
    pub(super) fn new(body: Incoming, exchange: &Arc<Exchange>, timeout: Duration) -> RequestBody {
        RequestBody {
            ahead: VecDeque::new(),
            held: 0,
            rest: Some(body).filter(|body| !body.is_end_stream()),
            exchange: exchange.clone(),
            timeout,
            timer: None,
            is_waiting: false,
            late: None,
        }
    }

    /// Nothing more will come.
    pub(super) fn is_whole(&self) -> bool {
        self.rest.is_none()
    }

    /// Takes in what comes, until that is all of it, or as much as is taken in ahead.
    pub(super) async fn comes(&mut self) -> Result<(), HttpError> {
        std::future::poll_fn(|context| self.poll_ahead(context)).await
    }

    /// Lets the guest have it while it is on its way.
    pub(super) fn goes_on(&mut self, late: Late) {
        self.exchange.sends_late(false);
        self.is_waiting = false;
        self.late = Some(late);
    }

    pub(super) fn into_wasi(self) -> WasiBody {
        if self.is_end_stream() {
            return Empty::new().map_err(|never| match never {}).boxed_unsync();
        }
        self.boxed_unsync()
    }

    fn poll_ahead(&mut self, context: &mut Context<'_>) -> Poll<Result<(), HttpError>> {
        while self.rest.is_some() && self.held < AHEAD {
            if let Some(frame) = ready!(self.poll_rest(context)) {
                let frame = frame?;
                self.held += frame.data_ref().map_or(0, Bytes::len);
                self.ahead.push_back(frame);
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let Some(rest) = &mut self.rest else {
            return Poll::Ready(None);
        };
        let frame = match Pin::new(rest).poll_frame(context) {
            Poll::Ready(frame) => frame,
            Poll::Pending => return self.poll_timer(context).map(|error| Some(Err(error))),
        };
        if std::mem::take(&mut self.is_waiting) {
            self.exchange.sends_late(false);
        }
        let frame = frame.map(|frame| {
            frame.map_err(|error| {
                self.exchange.breaks();
                HttpError::from(error)
            })
        });
        let goes_on = matches!(frame, Some(Ok(_))) && self.rest.as_ref().is_some_and(|rest| !rest.is_end_stream());
        if !goes_on {
            self.end();
        }
        Poll::Ready(frame)
    }

    /// The client has so long for each piece.
    fn poll_timer(&mut self, context: &mut Context<'_>) -> Poll<HttpError> {
        if !std::mem::replace(&mut self.is_waiting, true) {
            self.exchange.sends_late(true);
            let end = tokio::time::Instant::now() + self.timeout;
            match &mut self.timer {
                Some(timer) => timer.as_mut().reset(end),
                None => self.timer = Some(Box::pin(tokio::time::sleep_until(end))),
            }
        }
        if let Some(timer) = &mut self.timer {
            ready!(timer.as_mut().poll(context));
        }
        self.exchange.give_body_up();
        self.end();
        Poll::Ready(HttpError::ConnectionReadTimeout)
    }

    fn end(&mut self) {
        self.rest = None;
        self.timer = None;
        self.late = None;
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        match self.ahead.pop_front() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None => self.poll_rest(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_empty() && self.rest.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let ahead: usize = self
            .ahead
            .iter()
            .filter_map(|frame| frame.data_ref())
            .map(Bytes::len)
            .sum();
        let rest = self.rest.as_ref().map_or(SizeHint::with_exact(0), Incoming::size_hint);
        let mut all = SizeHint::new();
        all.set_lower(rest.lower().saturating_add(ahead as u64));
        if let Some(upper) = rest.upper() {
            all.set_upper(upper.saturating_add(ahead as u64));
        }
        all
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        // A guest that reads no more waits for nobody.
        if self.is_waiting {
            self.exchange.sends_late(false);
        }
    }
}

/// A response's body.
pub(super) struct ResponseBody {
    /// Dropped before the body: that the client has left is known before the guest can see it.
    open: Option<Open>,
    body: WasiBody,
    /// What its length leaves to send, where that is known.
    left: Option<u64>,
}

impl ResponseBody {
    /// One that no guest has made.
    pub(super) fn plain(text: &'static str) -> ResponseBody {
        let body = http_body_util::Full::new(Bytes::from_static(text.as_bytes()));
        ResponseBody {
            body: body.map_err(|never| match never {}).boxed_unsync(),
            open: None,
            left: None,
        }
    }

    /// The guest's, with so many bytes to send where that is known.
    pub(super) fn new(body: WasiBody, open: Open, left: Option<u64>) -> ResponseBody {
        ResponseBody {
            body,
            open: Some(open),
            left,
        }
    }

    fn end(&mut self) {
        if let Some(mut open) = self.open.take() {
            open.is_whole();
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        match &frame {
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, Bytes::len) as u64;
                if let Some(left) = &mut self.left {
                    *left = left.saturating_sub(length);
                }
            }
            Poll::Ready(Some(Err(_)) | None) => self.end(),
            Poll::Pending => {}
        }
        if let Some(open) = &self.open {
            open.exchange().takes_late(frame.is_ready());
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        // The server does not ask for an end that the length has said already.
        if self.left == Some(0) || self.body.is_end_stream() {
            self.end();
        }
    }
}
