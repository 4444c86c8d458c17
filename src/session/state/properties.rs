//! Whatever happens in whatever order: somebody serves or is waited for, each listener has one owner, nobody is drained twice,
//! and nothing panics.

use super::effect::{Effect, Exit, Upstream};
use super::event::{End, Event, ForwardId, Heard, Made, Number, Port, Rules};
use super::machine::State;
use super::table::{end, rules};
use super::takeover::RELEASE;
use crate::control::Source;
use crate::settings::choices::Restart;
use anyhow::anyhow;
use netns::Protocol;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestError, TestRunner};
use runtime::Kind;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// One thing that happens, to whatever there is when it does: an index is taken modulo what can be meant.
#[derive(Clone, Debug)]
enum Happens {
    /// What was asked for is answered, well or not.
    Answer {
        well: bool,
        adopts: bool,
    },
    Build {
        well: bool,
        digest: u8,
        traits: u8,
    },
    Optimize {
        well: bool,
        better: bool,
    },
    Wait(u16),
    Changed,
    Says {
        whom: usize,
        heard: Says,
    },
    Ends {
        whom: usize,
        how: u8,
    },
    Probed {
        well: bool,
    },
    Drains {
        whom: usize,
    },
    Adds {
        port: u16,
        asked: bool,
    },
    Removes {
        whom: usize,
    },
    Ruled {
        restart: u8,
        auto: bool,
    },
    Restart,
    Silent {
        whom: usize,
    },
    NobodyListens {
        port: u16,
    },
    Stop,
    Signal,
    /// The newest generation loads, and listens on these of the three ports.
    ComesUp {
        ports: u8,
    },
    /// An event about what may be no more.
    Stray {
        number: Number,
        which: u8,
    },
}

#[derive(Clone, Debug)]
enum Says {
    Loaded(u8),
    Listens(u16),
    Closed(u16),
    Deaf,
}

/// What is outside: processes, listeners and builds, as far as effects change them.
struct World {
    state: State,
    now: Instant,
    alive: BTreeSet<Number>,
    /// Started, and not answered for yet.
    starts: Vec<Number>,
    drained: BTreeSet<Number>,
    draining: BTreeSet<Number>,
    /// Asked for its listeners, and when.
    asked: BTreeMap<Number, Instant>,
    /// Who accepts from a forward's listeners; none is us.
    accepts: BTreeMap<ForwardId, BTreeSet<Option<Number>>>,
    upstreams: BTreeMap<ForwardId, Upstream>,
    ports: BTreeMap<ForwardId, Port>,
    builds: bool,
    optimizes: bool,
    probed: Option<Number>,
    detects: Vec<Port>,
    cuts: usize,
    made: u64,
    last_id: ForwardId,
    exits: usize,
    seen: Seen,
}

/// What the events have brought about: a run in which little happens shows little.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    swaps: u64,
    lent: u64,
    released: u64,
    reclaimed: u64,
    restarts: u64,
}

type Checked = Result<(), TestCaseError>;

fn holds(condition: bool, what: impl FnOnce() -> String) -> Checked {
    match condition {
        true => Ok(()),
        false => Err(TestCaseError::fail(what())),
    }
}

/// Sessions that are played; some seconds.
const CASES: u32 = 20_000;
const FIRST: [(ForwardId, Port); 2] = [(1, (Protocol::Tcp, 3000)), (2, (Protocol::Tcp, 3001))];

impl World {
    fn new(rules: Rules) -> World {
        let now = Instant::now();
        World {
            state: State::new(rules, FIRST.to_vec(), now),
            now,
            alive: BTreeSet::new(),
            starts: Vec::new(),
            drained: BTreeSet::new(),
            draining: BTreeSet::new(),
            asked: BTreeMap::new(),
            accepts: FIRST.into_iter().map(|(id, _)| (id, [None].into())).collect(),
            upstreams: FIRST.into_iter().map(|(id, _)| (id, Upstream::Awaited)).collect(),
            ports: FIRST.into_iter().collect(),
            builds: false,
            optimizes: false,
            probed: None,
            detects: Vec::new(),
            cuts: 0,
            made: 0,
            last_id: 2,
            exits: 0,
            seen: Seen::default(),
        }
    }

