//! Addresses for names that nothing allows to be looked up.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};

/// Names that are remembered to be refused.
const STAND_INS: u16 = 4096;

/// Addresses that stand for names, in 240.0.128.0/17: nobody has them (RFC 1112, class E).
#[derive(Default)]
pub(crate) struct StandIns(VecDeque<String>);

impl StandIns {
    fn place(number: usize) -> Ipv4Addr {
        let number = (number as u16).to_be_bytes();
        Ipv4Addr::new(240, 0, 0x80 | number[0], number[1])
    }

    pub(crate) fn address_of(&mut self, name: &str) -> Ipv4Addr {
        if let Some(number) = self.0.iter().position(|other| other == name) {
            return StandIns::place(number);
        }
        // Nobody needs so many. From then on the last one's place is taken again and again.
        self.0.truncate(usize::from(STAND_INS) - 1);
        self.0.push_back(name.to_owned());
        StandIns::place(self.0.len() - 1)
    }

    pub(crate) fn name_of(&self, address: IpAddr) -> Option<&str> {
        let IpAddr::V4(address) = address else { return None };
        let number = self
            .0
            .iter()
            .enumerate()
            .find(|(number, _)| StandIns::place(*number) == address);
        number.map(|(_, name)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_in_is_known_again_and_they_are_bounded() {
        let mut names = StandIns::default();
        let first = names.address_of("one.example");
        assert_eq!(names.address_of("one.example"), first);
        assert_eq!(names.name_of(first.into()), Some("one.example"));
        for number in 0..10_000 {
            names.address_of(&format!("{number}.example"));
        }
        assert_eq!(names.name_of(first.into()), Some("one.example"));
        let last = names.address_of("9999.example");
        assert_eq!(names.name_of(last.into()), Some("9999.example"));
        assert_eq!(names.name_of(Ipv4Addr::new(10, 0, 128, 0).into()), None);
    }
}
