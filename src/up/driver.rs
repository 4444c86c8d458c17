//! The loop of `up`: waits for what happens, has [`State::step`] say what follows, and does it.

use super::child::{self, Child, Happened, Output};
use super::detach::Foreground;
use super::file::{self, Choice, Project};
use super::printer;
use super::state::{Effect, Event, Rules, Service, State};
use super::terminal::{Prefix, Style};
use super::{notices, ports};
use crate::control::{self, Answer, Ask, Claim, Client, Request};
use crate::session::or_never;
use crate::signals::Signals;
use crate::trust;
use crate::watch::{Scope, Watch};
use anyhow::{Context, anyhow};
use http::StatusCode;
use report::{Failure, Format, Result, Verbosity};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::io::IsTerminal;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;

/// Events of one save come this close together.
const DEBOUNCE: Duration = Duration::from_millis(50);
/// Who was answered has this long to read it, where the answer is the last.
const LAST_ANSWERS: Duration = Duration::from_millis(200);

/// Everything that `up` does its work with.
struct Up {
    choice: Choice,
    project: Project,
    state: State,
    events: VecDeque<Event>,
    children: BTreeMap<String, Child>,
    /// Numbers of services, which their colours follow.
    numbers: BTreeMap<String, usize>,
    /// Where each can be reached.
    forwards: BTreeMap<String, Vec<String>>,
    output: Output,
    tasks: JoinSet<()>,
    happened: UnboundedReceiver<(String, Happened)>,
    began: Instant,
    foreground: Option<Foreground>,
}

/// Everything that can come from outside.
enum Happening {
    Due,
    Child(String, Happened),
    Asked(Ask),
    Changed,
    Signal(u8),
    /// Who started us for the background is gone, and so is its reason.
    ForegroundGone,
}

/// Runs until the end, and returns the exit code.
pub async fn run(choice: Choice, verbosity: Verbosity, format: Format, foreground: Option<Foreground>) -> Result<u8> {
    let began = Instant::now();
    let project = file::agree(&choice)?;
    let folder = control::folder()?;
    let mut claim = match Claim::take_project(&folder, &project.name) {
        Ok(claim) => claim,
        Err(failure) => return Err(whose(failure, &project).await),
    };
    let taken = control::running()?;
    for planned in project.services.values() {
        if taken.iter().any(|(name, _)| *name == planned.run) {
            let message = anyhow!("a run named `{}` already exists", planned.run);
            return Err(Failure::usage(message).hint(format!("stop it: `wasmrun stop {}`", planned.run)));
        }
    }
    ports::check(&project.services, |_| true)?;
    let mut signals = Signals::new()?;
    let (asker, mut asks) = control::asks();
    let server = claim.listener().map(|listener| control::start(listener, asker));
    let server = server.transpose().context("cannot serve the control socket")?;
    let mut watch = match choice.watch {
        true => Some(watch(&project).await?),
        false => None,
    };
    let (printer, threads) = printer::start()?;
    let (happened, receiver) = unbounded_channel();
    let is_colored = |is_terminal: bool| is_terminal && std::env::var_os("NO_COLOR").is_none();
    let style = Style {
        width: project.services.keys().map(String::len).max().unwrap_or(0),
        format,
        verbosity,
        is_colored: [
            is_colored(std::io::stdout().is_terminal()),
            is_colored(std::io::stderr().is_terminal()),
        ],
    };
    let rules = Rules {
        watch: choice.watch,
        abort_on_exit: choice.abort_on_exit,
        needs_all: foreground.is_some(),
    };
    let mut up = Up {
        state: State::new(rules, services(&project), began),
        choice,
        project,
        events: VecDeque::from([Event::Begin]),
        children: BTreeMap::new(),
        numbers: BTreeMap::new(),
        forwards: BTreeMap::new(),
        output: Output {
            style,
            printer,
            happened,
        },
        tasks: JoinSet::new(),
        happened: receiver,
        began,
        foreground,
    };
    let code = loop {
        if let Some(code) = up.advance() {
            break code;
        }
        let until = up.state.deadline();
        let happening = tokio::select! {
            Some((name, happened)) = up.happened.recv() => Happening::Child(name, happened),
            () = or_never(until.map(|at| tokio::time::sleep_until(at.into()))) => Happening::Due,
            Some(ask) = asks.recv() => Happening::Asked(ask),
            _ = or_never(watch.as_mut().map(Watch::next)) => Happening::Changed,
            number = signals.next() => Happening::Signal(number),
            () = or_never(up.foreground.as_mut().map(Foreground::gone)) => Happening::ForegroundGone,
        };
        up.take(happening);
    };
    // Who waits for the end of its socket finds nothing of it.
    drop(claim);
    asks.close();
    if let Some(server) = server {
        server.finish(LAST_ANSWERS).await;
    }
    let Up { output, tasks, .. } = up;
    // What is left of them holds ways to the printer.
    drop((output, tasks));
    threads.finish().await;
    Ok(code)
}

