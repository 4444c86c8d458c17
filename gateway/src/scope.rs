//! What a principal may be granted, and which operation needs what.
//!
//! An operation is looked up in a table, by method and path together. Its scope is a column of that table and is never concluded
//! from the method: opening a tunnel is a GET (Kubernetes' read-only roles could forward by that, KEP-4006).

use http::Method;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// One right. `connect` includes `view`; the others include nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// To see which runs there are and how they are.
    View,
    /// To open connections to the ports of guests.
    Connect,
    /// To read what guests print.
    Logs,
    /// To restart and stop runs, and to change their forwards on the host.
    Manage,
}

/// Text that is no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no scope: `view`, `connect`, `logs` and `manage` are")]
pub struct UnknownScope(String);

impl Scope {
    /// Every scope, from the weakest.
    pub const ALL: [Scope; 4] = [Scope::View, Scope::Connect, Scope::Logs, Scope::Manage];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::View => "view",
            Scope::Connect => "connect",
            Scope::Logs => "logs",
            Scope::Manage => "manage",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Scope, UnknownScope> {
        let found = Scope::ALL.into_iter().find(|scope| scope.as_str() == text);
        found.ok_or_else(|| UnknownScope(text.chars().take(32).collect()))
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Scopes(u8);

impl Scopes {
    /// Every scope.
    pub const ALL: Scopes = Scopes(0b1111);
    /// None.
    pub const NONE: Scopes = Scopes(0);

    /// These, and what they include.
    pub fn of(scopes: impl IntoIterator<Item = Scope>) -> Scopes {
        let bits = scopes.into_iter().fold(0, |bits, scope| bits | scope.bit());
        let includes_view = bits & Scope::Connect.bit() != 0;
        Scopes(bits | if includes_view { Scope::View.bit() } else { 0 })
    }

    /// Whether it is among them.
    pub fn has(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Those of both.
    #[must_use]
    pub fn both(self, other: Scopes) -> Scopes {
        Scopes(self.0 & other.0)
    }
}

impl TryFrom<Vec<String>> for Scopes {
    type Error = UnknownScope;

    fn try_from(texts: Vec<String>) -> Result<Scopes, UnknownScope> {
        let scopes: Result<Vec<Scope>, _> = texts.iter().map(|text| text.parse()).collect();
        scopes.map(Scopes::of)
    }
}

impl From<Scopes> for Vec<String> {
    fn from(scopes: Scopes) -> Vec<String> {
        let held = Scope::ALL.into_iter().filter(|scope| scopes.has(*scope));
        held.map(|scope| scope.as_str().to_owned()).collect()
    }
}

/// Words with commas between them, as `--allow` takes them.
impl FromStr for Scopes {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Scopes, UnknownScope> {
        let words = text.split(',').map(|word| word.trim().to_owned());
        Scopes::try_from(words.collect::<Vec<_>>())
    }
}

/// Something that can be done through the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// The list of runs.
    List,
    /// How a run is.
    State,
    /// A run's counters.
    Metrics,
    /// What a guest prints.
    Logs,
    /// A TCP connection to a port of a guest.
    Connect,
    /// Datagrams to a port of a guest.
    Associate,
    /// A new start of a guest.
    Restart,
    /// The end of a run.
    Stop,
    /// A forward of a run on the host.
    Forward,
    /// The end of one.
    Unforward,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Operation; 10] = [
        Operation::List,
        Operation::State,
        Operation::Metrics,
        Operation::Logs,
        Operation::Connect,
        Operation::Associate,
        Operation::Restart,
        Operation::Stop,
        Operation::Forward,
        Operation::Unforward,
    ];

    /// What it needs.
    pub fn scope(self) -> Scope {
        match self {
            Operation::List | Operation::State | Operation::Metrics => Scope::View,
            Operation::Connect | Operation::Associate => Scope::Connect,
            Operation::Logs => Scope::Logs,
            Operation::Restart | Operation::Stop | Operation::Forward | Operation::Unforward => Scope::Manage,
        }
    }

    /// Whether it opens connections.
    pub fn opens(self) -> bool {
        matches!(self, Operation::Connect | Operation::Associate)
    }

    /// As it is named in the audit.
    pub fn as_str(self) -> &'static str {
        match self {
            Operation::List => "list",
            Operation::State => "state",
            Operation::Metrics => "metrics",
            Operation::Logs => "logs",
            Operation::Connect => "connect",
            Operation::Associate => "associate",
            Operation::Restart => "restart",
            Operation::Stop => "stop",
            Operation::Forward => "forward",
            Operation::Unforward => "unforward",
        }
    }
}

