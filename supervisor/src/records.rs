//! A kind of DNS record as the guest's process and as the network have it: neither crate knows the other.

use netns::egress::RecordKind;

/// What a guest asks for.
pub fn kind(asked: runtime::RecordKind) -> RecordKind {
    match asked {
        runtime::RecordKind::Srv => RecordKind::Srv,
        runtime::RecordKind::Txt => RecordKind::Txt,
        runtime::RecordKind::Mx => RecordKind::Mx,
        runtime::RecordKind::Ns => RecordKind::Ns,
        runtime::RecordKind::Cname => RecordKind::Cname,
        runtime::RecordKind::Caa => RecordKind::Caa,
    }
}