    fn step(&mut self, event: Event) -> Checked {
        let shown = format!("{event:?}");
        for effect in self.state.step(self.now, event) {
            self.carry_out(effect)?;
        }
        self.check()
            .map_err(|error| TestCaseError::fail(format!("{error} after {shown}")))
    }

    fn lives(&self, number: Number, what: &str) -> Checked {
        holds(self.alive.contains(&number), || {
            format!("{what} of #{number}, which is not there")
        })
    }

    fn carry_out(&mut self, effect: Effect) -> Checked {
        holds(self.exits == 0, || format!("{effect:?} after the end"))?;
        match effect {
            Effect::Build => self.builds = true,
            Effect::CancelBuild => self.builds = false,
            Effect::Optimize(_) => self.optimizes = true,
            Effect::CancelOptimize => self.optimizes = false,
            Effect::Start { number, again, .. } => {
                self.seen.restarts += u64::from(again);
                self.starts.push(number);
            }
            Effect::Probe { number, .. } => {
                self.lives(number, "probe")?;
                self.probed = Some(number);
            }
            Effect::Release(number) => {
                self.lives(number, "release")?;
                holds(!self.asked.contains_key(&number), || {
                    format!("#{number} is asked twice")
                })?;
                self.asked.insert(number, self.now);
            }
            Effect::Kill(number) => self.lives(number, "kill")?,
            Effect::Drop(number) => {
                self.alive.remove(&number);
                self.is_gone(number);
            }
            Effect::Retire(number) => {
                self.seen.swaps += 1;
                self.lives(number, "retire")?;
            }
            Effect::Drain { number, .. } => {
                self.lives(number, "drain")?;
                self.alive.remove(&number);
                holds(self.drained.insert(number), || format!("#{number} is drained twice"))?;
                self.draining.insert(number);
            }
            Effect::Retarget(forward, upstream) => {
                if let Upstream::Guest(number) = upstream {
                    self.lives(number, "retarget")?;
                }
                self.upstreams.insert(forward, upstream);
            }
            Effect::Lend { forward, to, .. } => {
                self.lives(to, "lend")?;
                self.seen.lent += 1;
                let accepts = self.accepts.entry(forward).or_default();
                accepts.remove(&None);
                accepts.insert(Some(to));
            }
            Effect::Reclaim(forward) => {
                self.seen.reclaimed += 1;
                // Who was asked long ago and has not answered is stopped; no other may accept beside us.
                let asked = &self.asked;
                let now = self.now;
                let is_stopped = |number: &Number| {
                    asked
                        .get(number)
                        .is_some_and(|since| now.duration_since(*since) >= RELEASE)
                };
                let accepts = self.accepts.entry(forward).or_default();
                accepts.retain(|owner| !owner.is_some_and(|number| is_stopped(&number)));
                accepts.insert(None);
            }
            Effect::Unforward(forwards) => {
                for forward in forwards {
                    holds(self.ports.remove(&forward).is_some(), || {
                        format!("{forward} is closed twice")
                    })?;
                    self.accepts.remove(&forward);
                    self.upstreams.remove(&forward);
                }
            }
            Effect::Detect(port) => self.detects.push(port),
            Effect::Abort => self.cuts += 1,
            Effect::Exit(exit) => {
                self.exits += 1;
                if let Exit::Guest { number, .. } = exit {
                    self.alive.remove(&number);
                }
            }
            Effect::Wake(forward) | Effect::Announce(forward) => {
                holds(self.ports.contains_key(&forward), || format!("{forward} is not there"))?;
            }
            Effect::LetGo(_)
            | Effect::Close
            | Effect::Ready
            | Effect::Refresh(_)
            | Effect::Say(_)
            | Effect::Unwatch
            | Effect::Terminate => {}
        }
        self.one_owner()
    }

    /// Its listeners are nobody's until somebody takes them.
    fn is_gone(&mut self, number: Number) {
        for accepts in self.accepts.values_mut() {
            accepts.remove(&Some(number));
        }
        self.asked.remove(&number);
    }

    fn one_owner(&self) -> Checked {
        for (forward, accepts) in &self.accepts {
            holds(accepts.len() <= 1, || {
                format!("forward {forward} is accepted by {accepts:?}")
            })?;
        }
        Ok(())
    }

