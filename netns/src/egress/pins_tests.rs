//! Tests of [`super::Pins`] and [`super::Synthetic`].

use super::*;
use proptest::prelude::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn pin(name: &str, is_fresh: bool, is_local: bool) -> Pin {
    let name = name.to_owned();
    Pin {
        name,
        is_fresh,
        is_local,
    }
}

fn address(n: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(0x0b00_0000 + u32::try_from(n).unwrap()))
}

#[test]
fn a_pin_is_fresh_for_a_minute() {
    let (mut pins, start) = (Pins::default(), Instant::now());
    let at = |seconds| start + Duration::from_secs(seconds);
    pins.pin("db.example.com", &[ip("192.0.2.7"), ip("2001:db8::7")], false, at(0));
    assert_eq!(pins.of(ip("192.0.2.7"), at(59)), [pin("db.example.com", true, false)]);
    assert_eq!(
        pins.of(ip("::ffff:192.0.2.7"), at(59)),
        [pin("db.example.com", true, false)]
    );
    assert_eq!(
        pins.of(ip("2001:db8::7"), at(60)),
        [pin("db.example.com", false, false)]
    );
    assert_eq!(pins.of(ip("192.0.2.8"), at(0)), []);

    // Another answer: the old one runs out, the new one begins.
    pins.pin("db.example.com", &[ip("192.0.2.9")], false, at(50));
    assert!(pins.of(ip("192.0.2.7"), at(55))[0].is_fresh);
    assert_eq!(
        pins.addresses("db.example.com", at(55)),
        [ip("192.0.2.7"), ip("192.0.2.9"), ip("2001:db8::7")]
    );
    assert_eq!(pins.of(ip("192.0.2.7"), at(70)), [pin("db.example.com", false, false)]);
    assert_eq!(pins.addresses("db.example.com", at(70)), [ip("192.0.2.9")]);

    // The same one again.
    pins.pin("db.example.com", &[ip("192.0.2.9")], false, at(100));
    assert!(pins.of(ip("192.0.2.9"), at(159))[0].is_fresh);
    // A clock that was read before the answer came.
    assert!(pins.of(ip("192.0.2.9"), at(0))[0].is_fresh);
}

#[test]
fn an_address_has_many_names_and_each_says_who_answered() {
    let (mut pins, now) = (Pins::default(), Instant::now());
    pins.pin("a", &[ip("10.0.0.1")], false, now);
    pins.pin("b", &[ip("10.0.0.1")], true, now);
    assert_eq!(
        pins.of(ip("10.0.0.1"), now),
        [pin("b", true, true), pin("a", true, false)]
    );
    // The last answer counts.
    pins.pin("b", &[ip("10.0.0.1")], false, now);
    pins.pin("a", &[ip("10.0.0.1")], true, now);
    assert_eq!(
        pins.of(ip("10.0.0.1"), now),
        [pin("a", true, true), pin("b", true, false)]
    );
}

#[test]
fn the_oldest_go() {
    let (mut pins, now) = (Pins::default(), Instant::now());
    let of_one: Vec<IpAddr> = (0..100).map(address).collect();
    pins.pin("one", &of_one, false, now);
    assert_eq!(pins.addresses("one", now).len(), ADDRESSES);
    pins.pin("one", &[address(500)], false, now);
    let left = pins.addresses("one", now);
    assert!(left.len() == ADDRESSES && left.contains(&address(500)));

    for n in 0..PINS {
        pins.pin(&format!("name{n}"), &[address(1000)], false, now);
    }
    let names = pins.of(address(1000), now);
    assert_eq!((names.len(), names[0].name.as_str()), (PINS, "name4095"));
    assert!(pins.addresses("one", now).is_empty());
    assert_eq!(pins.by_address.len(), 1);
    pins.pin("last", &[address(1), address(2)], false, now);
    let names = pins.of(address(1000), now);
    assert_eq!((names.len(), names[PINS - 3].name.as_str()), (PINS - 2, "name2"));
}

#[test]
fn synthetic_addresses() {
    let mut synthetic = Synthetic::default();
    let a = synthetic.address_of("a.example");
    let b = synthetic.address_of("b.example");
    assert_eq!(a, Ipv4Addr::new(240, 0, 128, 1));
    assert_eq!(
        (synthetic.address_of("a.example"), synthetic.name_of(b)),
        (a, Some("b.example"))
    );
    assert_eq!(synthetic.name_of(HOST), None);
    for (address, wanted) in [
        ("240.0.0.1", true),
        ("240.0.255.255", true),
        ("::ffff:240.0.1.1", true),
        ("240.1.0.0", false),
        ("::1", false),
    ] {
        assert_eq!(is_synthetic(ip(address)), wanted, "{address}");
    }
    // All addresses are used before one comes again, though names are forgotten earlier.
    let mut seen = std::collections::HashSet::from([a, b]);
    for n in 2..0x7fff {
        let address = synthetic.address_of(&format!("n{n}"));
        assert!(
            is_synthetic(address.into()) && address.octets()[2] >= 128 && seen.insert(address),
            "{address}"
        );
    }
    assert_eq!((synthetic.name_of(a), synthetic.by_name.len()), (None, NAMES));
    assert_eq!(synthetic.address_of("again"), a);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    /// Names are asked for at random, some often: each of the last `NAMES` different ones has the address it had, alone.
    #[test]
    fn an_address_is_not_reused_while_its_name_is_recent(asked in prop::collection::vec((0usize..6000, 0usize..50), 9000)) {
        let mut synthetic = Synthetic::default();
        // The step at which each was asked for last, and its address.
        let mut last: Vec<Option<(usize, Ipv4Addr)>> = vec![None; 6050];
        let is_recent = |last: &[Option<(usize, Ipv4Addr)>], since: usize| {
            last.iter().flatten().filter(|(step, _)| *step > since).count() < NAMES
        };
        for (step, (rare, often)) in asked.into_iter().enumerate() {
            let n = if step % 3 == 0 { often } else { 50 + rare };
            let address = synthetic.address_of(&n.to_string());
            if let Some((since, held)) = last[n] {
                prop_assert!(held == address || !is_recent(&last, since));
            }
            last[n] = Some((step, address));
        }
        let mut held = std::collections::HashSet::new();
        for (n, (since, address)) in last.iter().enumerate().filter_map(|(n, last)| Some((n, (*last)?))) {
            let name = n.to_string();
            let is_named = synthetic.name_of(address) == Some(name.as_str());
            prop_assert_eq!(is_named, is_recent(&last, since));
            prop_assert!(!is_named || held.insert(address));
        }
        prop_assert_eq!(held.len(), last.iter().flatten().count().min(NAMES));
    }

    #[test]
    fn pins_are_bounded(asked in prop::collection::vec((0usize..100, 0usize..400, 0usize..80), 300)) {
        let (mut pins, now) = (Pins::default(), Instant::now());
        for (name, first, count) in asked {
            let addresses: Vec<_> = (first..first + count).map(address).collect();
            pins.pin(&name.to_string(), &addresses, false, now);
            prop_assert!(pins.by_address.values().map(Vec::len).sum::<usize>() <= PINS);
            let of_name = pins.addresses(&name.to_string(), now);
            prop_assert!(of_name.len() <= ADDRESSES);
            // What was just answered is there.
            prop_assert!(addresses.iter().take(ADDRESSES).all(|address| of_name.contains(address)));
        }
    }
}
