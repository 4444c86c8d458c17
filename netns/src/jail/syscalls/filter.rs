//! The only seccomp(2): the system calls that are left to a guest's process, and to those beside it.
//!
//! It is what wasmtime, WASI's files, clocks and sockets, tokio and libc need, and no more. All else answers ENOSYS, as
//! if the kernel did not have it, which libraries know how to live with. Namespaces bound what the calls that are here can
//! reach; what is not here is the rest of the kernel: new processes and programs, other processes, mounts, modules, bpf(2),
//! io_uring, keys, performance counters, and sockets of the families that no network namespace confines (AF_VSOCK).

#![expect(clippy::disallowed_methods, reason = "the one door of filters")]

use super::error::FilterError;
use super::notify;
use crate::jail::role::{BROKERED, Role};
use nix::libc;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

/// What a process may do with sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sockets {
    /// It connects, binds and listens, in the namespace that it is in.
    #[default]
    Own,
    /// It uses those that it is given. A TCP socket stays in the namespace that it was made in, and any of them, also one
    /// that was listening or connected, can be taken back to where it began (connect(2) with AF_UNSPEC, shutdown(2)): who
    /// could connect, bind or listen with one of the host's would stand in the host's network. So would who sends with
    /// MSG_FASTOPEN, which connects (tcp(7)). What others share with it stays as it is, too: options of a socket (bound to
    /// another device a listener is lost to its owner), and O_NONBLOCK, on which its owner relies.
    Given,
    /// Both: it makes sockets of its own, and may be given the host's. As with those that are given, but init connects,
    /// binds, listens and sets options in its place, for sockets of the namespace that it is in ([`super::Broker`]).
    Brokered,
}

/// What a process may do with files of the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Files {
    /// It reads them. Where it can make none openat2(2) does no harm, and is the way in which the runtime finds a file with
    /// one call.
    #[default]
    Read,
    /// It makes and changes them, and locks parts of them. openat2(2) has the mode of a new file in memory, where a filter cannot
    /// look, so it is not there; the runtime then goes from folder to folder.
    Written,
}

/// What a process is left with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Powers {
    /// Over sockets.
    pub sockets: Sockets,
    /// Over files.
    pub files: Files,
}

/// Calls that are there whatever their arguments.
const PLAIN: &[libc::c_long] = &[
    // Memory and threads.
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_get_robust_list,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mincore,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_rseq,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    // Itself, its end and its signals. `tgkill` reaches what it sees: its own process, and init, which ignores it.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_gettid,
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_sysinfo,
    libc::SYS_tgkill,
    libc::SYS_uname,
    // Clocks.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_nanosleep,
    // Waiting.
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    // Descriptors and files.
    libc::SYS_close,
    libc::SYS_copy_file_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fadvise64,
    libc::SYS_fallocate,
    libc::SYS_fdatasync,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_linkat,
    libc::SYS_lseek,
    libc::SYS_mkdirat,
    libc::SYS_newfstatat,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_symlinkat,
    libc::SYS_sync_file_range,
    libc::SYS_unlinkat,
    libc::SYS_utimensat,
    libc::SYS_write,
    libc::SYS_writev,
    // Sockets, once they are there.
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_recvfrom,
    libc::SYS_recvmmsg,
    libc::SYS_recvmsg,
    libc::SYS_shutdown,
];

/// How a socket gets its place in the network.
const BEGINNING: &[libc::c_long] = &[libc::SYS_bind, libc::SYS_connect, libc::SYS_listen];
/// Calls that make a file or change its mode, and which of their arguments has the mode. A set-user-id or set-group-id bit
/// would outlive the guest on the host, where the file has the owner who ran it (the model is `RestrictSUIDSGID=` of
/// systemd.exec(5)); mkdir(2) takes neither.
const MODES: &[(libc::c_long, u8)] = &[
    (libc::SYS_openat, 3),
    (libc::SYS_fchmod, 1),
    (libc::SYS_fchmodat, 2),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, 2),
];
/// What fcntl(2) is used for, besides F_SETFL. Locks and leases are not: they would hold up programs of the host, also on
/// what can only be read. Who may change files of the host may lock them ([`LOCKS`]).
const DESCRIPTOR: [libc::c_int; 5] = [
    libc::F_DUPFD,
    libc::F_DUPFD_CLOEXEC,
    libc::F_GETFD,
    libc::F_SETFD,
    libc::F_GETFL,
];
/// Locks of SQLite's, by which it and programs of the host write to one database. None of them waits.
const LOCKS: [libc::c_int; 2] = [libc::F_GETLK, libc::F_SETLK];
/// Calls that send, and which of their arguments has the flags.
const SENDING: [(libc::c_long, u8); 3] = [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2), (libc::SYS_sendmmsg, 3)];