/// What a query string may do to a request of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Query {
    Passed,
    Dropped,
}

/// A request of one run, as the table of the API knows it.
#[derive(Debug, PartialEq, Eq)]
pub struct Asked {
    /// What it is.
    pub operation: Operation,
    /// Path and query below `/v1/` of the run's control socket.
    pub what: String,
}

/// The operation of a method and a path below `/v1/runs/NAME/`. None: there is no such thing.
pub fn of_run(method: &Method, path: &str, query: Option<&str>) -> Option<Asked> {
    let (operation, passes) = match (method.as_str(), path) {
        ("GET", "state") => (Operation::State, Query::Passed),
        ("GET", "metrics") => (Operation::Metrics, Query::Dropped),
        ("GET", "logs") => (Operation::Logs, Query::Passed),
        ("POST", "restart") => (Operation::Restart, Query::Dropped),
        ("POST", "stop") => (Operation::Stop, Query::Dropped),
        ("POST", "forwards") => (Operation::Forward, Query::Dropped),
        ("DELETE", path) => {
            let port = path.strip_prefix("forwards/")?;
            let is_number = port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
            let port: u16 = port.parse().ok().filter(|_| is_number)?;
            let what = format!("forwards/{port}");
            return Some(Asked {
                operation: Operation::Unforward,
                what,
            });
        }
        _ => return None,
    };
    let what = match query {
        Some(query) if passes == Query::Passed => format!("{path}?{query}"),
        _ => path.to_owned(),
    };
    Some(Asked { operation, what })
}

/// Whether a name can be a run's: what an authority of a CONNECT may have, and nothing that is a path.
pub fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
    !name.is_empty() && name.len() <= 255 && name.chars().all(is_plain) && name.chars().any(|c| c != '.')
}

/// Between the name of another machine and that of its run. No run's own name has it.
pub const ELSEWHERE: char = '~';

/// Whether a name is of a run of another machine: `lab~web`.
pub fn is_elsewhere(name: &str) -> bool {
    name.contains(ELSEWHERE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connect_includes_view_and_nothing_includes_manage() {
        assert!(Scopes::of([Scope::Connect]).has(Scope::View));
        assert!(!Scopes::of([Scope::View]).has(Scope::Connect));
        assert!(!Scopes::of([Scope::View, Scope::Connect, Scope::Logs]).has(Scope::Manage));
        assert!(!Scopes::of([Scope::Manage]).has(Scope::View));
        assert_eq!(
            "connect, logs".parse(),
            Ok(Scopes::of([Scope::View, Scope::Connect, Scope::Logs]))
        );
        assert!("connect,all".parse::<Scopes>().is_err());
    }

    #[test]
    fn what_is_not_in_the_table_is_nothing() {
        let asked = |method, path| of_run(&method, path, None).map(|asked| asked.operation);
        assert_eq!(asked(Method::GET, "state"), Some(Operation::State));
        assert_eq!(asked(Method::DELETE, "forwards/8080"), Some(Operation::Unforward));
        for (method, path) in [
            (Method::POST, "state"),
            (Method::HEAD, "state"),
            (Method::GET, "restart"),
            (Method::POST, "down"),
            (Method::GET, "state/"),
            (Method::GET, "../state"),
            (Method::GET, "link"),
            (Method::DELETE, "forwards/x"),
            (Method::DELETE, "forwards/+80"),
            (Method::DELETE, "forwards/99999"),
        ] {
            assert_eq!(asked(method.clone(), path), None, "{method} {path}");
        }
        let query = of_run(&Method::GET, "logs", Some("follow=true")).map(|asked| asked.what);
        assert_eq!(query.as_deref(), Some("logs?follow=true"));
        let query = of_run(&Method::POST, "stop", Some("x=1")).map(|asked| asked.what);
        assert_eq!(query.as_deref(), Some("stop"));
    }

    #[test]
    fn names_are_no_paths() {
        assert!(["web", "a-b_c.d~1"].into_iter().all(is_name));
        let long = "a".repeat(256);
        for name in ["", ".", "..", "a/b", "a%2fb", "a b", "é", &long] {
            assert!(!is_name(name), "{name}");
        }
    }
}
