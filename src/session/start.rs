//! Making and starting a generation, and what comes after one that has ended.

use super::talk::say;
use super::{Candidate, Making, Session, Step};
use crate::cli::{self, Restart};
use crate::failure::Result;
use crate::forwards::Port;
use crate::generation::Start;
use crate::live::Live;
use crate::make::{self, Made};
use crate::protocol::{Bind, Message, Task};
use crate::report;
use netns::{Protocol, jail};
use runtime::{Event, Guest, Outcome};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// A guest that listens on a port that is not forwarded has this long to listen on those that are.
pub(super) const SETTLE: Duration = Duration::from_secs(1);
/// Connections of a guest that has ended have this long to deliver what it had sent.
pub(super) const LINGER: Duration = Duration::from_secs(1);

impl Session {
    /// Begins to make what will run next; what was being made is dropped.
    pub(super) fn make(&mut self, since: std::time::Instant) {
        let path = self.os.path.clone();
        let plan = self.settings.build.clone();
        let file = self.file.clone();
        let use_cache = self.settings.cache;
        let compiler = self.compiler.clone();
        self.making = Some(Making {
            since: self.making.take().map_or(since, |making| making.since.min(since)),
            made: Box::pin(async move { make::make(&path, plan, file.as_deref(), use_cache, &compiler).await }),
        });
    }

    pub(super) fn made(&mut self, made: Result<Made>) -> Result<Step> {
        let Some(making) = self.making.take() else {
            return Ok(Step::GoOn);
        };
        self.build_ended = Some(std::time::Instant::now());
        match made {
            Ok(made) => {
                let same = |live: &Live| live.made.code.digest == made.code.digest;
                if self.settings.watch.is_some()
                    && self.candidate.is_none()
                    && self.serving.as_ref().is_some_and(same)
                    && !self.is_outdated()
                {
                    let number = self.serving.as_ref().map_or(0, |live| live.number);
                    tracing::info!("nothing changed in the guest: #{number} serves on");
                    return Ok(Step::GoOn);
                }
                self.backoff.reset();
                self.start(made, making.since)?;
            }
            Err(failure) if self.settings.watch.is_some() => {
                report::failure(&failure);
                self.say_who_serves();
            }
            Err(failure) => return Err(failure),
        }
        Ok(Step::GoOn)
    }

    /// Starts a generation. With nobody else there it serves at once, and connections wait for it to listen.
    pub(super) fn start(&mut self, made: Made, since: std::time::Instant) -> Result<()> {
        self.restart = None;
        self.last_made = Some(made.clone());
        self.started += 1;
        let start = self.what_to_start(&made);
        let live = Live::start(self.started, made, start, self.ring.clone())?;
        if self.serving.is_none() {
            self.adopt(live);
        } else {
            self.candidate = Some(Candidate {
                live,
                since,
                health: None,
                due: Instant::now() + self.settings.connect_timeout,
            });
        }
        Ok(())
    }

    /// Makes a generation the one that serves where none does.
    pub(super) fn adopt(&mut self, live: Live) {
        self.look = Some(Instant::now() + self.settings.connect_timeout);
        self.forwards.retarget(Some(live.generation.target.clone()));
        let ports = live.listening.clone();
        self.serving = Some(live);
        for port in ports {
            self.heard(port);
        }
    }