/// Older forms of the same, where the processor's first ABI has them.
#[cfg(target_arch = "x86_64")]
const OLD: &[libc::c_long] = &[
    libc::SYS_access,
    libc::SYS_dup2,
    libc::SYS_epoll_wait,
    libc::SYS_lstat,
    libc::SYS_mkdir,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_rmdir,
    libc::SYS_select,
    libc::SYS_stat,
    libc::SYS_time,
    libc::SYS_unlink,
];
#[cfg(not(target_arch = "x86_64"))]
const OLD: &[libc::c_long] = &[];

/// Limits the calling thread and those that it starts. They need `no_new_privs`. What is returned is where brokered calls
/// come in, for init.
pub(in crate::jail) fn install(powers: Powers) -> Result<Option<OwnedFd>, FilterError> {
    let brokered = match powers.sockets {
        Sockets::Brokered => Some(notify::install(&asking()?)?),
        Sockets::Own | Sockets::Given => None,
    };
    leave(rules(powers)?)?;
    Ok(brokered)
}

/// The same for a process that runs no guest.
pub(in crate::jail) fn install_for(role: Role) -> Result<(), FilterError> {
    let mut rules: Rules = role.calls().into_iter().map(|call| (call, vec![])).collect();
    match role {
        Role::Keeper => {}
        Role::Init => {
            rules.insert(libc::SYS_socket, internet()?);
            let requests = [libc::SECCOMP_IOCTL_NOTIF_RECV, libc::SECCOMP_IOCTL_NOTIF_SEND];
            rules.insert(libc::SYS_ioctl, any_of(1, &requests)?);
        }
        Role::Compiler => {
            rules.insert(libc::SYS_clone, threads()?);
            rules.insert(libc::SYS_prctl, names()?);
            // Its own priority alone (nice(3)).
            for call in [libc::SYS_getpriority, libc::SYS_setpriority] {
                let own = vec![
                    condition(0, SeccompCmpOp::Eq, u64::from(libc::PRIO_PROCESS))?,
                    condition(1, SeccompCmpOp::Eq, 0)?,
                ];
                rules.insert(call, vec![SeccompRule::new(own)?]);
            }
        }
    }
    leave(rules)
}

/// Calls that give a file a mode, and which argument has it. Those that open files have flags before it, by which it counts.
const BUILD_MODES: &[(libc::c_long, u8)] = &[
    (libc::SYS_fchmod, 1),
    (libc::SYS_fchmodat, 2),
    (libc::SYS_mkdirat, 2),
    (libc::SYS_mknodat, 2),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_chmod, 1),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_creat, 1),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_mkdir, 1),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_mknod, 1),
];
const BUILD_OPENS: &[(libc::c_long, u8)] = &[
    (libc::SYS_openat, 2),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, 1),
];
/// What no build needs: keys of the session, programs for the kernel, and ways to do what is filtered here that no filter
/// can read, because the arguments are in memory.
const NO_BUILDS: &[libc::c_long] = &[
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_fchmodat2,
    libc::SYS_io_uring_setup,
    libc::SYS_keyctl,
    libc::SYS_openat2,
    libc::SYS_perf_event_open,
    libc::SYS_request_key,
    libc::SYS_userfaultfd,
];

