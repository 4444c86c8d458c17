//! HTTP/1.1 and HTTP/2 (prior knowledge) on each forwarded port.

use super::instances::{Beyond, Instances, LoadMore, Loaded, Reuse};
use crate::adoption::{Accepted, Acceptor, Adoption};
use crate::event::{Event, Events};
use crate::host::{Host, Stores};
use crate::kind::Kind;
use crate::run::Stop;
use bytes::Bytes;
use http::{Request, Response, StatusCode, Version, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OnceCell, Semaphore, watch};
use tokio::task::JoinSet;
use wasmtime::Result;
use wasmtime::component::InstancePre;
use wasmtime_wasi_http::handler::{InstantiationError, ProxyHandler};
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

/// Requests in the guest at once; more wait.
const REQUESTS: usize = 512;
/// Instances that a pool has room for.
pub(crate) const PLACES: usize = 64;
/// A pause after accept(2) failed for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A new instance for each request: the 0.2 handler's contract, which some toolchains' output depends on.
const REUSE_02: Reuse = Reuse {
    requests: 1,
    at_once: 1,
};
/// 0.3 instances are meant to serve many requests, also at the same time.
const REUSE_03: Reuse = Reuse {
    requests: 1024,
    at_once: 16,
};

type Handler = ProxyHandler<Instances>;

/// Serves every forwarded port until asked to stop, then until the requests under way are done.
pub(crate) async fn serve(
    instance: InstancePre<Host>,
    beyond: Option<LoadMore>,
    kind: Kind,
    stores: Stores,
    events: &Events,
    stop: &Stop,
    adoption: &Adoption,
) -> Result<()> {
    let loaded = Loaded::new(instance, kind)?;
    // A guest that cannot even begin is found out before anybody is sent to it.
    drop(loaded.instantiate(&stores).await?);
    let (gate, ports) = (stores.network.gate.clone(), stores.guest.ports.clone());
    let handler = ProxyHandler::new(Instances {
        kind,
        loaded,
        beyond: beyond.map(|load| Beyond {
            places: Arc::new(Semaphore::new(PLACES)),
            load,
            loaded: OnceCell::new(),
        }),
        stores,
        reuse: match kind {
            Kind::Http03 => REUSE_03,
            _ => REUSE_02,
        },
        events: events.clone(),
    });
    let mut accepting = JoinSet::new();
    let requests = Arc::new(Semaphore::new(REQUESTS));
    for port in ports {
        let listener = adoption.acceptor(port)?;
        gate.listening(listener.local_addr()?);
        accepting.spawn(accept(listener, handler.clone(), requests.clone(), stop.clone()));
    }
    while let Some(ended) = accepting.join_next().await {
        ended.map_err(|error| wasmtime::format_err!("the HTTP server failed: {error}"))?;
    }
    Ok(())
}

async fn accept(mut listener: Acceptor, handler: Handler, requests: Arc<Semaphore>, stop: Stop) {
    let mut http = auto::Builder::new(TokioExecutor::new());
    // Slow heads end by this timer, which hyper arms only when it has one.
    http.http1().timer(TokioTimer::new());
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(stream) => {
                    let serving = converse(http.clone(), stream, handler.clone(), requests.clone(), stop.clone());
                    connections.spawn(serving);
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
            () = stop.asked() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Serves one connection: until its client ends it, or we are asked to stop and its requests are done.
async fn converse(
    http: auto::Builder<TokioExecutor>,
    stream: Accepted,
    handler: Handler,
    requests: Arc<Semaphore>,
    stop: Stop,
) {
    let (many_at_once, is_adopted) = (watch::Sender::new(false), stream.is_adopted());
    let service = service_fn(|request: Request<Incoming>| {
        let is_http_2 = request.version() == Version::HTTP_2;
        if is_http_2 {
            many_at_once.send_if_modified(|known| !std::mem::replace(known, true));
        }
        let answer = answer(handler.clone(), requests.clone(), request);
        let stop = is_adopted.then(|| stop.clone());
        async move {
            let mut response = answer.await;
            // Nobody is between us and this client who could take its next request to the next guest.
            if let Ok(response) = &mut response
                && !is_http_2
                && stop.is_some_and(|stop| stop.is_retired())
            {
                let close = header::HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            response
        }
    });
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    // A client of HTTP/2 is told to make its next requests on another connection (RFC 9113, 6.8: GOAWAY). In HTTP/1 there
    // is nothing that could not cross with a request; there the forward takes the next request to the next guest.
    let goes_away = async {
        let _ = many_at_once.subscribe().wait_for(|known| *known).await;
        stop.retired().await;
    };
    tokio::select! {
        // Its own error, a client that broke off for example, concerns nobody else.
        _ = connection.as_mut() => return,
        () = goes_away => {}
        () = stop.asked() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// Has the guest answer one request. A guest that fails is a 500; its trap is told as an event.
async fn answer(
    handler: Handler,
    requests: Arc<Semaphore>,
    request: Request<Incoming>,
) -> Result<Response<WasiBody>, Infallible> {
    // The semaphore is never closed; without a permit the request would still be right to make.
    let permit = requests.acquire_owned().await;
    let request = request.map(|body| body.map_err(HttpError::from).boxed_unsync());
    match handler.handle((), request).await {
        // The instance works until its body is delivered, so that long the request counts.
        Ok(response) => Ok(response.map(|body| {
            let body = body.inspect_frame(move |_| {
                let _counted = &permit;
            });
            body.boxed_unsync()
        })),
        Err(error) => {
            if error.is::<InstantiationError<()>>() {
                (handler.state().events)(Event::InstanceTrapped(format!("{error:?}")));
            }
            Ok(failure())
        }
    }
}

fn failure() -> Response<WasiBody> {
    let text = "500: the guest failed; wasmrun's output says how\n";
    let body = Full::new(Bytes::from_static(text.as_bytes()));
    let mut response = Response::new(body.map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    let plain = header::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}
