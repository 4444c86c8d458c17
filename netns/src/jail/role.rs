//! What the processes beside a guest's are left with of the kernel: each has a list of its own, as short as its work.

use nix::libc;

/// A process that runs no guest code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Waits for init.
    Keeper,
    /// Makes sockets, makes calls in the guest's place, and waits for the guest.
    Init,
    /// Makes code of what it reads: of its descriptors alone, because there is no call that opens a file.
    Compiler,
}

/// Memory, signals and the end: what every process does.
const LIVING: &[libc::c_long] = &[
    libc::SYS_brk,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_madvise,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_write,
];

const KEEPER: &[libc::c_long] = &[libc::SYS_wait4, libc::SYS_waitid];

/// Calls that init makes in the guest's place.
pub(super) const BROKERED: [libc::c_long; 4] = [
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_listen,
    libc::SYS_setsockopt,
];

/// Besides [`BROKERED`], and sockets and ioctl(2) by their arguments.
const INIT: &[libc::c_long] = &[
    libc::SYS_wait4,
    libc::SYS_waitid,
    // The factory's channel, netlink's socket, and waiting for them.
    libc::SYS_clock_gettime,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_fcntl,
    libc::SYS_getrandom,
    libc::SYS_ppoll,
    libc::SYS_read,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    // The broker.
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_open,
    libc::SYS_process_vm_readv,
];

/// Besides threads.
const COMPILER: &[libc::c_long] = &[
    libc::SYS_clock_gettime,
    libc::SYS_fstat,
    libc::SYS_getrandom,
    libc::SYS_get_robust_list,
    libc::SYS_lseek,
    libc::SYS_membarrier,
    libc::SYS_pread64,
    libc::SYS_read,
    libc::SYS_recvmsg,
    libc::SYS_rseq,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_sendmsg,
    libc::SYS_set_robust_list,
    // Aborts where memory ends. Of others it reaches those of its user, and it is told nothing of them.
    libc::SYS_tgkill,
];

impl Role {
    /// Calls that are there whatever their arguments.
    pub(super) fn calls(self) -> Vec<libc::c_long> {
        let own = match self {
            Role::Keeper => KEEPER,
            Role::Init => &[INIT, &BROKERED].concat(),
            Role::Compiler => COMPILER,
        };
        [LIVING, own].concat()
    }
}
