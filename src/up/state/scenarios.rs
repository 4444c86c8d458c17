//! What follows from what, as tables of words.

use super::event::{Condition, Effect, Event, Outcome, Rules, Say, Service, Told, Waits, Why};
use super::machine::State;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// A machine, and its clock.
pub struct Table {
    pub state: State,
    pub now: Instant,
}

/// Services with the names and ports that they link to.
pub fn services(links: &[(&str, &[(&str, u16)])]) -> BTreeMap<String, Service> {
    let of = |(name, to): &(&str, &[(&str, u16)])| {
        let mut links: BTreeMap<String, BTreeSet<u16>> = BTreeMap::new();
        for (other, port) in *to {
            links.entry((*other).to_owned()).or_default().insert(*port);
        }
        let service = Service {
            path: (*name).into(),
            links,
            restarts_never: false,
        };
        ((*name).to_owned(), service)
    };
    links.iter().map(of).collect()
}

pub fn state(condition: Condition, listening: &[u16]) -> Told {
    Told::State {
        condition,
        listening: listening.iter().copied().collect(),
    }
}

impl Table {
    fn new(rules: Rules, services: BTreeMap<String, Service>) -> Table {
        let now = Instant::now();
        Table {
            state: State::new(rules, services, now),
            now,
        }
    }

    /// What an event has for effects, in words. What is said is not among them.
    fn step(&mut self, event: Event) -> Vec<String> {
        let words = |effect| match effect {
            Effect::Start(name) => Some(format!("start {name}")),
            Effect::Stop(name) => Some(format!("stop {name}")),
            Effect::EndNow(name) => Some(format!("end {name}")),
            Effect::Kill(name) => Some(format!("kill {name}")),
            Effect::Say(_) => None,
            Effect::Up { all } => Some(format!("up {all}")),
            Effect::Exit(code) => Some(format!("exit {code}")),
        };
        self.state.step(self.now, event).into_iter().filter_map(words).collect()
    }

    /// What it says.
    fn says(&mut self, event: Event) -> Vec<Say> {
        let said = |effect| match effect {
            Effect::Say(said) => Some(said),
            _ => None,
        };
        self.state.step(self.now, event).into_iter().filter_map(said).collect()
    }

    fn told(&mut self, name: &str, told: Told) -> Vec<String> {
        self.step(Event::Told(name.to_owned(), told))
    }

    fn serves(&mut self, name: &str, ports: &[u16]) -> Vec<String> {
        self.told(name, state(Condition::Serving, ports))
    }

    fn exited(&mut self, name: &str, code: u8) -> Vec<String> {
        self.step(Event::Exited(name.to_owned(), code))
    }
}

fn three() -> BTreeMap<String, Service> {
    services(&[("web", &[("api", 3000)]), ("api", &[("orders", 8080)]), ("orders", &[])])
}

/// The three of them, ready.
fn ready(rules: Rules) -> Table {
    let mut table = Table::new(rules, three());
    assert_eq!(table.step(Event::Begin), ["start orders"]);
    assert_eq!(table.serves("orders", &[8080]), ["start api"]);
    assert_eq!(table.serves("api", &[3000]), ["start web"]);
    assert_eq!(table.serves("web", &[]), ["up true"]);
    table
}

#[test]
fn a_service_starts_when_what_it_links_to_listens_on_the_linked_ports() {
    let mut table = Table::new(Rules::default(), three());
    assert_eq!(table.step(Event::Begin), ["start orders"]);
    assert_eq!(table.told("orders", state(Condition::Starting, &[])), [""; 0]);
    assert_eq!(table.serves("orders", &[9000]), [""; 0]);
    assert_eq!(table.serves("orders", &[8080, 9000]), ["start api"]);
}

#[test]
fn those_in_a_circle_start_together() {
    let both = services(&[("a", &[("b", 1)]), ("b", &[("a", 2)]), ("c", &[("a", 2)])]);
    let mut table = Table::new(Rules::default(), both);
    assert_eq!(table.step(Event::Begin), ["start a", "start b"]);
    assert_eq!(table.serves("b", &[1]), [""; 0]);
    assert_eq!(table.serves("a", &[2]), ["start c"]);
}

