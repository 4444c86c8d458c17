//! The only landlock(7): a second lock on files and other processes, which holds where a mount or a filter does not.
//!
//! It is about what a process opens, so it also refuses what a read-only mount lets through: to write to a FIFO or a device
//! in it. Kernels without it (before 5.19 it knew of no renames between folders) have the first lock alone.

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, Scope,
};
use std::os::fd::OwnedFd;

/// What the rules below are written for; an older kernel keeps to those of them that it knows.
const KNOWN: ABI = ABI::V6;

/// A file or directory and what may be done in it.
pub(super) struct Place {
    pub(super) held: OwnedFd,
    pub(super) read_only: bool,
}

/// Leaves the calling thread, and those that it starts, these places. Nothing where the kernel cannot.
pub(super) fn leave(places: &[Place]) {
    let written = AccessFs::from_all(KNOWN) & !never();
    let restricted = (|| -> Result<(), RulesetError> {
        let mut rules = begin()?.create()?;
        for Place { held, read_only } in places {
            let access = if *read_only {
                AccessFs::from_read(KNOWN) & written
            } else {
                written
            };
            rules = rules.add_rule(PathBeneath::new(held, access))?;
        }
        end(rules)
    })();
    // The first lock is there.
    let _ = restricted;
}

/// Leaves them nothing, not even a port.
pub(super) fn leave_nothing() {
    let _ = (|| -> Result<(), RulesetError> { end(begin()?.handle_access(AccessNet::from_all(KNOWN))?.create()?) })();
}

/// What no guest does: it runs no program, makes no device, and none of the files by which programs of the host are reached.
fn never() -> BitFlags<AccessFs> {
    AccessFs::Execute
        | AccessFs::MakeBlock
        | AccessFs::MakeChar
        | AccessFs::MakeFifo
        | AccessFs::MakeSock
        | AccessFs::IoctlDev
}

fn begin() -> Result<Ruleset, RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V2))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        .scope(Scope::from_all(KNOWN))
}

fn end(rules: RulesetCreated) -> Result<(), RulesetError> {
    rules.restrict_self().map(drop)
}