    fn check(&self) -> Checked {
        let is_over = self.exits > 0 || self.state.condition() == super::Condition::Stopping;
        if is_over {
            return Ok(());
        }
        let comes = self.builds || !self.starts.is_empty() || self.state.deadline().is_some();
        for (forward, upstream) in &self.upstreams {
            match upstream {
                Upstream::Guest(number) => {
                    self.lives(*number, "the upstream")?;
                    holds(self.state.serving() == Some(*number), || {
                        format!("forward {forward} leads to #{number}, which does not serve")
                    })?;
                }
                Upstream::Awaited => holds(comes, || format!("forward {forward} waits for nobody"))?,
                Upstream::Nobody => {
                    holds(!self.builds, || {
                        format!("forward {forward} is given up, and one is being built")
                    })?;
                }
            }
            let accepts = self.accepts.get(forward).map_or(0, BTreeSet::len);
            // A generation that was asked has given them back, and then they are ours at once.
            holds(accepts == 1, || format!("nobody accepts for forward {forward}"))?;
        }
        let others = self
            .alive
            .iter()
            .filter(|number| self.state.serving() != Some(**number));
        holds(others.count() <= 1, || format!("{:?} are there", self.alive))?;
        match self.state.serving() {
            Some(number) => self.lives(number, "the serving one"),
            None => Ok(()),
        }
    }

    fn pick(&self, whom: usize) -> Option<Number> {
        let count = self.alive.len();
        self.alive.iter().copied().nth(whom.checked_rem(count)?)
    }

    fn happens(&mut self, what: Happens) -> Checked {
        match what {
            Happens::Answer { well, adopts } => {
                if let Some(number) = self.asked.keys().next().copied() {
                    // It accepts no more, and says so.
                    for accepts in self.accepts.values_mut() {
                        accepts.remove(&Some(number));
                    }
                    self.asked.remove(&number);
                    self.seen.released += 1;
                    return self.says(number, Heard::Released);
                }
                if let Some(port) = self.detects.pop() {
                    return self.adds(port, Source::Detected);
                }
                if self.cuts > 0 {
                    self.cuts -= 1;
                    return self.step(Event::Cut(1));
                }
                if self.starts.is_empty() {
                    return Ok(());
                }
                let number = self.starts.remove(0);
                if well {
                    self.alive.insert(number);
                    return self.step(Event::Started { number, adopts });
                }
                let failure = anyhow!("not started").into();
                match adopts {
                    true => self.step(Event::Stale(number)),
                    false => self.step(Event::NotStarted { number, failure }),
                }
            }
            Happens::Build { well, digest, traits } if std::mem::take(&mut self.builds) => match well {
                true => {
                    let made = self.made(digest, traits);
                    let fits = traits & 8 == 0;
                    self.step(Event::Built { made, fits })
                }
                false => self.step(Event::NotBuilt(anyhow!("not built").into())),
            },
            Happens::Optimize { well, better } if std::mem::take(&mut self.optimizes) => {
                let made = better.then(|| self.made(0, 0));
                match well {
                    true => self.step(Event::Optimized(made)),
                    false => self.step(Event::NotOptimized(anyhow!("not optimized").into())),
                }
            }
            Happens::Build { .. } | Happens::Optimize { .. } => Ok(()),
            Happens::Wait(milliseconds) => {
                self.now += Duration::from_millis(u64::from(milliseconds));
                self.step(Event::Due)
            }
            Happens::Changed => self.step(Event::Changed {
                since: self.now,
                cause: None,
            }),
            Happens::Says { whom, heard } => {
                let Some(number) = self.pick(whom) else { return Ok(()) };
                let heard = match heard {
                    Says::Loaded(kind) => Heard::Loaded(match kind % 3 {
                        0 => Kind::Module,
                        1 => Kind::Command02,
                        _ => Kind::Http02,
                    }),
                    Says::Listens(port) => Heard::Listening((Protocol::Tcp, port)),
                    Says::Closed(port) => {
                        for (forward, on) in &self.ports {
                            if *on == (Protocol::Tcp, port)
                                && self.state.serving() == Some(number)
                                && let Some(accepts) = self.accepts.get_mut(forward)
                            {
                                accepts.remove(&Some(number));
                            }
                        }
                        Heard::Closed(port)
                    }
                    Says::Deaf if self.asked.remove(&number).is_some() => {
                        for accepts in self.accepts.values_mut() {
                            accepts.remove(&Some(number));
                        }
                        Heard::Deaf
                    }
                    Says::Deaf => return Ok(()),
                };
                self.says(number, heard)
            }
            Happens::Ends { whom, how } => {
                let Some(number) = self.pick(whom) else { return Ok(()) };
                let end: End = end(["well", "badly", "trapped"][usize::from(how % 3)]);
                // Dropped by what follows; who has ended accepts nothing.
                self.is_gone(number);
                self.step(Event::Ended { number, end })
            }
            Happens::Probed { well } => match (self.probed.take(), well) {
                (Some(number), true) => self.step(Event::Healthy(number)),
                (Some(number), false) => self.step(Event::Unwell {
                    number,
                    why: String::new(),
                }),
                (None, _) => Ok(()),
            },
            Happens::Drains { whom } => {
                let Some(at) = whom.checked_rem(self.draining.len()) else {
                    return Ok(());
                };
                let Some(number) = self.draining.iter().copied().nth(at) else {
                    return Ok(());
                };
                self.draining.remove(&number);
                self.step(Event::Drained { number, cut: 0 })
            }
            Happens::Adds { port, asked } => {
                let source = if asked { Source::Asked } else { Source::Settings };
                self.adds((Protocol::Tcp, port), source)
            }
            Happens::Removes { whom } => {
                let Some(at) = whom.checked_rem(self.ports.len()) else {
                    return Ok(());
                };
                let Some(id) = self.ports.keys().copied().nth(at) else {
                    return Ok(());
                };
                self.step(Event::Removed(vec![id]))
            }
            Happens::Ruled { restart, auto } => {
                let rules = with(restart, auto);
                self.step(Event::Ruled(Rules {
                    // A session that watches goes on to, and one that does not does not begin.
                    watch: true,
                    ..rules
                }))
            }
            Happens::Restart => self.step(Event::Restart),
            Happens::Silent { whom } => match self.pick(whom) {
                Some(number) => self.step(Event::Silent(number)),
                None => Ok(()),
            },
            Happens::NobodyListens { port } => self.step(Event::NobodyListens {
                port,
                waited: Duration::from_secs(1),
            }),
            Happens::Stop => self.step(Event::Stop { grace: None }),
            Happens::Signal => self.step(Event::Signal(2)),
            Happens::ComesUp { ports } => {
                let Some(number) = self.alive.last().copied() else {
                    return Ok(());
                };
                self.says(number, Heard::Loaded(Kind::Command02))?;
                for (bit, port) in [(1, 3000), (2, 3001), (4, 3002)] {
                    if ports & bit != 0 && self.alive.contains(&number) {
                        self.says(number, Heard::Listening((Protocol::Tcp, port)))?;
                    }
                }
                Ok(())
            }
            Happens::Stray { number, which } => self.stray(number + 1000, which),
        }
    }

