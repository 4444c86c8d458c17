//! How far a right goes: which scopes, which runs, which ports.

use super::scope::Scopes;
use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Most patterns, and most ranges of ports, in one list.
const MOST: usize = 64;
/// Longest pattern, in bytes: no name is longer.
const LONGEST: usize = 255;

/// Why a list of patterns or ports is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGrant {
    /// A pattern that is none.
    #[error("`{0}` is no pattern of names: {1}")]
    Pattern(String, String),
    /// Text that is no port and no range of ports.
    #[error("`{0}` is no port and no range of ports, which are `3000` and `3000-3999`")]
    Ports(String),
    /// A list that is too long.
    #[error("the list has more than {MOST} entries")]
    Long,
}

/// Names of runs, by patterns (`web*`). Without a list: every name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Names(Option<(Vec<String>, GlobSet)>);

impl Names {
    /// Every name.
    pub const ALL: Names = Names(None);

    /// Names that one of the patterns matches; an empty list matches none.
    ///
    /// # Errors
    ///
    /// One is no pattern, or there are too many.
    pub fn new(patterns: Vec<String>) -> Result<Names, InvalidGrant> {
        if patterns.len() > MOST {
            return Err(InvalidGrant::Long);
        }
        let wrong = |pattern: &str, why: String| InvalidGrant::Pattern(pattern.chars().take(40).collect(), why);
        let mut set = GlobSetBuilder::new();
        for pattern in &patterns {
            if pattern.len() > LONGEST {
                return Err(wrong(pattern, "it is too long".into()));
            }
            let glob = Glob::new(pattern).map_err(|error| wrong(pattern, error.kind().to_string()))?;
            set.add(glob);
        }
        let set = set.build().map_err(|error| wrong("", error.kind().to_string()))?;
        Ok(Names(Some((patterns, set))))
    }

    /// Whether a name is among them.
    pub fn has(&self, name: &str) -> bool {
        self.0.as_ref().is_none_or(|(_, set)| set.is_match(name))
    }

    /// Whether it is every name.
    pub fn is_all(&self) -> bool {
        self.0.is_none()
    }
}

impl PartialEq for Names {
    fn eq(&self, other: &Names) -> bool {
        let patterns = |names: &Names| names.0.as_ref().map(|(patterns, _)| patterns.clone());
        patterns(self) == patterns(other)
    }
}

impl TryFrom<Vec<String>> for Names {
    type Error = InvalidGrant;

    fn try_from(patterns: Vec<String>) -> Result<Names, InvalidGrant> {
        Names::new(patterns)
    }
}

impl From<Names> for Vec<String> {
    fn from(names: Names) -> Vec<String> {
        names.0.map(|(patterns, _)| patterns).unwrap_or_default()
    }
}

/// Ports of guests. Without a list: every port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<PortText>", into = "Vec<String>")]
pub struct Ports(Option<Vec<RangeInclusive<u16>>>);

/// As a file has it: `3000` or `"3000-3999"`.
#[derive(Deserialize)]
#[serde(untagged)]
enum PortText {
    Number(u16),
    Text(String),
}

impl Ports {
    /// Every port.
    pub const ALL: Ports = Ports(None);

    /// These ranges; an empty list has none.
    ///
    /// # Errors
    ///
    /// One is no range, or there are too many.
    pub fn new<'a>(ranges: impl IntoIterator<Item = &'a str>) -> Result<Ports, InvalidGrant> {
        let ranges: Vec<_> = ranges.into_iter().map(range).collect::<Result<_, _>>()?;
        match ranges.len() > MOST {
            true => Err(InvalidGrant::Long),
            false => Ok(Ports(Some(ranges))),
        }
    }

    /// Whether a port is among them.
    pub fn has(&self, port: u16) -> bool {
        let ranges = self.0.as_ref();
        ranges.is_none_or(|ranges| ranges.iter().any(|range| range.contains(&port)))
    }

    /// Whether it is every port.
    pub fn is_all(&self) -> bool {
        self.0.is_none()
    }
}

fn range(text: &str) -> Result<RangeInclusive<u16>, InvalidGrant> {
    let wrong = || InvalidGrant::Ports(text.chars().take(40).collect());
    let port = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|port| is_number && *port > 0)
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (Some(first), Some(last)) = (port(first), port(last)) else {
        return Err(wrong());
    };
    (first <= last).then_some(first..=last).ok_or_else(wrong)
}

/// Ranges with commas between them, as `--port` takes them.
impl FromStr for Ports {
    type Err = InvalidGrant;

    fn from_str(text: &str) -> Result<Ports, InvalidGrant> {
        Ports::new(text.split(',').map(str::trim))
    }
}

impl TryFrom<Vec<PortText>> for Ports {
    type Error = InvalidGrant;

    fn try_from(list: Vec<PortText>) -> Result<Ports, InvalidGrant> {
        let texts: Vec<String> = list
            .into_iter()
            .map(|port| match port {
                PortText::Number(port) => port.to_string(),
                PortText::Text(text) => text,
            })
            .collect();
        Ports::new(texts.iter().map(String::as_str))
    }
}

impl From<Ports> for Vec<String> {
    fn from(ports: Ports) -> Vec<String> {
        let ranges = ports.0.unwrap_or_default().into_iter();
        ranges
            .map(|range| match range.start() == range.end() {
                true => range.start().to_string(),
                false => format!("{}-{}", range.start(), range.end()),
            })
            .collect()
    }
}

/// What somebody may, before the policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grants {
    /// Which operations.
    #[serde(rename = "allow")]
    pub scopes: Scopes,
    /// On which runs.
    #[serde(default, skip_serializing_if = "Names::is_all")]
    pub runs: Names,
    /// To which of their ports.
    #[serde(default, skip_serializing_if = "Ports::is_all")]
    pub ports: Ports,
}

impl Grants {
    /// Everything: the user that the runs belong to.
    pub const ALL: Grants = Grants {
        scopes: Scopes::ALL,
        runs: Names::ALL,
        ports: Ports::ALL,
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_and_ports_are_what_the_lists_say() {
        let names = Names::new(vec!["web*".into(), "db".into()]).unwrap();
        assert!(names.has("web-1") && names.has("db"));
        assert!(!names.has("db1") && !names.has("aweb"));
        assert!(
            !Names::new(Vec::new()).unwrap().has("web"),
            "an empty list is no wildcard"
        );
        let ports: Ports = "3000-3999, 8080".parse().unwrap();
        assert!(ports.has(3000) && ports.has(3999) && ports.has(8080));
        assert!(!ports.has(4000) && !ports.has(2999));
        for wrong in ["", "0", "5-3", "3000-", "-1", "+80", "70000", "a"] {
            assert!(wrong.parse::<Ports>().is_err(), "{wrong}");
        }
        assert!(Names::new(vec!["[".into()]).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_a_list_panic(text in ".{0,300}", name in "[a-z~.*]{0,20}") {
            if let Ok(names) = Names::new(vec![text.clone()]) {
                let _ = names.has(&name);
            }
            if let Ok(ports) = text.parse::<Ports>() {
                let again: Vec<String> = ports.clone().into();
                prop_assert_eq!(Ports::new(again.iter().map(String::as_str)), Ok(ports));
            }
        }
    }
}