/// The same, of a folder of the same name elsewhere.
async fn whose(failure: Failure, project: &Project) -> Failure {
    let projects = control::projects().unwrap_or_default();
    let Some((_, path)) = projects.into_iter().find(|(name, _)| *name == project.name) else {
        return failure;
    };
    let up: Result<control::Up> = Client::at(&path).get("state").await;
    let own = project.file.folder().canonicalize().unwrap_or_default();
    match up {
        Ok(up) if up.folder != own => {
            let message = anyhow!("a project `{}` is up already: {}", project.name, up.folder.display());
            Failure::usage(message).hint("runs are named after the folder: rename one of them")
        }
        _ => failure,
    }
}

/// Watches the file.
async fn watch(project: &Project) -> Result<Watch> {
    let path = &project.file.path;
    let path = path
        .canonicalize()
        .with_context(|| format!("cannot use {}", path.display()))?;
    let scope = Scope {
        files: vec![path],
        ..Scope::default()
    };
    Watch::start(scope, DEBOUNCE).await
}

fn services(project: &Project) -> BTreeMap<String, Service> {
    let of = |(name, planned): (&String, &file::Planned)| (name.clone(), planned.service.clone());
    project.services.iter().map(of).collect()
}

impl Up {
    /// Takes in what has happened until nothing more follows.
    fn advance(&mut self) -> Option<u8> {
        let mut code = None;
        while let Some(event) = self.events.pop_front() {
            for effect in self.state.step(Instant::now(), event) {
                match effect {
                    Effect::Exit(last) => code = Some(last),
                    effect => self.carry_out(effect),
                }
            }
        }
        code
    }

    fn take(&mut self, happening: Happening) {
        let event = match happening {
            Happening::Due => Event::Due,
            Happening::Child(name, Happened::Told(told)) => Event::Told(name, told),
            Happening::Child(name, Happened::Exited(code)) => {
                self.children.remove(&name);
                self.forwards.remove(&name);
                Event::Exited(name, code)
            }
            Happening::Child(name, Happened::Forwards(host, guest)) => {
                // The same port of both loopback addresses is one place.
                let shown = match host.ip() {
                    ip if ip.is_loopback() => format!("localhost:{} -> {guest}", host.port()),
                    _ => format!("{host} -> {guest}"),
                };
                let forwards = self.forwards.entry(name).or_default();
                if !forwards.contains(&shown) {
                    forwards.push(shown);
                }
                return;
            }
            Happening::Asked(ask) => return self.asked(ask),
            Happening::Changed => return self.changed(),
            Happening::Signal(number) => Event::Signal(number),
            Happening::ForegroundGone => {
                self.foreground = None;
                Event::Signal(15)
            }
        };
        self.events.push_back(event);
    }

