//! Counters in Prometheus' text format, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use crate::accept::{self, Bounds, Others};
use crate::control::{self, Asks, ForwardState, Request, State};
use crate::origin;
use anyhow::anyhow;
use axum::Router;
use axum::middleware;
use axum::routing::get;
use http::StatusCode;
use report::{Failure, Result};
use std::fmt::Write;
use std::net::SocketAddr;
use tokio::net::TcpListener;

const BOUNDS: Bounds = Bounds {
    clients: 64,
    others: Others::Displace,
};

/// Serves `--metrics`.
pub async fn start(address: SocketAddr, asks: Asks) -> Result<accept::Server> {
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Failure::from(anyhow!("cannot serve metrics on {address}: {error}"))
            .hint("choose another address with `--metrics`")
    })?;
    let address = listener.local_addr()?;
    tracing::info!("metrics: http://{address}/metrics");
    let mut router = Router::new()
        .route(
            "/metrics",
            get(move || async move { control::ask(&asks, Request::Metrics).await }),
        )
        .fallback(|| async { (StatusCode::NOT_FOUND, "metrics are at /metrics\n") });
    // Elsewhere it has whatever name it has there.
    if address.ip().to_canonical().is_loopback() {
        router = router.layer(middleware::from_fn(origin::only_this_machine));
    }
    Ok(accept::Server::start(listener, router, BOUNDS))
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
