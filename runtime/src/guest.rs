//! What a guest is given: plain data, no handles.

use crate::code::engine::Tier;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// Everything that one guest may know and use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guest {
    /// Its compiled code: a file that [`crate::Compiler`] made, or `wasmtime compile` of the same version. Where it lies is known
    /// in the process that runs it alone, as of the directories.
    #[serde(skip)]
    pub code: PathBuf,
    /// The tier that the code was made in.
    pub tier: Tier,
    /// It looks as if it gets an instance for each request ([`crate::Traits`]). What it is shows when it is loaded.
    pub is_made_anew: bool,
    /// `argv`, the program's name first.
    pub arguments: Vec<String>,
    /// Environment variables in order; a later one replaces an earlier one of the same name.
    pub environment: Vec<(String, String)>,
    /// Directories it may use.
    #[serde(skip)]
    pub directories: Vec<Directory>,
    /// TCP ports that lead to it. HTTP guests are served on each; wasip1 guests find a listener for each.
    pub ports: Vec<u16>,
    /// Where a wasip1 guest finds those listeners.
    pub listeners: Listeners,
    /// What clients of a `wasi:http` guest may take of it.
    pub http: HttpLimits,
    /// Bytes of linear memory and tables, of all its instances together. None: 4 GiB.
    pub memory: Option<u64>,
    /// It reads this process's standard input; otherwise its input is empty.
    pub stdin: bool,
    /// It may connect to its own loopback addresses.
    pub loopback: bool,
    /// Ports of its loopback addresses that are the host's, where it has a way out ([`crate::Egress`]).
    pub localhost: Localhost,
}

/// Ports, as first and last.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Localhost {
    /// For connections.
    pub tcp: Vec<(u16, u16)>,
    /// For datagrams.
    pub udp: Vec<(u16, u16)>,
}

impl Guest {
    /// Bytes without a limit of the user's: as much as one 32-bit memory can be, for all memories and tables together. A
    /// table, or many memories, would otherwise take what the machine has.
    pub const MEMORY: u64 = 4 << 30;
}

/// How long the HTTP server waits for clients, and how much it does at once. The times are nginx's, but for heads, where
/// they are hyper's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpLimits {
    /// From a connection's begin, or from the first byte of a later request, until the request's head is there.
    pub header_timeout: Duration,
    /// Between two pieces of a request's body that is waited for.
    pub body_timeout: Duration,
    /// For a client to take more of its response.
    pub send_timeout: Duration,
    /// For the next request on a connection.
    pub idle_timeout: Duration,
    /// Requests in the guest at once; more wait.
    pub max_requests: usize,
    /// Streams of one HTTP/2 connection (SETTINGS_MAX_CONCURRENT_STREAMS).
    pub max_streams: u32,
}

impl Default for HttpLimits {
    fn default() -> HttpLimits {
        HttpLimits {
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(60),
            send_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(75),
            max_requests: 512,
            max_streams: 128,
        }
    }
}

/// A directory of the host, opened before the guest starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    /// Where this process finds it.
    pub host: PathBuf,
    /// What the guest calls it.
    pub guest: String,
    /// Nothing in it can be changed.
    pub read_only: bool,
}

/// The order of a wasip1 guest's pre-opened descriptors, from 3 on.
///
/// wasi-libc looks for directories from 3 on and stops at the first descriptor that is none, so C, Rust and CPython
/// need directories before listeners. Go skips what is no directory, and its programs expect a listener at 3, which does
/// not block; the others' does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Listeners {
    /// Directories, then listeners.
    #[default]
    AfterDirectories,
    /// Listeners, then directories.
    BeforeDirectories,
}
