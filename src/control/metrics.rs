//! Counters for Prometheus, as OpenMetrics text (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).

use crate::accept::{self, Bounds, Others};
use crate::control::{self, Asks, ForwardState, Request, State};
use crate::origin;
use anyhow::anyhow;
use axum::Router;
use axum::middleware;
use axum::routing::get;
use http::StatusCode;
use netns::egress::Row;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{self, DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use report::{Failure, Result};
use std::fmt;
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

/// A metric's name, without its unit's suffix `_total`; its kind; what it counts; and its value.
type PerForward = (&'static str, MetricType, &'static str, fn(&ForwardState) -> u64);
type PerPlace = (&'static str, MetricType, &'static str, fn(&Row) -> u64);
type PerRun = (&'static str, MetricType, &'static str, fn(&State) -> Option<u64>);

const FORWARDS: [PerForward; 7] = [
    (
        "forward_connections",
        MetricType::Counter,
        "Connections accepted",
        |f| f.accepted,
    ),
    (
        "forward_connections_open",
        MetricType::Gauge,
        "Connections open now, waiting ones included",
        |f| f.live as u64,
    ),
    (
        "forward_refused",
        MetricType::Counter,
        "Connections given up because nothing listened in the guest",
        |f| f.refused,
    ),
    (
        "forward_reset",
        MetricType::Counter,
        "Connections that ended in a reset",
        |f| f.reset,
    ),
    (
        "forward_to_guest_bytes",
        MetricType::Counter,
        "Bytes from clients to the guest",
        |f| f.to_guest,
    ),
    (
        "forward_to_client_bytes",
        MetricType::Counter,
        "Bytes from the guest to clients",
        |f| f.to_client,
    ),
    (
        "forward_spliced_bytes",
        MetricType::Counter,
        "Bytes of both directions that splice(2) moved",
        |f| f.spliced,
    ),
];

const OUTBOUND: [PerPlace; 5] = [
    ("outbound_connections", MetricType::Counter, "Connections made", |row| {
        row.opened
    }),
    (
        "outbound_connections_open",
        MetricType::Gauge,
        "Connections open now, as the guest tells",
        |row| row.live as u64,
    ),
    (
        "outbound_failures",
        MetricType::Counter,
        "Connections that the network or a rule refused",
        |row| row.failed + row.refused,
    ),
    (
        "outbound_sent_bytes",
        MetricType::Counter,
        "Bytes from the guest, as it tells",
        |row| row.sent,
    ),
    (
        "outbound_received_bytes",
        MetricType::Counter,
        "Bytes to the guest, as it tells",
        |row| row.received,
    ),
];

const RUNS: [PerRun; 7] = [
    ("generation", MetricType::Gauge, "The generation that serves", |s| {
        Some(s.generation)
    }),
    ("starts", MetricType::Counter, "Generations started", |s| Some(s.starts)),
    (
        "traps",
        MetricType::Counter,
        "Generations that trapped while they served",
        |s| Some(s.traps),
    ),
    (
        "reloads",
        MetricType::Counter,
        "Generations that took over from another",
        |s| Some(s.reloads),
    ),
    (
        "draining_connections",
        MetricType::Gauge,
        "Connections of generations that have a successor",
        |s| Some(s.draining as u64),
    ),
    (
        "guest_private_memory_bytes",
        MetricType::Gauge,
        "Memory that only the guest's process has",
        |s| s.memory,
    ),
    (
        "guest_cpu_milliseconds",
        MetricType::Counter,
        "Processor time of the guest's process",
        |s| s.cpu,
    ),
];

/// The metrics of these runs.
pub fn text(states: Vec<State>) -> Result<String> {
    let mut registry = Registry::with_prefix("wasmrun");
    registry.register_collector(Box::new(Runs(states)));
    let mut text = String::new();
    encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Runs(Vec<State>);

impl Collector for Runs {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        for (name, kind, help, value) in RUNS {
            let mut family = encoder.encode_descriptor(name, help, None, kind)?;
            for state in &self.0 {
                if let Some(value) = value(state) {
                    sample(kind, value, family.encode_family(&[("run", state.name.as_str())])?)?;
                }
            }
        }
        for (name, kind, help, value) in OUTBOUND {
            let mut family = encoder.encode_descriptor(name, help, None, kind)?;
            for state in &self.0 {
                for row in &state.outbound {
                    let labels = [("run", state.name.as_str()), ("to", row.to.as_str())];
                    sample(kind, value(row), family.encode_family(&labels)?)?;
                }
            }
        }
        for (name, kind, help, value) in FORWARDS {
            let mut family = encoder.encode_descriptor(name, help, None, kind)?;
            for state in &self.0 {
                for forward in &state.forwards {
                    let host = forward.hosts.first().map(ToString::to_string).unwrap_or_default();
                    let labels = [
                        ("run", state.name.clone()),
                        ("host", host),
                        ("guest", forward.guest.to_string()),
                        ("protocol", forward.protocol.to_string()),
                    ];
                    sample(kind, value(forward), family.encode_family(&labels)?)?;
                }
            }
        }
        Ok(())
    }
}

fn sample(kind: MetricType, value: u64, encoder: MetricEncoder<'_>) -> fmt::Result {
    match kind {
        MetricType::Counter => ConstCounter::new(value).encode(encoder),
        _ => ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(encoder),
    }
}
