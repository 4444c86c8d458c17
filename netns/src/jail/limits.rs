//! The only setrlimit(2): what a process may use of the machine at most, and in which order they end where its memory does.

#![expect(clippy::disallowed_methods, reason = "the one door of setrlimit(2)")]

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;

/// Processes and threads of a jail, where a plan names no number: more than a runtime ever has (tokio's pool for calls that
/// wait has 512), and what cannot be told from a fork bomb from outside.
pub const TASKS: u64 = 1024;
/// The kernel takes no lower highest number (kernel/pid.c, `RESERVED_PIDS`).
const LEAST_PID_MAX: u64 = 301;
/// How much sooner than its parent a guest's process is ended where the machine's memory ends (`oom_score_adj`, proc(5)), and
/// a compiler: before the terminal, the editor and the supervisor that starts them again.
pub(super) const GUEST: i32 = 500;
pub(super) const COMPILER: i32 = 300;

/// A limit that could not be set.
#[derive(Debug, thiserror::Error)]
#[error("cannot set a resource limit")]
pub struct LimitError(#[from] io::Error);

impl From<rustix::io::Errno> for LimitError {
    fn from(errno: rustix::io::Errno) -> LimitError {
        LimitError(errno.into())
    }
}

/// No core dump: it would put the guest's memory onto the host's disk. One byte is no room for one, and tells the kernel to
/// start no handler either, which a limit of zero does not (core(5), "Piping core dumps to a program").
pub(super) fn no_core_dumps() -> Result<(), LimitError> {
    let maximum = getrlimit(Resource::Core).maximum;
    let one = Some(maximum.unwrap_or(1).min(1));
    set(Resource::Core, one)
}

/// Memory for data, in bytes; what is inherited may be less.
pub(super) fn data(most: u64) -> Result<(), LimitError> {
    set(Resource::Data, Some(lower(Resource::Data, most)))
}

/// Bounds the threads of a guest's process. They are counted for each user in each user namespace since Linux 5.14
/// (kernel/ucount.c); before, for all that a user runs, which is no measure of a guest.
pub(super) fn tasks(most: u64) -> Result<(), LimitError> {
    if is_since(5, 14) {
        set(Resource::Nproc, Some(lower(Resource::Nproc, most)))?;
    }
    Ok(())
}

/// The same for all of the calling process's pid namespace. The limit on threads is none for root (`copy_process`,
/// kernel/fork.c), but there is a highest number, which the namespaces have of their own since Linux 6.14
/// (kernel/pid_namespace.c); before, it is the host's. Others than root may not set it.
pub(super) fn tasks_of_root(most: u64) {
    if is_since(6, 14) && rustix::process::geteuid().is_root() {
        let _ = std::fs::write("/proc/sys/kernel/pid_max", most.max(LEAST_PID_MAX).to_string());
    }
}

/// Has the calling process ended this much sooner than what has started it, or as soon as can be.
pub(super) fn end_sooner(by: i32) {
    let file = "/proc/self/oom_score_adj";
    let inherited = std::fs::read_to_string(file)
        .ok()
        .and_then(|text| text.trim().parse::<i32>().ok());
    // Whoever has no /proc to write to is ended as its parent is.
    let _ = std::fs::write(file, inherited.unwrap_or(0).saturating_add(by).min(1000).to_string());
}

fn lower(resource: Resource, most: u64) -> u64 {
    let inherited = getrlimit(resource);
    let least = [inherited.current, inherited.maximum].into_iter().flatten().min();
    least.unwrap_or(most).min(most)
}

fn set(resource: Resource, most: Option<u64>) -> Result<(), LimitError> {
    let limit = Rlimit {
        current: most,
        maximum: most,
    };
    Ok(setrlimit(resource, limit)?)
}

/// Whether the kernel is of this version or later.
fn is_since(major: u32, minor: u32) -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release
        .split(['.', '-'])
        .map_while(|number| number.trim().parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(major), Some(minor))
}