/// Leaves a build all calls but a few: it makes no file with a set-user-id or set-group-id bit, which would be the host's (as
/// `RestrictSUIDSGID=`, systemd.exec(5)).
pub(in crate::jail) fn install_for_builds() -> Result<(), FilterError> {
    let bits = [libc::S_ISUID, libc::S_ISGID].map(u64::from);
    let mut modes = Rules::new();
    for (call, mode) in BUILD_MODES {
        let has = |bit: &u64| when(*mode, SeccompCmpOp::MaskedEq(*bit), *bit);
        modes.insert(*call, bits.iter().map(has).collect::<Result<_, _>>()?);
    }
    let creates = libc::O_CREAT as u64;
    for (call, flags) in BUILD_OPENS {
        let has = |bit: &u64| {
            SeccompRule::new(vec![
                condition(*flags, SeccompCmpOp::MaskedEq(creates), creates)?,
                condition(*flags + 1, SeccompCmpOp::MaskedEq(*bit), *bit)?,
            ])
        };
        modes.insert(*call, bits.iter().map(has).collect::<Result<_, _>>()?);
    }
    let refused = compiled(modes, SeccompAction::Allow, SeccompAction::Errno(libc::EPERM as u32))?;
    let others = NO_BUILDS.iter().map(|call| (*call, vec![])).collect();
    let not_there = compiled(others, SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32))?;
    seccompiler::apply_filter(&refused)?;
    Ok(seccompiler::apply_filter(&not_there)?)
}

/// What each call is allowed with: any of these, or whatever it is called with where there are none.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Leaves the calling thread, and those that it starts, these calls.
fn leave(rules: Rules) -> Result<(), FilterError> {
    let not_there = SeccompAction::Errno(libc::ENOSYS as u32);
    let program = compiled(rules, not_there, SeccompAction::Allow)?;
    Ok(seccompiler::apply_filter(&program)?)
}

fn compiled(rules: Rules, others: SeccompAction, these: SeccompAction) -> Result<BpfProgram, FilterError> {
    let architecture = std::env::consts::ARCH.try_into().map_err(FilterError::from)?;
    Ok(SeccompFilter::new(rules, others, these, architecture)?.try_into()?)
}

/// Has the calling thread's brokered calls wait, for nobody: whether that can be done at all.
pub(in crate::jail) fn try_asking() -> Result<(), FilterError> {
    notify::install(&asking()?).map(drop)
}

/// A filter by which brokered calls wait for an answer. Of two filters the stricter answer counts (seccomp(2)), so this one
/// says of no call that it is allowed which the other refuses.
fn asking() -> Result<BpfProgram, FilterError> {
    let rules = BROKERED.map(|call| (call, vec![])).into();
    let mut program = compiled(rules, SeccompAction::Allow, SeccompAction::Trace(0))?;
    // The library has no name for this action. Tracing is used for nothing else.
    for instruction in &mut program {
        let returns = u32::from(instruction.code) == libc::BPF_RET | libc::BPF_K;
        if returns && instruction.k == libc::SECCOMP_RET_TRACE {
            instruction.k = libc::SECCOMP_RET_USER_NOTIF;
        }
    }
    Ok(program)
}

