//! What a generation's process is given: paths as it will see them.

use super::build::Made;
use crate::settings::Settings;
use crate::settings::choices::{self, OutboundPath};
use crate::settings::file::File;
use anyhow::anyhow;
use files::Directory;
use report::{Failure, Result};
use runtime::Guest;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use supervisor::Start;
use supervisor::protocol::{Adopts, Mount, Source, Task, WayOut};

/// The folder for files that do not last, as most systems call it.
const SCRATCH: &str = "/tmp";
/// What the runtime around a guest may take besides the guest's own memory, in bytes: stacks, compiled code, sockets' buffers.
const RUNTIME: u64 = 128 << 20;

/// What a start depends on besides what is started.
pub struct Launch<'a> {
    pub settings: &'a Settings,
    /// The configuration's files.
    pub config: &'a [File],
    /// The guest's TCP ports, in the order of the rules.
    pub ports: Vec<u16>,
    /// Most connections at once.
    pub connections: usize,
}

impl Launch<'_> {
    /// What a process is given to run what was made.
    pub fn of(&self, made: &Made) -> Start {
        let settings = self.settings;
        let name = made.artifact.file_name().unwrap_or(made.artifact.as_os_str());
        let ports = self.ports.clone();
        let mut environment = settings.guest.environment.clone();
        let mut directories = settings.guest.directories.clone();
        if let Some(program) = &made.program {
            // A directory of the user's in the same place wins.
            let is_new = |directory: &&Directory| {
                settings
                    .guest
                    .directories
                    .iter()
                    .all(|own| own.guest != directory.guest)
            };
            directories.extend(program.directories.iter().filter(is_new).cloned());
            environment.extend(program.variables(&settings.guest.directories));
            // Where services look for the port to listen on, as they are run everywhere else.
            if let Some(port) = ports
                .first()
                .filter(|_| environment.iter().all(|(name, _)| name != "PORT"))
            {
                environment.push(("PORT".to_owned(), port.to_string()));
            }
        }
        let mut arguments = vec![name.to_string_lossy().into_owned()];
        if let Some(program) = &made.program {
            arguments.extend(program.arguments.iter().cloned());
        }
        arguments.extend(settings.guest.arguments.iter().cloned());
        let fixed = self.not_the_guests(made);
        let mount = |directory: &Directory| Mount {
            fixed: match directory.read_only {
                true => Vec::new(),
                false => below(&directory.host, &fixed),
            },
            source: Source::Host {
                path: directory.host.clone(),
                held: directory.held(&settings.guest.directories),
            },
            guest: directory.guest.clone(),
            read_only: directory.read_only,
        };
        let mut mounts: Vec<Mount> = directories.iter().map(mount).collect();
        // Programs that were written for no guest expect a place for files that do not last.
        if made.program.is_some() && settings.isolation && mounts.iter().all(|mount| mount.guest != SCRATCH) {
            mounts.push(Mount {
                source: Source::Memory {
                    size: settings.guest.tmp_size,
                },
                guest: SCRATCH.to_owned(),
                read_only: false,
                fixed: Vec::new(),
            });
        }
        let guest = Guest {
            tier: made.code.tier,
            is_made_anew: made.code.traits.is_made_anew,
            arguments,
            environment,
            ports,
            listeners: match settings.guest.listeners {
                Some(choices::Listeners::AfterDirectories) => runtime::Listeners::AfterDirectories,
                Some(choices::Listeners::BeforeDirectories) => runtime::Listeners::BeforeDirectories,
                None => made.code.traits.toolchain.listeners(),
            },
            http: settings.guest.http,
            memory: settings.guest.memory,
            stdin: settings.guest.stdin,
            loopback: settings.isolation,
            localhost: settings.network.localhost(),
            ..Guest::default()
        };
        let makes_sockets = match made.code.traits.sockets {
            _ if !settings.adopts() => None,
            runtime::Sockets::Given => Some(false),
            runtime::Sockets::Own => netns::jail::can_be_brokered().then_some(true),
            runtime::Sockets::Unknown => None,
        };
        let adopts = makes_sockets.map(|makes_sockets| Adopts {
            connections: self.connections,
            makes_sockets,
        });
        Start {
            task: Task::Run(Box::new(guest)),
            is_isolated: settings.isolation,
            // Opened by whoever starts it: it may be gone by then, or have become better.
            code: Some(made.code.path.clone()),
            mounts,
            stdin: settings.guest.stdin,
            adopts,
            way_out: way_out(settings),
            authorities: settings.network.authorities.clone(),
            limits: netns::cgroup::Limits {
                memory: settings.guest.memory.map(|memory| memory.saturating_add(RUNTIME)),
                cpus: settings.guest.cpus,
                tasks: settings.guest.pids,
            },
        }
    }

    /// What a guest may not write, although it lies in a directory that it may: its own file and its code, by which it would
    /// be another guest at the next start, and the settings, by which it would get whatever it names.
    fn not_the_guests(&self, made: &Made) -> BTreeSet<PathBuf> {
        let own = [made.artifact.as_path(), made.code.path.as_path()];
        let config = self.config.iter().map(|file| file.path.as_path());
        own.into_iter()
            .chain(config)
            .filter_map(|file| file.canonicalize().ok())
            .collect()
    }

    /// With `--watch` a build puts the guest's file in place anew, and the guests that run by then see the new one, which is
    /// not fixed for them.
    ///
    /// # Errors
    ///
    /// A directory that the guest may write has its file.
    pub fn check(&self, made: &Made) -> Result<()> {
        let artifact = made.artifact.canonicalize().unwrap_or_default();
        let settings = &self.settings;
        let is_given = settings.network.reaches_out() && settings.network.outbound_path == OutboundPath::Given;
        if is_given && settings.isolation && !netns::jail::can_be_brokered() {
            let message =
                anyhow!("the outbound path `given` needs a kernel that lets init answer the guest's system calls");
            return Err(Failure::from(message)
                .hint("Linux 5.14 or later has it; leave `outbound-path` out, and connections are relayed"));
        }
        let mut written = settings
            .guest
            .directories
            .iter()
            .filter(|directory| !directory.read_only);
        let Some(directory) = written.find(|directory| artifact.starts_with(&directory.host)) else {
            return Ok(());
        };
        if settings.watch.is_none() || !settings.isolation {
            return Ok(());
        }
        let (directory, artifact) = (directory.host.display(), artifact.display());
        let message = anyhow!(
            "with `--watch` the guest could change its own code: it may write {directory}, which contains {artifact}"
        );
        Err(Failure::usage(message).hint("give the guest another directory, or add `:ro`"))
    }
}

/// Those of these files that lie in a folder, as seen from there.
fn below(folder: &Path, files: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
    let inside = files.iter().filter_map(|file| file.strip_prefix(folder).ok());
    inside.map(Path::to_owned).collect()
}

/// How connections leave the network of a guest, where rules allow some.
fn way_out(settings: &Settings) -> Option<WayOut> {
    if !settings.network.reaches_out() {
        return None;
    }
    // Without isolation there is no network of its own.
    let is_given = !settings.isolation
        || match settings.network.outbound_path {
            OutboundPath::Auto => netns::jail::can_be_brokered(),
            OutboundPath::Given => true,
            OutboundPath::Relay => false,
        };
    Some(if is_given { WayOut::Given } else { WayOut::Relayed })
}
