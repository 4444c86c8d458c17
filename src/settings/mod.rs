//! What a run will do: command line, environment, file and defaults resolved, once. Nothing here is optional that has a
//! default, and no port is a text any more.
//!
//! `typed` (the command line), `file` (`.wasmrun.toml`) --`layers`--`resolve`--> [`Settings`]

pub mod choices;
mod env_file;
pub mod file;
pub mod layers;
mod names;
mod provenance;
#[cfg(test)]
mod reference;
mod resolve;
pub mod rules;
pub mod schema;
mod sections;
pub mod service;
pub mod typed;
pub mod units;

pub use layers::Layers;
pub use provenance::{explain, variable_behind};
pub use resolve::{resolve, with_env_files};

use choices::{ForwardPath, Listeners, OutboundPath, Restart, Tiered};
use files::Directory;
use ipnet::IpNet;
use languages::Plan;
use netns::link::Link;
use netns::{Mapping, Protocol, egress};
use runtime::{HttpLimits, Localhost};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use supervisor::Authorities;
use supervisor::code::Precompiled;
use supervisor::compiler::Limits as CompileLimits;

/// Everything that a run needs to know, by what a change of it means.
#[derive(Debug, PartialEq)]
pub struct Settings {
    pub source: Source,
    pub code: Code,
    pub guest: Guest,
    pub network: Network,
    pub life: Life,
    pub isolation: bool,
    pub watch: Option<Watch>,
}

/// What is run. Another one is another guest.
#[derive(Debug, PartialEq)]
pub struct Source {
    /// The guest's file, where the configuration names it.
    pub artifact: Option<PathBuf>,
    /// How it is built; none where it is there.
    pub build: Option<Arc<dyn Plan>>,
}

/// How code is made of it.
#[derive(Debug, PartialEq)]
pub struct Code {
    pub tiered: Tiered,
    pub cache: bool,
    pub precompiled: Precompiled,
    pub compile: CompileLimits,
}

/// What a guest is started with. A change takes a new generation.
#[derive(Debug, PartialEq)]
pub struct Guest {
    pub arguments: Vec<String>,
    pub environment: Vec<(String, String)>,
    pub directories: Vec<Directory>,
    pub stdin: bool,
    /// Bytes; none is the default of 4 GiB.
    pub memory: Option<u64>,
    /// Processors' worth of time.
    pub cpus: Option<f64>,
    /// Processes and threads.
    pub pids: Option<u64>,
    /// Bytes.
    pub tmp_size: u64,
    /// None: what the binary's toolchain expects.
    pub listeners: Option<Listeners>,
    pub http: HttpLimits,
}

/// How ports of the host lead into it, and where it may connect. A change is applied while it runs.
#[derive(Debug, PartialEq)]
pub struct Network {
    pub mappings: Vec<Mapping>,
    pub auto_forward: bool,
    /// Ports of the guest that other runs may be linked to, besides those on which it happens to listen.
    pub expose: Vec<u16>,
    /// Where the guest may connect outside of its network.
    pub allow: Vec<egress::Rule>,
    /// Networks that are not public and that names may lead to.
    pub allow_private: Vec<IpNet>,
    /// Guests of other runs that the guest knows by name.
    pub links: Vec<Link>,
    pub path: ForwardPath,
    pub outbound_path: OutboundPath,
    /// What leads to places of other networks.
    pub proxies: Option<egress::Proxies>,
    /// Whom the guest trusts besides this machine's authorities.
    pub authorities: Vec<Authorities>,
    pub connect_timeout: Duration,
    pub udp_idle: Duration,
    pub max_connections: Option<usize>,
    /// Connections that leave the guest's network.
    pub max_outbound: usize,
}

/// What comes after an end. A change holds from the next one on.
#[derive(Debug, PartialEq)]
pub struct Life {
    /// For open connections.
    pub grace: Duration,
    pub restart: Restart,
}

impl Network {
    /// Where the guest may connect, as it is judged.
    pub fn rules(&self) -> egress::Rules {
        egress::Rules {
            policy: egress::Policy::new(self.allow.clone(), self.allow_private.clone()),
            links: self.links.clone(),
            proxies: self.proxies.clone(),
            timeout: self.connect_timeout,
            connections: self.max_outbound,
        }
    }

    /// Whether it may connect anywhere at all.
    pub fn reaches_out(&self) -> bool {
        !(self.allow.is_empty() && self.links.is_empty())
    }

    /// Ports of the guest's localhost that are this machine's.
    pub fn localhost(&self) -> Localhost {
        let of = |protocol: Protocol| {
            let local =
                move |rule: &&egress::Rule| rule.to == egress::Destination::Localhost && rule.protocol == protocol;
            let rules = self.allow.iter().filter(local);
            rules.map(|rule| (rule.ports.first, rule.ports.last)).collect()
        };
        Localhost {
            tcp: of(Protocol::Tcp),
            udp: of(Protocol::Udp),
        }
    }
}

impl Settings {
    /// Whether guests that can accept from the host's listeners themselves are to do so. With `--watch` the relay is worth
    /// more than its cost: it moves a client's next request on an open connection to the next guest.
    pub fn adopts(&self) -> bool {
        let wanted = match self.network.path {
            ForwardPath::Auto => self.watch.is_none(),
            ForwardPath::Adopt => true,
            ForwardPath::Splice => false,
        };
        wanted && self.isolation
    }
}

/// How a project is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// Folders and files; empty for the project's own.
    pub paths: Vec<PathBuf>,
    pub ignore: Vec<String>,
    pub debounce: Duration,
    /// The path of a request that a new guest has to answer well before it takes over.
    pub health: Option<String>,
    /// The port for pages that refresh themselves; 0 is any.
    pub livereload: Option<u16>,
}