    fn says(&mut self, number: Number, heard: Heard) -> Checked {
        self.step(Event::Heard { number, heard })
    }

    fn adds(&mut self, port: Port, source: Source) -> Checked {
        self.last_id += 1;
        let id = self.last_id;
        self.ports.insert(id, port);
        self.accepts.insert(id, [None].into());
        // As it is bound, before it is led anywhere.
        self.upstreams.insert(id, Upstream::Awaited);
        self.step(Event::Added {
            forwards: vec![(id, port)],
            source,
        })
    }

    fn made(&mut self, digest: u8, traits: u8) -> Made {
        self.made += 1;
        Made {
            id: self.made,
            digest: blake3::hash(&[digest % 3]),
            is_program: traits & 1 != 0,
            is_baseline: traits & 2 != 0,
            has_ahead: traits & 4 != 0,
            is_temporary: traits & 2 != 0,
            built: None,
            compiled: None,
        }
    }

    fn stray(&mut self, number: Number, which: u8) -> Checked {
        let failure = || anyhow!("stray").into();
        self.step(match which % 9 {
            0 => Event::Started { number, adopts: true },
            1 => Event::NotStarted {
                number,
                failure: failure(),
            },
            2 => Event::Stale(number),
            3 => Event::Heard {
                number,
                heard: Heard::Released,
            },
            4 => Event::Refused {
                number,
                failure: failure(),
            },
            5 => Event::Ended {
                number,
                end: end("badly"),
            },
            6 => Event::Healthy(number),
            7 => Event::Drained { number, cut: 1 },
            _ => Event::NotLent { forward: 1, number },
        })
    }
}

