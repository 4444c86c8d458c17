//! Events and effects as words, so that what follows from what is a table.
//!
//! `built a` is a build of the file `a`; `a~` the same in code that is there soon (baseline, in no cache), `a*` a program that
//! an interpreter runs, `a^` what has something to be made for its next start. `1->#2` sends forward 1's new connections to
//! generation 2.

use super::effect::{Effect, Exit, Say, Upstream, Why};
use super::event::{End, Event, Heard, Made, Port, Rules};
use super::machine::State;
use crate::control::Source;
use crate::settings::choices::Restart;
use anyhow::anyhow;
use netns::Protocol;
use report::Failure;
use runtime::Kind;
use std::time::{Duration, Instant};

pub fn rules() -> Rules {
    Rules {
        watch: false,
        builds: false,
        restart: Restart::Never,
        auto_forward: false,
        connect_timeout: Duration::from_secs(10),
        grace: Duration::from_secs(5),
        health: None,
    }
}

pub fn watched() -> Rules {
    Rules {
        watch: true,
        builds: true,
        ..rules()
    }
}

pub fn restarted(restart: Restart) -> Rules {
    Rules { restart, ..rules() }
}

/// What is called so in a table.
fn made(name: &str) -> Made {
    let traits = &name[1..];
    let id = name.bytes().fold(0, |id, byte| id << 8 | u64::from(byte));
    Made {
        id,
        digest: blake3::hash(&name.as_bytes()[..1]),
        is_program: traits.contains('*'),
        is_baseline: traits.contains('~'),
        has_ahead: traits.contains('^'),
        is_temporary: traits.contains('~'),
        built: None,
        compiled: None,
    }
}

fn name(made: u64) -> String {
    let bytes = made.to_be_bytes().into_iter().filter(|byte| *byte != 0);
    bytes.map(char::from).collect()
}

fn failure() -> Failure {
    anyhow!("it failed").into()
}

pub fn end(how: &str) -> End {
    End {
        code: if how == "well" { 0 } else { 1 },
        is_well: how == "well",
        has_trapped: how == "trapped",
        short: how.to_owned(),
        long: None,
        failure: None,
    }
}

fn port(text: &str) -> Port {
    match text.strip_suffix("/udp") {
        Some(port) => (Protocol::Udp, port.parse().unwrap()),
        None => (Protocol::Tcp, text.parse().unwrap()),
    }
}

/// The event of a line, and how much later it comes.
fn event(text: &str, now: Instant) -> Event {
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |at: usize| words[at].parse::<u64>().unwrap_or_else(|_| panic!("{text}"));
    match words[0] {
        "begin" => Event::Begin,
        "due" => Event::Due,
        "changed" => Event::Changed {
            since: now,
            cause: None,
        },
        "built" => Event::Built {
            made: made(words[1]),
            fits: words.get(2) != Some(&"unfit"),
        },
        "not-built" => Event::NotBuilt(failure()),
        "optimized" => Event::Optimized(words.get(1).map(|name| made(name))),
        "not-optimized" => Event::NotOptimized(failure()),
        "started" => Event::Started {
            number: number(1),
            adopts: words.get(2) == Some(&"adopts"),
        },
        "not-started" => Event::NotStarted {
            number: number(1),
            failure: failure(),
        },
        "stale" => Event::Stale(number(1)),
        "refused" => Event::Refused {
            number: number(1),
            failure: failure(),
        },
        "ended" => Event::Ended {
            number: number(1),
            end: end(words[2]),
        },
        "silent" => Event::Silent(number(1)),
        "healthy" => Event::Healthy(number(1)),
        "unwell" => Event::Unwell {
            number: number(1),
            why: "it is ill".to_owned(),
        },
        "drained" => Event::Drained {
            number: number(1),
            cut: words.get(2).map_or(0, |cut| cut.parse().unwrap()),
        },
        "added" | "asked" | "detected" => Event::Added {
            forwards: vec![(number(1), port(words[2]))],
            source: match words[0] {
                "added" => Source::Settings,
                "asked" => Source::Asked,
                _ => Source::Detected,
            },
        },
        "removed" => Event::Removed(vec![number(1)]),
        "not-lent" => Event::NotLent {
            forward: number(1),
            number: number(2),
        },
        "nobody-listens" => Event::NobodyListens {
            port: words[1].parse().unwrap(),
            waited: Duration::from_secs(10),
        },
        "restart" => Event::Restart,
        "stop" => Event::Stop {
            grace: words.get(1).map(|grace| Duration::from_millis(grace.parse().unwrap())),
        },
        "signal" => Event::Signal(15),
        "cut" => Event::Cut(words[1].parse().unwrap()),
        _ => Event::Heard {
            number: number(0),
            heard: match words[1] {
                "loaded" => Heard::Loaded(match words.get(2) {
                    Some(&"http") => Kind::Http02,
                    Some(&"module") => Kind::Module,
                    _ => Kind::Command02,
                }),
                "listens" => Heard::Listening(port(words[2])),
                "closed" => Heard::Closed(words[2].parse().unwrap()),
                "released" => Heard::Released,
                "deaf" => Heard::Deaf,
                _ => panic!("no event: {text}"),
            },
        },
    }
}

