//! Making and starting a generation, and what comes after one that has ended.

use super::notices::say;
use super::requests::SERVING;
use super::{Candidate, Making, Session, Step};
use crate::session::build::{self, Made};
use crate::session::forwards::Port;
use crate::session::generation::Generation;
use crate::settings::choices::{self, Restart, Tiered};
use anyhow::anyhow;
use files::Directory;
use netns::{Protocol, Target, jail};
use report::{Failure, Result};
use runtime::{Event, Guest, Outcome, Tier};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use supervisor::Start;
use supervisor::code::Wish;
use supervisor::protocol::{Adopts, Bind, CODE, Fixed, Message, Task};
use tokio::time::Instant;

/// A guest that listens on a port that is not forwarded has this long to listen on those that are.
pub(super) const SETTLE: Duration = Duration::from_secs(1);
/// The folder for files that do not last, as most systems call it.
const SCRATCH: &str = "/tmp";
/// What the runtime around a guest may take besides the guest's own memory, in bytes: stacks, compiled code, sockets' buffers.
const RUNTIME: u64 = 128 << 20;
/// A file that cannot be used may be one that is still written: what is wrong with it is said when it has been left alone for
/// so long.
const IN_PIECES: Duration = Duration::from_secs(1);
/// Connections of a guest that has ended have this long to deliver what it had sent.
pub(super) const LINGER: Duration = Duration::from_secs(1);

impl Session {
    /// Begins to make what will run next; what was being made is dropped. It is not started if it is what serves, unless
    /// that is wanted.
    pub(super) fn make(&mut self, since: std::time::Instant, anyway: bool) {
        let path = self.os.path.clone();
        let plan = self.settings.build.clone();
        let file = self.file.as_ref().and_then(|file| file.named());
        let is_service = self.settings.auto_forward || !self.forwards.is_empty();
        let tiered = match self.settings.tiered {
            // A program that nobody connects to does its work once.
            Tiered::Auto if !is_service => Tiered::Never,
            wanted => wanted,
        };
        let wish = Wish {
            use_cache: self.settings.cache,
            tiered: tiered.into(),
            precompiled: self.settings.precompiled,
        };
        let compiler = self.compiler.clone();
        self.optimizing = None;
        self.forwards.hope();
        self.unsaid = None;
        let dropped = self.making.take();
        self.making = Some(Making {
            since: dropped.as_ref().map_or(since, |making| making.since.min(since)),
            anyway: anyway || dropped.is_some_and(|making| making.anyway),
            made: Box::pin(async move { build::make(&path, plan, file.as_ref(), wish, &compiler).await }),
        });
    }

    /// Begins to make better code of what was started, where there is better; or of what will be.
    fn optimize(&mut self, made: &Made) {
        let (made, use_cache, optimizer) = (made.clone(), self.settings.cache, self.optimizer.clone());
        self.optimizing = match &made.ahead {
            _ if made.code.tier == Tier::Baseline => {
                Some(Box::pin(
                    async move { build::optimize(made, use_cache, &optimizer).await },
                ))
            }
            Some(ahead) if use_cache => {
                let ahead = ahead.clone();
                Some(Box::pin(async move {
                    // Nothing that anybody has asked for.
                    if let Err(failure) = build::make_ahead(ahead, &optimizer).await {
                        tracing::debug!("nothing is made for the next start: {failure}");
                    }
                    Ok(None)
                }))
            }
            _ => None,
        };
    }

    /// Goes on with what was given up for a successor that has not come.
    pub(super) fn optimize_serving(&mut self) {
        if let Some(made) = self.serving.as_ref().map(|live| live.made.clone()) {
            self.optimize(&made);
        }
    }