fn with(restart: u8, auto_forward: bool) -> Rules {
    Rules {
        restart: [Restart::Never, Restart::OnFailure, Restart::Always][usize::from(restart % 3)],
        auto_forward,
        ..rules()
    }
}

fn says() -> impl Strategy<Value = Says> {
    prop_oneof![
        3 => any::<u8>().prop_map(Says::Loaded),
        6 => (3000u16..3003).prop_map(Says::Listens),
        1 => (3000u16..3003).prop_map(Says::Closed),
        1 => Just(Says::Deaf),
    ]
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        12 => (prop::bool::weighted(0.95), prop::bool::weighted(0.7)).prop_map(|(well, adopts)| Happens::Answer { well, adopts }),
        8 => (prop::bool::weighted(0.9), any::<u8>(), any::<u8>())
            .prop_map(|(well, digest, traits)| Happens::Build { well, digest, traits }),
        2 => (any::<bool>(), any::<bool>()).prop_map(|(well, better)| Happens::Optimize { well, better }),
        3 => (0u16..2000).prop_map(Happens::Wait),
        3 => Just(Happens::Changed),
        10 => (0u8..8).prop_map(|ports| Happens::ComesUp { ports: ports | 1 }),
        12 => (any::<usize>(), says()).prop_map(|(whom, heard)| Happens::Says { whom, heard }),
        1 => (any::<usize>(), any::<u8>()).prop_map(|(whom, how)| Happens::Ends { whom, how }),
        2 => prop::bool::weighted(0.8).prop_map(|well| Happens::Probed { well }),
        2 => any::<usize>().prop_map(|whom| Happens::Drains { whom }),
        1 => (3000u16..3003, any::<bool>()).prop_map(|(port, asked)| Happens::Adds { port, asked }),
        1 => any::<usize>().prop_map(|whom| Happens::Removes { whom }),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(restart, auto)| Happens::Ruled { restart, auto }),
        2 => Just(Happens::Restart),
        1 => any::<usize>().prop_map(|whom| Happens::Silent { whom }),
        1 => (3000u16..3003).prop_map(|port| Happens::NobodyListens { port }),
        1 => prop::bool::weighted(0.05).prop_map(|stops| if stops { Happens::Stop } else { Happens::Restart }),
        1 => prop::bool::weighted(0.05).prop_map(|stops| if stops { Happens::Signal } else { Happens::Changed }),
        2 => (any::<u8>(), any::<u8>()).prop_map(|(number, which)| Happens::Stray { number: number.into(), which }),
    ]
}

fn run(seeded: bool, cases: u32, seen: &Cell<Seen>) -> Result<(), TestError<(Rules, Vec<Happens>)>> {
    let rules = (any::<bool>(), any::<bool>(), any::<u8>(), any::<bool>(), any::<bool>());
    let rules = rules.prop_map(|(watch, builds, restart, auto, health)| Rules {
        watch,
        builds,
        health: health.then(|| (3000, "/".to_owned())),
        ..with(restart, auto)
    });
    let config = ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: if seeded { 0 } else { 20_000 },
        ..ProptestConfig::with_cases(cases)
    };
    TestRunner::new(config).run(&(rules, prop::collection::vec(happens(), 0..120)), |(rules, all)| {
        let mut world = World::new(rules);
        world.seen = seen.get();
        world.state.swaps_early = seeded;
        world.step(Event::Begin)?;
        all.into_iter().try_for_each(|what| world.happens(what))?;
        seen.set(world.seen);
        Ok(())
    })
}

#[test]
fn no_order_of_events_breaks_a_promise() {
    let seen = Cell::new(Seen::default());
    if let Err(error) = run(false, CASES, &seen) {
        panic!("{error}");
    }
    let Seen {
        swaps,
        lent,
        released,
        reclaimed,
        restarts,
    } = seen.get();
    let least = swaps.min(lent).min(released).min(reclaimed).min(restarts);
    assert!(least > 1000, "too little has happened: {:?}", seen.get());
}

/// A swap that does not wait for the listeners leaves them with two: the test above would see it.
#[test]
fn a_listener_kept_by_two_is_found() {
    let found = run(true, CASES, &Cell::default())
        .expect_err("the seeded fault was not found")
        .to_string();
    assert!(found.contains("is accepted by"), "{found}");
}