#[test]
fn who_fails_is_named_by_all_that_wait_for_it() {
    let mut table = Table::new(Rules::default(), three());
    table.step(Event::Begin);
    table.told("orders", Told::Ended(3));
    assert_eq!(table.told("orders", state(Condition::Waiting, &[])), ["stop orders"]);
    let why = Why {
        linked: "orders".to_owned(),
        outcome: Box::new(Outcome::Failed(3)),
    };
    assert_eq!(why.to_string(), "orders failed (exit 3)");
    let further = Why {
        linked: "api".to_owned(),
        outcome: Box::new(Outcome::NotStarted(why.clone())),
    };
    assert_eq!(further.to_string(), "orders failed (exit 3)");
    let mut other = Table::new(Rules::default(), three());
    other.step(Event::Begin);
    other.told("orders", Told::Ended(3));
    other.told("orders", state(Condition::Waiting, &[]));
    assert_eq!(
        other.says(Event::Exited("orders".to_owned(), 143)),
        [
            Say::Failed("orders".to_owned(), 3),
            Say::NotStarted("api".to_owned(), why),
            Say::NotStarted("web".to_owned(), further),
        ]
    );
    assert_eq!(table.exited("orders", 143), ["up false", "exit 3"]);
}

#[test]
fn under_watch_they_wait_for_the_next_build_and_say_so() {
    let rules = Rules {
        watch: true,
        ..Rules::default()
    };
    let mut table = Table::new(rules, three());
    table.step(Event::Begin);
    table.told("orders", Told::Ended(3));
    let said = table.says(Event::Told("orders".to_owned(), state(Condition::Waiting, &[])));
    assert_eq!(
        said,
        [Say::AwaitsChange {
            service: "orders".to_owned(),
            code: Some(3),
            dependants: vec!["api".to_owned()]
        }]
    );
    table.now += Duration::from_secs(5);
    let waits = Waits::For(vec!["orders".to_owned()]);
    let further = Waits::For(vec!["api".to_owned()]);
    assert_eq!(
        table.says(Event::Due),
        [Say::Waits(vec![
            ("api".to_owned(), waits),
            ("orders".to_owned(), Waits::Change),
            ("web".to_owned(), further)
        ])]
    );
    assert_eq!(table.told("orders", state(Condition::Making, &[])), [""; 0]);
    assert_eq!(table.serves("orders", &[8080]), ["start api"]);
}

#[test]
fn those_that_link_to_others_end_first() {
    let mut table = ready(Rules::default());
    assert_eq!(table.step(Event::Signal(2)), ["stop web"]);
    assert_eq!(table.exited("web", 143), ["stop api"]);
    assert_eq!(table.exited("api", 143), ["stop orders"]);
    assert_eq!(table.exited("orders", 143), ["exit 130"]);
}

#[test]
fn a_second_signal_ends_all_at_once() {
    let mut table = ready(Rules::default());
    assert_eq!(table.step(Event::Signal(15)), ["stop web"]);
    assert_eq!(table.step(Event::Signal(2)), ["end api", "end orders", "end web"]);
    table.now += Duration::from_secs(5);
    assert_eq!(table.step(Event::Due), ["kill api", "kill orders", "kill web"]);
    for name in ["api", "orders"] {
        assert_eq!(table.exited(name, 137), [""; 0]);
    }
    assert_eq!(table.exited("web", 137), ["exit 143"]);
}

#[test]
fn a_process_that_dies_comes_again_and_the_others_stay() {
    let mut table = ready(Rules::default());
    assert_eq!(table.exited("orders", 137), [""; 0]);
    assert_eq!(table.step(Event::Due), [""; 0]);
    table.now += Duration::from_millis(100);
    assert_eq!(table.step(Event::Due), ["start orders"]);
    assert_eq!(table.serves("orders", &[8080]), [""; 0]);
    assert_eq!(table.step(Event::Down(vec!["api".to_owned()])), ["stop api"]);
    assert_eq!(table.exited("api", 143), [""; 0]);
    assert_eq!(table.step(Event::Down(Vec::new())), ["stop orders", "stop web"]);
}

#[test]
fn who_was_stopped_by_hand_has_not_failed() {
    let mut table = ready(Rules {
        abort_on_exit: true,
        ..Rules::default()
    });
    table.told("web", Told::Stopped);
    assert_eq!(table.exited("web", 143), [""; 0]);
    assert_eq!(table.exited("api", 7), ["stop orders"]);
    assert_eq!(table.exited("orders", 143), ["exit 7"]);
}

#[test]
fn the_file_adds_and_removes_services() {
    let mut table = ready(Rules {
        watch: true,
        ..Rules::default()
    });
    let mut file = three();
    file.remove("web");
    file.insert("cache".to_owned(), Service::default());
    assert_eq!(table.step(Event::Planned(file.clone())), ["stop web", "start cache"]);
    assert_eq!(table.exited("web", 143), [""; 0]);
    assert_eq!(table.serves("cache", &[]), ["up true"]);
    file.get_mut("orders").unwrap().path = "elsewhere".into();
    assert_eq!(table.step(Event::Planned(file)), ["stop orders"]);
    assert_eq!(table.exited("orders", 143), ["start orders"]);
}