fn rules(powers: Powers) -> Result<Rules, BackendError> {
    let Powers { sockets, files } = powers;
    let mut rules: Rules = [PLAIN, OLD].concat().into_iter().map(|call| (call, vec![])).collect();
    match sockets {
        Sockets::Own => {
            let all = [BEGINNING, &[libc::SYS_setsockopt], &SENDING.map(|(call, _)| call)].concat();
            rules.extend(all.into_iter().map(|call| (call, vec![])));
        }
        Sockets::Given | Sockets::Brokered => {
            let plainly = SeccompCmpOp::MaskedEq(libc::MSG_FASTOPEN as u64);
            for (call, flags) in SENDING {
                rules.insert(call, vec![when(flags, plainly.clone(), 0)?]);
            }
            if sockets == Sockets::Brokered {
                rules.extend(BROKERED.map(|call| (call, vec![])));
            }
        }
    }
    let mut fcntl = any_of(1, &DESCRIPTOR.map(|command| command as u64))?;
    if files == Files::Written {
        fcntl.extend(any_of(1, &LOCKS.map(|command| command as u64))?);
    }
    // O_ASYNC sends signals.
    let (kept, values) = match sockets {
        Sockets::Own => (libc::O_ASYNC, 0),
        Sockets::Given | Sockets::Brokered => (libc::O_ASYNC | libc::O_NONBLOCK, libc::O_NONBLOCK),
    };
    fcntl.push(SeccompRule::new(vec![
        condition(1, SeccompCmpOp::Eq, libc::F_SETFL as u64)?,
        condition(2, SeccompCmpOp::MaskedEq(kept as u64), values as u64)?,
    ])?);
    rules.insert(libc::SYS_fcntl, fcntl);
    let set_id = u64::from(libc::S_ISUID | libc::S_ISGID);
    for (call, mode) in MODES {
        rules.insert(*call, vec![when(*mode, SeccompCmpOp::MaskedEq(set_id), 0)?]);
    }
    if files == Files::Read {
        rules.insert(libc::SYS_openat2, vec![]);
    }
    rules.insert(libc::SYS_clone, threads()?);
    rules.insert(libc::SYS_socket, internet()?);
    // The runtime's own pairs: wake-ups of tokio's signal driver. A pair of datagram sockets could send to a path.
    let pair = vec![
        condition(0, SeccompCmpOp::Eq, libc::AF_UNIX as u64)?,
        condition(1, SeccompCmpOp::MaskedEq(0xf), libc::SOCK_STREAM as u64)?,
    ];
    rules.insert(libc::SYS_socketpair, vec![SeccompRule::new(pair)?]);
    let mut requests = vec![libc::FIONREAD, libc::FIOCLEX, libc::TCGETS, libc::TIOCGWINSZ];
    if sockets == Sockets::Own {
        requests.push(libc::FIONBIO);
    }
    rules.insert(libc::SYS_ioctl, any_of(1, &requests)?);
    rules.insert(libc::SYS_prctl, names()?);
    // Its limits can be read (a null pointer for new ones).
    rules.insert(
        libc::SYS_prlimit64,
        vec![SeccompRule::new(vec![SeccompCondition::new(
            2,
            SeccompCmpArgLen::Qword,
            SeccompCmpOp::Eq,
            0,
        )?])?],
    );
    Ok(rules)
}

/// Threads, and no processes. `clone3` has its flags in memory, where a filter cannot look; libc goes back to `clone` without
/// it.
fn threads() -> Result<Vec<SeccompRule>, BackendError> {
    let threads = SeccompCmpOp::MaskedEq(libc::CLONE_THREAD as u64);
    Ok(vec![when(0, threads, libc::CLONE_THREAD as u64)?])
}

/// TCP and UDP. The type is in the low bits, flags above it; protocol 0 is the type's first (socket(2)). Others have modules
/// that the kernel would load.
fn internet() -> Result<Vec<SeccompRule>, BackendError> {
    let kinds = [
        (libc::SOCK_STREAM, libc::IPPROTO_TCP),
        (libc::SOCK_DGRAM, libc::IPPROTO_UDP),
    ];
    let mut rules = Vec::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        for (kind, protocol) in kinds.into_iter().flat_map(|(kind, own)| [(kind, 0), (kind, own)]) {
            rules.push(SeccompRule::new(vec![
                condition(0, SeccompCmpOp::Eq, family as u64)?,
                condition(1, SeccompCmpOp::MaskedEq(0xf), kind as u64)?,
                condition(2, SeccompCmpOp::Eq, protocol as u64)?,
            ])?);
        }
    }
    Ok(rules)
}

/// The names of threads and of memory.
fn names() -> Result<Vec<SeccompRule>, BackendError> {
    let names = [libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA];
    any_of(0, &names.map(|option| option as u64))
}

fn condition(argument: u8, operation: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operation, value)
}

fn when(argument: u8, operation: SeccompCmpOp, value: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![condition(argument, operation, value)?])
}

fn any_of(argument: u8, values: &[u64]) -> Result<Vec<SeccompRule>, BackendError> {
    let one = |value: &u64| when(argument, SeccompCmpOp::Eq, *value);
    values.iter().map(one).collect()
}
