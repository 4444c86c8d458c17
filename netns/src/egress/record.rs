//! A record of DNS, as guests are told it.

use domain::base::iana::Rtype;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A kind of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RecordKind {
    /// Where a service is (RFC 2782): priority, weight, port, target.
    Srv,
    /// Texts (RFC 1035, 3.3.14): each of the strings.
    Txt,
    /// Who takes mail (RFC 1035, 3.3.9): preference, exchange.
    Mx,
    /// Name servers (RFC 1035, 3.3.11): the name.
    Ns,
    /// The canonical name of an alias (RFC 1035, 3.3.1): the name.
    Cname,
    /// Who may issue certificates (RFC 8659): flags, tag, value.
    Caa,
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rtype().fmt(f)
    }
}

impl RecordKind {
    pub(super) fn rtype(self) -> Rtype {
        match self {
            RecordKind::Srv => Rtype::SRV,
            RecordKind::Txt => Rtype::TXT,
            RecordKind::Mx => Rtype::MX,
            RecordKind::Ns => Rtype::NS,
            RecordKind::Cname => Rtype::CNAME,
            RecordKind::Caa => Rtype::CAA,
        }
    }
}

/// A record's fields, in the order of its kind's RFC. Names have no last dot.
pub type Record = Vec<String>;
