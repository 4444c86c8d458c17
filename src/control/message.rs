//! What is said over a control socket: JSON bodies of `/v1`.

use netns::Protocol;
use netns::egress::Row;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;

/// A run, as `ps` and `inspect` show it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    pub name: String,
    pub id: String,
    /// Of `wasmrun up`: the project, and the name of the service in it.
    #[serde(default)]
    pub project: Option<String>,
    #[serde(default)]
    pub service: Option<String>,
    /// The supervisor's.
    pub pid: u32,
    /// The guest's process, as this machine numbers it.
    pub guest_pid: Option<u32>,
    pub version: String,
    /// What was typed.
    pub path: String,
    pub config: Option<String>,
    /// `making`, `starting`, `serving`, `waiting` (for a restart or a change), `stopping`.
    pub state: String,
    /// Why nothing serves, where something is at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub generation: u64,
    /// Seconds since the run began, and since its generation did.
    pub uptime: u64,
    pub generation_uptime: u64,
    pub kind: Option<String>,
    pub isolated: bool,
    pub watched: bool,
    pub forwards: Vec<ForwardState>,
    /// Places outside that the guest has asked for.
    #[serde(default)]
    pub outbound: Vec<Row>,
    /// TCP ports that the guest listens on.
    pub listening: Vec<u16>,
    /// UDP ports that it has bound.
    pub bound: Vec<u16>,
    /// Generations that have a successor and still have connections, and how many.
    pub draining: usize,
    /// Bytes of memory that only the guest's process has.
    pub memory: Option<u64>,
    /// Milliseconds of processor time that the guest's process has taken.
    pub cpu: Option<u64>,
    /// Where the guest's network namespace can be entered.
    pub namespace: Option<String>,
    pub starts: u64,
    pub traps: u64,
    pub reloads: u64,
    /// Settings as they hold, by name, each with its value and where it came from.
    pub settings: Vec<(String, String, String)>,
}

/// Where a forward comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The command line or the file.
    Settings,
    /// `wasmrun forward`.
    Asked,
    /// The guest listened, with `--auto-forward`.
    Detected,
    /// For links of other runs, by the settings; no port of the host leads there.
    Exposed,
    /// The same, because another run has asked.
    Link,
}

/// One forward.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ForwardState {
    pub hosts: Vec<SocketAddr>,
    pub guest: u16,
    pub protocol: Protocol,
    pub source: Source,
    /// The guest accepts from its listeners; otherwise connections are relayed.
    pub adopted: bool,
    /// Connections: open now, waiting ones included; since the start; given up; reset.
    pub live: usize,
    pub accepted: u64,
    pub refused: u64,
    pub reset: u64,
    /// Bytes.
    pub to_guest: u64,
    pub to_client: u64,
    pub spliced: u64,
}

/// What has come of a connection that a guest asked for: a line of `GET /v1/logs?network=true`, as its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outbound {
    /// `closed`, `failed`, `denied` or `refused`.
    pub event: String,
    pub to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// Bytes, as the guest tells.
    pub sent: u64,
    pub received: u64,
    pub milliseconds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// `POST /v1/forwards`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewForward {
    /// As on the command line; all of them or none.
    pub rules: Vec<String>,
    /// Keep it when the connection that asked for it ends.
    pub detached: bool,
}

/// The first line of the answer to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Added {
    /// Each bound address with the guest's port.
    pub forwards: Vec<(SocketAddr, (Protocol, u16))>,
}

/// `POST /v1/stop`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Stop {
    /// Milliseconds for open connections; the run's own grace without it.
    pub grace: Option<u64>,
}

/// `GET /v1/state`, of `wasmrun up`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Up {
    /// Where the project is.
    pub folder: PathBuf,
    /// Each service, and how it is.
    pub services: Vec<(String, String)>,
}

/// `POST /v1/down`, to `wasmrun up`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Down {
    /// These services; all without one.
    pub services: Vec<String>,
}

/// An answer that is none.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Complaint {
    pub error: String,
    pub hint: Option<String>,
}
