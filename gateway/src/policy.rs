//! What the administrator, the user and the command line allow, in that order: none allows what one above it forbids.
//!
//! ```text
//!   /etc/wasmrun/hub.toml   a ceiling, root's
//!   ~/.config/.../hub.toml  the user's
//!   flags                   of this hub
//! ```
//!
//! The layers are kept apart, and something is allowed where every layer allows it. So there is no order in which they could be
//! merged wrongly, and a refusal can name the layer that it comes from.

use super::file::{self, Trust};
pub use super::layer::{Layer, Place, PolicyError, Switch, Tls};
use std::path::Path;

/// Most sessions of native clients at once, where no layer says less.
pub const SESSIONS: usize = 64;

/// Something that a layer forbids.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("switched off by {0}")]
pub struct Off(
    /// The layer: the path of its file, or what it is.
    pub String,
);

/// All layers.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Each with where it comes from.
    layers: Vec<(String, Layer)>,
}

impl Policy {
    /// What all of these allow together; their order decides only which of several is named.
    pub fn merge(layers: Vec<(String, Layer)>) -> Policy {
        Policy { layers }
    }

    /// Nothing is allowed, because of `why`.
    pub fn closed(why: String) -> Policy {
        let layer = Layer {
            hub: Some(false),
            ..Layer::default()
        };
        Policy {
            layers: vec![(why, layer)],
        }
    }

    /// Reads one file; none where there is none.
    ///
    /// # Errors
    ///
    /// It is there, and cannot be read, trusted or understood.
    pub fn read(path: &Path, trust: &Trust) -> Result<Option<(String, Layer)>, PolicyError> {
        let Some(text) = file::read_text(path, trust)? else {
            return Ok(None);
        };
        Ok(Some((path.display().to_string(), Layer::parse(&text, path)?)))
    }

    fn all(&self, allows: impl Fn(&Layer) -> bool) -> Result<(), Off> {
        let forbids = self.layers.iter().find(|(_, layer)| !allows(layer));
        forbids.map_or(Ok(()), |(origin, _)| Err(Off(origin.clone())))
    }

    /// Whether a switch is on.
    ///
    /// # Errors
    ///
    /// It is not, or nothing is.
    pub fn switch(&self, switch: Switch) -> Result<(), Off> {
        self.all(|layer| layer.switch(Switch::Hub) && layer.switch(switch))
    }

    /// Whether a run may be seen and reached.
    ///
    /// # Errors
    ///
    /// It may not.
    pub fn run(&self, name: &str) -> Result<(), Off> {
        self.all(|layer| layer.runs.has(name))
    }

    /// Whether connections may go to a port.
    ///
    /// # Errors
    ///
    /// They may not.
    pub fn port(&self, port: u16) -> Result<(), Off> {
        self.all(|layer| layer.ports.has(port))
    }

    /// Whether there may be a listener.
    ///
    /// # Errors
    ///
    /// There may not.
    pub fn place(&self, place: Place) -> Result<(), Off> {
        self.all(|layer| {
            let places = layer.bind.as_ref();
            places.is_none_or(|places| places.iter().any(|mine| mine.includes(place)))
        })
    }

    /// Whether a TCP listener without TLS may be on loopback.
    ///
    /// # Errors
    ///
    /// It may not.
    pub fn plain(&self) -> Result<(), Off> {
        self.all(|layer| layer.tls != Some(Tls::Required))
    }

