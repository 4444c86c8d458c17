//! What no table lists: any services, any order of events.

use super::event::{Condition, Effect, Event, Rules, Service, Told};
use super::machine::State;
use super::scenarios::{services, state};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// What somebody does next.
#[derive(Clone, Debug)]
enum Deed {
    /// The process of this number goes a step on.
    Goes(usize),
    /// It fails.
    Fails(usize),
    Dies(usize, u8),
    Restarts(usize),
    Waits(u64),
    Interrupts,
    Downs(usize),
    /// The file has services of these numbers alone.
    Plans(BTreeSet<usize>),
}

fn deed() -> impl Strategy<Value = Deed> {
    let one = || 0..NAMES.len();
    prop_oneof![
        6 => one().prop_map(Deed::Goes),
        1 => one().prop_map(Deed::Fails),
        1 => (one(), 0..3_u8).prop_map(|(one, code)| Deed::Dies(one, code)),
        1 => one().prop_map(Deed::Restarts),
        2 => (0..30_u64).prop_map(Deed::Waits),
        1 => Just(Deed::Interrupts),
        1 => one().prop_map(Deed::Downs),
        1 => prop::collection::btree_set(one(), 0..5).prop_map(Deed::Plans),
    ]
}

/// Processes that do as they are told, and what was promised of them.
struct World {
    state: State,
    now: Instant,
    all: BTreeMap<String, Service>,
    planned: BTreeMap<String, Service>,
    /// Those that are there, with whether they serve.
    there: BTreeMap<String, bool>,
    asked: BTreeSet<String>,
    /// Those that have served.
    came: BTreeSet<String>,
    code: Option<u8>,
}

impl World {
    fn step(&mut self, event: Event) -> Result<(), TestCaseError> {
        for effect in self.state.step(self.now, event) {
            prop_assert!(self.code.is_none(), "{effect:?} after the end");
            match effect {
                Effect::Start(name) => {
                    // One that comes again waits for nobody: what it links to may have done its work, and links wait by themselves.
                    let first = !self.came.contains(&name);
                    for before in self.before(&name).into_iter().filter(|_| first) {
                        prop_assert_eq!(self.there.get(&before), Some(&true), "{} before {}", name, before);
                    }
                    prop_assert!(self.there.insert(name.clone(), false).is_none(), "{} twice", name);
                }
                Effect::Stop(name) => {
                    prop_assert!(self.there.contains_key(&name), "{} is not there", name);
                    self.asked.insert(name);
                }
                Effect::EndNow(name) | Effect::Kill(name) => drop(self.asked.insert(name)),
                Effect::Exit(code) => {
                    prop_assert!(self.there.is_empty(), "left: {:?}", self.there);
                    self.code = Some(code);
                }
                Effect::Say(_) | Effect::Up { .. } => {}
            }
        }
        Ok(())
    }

    /// By the definition: what it links to and what does not link back.
    fn before(&self, name: &str) -> Vec<String> {
        let reaches = |from: &str, to: &str| {
            let (mut seen, mut todo) = (BTreeSet::new(), vec![from.to_owned()]);
            while let Some(one) = todo.pop() {
                for next in self
                    .planned
                    .get(&one)
                    .into_iter()
                    .flat_map(|service| service.links.keys())
                {
                    if self.planned.contains_key(next) && seen.insert(next.clone()) {
                        todo.push(next.clone());
                    }
                }
            }
            seen.contains(to)
        };
        let links = self
            .planned
            .get(name)
            .into_iter()
            .flat_map(|service| service.links.keys());
        let links = links.filter(|other| self.planned.contains_key(*other) && !reaches(other, name));
        links.cloned().collect()
    }

    fn exits(&mut self, name: &str, code: u8) -> Result<(), TestCaseError> {
        if self.there.remove(name).is_some() {
            self.asked.remove(name);
            self.step(Event::Exited(name.to_owned(), code))?;
        }
        Ok(())
    }

    fn does(&mut self, deed: &Deed) -> Result<(), TestCaseError> {
        let tells = |world: &mut World, name: &str, told| match world.there.contains_key(name) {
            true => world.step(Event::Told(name.to_owned(), told)),
            false => Ok(()),
        };
        match deed {
            Deed::Goes(one) => {
                let name = NAMES[*one];
                if self.asked.contains(name) {
                    return self.exits(name, 143);
                }
                if let Some(serves) = self.there.get_mut(name) {
                    *serves = true;
                    self.came.insert(name.to_owned());
                }
                tells(self, name, state(Condition::Serving, &[1, 2]))
            }
            Deed::Fails(one) => {
                tells(self, NAMES[*one], Told::Ended(1))?;
                tells(self, NAMES[*one], state(Condition::Waiting, &[]))
            }
            Deed::Dies(one, code) => self.exits(NAMES[*one], *code),
            Deed::Restarts(one) => tells(self, NAMES[*one], state(Condition::Starting, &[])),
            Deed::Waits(seconds) => {
                self.now += Duration::from_secs(*seconds);
                self.due()
            }
            Deed::Interrupts => self.step(Event::Signal(2)),
            Deed::Downs(one) => self.step(Event::Down(vec![NAMES[*one].to_owned()])),
            Deed::Plans(some) => {
                let is_in = |name: &String| some.iter().any(|one| NAMES[*one] == name);
                let file: BTreeMap<_, _> = self.all.clone().into_iter().filter(|(name, _)| is_in(name)).collect();
                self.planned.clone_from(&file);
                self.came.retain(|name| file.contains_key(name));
                self.step(Event::Planned(file))
            }
        }
    }

    fn due(&mut self) -> Result<(), TestCaseError> {
        while self.state.deadline().is_some_and(|at| at <= self.now) {
            self.step(Event::Due)?;
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn no_order_of_events_breaks_a_promise(
        links in prop::collection::vec((0..5_usize, 0..5_usize, 1..3_u16), 0..10),
        watch: bool,
        abort_on_exit: bool,
        needs_all: bool,
        deeds in prop::collection::vec(deed(), 0..80),
    ) {
        let mut all = services(&NAMES.map(|name| (name, &[] as &[(&str, u16)])));
        for (from, to, port) in links {
            let service = all.get_mut(NAMES[from]).unwrap();
            service.links.entry(NAMES[to].to_owned()).or_default().insert(port);
        }
        let rules = Rules { watch, abort_on_exit, needs_all };
        let now = Instant::now();
        let mut world = World {
            state: State::new(rules, all.clone(), now),
            now,
            planned: all.clone(),
            all,
            there: BTreeMap::new(),
            asked: BTreeSet::new(),
            came: BTreeSet::new(),
            code: None,
        };
        world.step(Event::Begin)?;
        for deed in &deeds {
            world.does(deed)?;
        }
        // While somebody is not there it is said when that will be told: no wait is silent.
        let is_ending = world.code.is_some() || !world.asked.is_empty();
        let waits = world.state.shown().iter().any(|(_, shown)| ["waiting", "starting"].contains(&shown.as_str()));
        prop_assert!(!waits || is_ending || world.state.deadline().is_some());
        // Whatever has happened, Ctrl-C ends it.
        if world.code.is_none() && !world.state.shown().is_empty() {
            world.step(Event::Signal(2))?;
        }
        for _ in 0..2 * NAMES.len() {
            for (one, name) in NAMES.iter().enumerate() {
                if world.asked.contains(*name) {
                    world.does(&Deed::Goes(one))?;
                }
            }
        }
        prop_assert!(world.there.is_empty(), "{:?} stay", world.there);
    }
}
