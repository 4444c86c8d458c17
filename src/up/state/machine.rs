//! What follows from what.

use super::event::{Condition, Effect, Event, Outcome, Rules, Say, Service, Told, Waits, Why};
use crate::backoff::Backoff;
use crate::up::order::Order;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Who is not there after so long is said, and after so much longer again.
const SLOW: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_secs(20);
/// A process that has to end at once has this long.
const AT_ONCE: Duration = Duration::from_secs(5);
/// `wasmrun down`, which is a SIGTERM from elsewhere.
const DOWN: u8 = 143;
/// Of a service that could not begin, or of a guest that could not be made.
const FAILED: u8 = 1;

/// How far a service has come.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// Those that it links to come first.
    Waits,
    /// Its process is there, and it is not ready.
    Starts,
    /// Its process is there, and waits for a change.
    Fails,
    Ready,
    /// Its process has died, and another follows then.
    Restarts(Instant),
    /// Its process was asked to end, and this will have become of it.
    Stops(Outcome),
    Over(Outcome),
}

/// A service.
struct Unit {
    service: Service,
    phase: Phase,
    /// When its process was started.
    started: Instant,
    was_ready: bool,
    told: Option<(Condition, BTreeSet<u16>)>,
    /// With which its guest last ended.
    code: Option<u8>,
    /// By `wasmrun stop`.
    is_stopped: bool,
    /// It is to end, once those that link to it and are to end have.
    ends: bool,
    /// And begins anew then.
    again: bool,
    /// Or is one no more.
    gone: bool,
    backoff: Backoff,
}

impl Unit {
    fn new(service: Service, now: Instant) -> Unit {
        Unit {
            service,
            phase: Phase::Waits,
            started: now,
            was_ready: false,
            told: None,
            code: None,
            is_stopped: false,
            ends: false,
            again: false,
            gone: false,
            backoff: Backoff::default(),
        }
    }

    fn has_process(&self) -> bool {
        matches!(
            self.phase,
            Phase::Starts | Phase::Fails | Phase::Ready | Phase::Stops(_)
        )
    }

    /// Begins anew, as one that was never there.
    fn reset(&mut self, now: Instant) {
        *self = Unit::new(self.service.clone(), now);
    }
}

/// The end of all.
struct Ending {
    code: u8,
    /// When processes that are to end at once are killed.
    kills: Option<Instant>,
}

/// What is known of the services. It begins with [`Event::Begin`].
pub struct State {
    rules: Rules,
    units: BTreeMap<String, Unit>,
    order: Order,
    now: Instant,
    effects: Vec<Effect>,
    ending: Option<Ending>,
    /// The exit code of the first that failed.
    failure: Option<u8>,
    /// It was said who is there.
    is_up: bool,
    /// When it is said who is not.
    says: Option<Instant>,
    has_exited: bool,
}

impl State {
    pub fn new(rules: Rules, services: BTreeMap<String, Service>, now: Instant) -> State {
        let unit = |(name, service)| (name, Unit::new(service, now));
        let mut state = State {
            rules,
            units: services.into_iter().map(unit).collect(),
            order: Order::default(),
            now,
            effects: Vec::new(),
            ending: None,
            failure: None,
            is_up: false,
            says: None,
            has_exited: false,
        };
        state.put_in_order();
        state
    }

    /// Takes in what has happened, and returns what is to be done, in this order.
    pub fn step(&mut self, now: Instant, event: Event) -> Vec<Effect> {
        self.now = now;
        if !self.has_exited {
            self.take(event);
            self.settle();
        }
        std::mem::take(&mut self.effects)
    }

    /// When [`Event::Due`] is awaited.
    pub fn deadline(&self) -> Option<Instant> {
        if self.has_exited {
            return None;
        }
        let restarts = self.units.values().filter_map(|unit| match unit.phase {
            Phase::Restarts(at) => Some(at),
            _ => None,
        });
        let kills = self.ending.as_ref().and_then(|ending| ending.kills);
        restarts.chain(kills).chain(self.says).min()
    }