    /// What the guest's process is given: paths as it will see them.
    pub(super) fn what_to_start(&self, made: &Made) -> Start {
        let settings = &self.settings;
        let name = made.artifact.file_name().unwrap_or(made.artifact.as_os_str());
        let mut arguments = vec![name.to_string_lossy().into_owned()];
        arguments.extend(settings.arguments.iter().cloned());
        let mut binds = vec![Bind {
            host: made.code.path.clone(),
            read_only: true,
        }];
        binds.extend(settings.directories.iter().map(|directory| Bind {
            host: directory.host.clone(),
            read_only: directory.read_only,
        }));
        let seen = |number: usize| -> PathBuf {
            if settings.isolation {
                jail::path_of(number)
            } else {
                binds[number].host.clone()
            }
        };
        let directories = settings.directories.iter().enumerate();
        let guest = Guest {
            code: seen(0),
            arguments,
            environment: settings.environment.clone(),
            directories: directories
                .map(|(number, directory)| runtime::Directory {
                    host: seen(number + 1),
                    guest: directory.guest.clone(),
                    read_only: directory.read_only,
                })
                .collect(),
            ports: self.forwards.guest_ports_in_order(),
            listeners: match settings.listeners {
                Some(cli::Listeners::AfterDirectories) => runtime::Listeners::AfterDirectories,
                Some(cli::Listeners::BeforeDirectories) => runtime::Listeners::BeforeDirectories,
                None => made.code.toolchain.listeners(),
            },
            memory: settings.memory,
            stdin: settings.stdin,
            loopback: settings.isolation,
        };
        Start {
            task: Task::Run(Box::new(guest)),
            binds: settings.isolation.then_some(binds),
            stdin: settings.stdin,
        }
    }

    // The serving generation.

    pub(super) fn serving_says(&mut self, message: Message) -> Result<()> {
        let Some(live) = &mut self.serving else { return Ok(()) };
        let Some(event) = live.take(message)? else {
            return Ok(());
        };
        self.report(&event);
        if matches!(event, Event::Loaded(_)) && !self.goes_on() {
            // Nobody starts it again, unless code in the cache is asked for.
            let gone = self.serving.as_ref().is_some_and(|live| live.made.code.let_go());
            if gone {
                self.last_made = None;
            }
        }
        match event {
            Event::Loaded(kind) if kind.is_http() && self.forwards.is_empty() => tracing::warn!(
                hint = "add --forward 8080:8080",
                "the guest answers HTTP requests, but no port is forwarded to it"
            ),
            Event::Listening(address) => self.heard((Protocol::Tcp, address.port())),
            Event::Bound(address) => self.heard((Protocol::Udp, address.port())),
            _ => {}
        }
        Ok(())
    }

    /// The serving guest listens on a port.
    pub(super) fn heard(&mut self, port: Port) {
        if self.forwards.listening(port) {
            return;
        }
        if self.settings.auto_forward {
            match self.forwards.detect(port) {
                Ok(()) => drop(self.forwards.listening(port)),
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

    /// Whether the end of the guest is not the end of everything.
    fn goes_on(&self) -> bool {
        self.settings.watch.is_some() || self.settings.restart != Restart::Never
    }

    pub(super) async fn serving_ended(&mut self) -> Result<Step> {
        let Some(mut live) = self.serving.take() else {
            return Ok(Step::GoOn);
        };
        self.traps += u64::from(matches!(live.outcome, Some(Outcome::Trapped(_))));
        let goes_on = self.goes_on();
        if goes_on {
            self.forwards.retarget(None);
        } else {
            self.forwards.close();
        }
        // A process that closed its channel, or said what makes no sense, and goes on is ended.
        let code = match tokio::time::timeout(LINGER, live.generation.ended()).await {
            Ok(code) => code?,
            Err(_) => {
                live.generation.kill();
                live.generation.ended().await?
            }
        };
        if !goes_on {
            // What the guest sent before it ended still goes out.
            let _ = tokio::time::timeout(LINGER, live.generation.target.drained()).await;
            tokio::select! {
                () = live.generation.delivered() => {}
                number = self.signals.next() => return Ok(Step::End(128 + number)),
            }
            return match live.failure(code) {
                Some(failure) => Err(failure),
                None => {
                    if let Some(Outcome::Trapped(text)) = &live.outcome {
                        tracing::error!("the guest trapped: {text}");
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
    pub(super) fn follow(&mut self, live: Live, code: u8) -> Result<Step> {
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
        if self.making.is_some() {
            say("; the next one is being made");
        } else if again {
            let pause = self.backoff.after(ran);
            let shown = humantime::format_duration(pause);
            say(&format!("; starting it again in {shown}, connections wait"));
            self.restart = Some(Instant::now() + pause);
        } else if self.settings.watch.is_some() {
            say("; waiting for a change");
        } else {
            say("");
            self.forwards.close();
            return Ok(Step::End(code));
        }
        Ok(Step::GoOn)
    }
}