    /// Better code is there, for a guest that serves or comes again. Nobody has asked for it, so what goes wrong with it
    /// ends nothing.
    pub(super) fn optimized(&mut self, made: Result<Option<Made>>) {
        self.optimizing = None;
        let started = match made {
            Ok(Some(made)) if self.serving.is_some() => self.start(made, std::time::Instant::now()),
            Ok(made) => {
                self.last_made = made.or(self.last_made.take());
                Ok(())
            }
            Err(failure) => Err(failure),
        };
        if let Err(failure) = started {
            tracing::warn!("the guest cannot be optimized: {failure}");
            self.say_who_serves();
        }
        if let Some(candidate) = &mut self.candidate {
            candidate.is_upgrade = true;
        }
    }

    /// Starts what ran last, and makes it anew where its code is gone.
    pub(super) fn start_again(&mut self) -> Result<()> {
        let now = std::time::Instant::now();
        let fits = |made: &Made| made.snapshot.as_ref().is_none_or(|snapshot| snapshot.holds());
        match self.last_made.clone().filter(fits) {
            Some(made) => self.start(made, now)?,
            None => self.make(now, true),
        }
        Ok(())
    }

    /// Code that is not in the cache and will not be asked for again goes as soon as the guest has it in memory: what is
    /// not there is not left behind by a kill.
    pub(super) fn forget_code(&mut self) {
        let goes_on = self.goes_on();
        let Some(live) = self.serving.as_ref().filter(|live| live.kind.is_some()) else {
            return;
        };
        // One that starts with the same has yet to find it.
        let shared = |candidate: &Candidate| Arc::ptr_eq(&candidate.live.made.code, &live.made.code);
        if self.candidate.as_ref().is_some_and(shared) {
            return;
        }
        let passes = !goes_on || live.made.code.tier == Tier::Baseline;
        if passes && live.made.code.let_go() {
            let code = live.made.code.clone();
            self.last_made.take_if(|made| Arc::ptr_eq(&made.code, &code));
        }
    }

    pub(super) fn made(&mut self, made: Result<Made>) -> Result<Step> {
        let Some(making) = self.making.take() else {
            return Ok(Step::GoOn);
        };
        self.build_ended = Some(std::time::Instant::now());
        match made {
            Ok(made) => {
                let same = |live: &Generation| live.made.code.digest == made.code.digest;
                // An interpreter is the same, and what it runs is not.
                let unchanged = made.program.is_none()
                    && self.settings.watch.is_some()
                    && self.candidate.is_none()
                    && !making.anyway
                    && !self.is_outdated();
                if let Some(live) = self.serving.as_ref().filter(|live| unchanged && same(live)) {
                    tracing::info!("nothing changed in the guest: #{} serves on", live.number);
                    self.optimize_serving();
                    return Ok(Step::GoOn);
                }
                self.backoff.reset();
                self.start(made, making.since)?;
            }
            // What serves is not ended by a successor that cannot be made.
            Err(failure) if self.settings.watch.is_some() && self.settings.build.is_none() => {
                self.unsaid = Some((Instant::now() + IN_PIECES, failure));
            }
            Err(failure) if self.settings.watch.is_some() || self.serving.is_some() => self.say_failure(&failure),
            Err(failure) => return Err(failure),
        }
        Ok(Step::GoOn)
    }

    /// Says why there is no successor.
    pub(super) fn say_failure(&mut self, failure: &Failure) {
        report::failure(failure);
        self.say_who_serves();
        self.optimize_serving();
    }

    /// Starts a generation. With nobody else there it serves at once, and connections wait for it to listen.
    pub(super) fn start(&mut self, made: Made, since: std::time::Instant) -> Result<()> {
        self.restart = None;
        let live = match self.begin(&made) {
            // What serves is not ended by a successor that cannot start.
            Err(failure) if self.serving.is_some() => {
                report::failure(&failure);
                self.say_who_serves();
                return Ok(());
            }
            begun => begun?,
        };
        if self.serving.is_none() {
            self.adopt(live);
        } else {
            self.drop_candidate();
            self.candidate = Some(Candidate {
                live,
                since,
                is_upgrade: false,
                health: None,
                takes_over: false,
                due: Instant::now() + self.settings.connect_timeout,
            });
        }
        Ok(())
    }