    /// Most sessions of native clients at once.
    pub fn most_sessions(&self) -> usize {
        let most = self.layers.iter().filter_map(|(_, layer)| layer.max_sessions).min();
        most.unwrap_or(SESSIONS).min(SESSIONS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grants::{Names, Ports};
    use proptest::prelude::*;

    fn layers() -> impl Strategy<Value = Layer> {
        let switch = || proptest::option::of(any::<bool>());
        let ports = proptest::option::of((1u16..20, 0u16..20));
        let names = proptest::option::of(proptest::collection::vec("[ab*]{1,2}", 0..3));
        let place = prop_oneof![
            Just(Place::Loopback),
            Just(Place::Unix),
            Just(Place::Any),
            Just(Place::Address([10, 0, 0, 1].into())),
        ];
        let bind = proptest::option::of(proptest::collection::vec(place, 0..3));
        let switches = (switch(), switch(), switch(), switch(), switch(), switch());
        (
            switches,
            ports,
            names,
            bind,
            any::<bool>(),
            proptest::option::of(0usize..100),
        )
            .prop_map(|(switches, ports, names, bind, tls, max_sessions)| Layer {
                hub: switches.0,
                tunnel: switches.1,
                browser: switches.2,
                kohaku: switches.3,
                manage: switches.4,
                logs: switches.5,
                bind,
                ports: ports.map_or(Ports::ALL, |(first, more)| {
                    Ports::new([format!("{first}-{}", first + more).as_str()]).unwrap()
                }),
                runs: names.map_or(Names::ALL, |names| Names::new(names).unwrap()),
                tls: tls.then_some(Tls::Required),
                max_sessions,
            })
    }

    proptest! {
        #[test]
        fn nothing_is_allowed_that_one_layer_forbids(
            list in proptest::collection::vec(layers(), 0..4),
            run in "[ab]{1,2}",
            port in 1u16..45,
            first in any::<u8>(),
        ) {
            let named: Vec<_> = list.iter().enumerate().map(|(i, layer)| (format!("layer {i}"), layer.clone())).collect();
            let policy = Policy::merge(named.clone());
            let each: Vec<Policy> = named.iter().map(|layer| Policy::merge(vec![layer.clone()])).collect();
            for switch in Switch::ALL {
                prop_assert_eq!(policy.switch(switch).is_ok(), each.iter().all(|one| one.switch(switch).is_ok()));
                if list.iter().any(|layer| layer.hub == Some(false)) {
                    prop_assert!(policy.switch(switch).is_err());
                }
            }
            prop_assert_eq!(policy.run(&run).is_ok(), list.iter().all(|layer| layer.runs.has(&run)));
            prop_assert_eq!(policy.port(port).is_ok(), list.iter().all(|layer| layer.ports.has(port)));
            prop_assert_eq!(policy.plain().is_ok(), list.iter().all(|layer| layer.tls.is_none()));
            for place in [Place::Unix, Place::Address([127, 0, 0, 1].into()), Place::Address([10, 0, 0, first % 3].into())] {
                prop_assert_eq!(policy.place(place).is_ok(), each.iter().all(|one| one.place(place).is_ok()));
            }
            let least = list.iter().filter_map(|layer| layer.max_sessions).min().unwrap_or(SESSIONS);
            prop_assert_eq!(policy.most_sessions(), least.min(SESSIONS));
        }

        #[test]
        fn a_further_layer_allows_nothing_more(
            list in proptest::collection::vec(layers(), 0..3),
            further in layers(),
            run in "[ab]{1,2}",
            port in 1u16..45,
        ) {
            let mut named: Vec<_> = list.into_iter().map(|layer| (String::new(), layer)).collect();
            let before = Policy::merge(named.clone());
            named.push((String::new(), further));
            let after = Policy::merge(named);
            for switch in Switch::ALL {
                prop_assert!(before.switch(switch).is_ok() || after.switch(switch).is_err());
            }
            prop_assert!(before.run(&run).is_ok() || after.run(&run).is_err());
            prop_assert!(before.port(port).is_ok() || after.port(port).is_err());
            prop_assert!(after.most_sessions() <= before.most_sessions());
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
            let _ = Layer::parse(&text, Path::new("hub.toml"));
        }
    }

    #[test]
    fn the_layer_that_forbids_is_named() {
        let off = |text| Layer::parse(text, Path::new("x")).unwrap();
        let policy = Policy::merge(vec![
            (
                "/etc/wasmrun/hub.toml".into(),
                off("manage = false\nbind = [\"loopback\"]"),
            ),
            (
                "hub.toml".into(),
                off("manage = false\nlogs = false\nports = [80, \"3000-3001\"]"),
            ),
        ]);
        let said = |result: Result<(), Off>| result.map_err(|off| off.to_string());
        assert_eq!(
            said(policy.switch(Switch::Manage)),
            Err("switched off by /etc/wasmrun/hub.toml".into())
        );
        assert_eq!(
            said(policy.switch(Switch::Logs)),
            Err("switched off by hub.toml".into())
        );
        assert_eq!(said(policy.switch(Switch::Tunnel)), Ok(()));
        assert_eq!((said(policy.port(80)), said(policy.port(3001))), (Ok(()), Ok(())));
        assert!(policy.port(3002).is_err());
        assert!(policy.place(Place::Address([127, 0, 0, 2].into())).is_ok());
        assert!(policy.place(Place::Unix).is_err());
    }

    #[test]
    fn what_is_misspelt_is_an_error_with_its_line() {
        let error = Layer::parse("hub = true\n\ntunel = false\n", Path::new("/etc/wasmrun/hub.toml")).unwrap_err();
        let said = error.to_string();
        assert!(
            said.starts_with("/etc/wasmrun/hub.toml:3: unknown field `tunel`"),
            "{said}"
        );
        for wrong in [
            "hub = 1",
            "tls = \"no\"",
            "bind = [\"lo\"]",
            "ports = [\"x\"]",
            "runs = [\"[\"]",
            "max-sessions = -1",
        ] {
            let said = Layer::parse(wrong, Path::new("f")).unwrap_err().to_string();
            assert!(said.starts_with("f:1: "), "{said}");
        }
    }
}
