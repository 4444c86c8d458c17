//! The only seccomp(2): the system calls that are left to a guest's process.
//!
//! It is what wasmtime, WASI's files, clocks and sockets, tokio and libc need, and no more. All else answers ENOSYS, as
//! if the kernel did not have it, which libraries know how to live with. Namespaces bound what the calls that are here can
//! reach; what is not here is the rest of the kernel: new processes and programs, other processes, mounts, modules, bpf(2),
//! io_uring, keys, performance counters, and sockets of the families that no network namespace confines (AF_VSOCK).

use super::{broker, notify};
use nix::libc;
use rustix::io::Errno;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use std::collections::BTreeMap;
use std::io;
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

/// System calls could not be limited.
#[derive(Debug, thiserror::Error)]
#[error("cannot limit the guest's system calls")]
pub struct FilterError(#[from] io::Error);

impl From<seccompiler::Error> for FilterError {
    fn from(error: seccompiler::Error) -> FilterError {
        FilterError(io::Error::other(error))
    }
}

impl From<Errno> for FilterError {
    fn from(errno: Errno) -> FilterError {
        FilterError(errno.into())
    }
}

impl From<BackendError> for FilterError {
    fn from(error: BackendError) -> FilterError {
        seccompiler::Error::from(error).into()
    }
}

/// Calls that are there whatever their arguments.
const PLAIN: &[libc::c_long] = &[
    // Memory and threads.
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_get_robust_list,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_memfd_create,
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
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fdatasync,
    libc::SYS_flock,
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
    libc::SYS_openat,
    libc::SYS_openat2,
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
/// How what others share can be changed.
const CHANGING: [libc::c_long; 2] = [libc::SYS_fcntl, libc::SYS_setsockopt];
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
    libc::SYS_open,
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
pub(super) fn install(sockets: Sockets) -> Result<Option<OwnedFd>, FilterError> {
    let brokered = match sockets {
        Sockets::Brokered => Some(notify::install(&asking()?)?),
        Sockets::Own | Sockets::Given => None,
    };
    let not_there = SeccompAction::Errno(libc::ENOSYS as u32);
    let program = compiled(rules(sockets)?, not_there, SeccompAction::Allow)?;
    seccompiler::apply_filter(&program)?;
    Ok(brokered)
}

fn compiled(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    others: SeccompAction,
    these: SeccompAction,
) -> Result<BpfProgram, FilterError> {
    let architecture = std::env::consts::ARCH.try_into().map_err(FilterError::from)?;
    Ok(SeccompFilter::new(rules, others, these, architecture)?.try_into()?)
}

/// Has the calling thread's brokered calls wait, for nobody: whether that can be done at all.
pub(super) fn try_asking() -> Result<(), FilterError> {
    notify::install(&asking()?).map(drop)
}

/// A filter by which brokered calls wait for an answer. Of two filters the stricter answer counts (seccomp(2)), so this one
/// says of no call that it is allowed which the other refuses.
fn asking() -> Result<BpfProgram, FilterError> {
    let rules = broker::CALLS.map(|call| (call, vec![])).into();
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

fn rules(sockets: Sockets) -> Result<BTreeMap<i64, Vec<SeccompRule>>, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        [PLAIN, OLD].concat().into_iter().map(|call| (call, vec![])).collect();
    match sockets {
        Sockets::Own => {
            let all = [BEGINNING, &CHANGING, &SENDING.map(|(call, _)| call)].concat();
            rules.extend(all.into_iter().map(|call| (call, vec![])));
        }
        Sockets::Given | Sockets::Brokered => {
            let plainly = SeccompCmpOp::MaskedEq(libc::MSG_FASTOPEN as u64);
            for (call, flags) in SENDING {
                rules.insert(call, vec![when(flags, plainly.clone(), 0)?]);
            }
            let nonblocking = libc::O_NONBLOCK as u64;
            let set_flags = condition(1, SeccompCmpOp::Eq, libc::F_SETFL as u64)?;
            let stays = condition(2, SeccompCmpOp::MaskedEq(nonblocking), nonblocking)?;
            let other = when(1, SeccompCmpOp::Ne, libc::F_SETFL as u64)?;
            rules.insert(libc::SYS_fcntl, vec![other, SeccompRule::new(vec![set_flags, stays])?]);
            if sockets == Sockets::Brokered {
                rules.extend(broker::CALLS.map(|call| (call, vec![])));
            }
        }
    }
    // `clone3` has its flags in memory, where a filter cannot look; libc goes back to `clone` without it.
    let threads = SeccompCmpOp::MaskedEq(libc::CLONE_THREAD as u64);
    rules.insert(libc::SYS_clone, vec![when(0, threads, libc::CLONE_THREAD as u64)?]);
    let internet = |family: i32| -> Result<Vec<SeccompRule>, BackendError> {
        // The type is in the low bits, flags above it; protocol 0 is the type's first, TCP or UDP (socket(2)). Others
        // have modules that the kernel would load.
        let one = |kind: i32, protocol: i32| {
            SeccompRule::new(vec![
                condition(0, SeccompCmpOp::Eq, family as u64)?,
                condition(1, SeccompCmpOp::MaskedEq(0xf), kind as u64)?,
                condition(2, SeccompCmpOp::Eq, protocol as u64)?,
            ])
        };
        Ok(vec![
            one(libc::SOCK_STREAM, 0)?,
            one(libc::SOCK_STREAM, libc::IPPROTO_TCP)?,
            one(libc::SOCK_DGRAM, 0)?,
            one(libc::SOCK_DGRAM, libc::IPPROTO_UDP)?,
        ])
    };
    let families = [internet(libc::AF_INET)?, internet(libc::AF_INET6)?].concat();
    rules.insert(libc::SYS_socket, families);
    // The runtime's own pairs: wake-ups of tokio's signal driver. A pair of datagram sockets could send to a path.
    let pair = vec![
        condition(0, SeccompCmpOp::Eq, libc::AF_UNIX as u64)?,
        condition(1, SeccompCmpOp::MaskedEq(0xf), libc::SOCK_STREAM as u64)?,
    ];
    rules.insert(libc::SYS_socketpair, vec![SeccompRule::new(pair)?]);
    let any_of = |argument: u8, values: &[u64]| -> Result<Vec<SeccompRule>, BackendError> {
        let one = |value: &u64| when(argument, SeccompCmpOp::Eq, *value);
        values.iter().map(one).collect()
    };
    let mut requests = vec![libc::FIONREAD, libc::FIOCLEX, libc::TCGETS, libc::TIOCGWINSZ];
    if sockets == Sockets::Own {
        requests.push(libc::FIONBIO);
    }
    rules.insert(libc::SYS_ioctl, any_of(1, &requests)?);
    let names = [libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA];
    let names: Vec<u64> = names.iter().map(|option| *option as u64).collect();
    rules.insert(libc::SYS_prctl, any_of(0, &names)?);
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

fn condition(argument: u8, operation: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operation, value)
}

fn when(argument: u8, operation: SeccompCmpOp, value: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![condition(argument, operation, value)?])
}