fn shown(effect: &Effect) -> String {
    let upstream = |upstream: &Upstream| match upstream {
        Upstream::Awaited => "awaited".to_owned(),
        Upstream::Nobody => "nobody".to_owned(),
        Upstream::Guest(number) => format!("#{number}"),
    };
    match effect {
        Effect::Build => "build".to_owned(),
        Effect::CancelBuild => "cancel build".to_owned(),
        Effect::Optimize(made) => format!("optimize {}", name(*made)),
        Effect::CancelOptimize => "cancel optimize".to_owned(),
        Effect::LetGo(made) => format!("let go {}", name(*made)),
        Effect::Start { number, made, again } => {
            let again = if *again { " again" } else { "" };
            format!("start #{number} {}{again}", name(*made))
        }
        Effect::Probe { number, .. } => format!("probe #{number}"),
        Effect::Release(number) => format!("release #{number}"),
        Effect::Kill(number) => format!("kill #{number}"),
        Effect::Drop(number) => format!("drop #{number}"),
        Effect::Retire(number) => format!("retire #{number}"),
        Effect::Drain {
            number,
            grace: Duration::MAX,
        } => format!("drain #{number} patiently"),
        Effect::Drain { number, .. } => format!("drain #{number}"),
        Effect::Retarget(forward, to) => format!("{forward}->{}", upstream(to)),
        Effect::Wake(forward) => format!("wake {forward}"),
        Effect::Lend { forward, to, .. } => format!("lend {forward} to #{to}"),
        Effect::Reclaim(forward) => format!("reclaim {forward}"),
        Effect::Announce(forward) => format!("announce {forward}"),
        Effect::Unforward(forwards) => format!("unforward {forwards:?}"),
        Effect::Detect(port) => format!("detect {}", port.1),
        Effect::Close => "close".to_owned(),
        Effect::Ready => "ready".to_owned(),
        Effect::Refresh(number) => format!("refresh {number}"),
        Effect::Say(say) => said(say),
        Effect::Unwatch => "unwatch".to_owned(),
        Effect::Terminate => "terminate".to_owned(),
        Effect::Abort => "abort".to_owned(),
        Effect::Exit(Exit::Code(code)) => format!("exit {code}"),
        Effect::Exit(Exit::Guest { number, .. }) => format!("exit with #{number}"),
        Effect::Exit(Exit::Failed(_)) => "exit failed".to_owned(),
    }
}

fn said(say: &Say) -> String {
    match say {
        Say::Failure(_) => "say failure".to_owned(),
        Say::NotOptimized(_) => "say not optimized".to_owned(),
        Say::TriesAgain(pause) => format!("say again in {}", pause.as_millis()),
        Say::ServesOn(number) => format!("say #{number} serves on"),
        Say::NobodyServes => "say nobody serves".to_owned(),
        Say::Unchanged(number) => format!("say #{number} unchanged"),
        Say::DidNotTakeOver { number, why } => {
            let why = match why {
                Why::Ended(_) => "ended",
                Why::Refused(_) => "refused",
                Why::Unwell(_) => "unwell",
                Why::Overdue(_) => "overdue",
                Why::NotListening(..) => "not listening",
            };
            format!("say #{number} did not take over: {why}")
        }
        Say::Ended { number, next, .. } => format!("say #{number} ended: {next:?}"),
        Say::Reloaded(swap) => format!("say reloaded #{}", swap.number),
        Say::Optimized(swap) => format!("say optimized #{}", swap.number),
        Say::Drained { number, cut } => format!("say #{number} drained, cut {cut}"),
        Say::NoForward => "say no forward".to_owned(),
        Say::NotForwarded(port) => format!("say not forwarded {}", port.1),
        Say::NotListening { port, elsewhere: None } => format!("say not listening {}", port.1),
        Say::NotListening {
            port,
            elsewhere: Some(other),
        } => format!("say not listening {} but {other}", port.1),
        Say::WaitedInVain { port, .. } => format!("say waited in vain {port}"),
        Say::MostDetected(_) => "say most detected".to_owned(),
        Say::Silent { number, .. } => format!("say #{number} silent"),
        Say::StoppedByUser => "say stopped".to_owned(),
        Say::Stopping => "say stopping".to_owned(),
        Say::Cut(cut) => format!("say cut {cut}"),
    }
}

/// Plays a table: each line an event, `|`, and the effects that have to follow. `+500` before an event is so many milliseconds
/// later. Forward 1 leads to port 3000.
#[track_caller]
pub fn play(rules: Rules, table: &str) -> State {
    play_with(rules, &[(1, (Protocol::Tcp, 3000))], table)
}

#[track_caller]
pub fn play_with(rules: Rules, forwards: &[(u64, Port)], table: &str) -> State {
    let mut now = Instant::now();
    let mut state = State::new(rules, forwards.to_vec(), now);
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (left, right) = line.split_once('|').unwrap_or((line, ""));
        let mut left = left.trim();
        if let Some((pause, rest)) = left.strip_prefix('+').and_then(|rest| rest.split_once(' ')) {
            now += Duration::from_millis(pause.parse().unwrap());
            left = rest;
        }
        let effects = state.step(now, event(left, now));
        let effects: Vec<String> = effects.iter().map(shown).collect();
        assert_eq!(effects.join("; "), right.trim(), "after `{left}` in\n{table}");
    }
    state
}