    /// How each service is, in few words, and how long it took to be ready.
    pub fn shown(&self) -> Vec<(String, String)> {
        let shown = |(name, unit): (&String, &Unit)| (name.clone(), shown(&unit.phase));
        self.units.iter().map(shown).collect()
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Begin => {}
            Event::Due => self.due(),
            Event::Told(name, told) => self.told(&name, told),
            Event::Exited(name, code) => self.exited(&name, code),
            Event::Down(names) if names.is_empty() => {
                if self.ending.is_none() {
                    self.end(DOWN);
                }
            }
            Event::Down(names) => {
                for name in names {
                    self.unwant(&name, Outcome::Stopped);
                }
            }
            Event::Signal(number) => match self.ending {
                None => self.end(128 + number),
                Some(_) => self.end_now(),
            },
            Event::Planned(services) => self.planned(services),
        }
    }

    fn due(&mut self) {
        let now = self.now;
        for (name, unit) in &mut self.units {
            if matches!(unit.phase, Phase::Restarts(at) if at <= now) {
                start(&mut self.effects, name, unit, now);
            }
        }
        if self.says.is_some_and(|at| at <= now) {
            self.says = Some(now + AGAIN);
            let waits = self.waits();
            self.effects.push(Effect::Say(Say::Waits(waits)));
        }
        if let Some(ending) = &mut self.ending
            && ending.kills.take_if(|at| *at <= now).is_some()
        {
            let alive = self.units.iter().filter(|(_, unit)| unit.has_process());
            self.effects.extend(alive.map(|(name, _)| Effect::Kill(name.clone())));
        }
    }

    fn told(&mut self, name: &str, told: Told) {
        let Some(unit) = self.units.get_mut(name) else { return };
        match told {
            Told::Ended(code) => unit.code = Some(code),
            Told::Stopped => unit.is_stopped = true,
            Told::State { condition, listening } => {
                unit.told = Some((condition, listening));
                match (&unit.phase, condition) {
                    (Phase::Starts, Condition::Waiting) if !unit.was_ready => self.failed(name),
                    (Phase::Fails, Condition::Making | Condition::Starting) => unit.phase = Phase::Starts,
                    _ => {}
                }
            }
        }
    }

    /// A guest has failed before it was ready. What failed once does so again, until somebody changes it.
    fn failed(&mut self, name: &str) {
        let dependants = self.order.after(name).into_iter().map(str::to_owned).collect();
        let Some(unit) = self.units.get_mut(name) else { return };
        if self.rules.watch {
            unit.phase = Phase::Fails;
            let (service, code) = (name.to_owned(), unit.code);
            self.effects.push(Effect::Say(Say::AwaitsChange {
                service,
                code,
                dependants,
            }));
            return;
        }
        let code = unit.code.filter(|code| *code != 0).unwrap_or(FAILED);
        unit.phase = Phase::Stops(Outcome::Failed(code));
        self.effects.push(Effect::Stop(name.to_owned()));
    }

    fn exited(&mut self, name: &str, code: u8) {
        let now = self.now;
        let Some(unit) = self.units.get_mut(name).filter(|unit| unit.has_process()) else {
            return;
        };
        let outcome = match &unit.phase {
            Phase::Stops(outcome) => outcome.clone(),
            _ if unit.is_stopped => Outcome::Stopped,
            _ if code == 0 => Outcome::Ended,
            _ if unit.ends || self.ending.is_some() => Outcome::Stopped,
            _ if unit.was_ready && !unit.service.restarts_never && !self.rules.abort_on_exit => {
                let pause = unit.backoff.after(now.saturating_duration_since(unit.started));
                unit.phase = Phase::Restarts(now + pause);
                return self
                    .effects
                    .push(Effect::Say(Say::Restarts(name.to_owned(), code, pause)));
            }
            _ => Outcome::Failed(code),
        };
        self.over(name, outcome);
    }

    fn over(&mut self, name: &str, outcome: Outcome) {
        let Some(unit) = self.units.get_mut(name) else { return };
        unit.phase = Phase::Over(outcome.clone());
        let is_wanted = self.ending.is_none();
        if unit.again && is_wanted {
            return unit.reset(self.now);
        }
        if unit.gone {
            self.units.remove(name);
            return self.put_in_order();
        }
        let code = match outcome {
            Outcome::Stopped => return,
            Outcome::Ended => 0,
            Outcome::Failed(code) => {
                self.effects.push(Effect::Say(Say::Failed(name.to_owned(), code)));
                self.failure.get_or_insert(code);
                code
            }
            Outcome::NotStarted(why) => {
                self.effects.push(Effect::Say(Say::NotStarted(name.to_owned(), why)));
                *self.failure.get_or_insert(FAILED)
            }
        };
        if self.rules.abort_on_exit && is_wanted {
            self.end(code);
        }
    }

    /// Has one service end.
    fn unwant(&mut self, name: &str, outcome: Outcome) {
        let Some(unit) = self.units.get_mut(name) else { return };
        match unit.phase {
            Phase::Waits | Phase::Restarts(_) => self.over(name, outcome),
            Phase::Over(_) if unit.gone => self.over(name, outcome),
            Phase::Over(_) => {}
            _ => unit.ends = true,
        }
    }

    fn end(&mut self, code: u8) {
        self.ending = Some(Ending { code, kills: None });
        self.says = None;
        let names: Vec<String> = self.units.keys().cloned().collect();
        for name in &names {
            self.unwant(name, Outcome::Stopped);
        }
        let alive = self.units.iter().filter(|(_, unit)| unit.has_process());
        let alive: Vec<String> = alive.map(|(name, _)| name.clone()).collect();
        if !alive.is_empty() {
            self.effects.push(Effect::Say(Say::Stopping(alive)));
        }
    }

    fn end_now(&mut self) {
        for (name, unit) in self.units.iter_mut().filter(|(_, unit)| unit.has_process()) {
            if !matches!(unit.phase, Phase::Stops(_)) {
                unit.phase = Phase::Stops(Outcome::Stopped);
            }
            self.effects.push(Effect::EndNow(name.clone()));
        }
        if let Some(ending) = &mut self.ending {
            ending.kills.get_or_insert(self.now + AT_ONCE);
        }
    }

    fn planned(&mut self, services: BTreeMap<String, Service>) {
        if self.ending.is_some() {
            return;
        }
        let gone = self.units.keys().filter(|name| !services.contains_key(*name));
        let gone: Vec<String> = gone.cloned().collect();
        for name in &gone {
            if let Some(unit) = self.units.get_mut(name) {
                (unit.gone, unit.again) = (true, false);
            }
            self.unwant(name, Outcome::Stopped);
        }
        for (name, service) in services {
            let Some(unit) = self.units.get_mut(&name) else {
                self.units.insert(name, Unit::new(service, self.now));
                self.is_up = false;
                continue;
            };
            let is_back = std::mem::take(&mut unit.gone);
            let is_moved = unit.service.path != service.path;
            let is_changed = unit.service != service;
            unit.service = service;
            match &unit.phase {
                Phase::Over(Outcome::Stopped) => {}
                Phase::Over(outcome) if is_changed || matches!(outcome, Outcome::NotStarted(_)) => {
                    unit.reset(self.now);
                    self.is_up = false;
                }
                _ if unit.has_process() && (is_moved || is_back) => (unit.ends, unit.again) = (true, true),
                _ => {}
            }
        }
        self.put_in_order();
    }

    fn put_in_order(&mut self) {
        // One that the file has no more is none that others wait for, or that makes a circle of them.
        let is_alike = |unit: &Unit, other: &str| self.units.get(other).is_none_or(|other| other.gone == unit.gone);
        let of = |(name, unit): (&String, &Unit)| {
            let links = unit.service.links.keys().filter(|other| is_alike(unit, other));
            (name.clone(), links.cloned().collect())
        };
        self.order = Order::new(self.units.iter().map(of).collect());
    }

    // What follows from how things are now, whatever has brought it about.

    fn settle(&mut self) {
        self.ready();
        self.stop_in_order();
        while self.ending.is_none() && self.start_in_order() {}
        self.stop_in_order();
        let is_settled = !self
            .units
            .values()
            .any(|unit| matches!(unit.phase, Phase::Starts | Phase::Stops(_)));
        if is_settled && self.ending.is_none() && !self.units.is_empty() && !std::mem::replace(&mut self.is_up, true) {
            let is_there = |unit: &Unit| matches!(unit.phase, Phase::Ready | Phase::Over(Outcome::Ended));
            let all = self.units.values().all(is_there);
            self.effects.push(Effect::Up { all });
            if self.rules.needs_all && !all {
                self.end(self.failure.unwrap_or(FAILED));
                self.stop_in_order();
            }
        }
        let is_over = self.units.values().all(|unit| matches!(unit.phase, Phase::Over(_)));
        match &self.ending {
            Some(ending) if is_over => self.exit(ending.code),
            None if is_over && !self.units.is_empty() => self.exit(self.failure.unwrap_or(0)),
            _ => {}
        }
        let waits = !self.has_exited && self.ending.is_none() && !self.waits().is_empty();
        match waits {
            true => drop(self.says.get_or_insert(self.now + SLOW)),
            false => self.says = None,
        }
    }

    fn exit(&mut self, code: u8) {
        self.has_exited = true;
        self.effects.push(Effect::Exit(code));
    }

    /// Those that have come.
    fn ready(&mut self) {
        let names: Vec<String> = self.units.keys().cloned().collect();
        for name in names {
            let missing = self.missing(&name);
            let Some(unit) = self.units.get_mut(&name) else {
                continue;
            };
            let serves = matches!(unit.told, Some((Condition::Serving, _)));
            if matches!(unit.phase, Phase::Starts | Phase::Fails) && serves && missing.is_empty() {
                unit.phase = Phase::Ready;
                unit.was_ready = true;
                let took = self.now.saturating_duration_since(unit.started);
                self.effects.push(Effect::Say(Say::Ready(name, took)));
            }
        }
    }

    /// The ports that others link to and nobody listens on.
    fn missing(&self, name: &str) -> Vec<u16> {
        let units = self.units.values().filter(|unit| !unit.gone);
        let linked: BTreeSet<u16> = units
            .filter_map(|unit| unit.service.links.get(name))
            .flatten()
            .copied()
            .collect();
        let listening = self.units.get(name).and_then(|unit| unit.told.as_ref());
        let is_missing = |port: &u16| !listening.is_some_and(|(_, listening)| listening.contains(port));
        linked.into_iter().filter(is_missing).collect()
    }

    /// Asks those to end that nobody who is to end as well links to.
    fn stop_in_order(&mut self) {
        let is_on_the_way = |unit: &Unit| unit.has_process() && (unit.ends || matches!(unit.phase, Phase::Stops(_)));
        let asked = self.units.iter().filter(|(name, unit)| {
            let is_free = || {
                let after = self.order.after(name);
                !after
                    .iter()
                    .any(|other| self.units.get(*other).is_some_and(is_on_the_way))
            };
            unit.ends && unit.has_process() && !matches!(unit.phase, Phase::Stops(_)) && is_free()
        });
        let asked: Vec<String> = asked.map(|(name, _)| name.clone()).collect();
        for name in asked {
            if let Some(unit) = self.units.get_mut(&name) {
                unit.phase = Phase::Stops(Outcome::Stopped);
                self.effects.push(Effect::Stop(name));
            }
        }
    }

    /// Starts those for whom everybody is there, and gives up those for whom somebody cannot come. False when there are none.
    fn start_in_order(&mut self) -> bool {
        let waiting = self.units.iter().filter(|(_, unit)| unit.phase == Phase::Waits);
        let waiting: Vec<String> = waiting.map(|(name, _)| name.clone()).collect();
        let mut has_changed = false;
        for name in waiting {
            let before = self.order.before(&name);
            let mut before = before
                .into_iter()
                .filter_map(|other| Some((other, &self.units.get(other)?.phase)));
            let lost = before.clone().find_map(|(other, phase)| match phase {
                Phase::Over(outcome) => Some(Why {
                    linked: other.to_owned(),
                    outcome: Box::new(outcome.clone()),
                }),
                _ => None,
            });
            let is_free = before.all(|(_, phase)| *phase == Phase::Ready);
            if let Some(why) = lost {
                self.over(&name, Outcome::NotStarted(why));
                has_changed = true;
            } else if is_free && let Some(unit) = self.units.get_mut(&name) {
                start(&mut self.effects, &name, unit, self.now);
                has_changed = true;
            }
            if self.ending.is_some() {
                return false;
            }
        }
        has_changed
    }

    /// Who is not there yet, and what for.
    fn waits(&self) -> Vec<(String, Waits)> {
        let of = |(name, unit): (&String, &Unit)| {
            let waits = match (&unit.phase, &unit.told) {
                (Phase::Waits, _) => {
                    let is_ready = |other: &str| self.units.get(other).is_some_and(|unit| unit.phase == Phase::Ready);
                    let before = self.order.before(name).into_iter();
                    Waits::For(before.filter(|other| !is_ready(other)).map(str::to_owned).collect())
                }
                (Phase::Fails, _) => Waits::Change,
                // It listens, but elsewhere.
                (Phase::Starts, Some((Condition::Starting | Condition::Serving, listening)))
                    if !listening.is_empty() && !self.missing(name).is_empty() =>
                {
                    Waits::Ports(self.missing(name))
                }
                (Phase::Starts, told) => Waits::Is(told.as_ref().map_or(Condition::Making, |told| told.0)),
                _ => return None,
            };
            Some((name.clone(), waits))
        };
        self.units.iter().filter_map(of).collect()
    }
}

fn start(effects: &mut Vec<Effect>, name: &str, unit: &mut Unit, now: Instant) {
    unit.phase = Phase::Starts;
    unit.started = now;
    unit.told = None;
    unit.code = None;
    effects.push(Effect::Start(name.to_owned()));
}

fn shown(phase: &Phase) -> String {
    match phase {
        Phase::Waits => "waiting".to_owned(),
        Phase::Starts => "starting".to_owned(),
        Phase::Fails => "failed, waiting for a change".to_owned(),
        Phase::Ready => "ready".to_owned(),
        Phase::Restarts(_) => "restarting".to_owned(),
        Phase::Stops(_) => "stopping".to_owned(),
        Phase::Over(outcome) => outcome.to_string(),
    }
}
