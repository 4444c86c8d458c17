//! What all connections of the HTTP server share.

use super::clock::Clock;
use super::deadlines::Deadlines;
use super::failures::Failures;
use super::instances::Instances;
use super::line::Line;
use super::register::Register;
use super::turns::Turns;
use crate::guest::HttpLimits;
use crate::kind::Kind;
use std::sync::Arc;
use wasmtime_wasi_http::handler::ProxyHandler;

/// What all connections have in common.
pub(super) struct Server {
    pub(super) kind: Kind,
    pub(super) limits: HttpLimits,
    pub(super) clock: Clock,
    pub(super) lines: Arc<Register<Line>>,
    pub(super) turns: Arc<Turns>,
    pub(super) deadlines: Deadlines,
    pub(super) failures: Arc<Failures>,
    /// For requests that are there.
    pub(super) prompt: ProxyHandler<Instances>,
    /// For those whose body is on its way. They have instances of their own, so that they never hold what others wait for.
    pub(super) late: ProxyHandler<Instances>,
}