    /// Starts its process.
    fn begin(&mut self, made: &Made) -> Result<Generation> {
        self.check_watched(made)?;
        self.optimize(made);
        self.last_made = Some(made.clone());
        self.started += 1;
        let start = self.what_to_start(made);
        Generation::start(self.started, made.clone(), start, self.ring.clone())
    }

    /// Makes a generation the one that serves where none does.
    pub(super) fn adopt(&mut self, live: Generation) {
        self.look = Some(Instant::now() + self.settings.connect_timeout);
        self.forwards.retarget(Some(live.process.target.clone()));
        let ports = live.listening.clone();
        self.serving = Some(live);
        self.forget_code();
        for port in ports {
            self.heard(port);
        }
        self.say_ready();
    }

    /// What the guest's process is given: paths as it will see them.
    pub(super) fn what_to_start(&self, made: &Made) -> Start {
        let settings = &self.settings;
        let name = made.artifact.file_name().unwrap_or(made.artifact.as_os_str());
        let ports = self.forwards.guest_ports_in_order();
        let mut environment = settings.environment.clone();
        let mut mounts = settings.directories.clone();
        if let Some(program) = &made.program {
            // A directory of the user's in the same place wins.
            let is_new = |directory: &&Directory| settings.directories.iter().all(|own| own.guest != directory.guest);
            mounts.extend(program.directories.iter().filter(is_new).cloned());
            environment.extend(program.variables(&settings.directories));
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
        arguments.extend(settings.arguments.iter().cloned());
        let mut binds = vec![Bind::Host {
            path: made.code.path.clone(),
            read_only: true,
            // Opened by whoever starts it: it may be gone by then, or have become better.
            held: None,
        }];
        binds.extend(mounts.iter().map(|directory| Bind::Host {
            path: directory.host.clone(),
            read_only: directory.read_only,
            held: directory.held(&settings.directories),
        }));
        let fixed = self.not_the_guests(made, &mounts);
        let seen = |number: usize, host: &Path| -> PathBuf {
            if settings.isolation {
                jail::path_of(number)
            } else {
                host.to_owned()
            }
        };
        let directories = mounts.iter().enumerate();
        let mut directories: Vec<runtime::Directory> = directories
            .map(|(number, directory)| runtime::Directory {
                host: seen(CODE + 1 + number, &directory.host),
                guest: directory.guest.clone(),
                read_only: directory.read_only,
            })
            .collect();
        // Programs that were written for no guest expect a place for files that do not last.
        if made.program.is_some() && settings.isolation && mounts.iter().all(|directory| directory.guest != SCRATCH) {
            directories.push(runtime::Directory {
                host: jail::path_of(binds.len()),
                guest: SCRATCH.to_owned(),
                read_only: false,
            });
            binds.push(Bind::Scratch {
                size: settings.tmp_size,
            });
        }
        let guest = Guest {
            code: seen(CODE, &made.code.path),
            tier: made.code.tier,
            is_made_anew: made.code.traits.is_made_anew,
            arguments,
            environment,
            directories,
            ports,
            listeners: match settings.listeners {
                Some(choices::Listeners::AfterDirectories) => runtime::Listeners::AfterDirectories,
                Some(choices::Listeners::BeforeDirectories) => runtime::Listeners::BeforeDirectories,
                None => made.code.traits.toolchain.listeners(),
            },
            http: settings.http,
            memory: settings.memory,
            stdin: settings.stdin,
            loopback: settings.isolation,
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
            binds: settings.isolation.then_some(binds),
            fixed,
            stdin: settings.stdin,
            adopts,
            limits: netns::cgroup::Limits {
                memory: settings.memory.map(|memory| memory.saturating_add(RUNTIME)),
                cpus: settings.cpus,
                tasks: settings.pids,
            },
        }
    }

    /// What a guest may not write, although it lies in a directory that it may: its own file and its code, by which it would
    /// be another guest at the next start, and the settings, by which it would get whatever it names.
    fn not_the_guests(&self, made: &Made, mounts: &[Directory]) -> Vec<Fixed> {
        let config = self.file.as_ref().map(|file| file.path.as_path());
        let files = [Some(made.artifact.as_path()), Some(made.code.path.as_path()), config];
        let files: BTreeSet<PathBuf> = files
            .into_iter()
            .flatten()
            .filter_map(|file| file.canonicalize().ok())
            .collect();
        let mounts = mounts.iter().enumerate().filter(|(_, mount)| !mount.read_only);
        let within = |(number, mount): (usize, &Directory)| {
            let inside = files.iter().filter_map(|file| file.strip_prefix(&mount.host).ok());
            let fixed = inside.map(|path| Fixed {
                within: CODE + 1 + number,
                path: path.to_owned(),
            });
            fixed.collect::<Vec<_>>()
        };
        mounts.flat_map(within).collect()
    }

    /// With `--watch` a build puts the guest's file in place anew, and the guests that run by then see the new one, which is
    /// not fixed for them.
    fn check_watched(&self, made: &Made) -> Result<()> {
        let artifact = made.artifact.canonicalize().unwrap_or_default();
        let settings = &self.settings;
        let mut written = settings.directories.iter().filter(|directory| !directory.read_only);
        let Some(directory) = written.find(|directory| artifact.starts_with(&directory.host)) else {
            return Ok(());
        };
        if settings.watch.is_none() || !settings.isolation {
            return Ok(());
        }
        let (directory, artifact) = (directory.host.display(), artifact.display());
        let message =
            anyhow!("with --watch the guest could write its own code: it may write {directory}, which has {artifact}");
        Err(Failure::usage(message).hint("give it a folder of its own, or add `:ro`"))
    }

    // The serving generation.

    pub(super) fn serving_says(&mut self, message: Message) -> Result<()> {
        let Some(live) = &mut self.serving else { return Ok(()) };
        let had_listeners = live.has_listeners();
        let event = live.take(message)?;
        if had_listeners && !live.has_listeners() {
            self.released();
        }
        let Some(event) = event else {
            return Ok(());
        };
        self.report(&event);
        if matches!(event, Event::Loaded(_)) {
            self.forget_code();
        }
        match event {
            Event::Loaded(kind) if kind.is_http() && self.forwards.is_empty() => tracing::warn!(
                hint = "add --forward 8080:8080",
                "the guest answers HTTP requests, but no port is forwarded to it"
            ),
            Event::Listening(address) => self.heard((Protocol::Tcp, address.port())),
            Event::Bound(address) => self.heard((Protocol::Udp, address.port())),
            Event::Closed(port) => self.forwards.closed(port),
            _ => {}
        }
        self.say_ready();
        Ok(())
    }

    /// The serving guest listens on a port.
    pub(super) fn heard(&mut self, port: Port) {
        let Some(live) = &mut self.serving else { return };
        if self.forwards.listening(port, live) {
            return;
        }
        if self.settings.auto_forward {
            match self.forwards.detect(port) {
                Ok(()) => drop(self.forwards.listening(port, live)),
                Err(failure) => report::failure(&failure),
            }
        } else if self.forwards.is_empty() {
            if self.told.insert(port) {
                let (port, end) = match port {
                    (Protocol::Tcp, port) => (port, ""),
                    (Protocol::Udp, port) => (port, "/udp"),
                };
                tracing::info!("guest listens on {port}{end}: add --forward {port}:{port}{end}, or --auto-forward");
            }
        } else {
            let at = Instant::now() + SETTLE;
            self.look = self.look.map(|look| look.min(at));
        }
    }

    /// Tells who waits for it that the guest listens wherever a port is forwarded to; or runs, where none is.
    fn say_ready(&mut self) {
        let serves = self.condition() == SERVING && !(self.settings.auto_forward && self.forwards.is_empty());
        if serves && let Some(ready) = self.ready.take() {
            let lines = self.forwards.ready_lines();
            ready.say(if lines.is_empty() { "ready\n".to_owned() } else { lines });
        }
    }

    /// Whether the end of the guest is not the end of everything.
    fn goes_on(&self) -> bool {
        self.settings.watch.is_some() || self.settings.restart != Restart::Never
    }

    /// The serving guest's init has not answered for long. Where a guest that fails is started again, this one has failed;
    /// elsewhere it may yet be let go on.
    pub(super) fn end_silent(&mut self) {
        let is_restarted = self.settings.restart != Restart::Never;
        let Some(live) = self.serving.as_mut().filter(|live| live.process.target.is_silent()) else {
            return;
        };
        let waited = humantime::format_duration(Target::SILENT);
        if is_restarted {
            tracing::error!(
                "#{}: the guest's init has not answered for {waited}: it is ended",
                live.number
            );
            live.process.kill();
        } else {
            tracing::error!(
                hint = "with `--restart on-failure` the guest is started again",
                "the guest's init has not answered for {waited}: new connections fail"
            );
        }
    }

    pub(super) async fn serving_ended(&mut self) -> Result<Step> {
        let Some(mut live) = self.serving.take() else {
            return Ok(Step::GoOn);
        };
        live.ledger.close();
        self.traps += u64::from(matches!(live.outcome, Some(Outcome::Trapped(_))));
        let goes_on = self.goes_on();
        if goes_on {
            self.forwards.retarget(None);
        } else {
            self.forwards.close();
        }
        // A process that closed its channel, or said what makes no sense, and goes on is ended.
        let code = match tokio::time::timeout(LINGER, live.process.ended()).await {
            Ok(code) => code?,
            Err(_) => {
                live.process.kill();
                live.process.ended().await?
            }
        };
        if !goes_on {
            // What the guest sent before it ended still goes out.
            let _ = tokio::time::timeout(LINGER, live.process.target.drained()).await;
            tokio::select! {
                () = live.process.delivered() => {}
                number = self.signals.next() => return Ok(Step::End(128 + number)),
            }
            return match live.failure(code) {
                Some(failure) => Err(failure),
                None => {
                    if let Some(Outcome::Trapped(text)) = &live.outcome {
                        if self.forwards.is_empty() {
                            tracing::error!("the guest trapped: {text}");
                        } else {
                            let hint = "with `--restart on-failure` a service is started again";
                            tracing::error!(hint, "the guest trapped: {text}");
                        }
                    } else if !self.forwards.is_empty() {
                        tracing::info!("the guest ended with exit code {code}; its ports are closed");
                    }
                    Ok(Step::End(code))
                }
            };
        }
        self.follow(live, code)
    }

    /// What comes after a guest that has ended: the next, the same again, or a wait for a change.
    pub(super) fn follow(&mut self, live: Generation, code: u8) -> Result<Step> {
        let number = live.number;
        let well = matches!(live.outcome, Some(Outcome::Exited(_))) && code == 0;
        let (short, long) = live.epitaph(code);
        let long = long.map(|text| format!("\n{text}")).unwrap_or_default();
        let say = |next: &str| say(well, &format!("#{number} {short}{next}{long}"));
        let ran = live.started.elapsed();
        // A guest that never came up fails the same way again, until it is changed.
        let came_up = !live.listening.is_empty() || self.settings.watch.is_none();
        if let Some(candidate) = self.candidate.take() {
            say(&format!("; #{} takes over", candidate.live.number));
            self.adopt(candidate.live);
            return Ok(Step::GoOn);
        }
        let again = match self.settings.restart {
            Restart::Never => false,
            Restart::OnFailure => !well && came_up,
            Restart::Always => came_up,
        };
        if !again {
            self.optimizing = None;
        }
        if self.making.is_some() {
            say("; the next one is being made");
        } else if again {
            let pause = self.backoff.after(ran);
            let shown = humantime::format_duration(pause);
            say(&format!("; starting it again in {shown}, connections wait"));
            self.restart = Some(Instant::now() + pause);
        } else if self.settings.watch.is_some() {
            say("; waiting for a change");
            self.forwards.give_up();
        } else {
            say("");
            self.forwards.close();
            return Ok(Step::End(code));
        }
        Ok(Step::GoOn)
    }
}