    fn carry_out(&mut self, effect: Effect) {
        let child = |name: &String| self.children.get(name);
        match effect {
            Effect::Start(name) => {
                if let Err(failure) = self.start(&name) {
                    tracing::error!("{name}: {failure}");
                    self.events.push_back(Event::Exited(name, failure.code));
                }
            }
            Effect::Stop(name) => drop(child(&name).map(Child::stop)),
            Effect::EndNow(name) => drop(child(&name).map(Child::end_now)),
            Effect::Kill(name) => drop(child(&name).map(Child::kill)),
            Effect::Say(what) => notices::say(what),
            Effect::Up { all } => {
                notices::table(&self.state.shown(), &self.forwards, self.began.elapsed());
                if let Some(foreground) = self.foreground.take_if(|_| all) {
                    foreground.release();
                }
            }
            // The loop's own.
            Effect::Exit(_) => {}
        }
    }

    fn start(&mut self, name: &str) -> Result<()> {
        let count = self.numbers.len();
        let prefix = Prefix {
            name: name.to_owned(),
            number: *self.numbers.entry(name.to_owned()).or_insert(count),
        };
        let planned = self.project.services.get(name).context("it is no service any more")?;
        let mut service = OsString::from(&self.project.file.path);
        service.push(format!("#{name}"));
        let mut arguments: Vec<OsString> = vec![
            "os".into(),
            planned.service.path.clone().into(),
            "--name".into(),
            planned.run.clone().into(),
            "--log-format".into(),
            "json".into(),
            "--service".into(),
            service,
        ];
        let switches = [
            (self.choice.watch, "--watch"),
            (self.choice.offline, "--offline"),
            // What it asks for was agreed to.
            (self.choice.trust, "--trust"),
        ];
        arguments.extend(
            switches
                .iter()
                .filter(|(is_on, _)| *is_on)
                .map(|(_, switch)| (*switch).into()),
        );
        let restart = self
            .choice
            .restart
            .as_ref()
            .and_then(clap::ValueEnum::to_possible_value);
        arguments.extend(restart.map(|restart| format!("--restart={}", restart.get_name()).into()));
        arguments.extend(match self.output.style.verbosity {
            Verbosity::Everything => Some("-vv".into()),
            Verbosity::Steps => Some("-v".into()),
            // What is told by usual lines is needed here.
            Verbosity::Usual | Verbosity::Errors => None,
        });
        let child = child::start(prefix, &arguments, self.output.clone(), &mut self.tasks)?;
        self.children.insert(name.to_owned(), child);
        Ok(())
    }

    fn asked(&mut self, ask: Ask) {
        let conflict = |text: &str| Answer::Failed(StatusCode::CONFLICT, Failure::usage(anyhow!(text.to_owned())));
        let answer = match ask.request {
            Request::Down(down) => {
                let states = self.state.shown();
                let is_known = |name: &&String| states.iter().any(|(known, _)| known == *name);
                match down.services.iter().find(|name| !is_known(name)) {
                    Some(unknown) => conflict(&format!("`{unknown}` is no service that is up")),
                    None => {
                        match down.services.as_slice() {
                            [] => tracing::info!("ended by `wasmrun down`"),
                            some => tracing::info!("`wasmrun down` ends {}", some.join(", ")),
                        }
                        self.events.push_back(Event::Down(down.services));
                        Answer::json(&())
                    }
                }
            }
            Request::State => Answer::json(&control::Up {
                folder: self.project.file.folder().canonicalize().unwrap_or_default(),
                services: self.state.shown(),
            }),
            _ => conflict("this is `wasmrun up`, and not a run"),
        };
        // An asker that is gone needs no answer.
        let _ = ask.answer.send(answer);
    }

    /// The file has changed. Children read their own tables.
    fn changed(&mut self) {
        let old = &self.project.services;
        let read = Project::read(&self.choice).and_then(|project| {
            if !self.choice.trust {
                trust::require_all(&project.asks()?)?;
            }
            ports::check(&project.services, |name| !old.contains_key(name))?;
            Ok(project)
        });
        match read {
            Ok(project) => {
                self.project = project;
                self.events.push_back(Event::Planned(services(&self.project)));
            }
            Err(failure) => {
                report::failure(&failure);
                tracing::warn!("keeping the services as they are");
            }
        }
    }
}
