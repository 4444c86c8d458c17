//! Counters in Prometheus' text format, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

#![expect(clippy::disallowed_methods, reason = "held by an AbortOnDropHandle")]

use crate::control::{self, Answer, Asks, ForwardState, Request, State};
use crate::origin::is_local_host;
use anyhow::anyhow;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use report::{Failure, Result};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::task::AbortOnDropHandle;

/// Scrapers at once. Another takes the place of the one that came first, which has had its answer or says nothing.
const CLIENTS: usize = 64;
/// A request's head has to come within this.
const HEAD: Duration = Duration::from_secs(5);

/// The server for `--metrics`; dropping it ends it.
pub struct Metrics {
    _task: AbortOnDropHandle<()>,
}

impl Metrics {
    pub async fn start(address: SocketAddr, asks: Asks) -> Result<Metrics> {
        let listener = TcpListener::bind(address).await.map_err(|error| {
            Failure::from(anyhow!("cannot serve metrics on {address}: {error}")).hint("name another address")
        })?;
        let address = listener.local_addr()?;
        tracing::info!("metrics: http://{address}/metrics");
        let reach = match address.ip().to_canonical().is_loopback() {
            true => Reach::ThisMachine,
            false => Reach::Network,
        };
        Ok(Metrics {
            _task: AbortOnDropHandle::new(tokio::spawn(serve(listener, reach, asks))),
        })
    }
}

/// Who can connect.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// And nobody by a name that is not its own.
    ThisMachine,
    /// By whatever name it has there.
    Network,
}

async fn serve(listener: TcpListener, reach: Reach, asks: Asks) {
    let mut clients = JoinSet::new();
    let mut in_order: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    in_order.retain(|client| !client.is_finished());
                    if in_order.len() >= CLIENTS {
                        in_order.pop_front().iter().for_each(AbortHandle::abort);
                    }
                    let asks = asks.clone();
                    let service = service_fn(move |request| {
                        let asks = asks.clone();
                        async move { Ok::<_, Infallible>(answer(&request, reach, &asks).await) }
                    });
                    let mut http = hyper::server::conn::http1::Builder::new();
                    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
                    in_order.push_back(clients.spawn(http.serve_connection(TokioIo::new(stream), service)));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = clients.join_next() => {}
        }
    }
}

async fn answer(request: &http::Request<Incoming>, reach: Reach, asks: &Asks) -> Response<Full<Bytes>> {
    let status = |status, text: &'static str| {
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = status;
        response
    };
    let host = request.headers().get(header::HOST);
    if reach == Reach::ThisMachine && !host.is_some_and(is_local_host) {
        return status(
            StatusCode::FORBIDDEN,
            "this server is known by names of this machine only\n",
        );
    }
    if request.uri().path() != "/metrics" {
        return status(StatusCode::NOT_FOUND, "metrics are at /metrics\n");
    }
    match control::ask(asks, Request::Metrics).await {
        Some(Answer::Text(text)) => {
            let mut response = Response::new(Full::from(text));
            let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
        _ => status(StatusCode::SERVICE_UNAVAILABLE, "the run is over\n"),
    }
}

type PerForward = (&'static str, &'static str, &'static str, fn(&ForwardState) -> u64);
type PerRun = (&'static str, &'static str, &'static str, fn(&State) -> Option<u64>);

const FORWARDS: [PerForward; 7] = [
    ("forward_connections_total", "counter", "Connections accepted.", |f| {
        f.accepted
    }),
    (
        "forward_connections_open",
        "gauge",
        "Connections open now, waiting ones included.",
        |f| f.live as u64,
    ),
    (
        "forward_refused_total",
        "counter",
        "Connections given up because nothing listened in the guest.",
        |f| f.refused,
    ),
    (
        "forward_reset_total",
        "counter",
        "Connections that ended in a reset.",
        |f| f.reset,
    ),
    (
        "forward_to_guest_bytes_total",
        "counter",
        "Bytes from clients to the guest.",
        |f| f.to_guest,
    ),
    (
        "forward_to_client_bytes_total",
        "counter",
        "Bytes from the guest to clients.",
        |f| f.to_client,
    ),
    (
        "forward_spliced_bytes_total",
        "counter",
        "Bytes of both directions that splice(2) moved.",
        |f| f.spliced,
    ),
];

const RUNS: [PerRun; 7] = [
    ("generation", "gauge", "The generation that serves.", |s| {
        Some(s.generation)
    }),
    ("starts_total", "counter", "Generations started.", |s| Some(s.starts)),
    (
        "traps_total",
        "counter",
        "Generations that trapped while they served.",
        |s| Some(s.traps),
    ),
    (
        "reloads_total",
        "counter",
        "Generations that took over from another.",
        |s| Some(s.reloads),
    ),
    (
        "draining_connections",
        "gauge",
        "Connections of generations that have a successor.",
        |s| Some(s.draining as u64),
    ),
    (
        "guest_private_memory_bytes",
        "gauge",
        "Memory that only the guest's process has.",
        |s| s.memory,
    ),
    (
        "guest_cpu_milliseconds_total",
        "counter",
        "Processor time of the guest's process.",
        |s| s.cpu,
    ),
];

/// The metrics of these runs.
pub fn text(states: &[State]) -> String {
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, samples: Vec<(String, u64)>| {
        let _ = writeln!(text, "# HELP wasmrun_{name} {help}\n# TYPE wasmrun_{name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(text, "wasmrun_{name}{{{labels}}} {value}");
        }
    };
    for (name, kind, help, value) in RUNS {
        let samples = states
            .iter()
            .filter_map(|state| Some((format!("run=\"{}\"", state.name), value(state)?)));
        family(name, kind, help, samples.collect());
    }
    for (name, kind, help, value) in FORWARDS {
        let forwards = states
            .iter()
            .flat_map(|state| state.forwards.iter().map(move |forward| (state, forward)));
        let sample = |(state, forward): (&State, &ForwardState)| {
            let host = forward.hosts.first().map(ToString::to_string).unwrap_or_default();
            let (run, guest, protocol) = (&state.name, forward.guest, &forward.protocol);
            let labels = format!("run=\"{run}\",host=\"{host}\",guest=\"{guest}\",protocol=\"{protocol}\"");
            (labels, value(forward))
        };
        family(name, kind, help, forwards.map(sample).collect());
    }
    text
}
