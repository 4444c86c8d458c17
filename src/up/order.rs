//! Who waits for whom, by the links between services.

use std::collections::{BTreeMap, BTreeSet};

/// The links between services: of each those that it connects to. A name that is none of them is nobody.
#[derive(Clone, Debug, Default)]
pub struct Order {
    links: BTreeMap<String, BTreeSet<String>>,
}

impl Order {
    pub fn new(links: BTreeMap<String, BTreeSet<String>>) -> Order {
        Order { links }
    }

    /// Those that have to be there before a service: what it links to, but for those that link back, however far around. They
    /// start together, because connections wait for them.
    pub fn before(&self, name: &str) -> Vec<&str> {
        let linked = self.links.get(name).into_iter().flatten();
        let linked = linked.filter(|other| self.links.contains_key(*other));
        linked
            .filter(|other| !self.reached(other).contains(name))
            .map(String::as_str)
            .collect()
    }

    /// Those that have to be gone before a service.
    pub fn after(&self, name: &str) -> Vec<&str> {
        let all = self.links.keys().map(String::as_str);
        all.filter(|other| self.before(other).contains(&name)).collect()
    }

    /// These and everything that they link to.
    pub fn with_linked<'a>(&'a self, names: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for name in names {
            all.insert(name.to_owned());
            all.extend(self.reached(name).into_iter().map(str::to_owned));
        }
        all
    }

    /// Everything that a service links to, by any number of steps; itself where it is one of them.
    fn reached(&self, name: &str) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut todo = vec![name];
        while let Some(name) = todo.pop() {
            for next in self.links.get(name).into_iter().flatten() {
                if self.links.contains_key(next) && found.insert(next.as_str()) {
                    todo.push(next);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn order(links: &[(&str, &[&str])]) -> Order {
        let of = |(name, to): &(&str, &[&str])| {
            let to = to.iter().map(|to| (*to).to_owned()).collect();
            ((*name).to_owned(), to)
        };
        Order::new(links.iter().map(of).collect())
    }

    #[test]
    fn a_service_waits_for_what_it_links_to() {
        let order = order(&[
            ("web", &["api"]),
            ("api", &["orders", "cache"]),
            ("orders", &[]),
            ("cache", &[]),
        ]);
        assert_eq!(order.before("web"), ["api"]);
        assert_eq!(order.before("api"), ["cache", "orders"]);
        assert_eq!(order.after("orders"), ["api"]);
        assert_eq!(order.after("web"), [""; 0]);
        assert_eq!(
            order.with_linked(["api"]),
            ["api", "cache", "orders"].map(str::to_owned).into()
        );
    }

    #[test]
    fn those_in_a_circle_start_together() {
        let order = order(&[
            ("a", &["b"]),
            ("b", &["c"]),
            ("c", &["a", "d"]),
            ("d", &["d"]),
            ("e", &["a", "gone"]),
        ]);
        assert_eq!(order.before("a"), [""; 0]);
        assert_eq!(order.before("c"), ["d"]);
        assert_eq!(order.before("d"), [""; 0]);
        assert_eq!(order.before("e"), ["a"]);
        assert_eq!(order.after("d"), ["c"]);
    }

    proptest! {
        /// Whatever the links, somebody can always be next, so that everybody comes.
        #[test]
        fn nobody_waits_for_ever(links in prop::collection::vec((0..8_u8, 0..8_u8), 0..30)) {
            let mut all: BTreeMap<String, BTreeSet<String>> = (0..8).map(|name: u8| (name.to_string(), BTreeSet::new())).collect();
            for (from, to) in links {
                all.get_mut(&from.to_string()).unwrap().insert(to.to_string());
            }
            let order = Order::new(all);
            let mut there: BTreeSet<String> = BTreeSet::new();
            while there.len() < 8 {
                let next: Vec<String> = (0..8_u8)
                    .map(|name| name.to_string())
                    .filter(|name| !there.contains(name))
                    .filter(|name| order.before(name).iter().all(|before| there.contains(*before)))
                    .collect();
                prop_assert!(!next.is_empty());
                there.extend(next);
            }
        }
    }
}
