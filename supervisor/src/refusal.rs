//! Why a kernel refuses a jail, and the fix that fits the machine.

use nix::errno::Errno;
use report::{Failure, Result, panics};
use std::fs;

/// What gives a machine, or a container, its /proc.
pub const MOUNT_PROC: &str = "mount -t proc proc /proc";

/// Processes are started by `/proc/self/exe`, and namespaces are set up below /proc/self (proc(5)).
pub fn has_proc() -> bool {
    std::path::Path::new("/proc/self/exe").exists()
}

/// Refuses to go on where no guest could be started.
pub fn require_proc() -> Result<()> {
    if has_proc() {
        return Ok(());
    }
    Err(Failure::from(anyhow::anyhow!(
        "/proc is not mounted, and guests cannot start without it"
    ))
    .hint(MOUNT_PROC))
}

/// The failure to report when a jail was refused, with the cause and the fix that fit this machine.
pub fn explain(error: &str, errno: Option<i32>) -> Failure {
    if errno == Some(Errno::EAGAIN as i32) {
        let message = anyhow::anyhow!("the guest cannot start: {error}\n  cause: {}", panics::TASKS);
        return Failure::from(message).hint(panics::TASKS_HINT);
    }
    let fix = errno.and_then(|errno| cause(Errno::from_raw(errno)));
    let (why, hint) = match fix {
        Some((why, fix)) => (format!("\n  cause: {why}"), fix),
        None => (String::new(), "check this machine with `wasmrun doctor`".to_owned()),
    };
    let hint = format!("{hint}\nor run without isolation, in the host's network: `--no-isolation`");
    Failure::from(anyhow::anyhow!("the guest cannot be isolated: {error}{why}")).hint(hint)
}

/// Why namespaces are refused, looked up where kernels and distributions keep their switches.
fn cause(errno: Errno) -> Option<(String, String)> {
    let is = |path: &str, value: &str| fs::read_to_string(path).is_ok_and(|text| text.trim() == value);
    let found = |why: &str, fix: &str| Some((why.to_owned(), fix.to_owned()));
    if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        return found(
            "this kernel lets only root make user namespaces",
            "sysctl -w kernel.unprivileged_userns_clone=1",
        );
    }
    if is("/proc/sys/user/max_user_namespaces", "0") {
        return found(
            "user.max_user_namespaces is 0",
            "sysctl -w user.max_user_namespaces=15000",
        );
    }
    if is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        return found(
            "AppArmor restricts unprivileged user namespaces (Ubuntu 23.10 and later)",
            &apparmor_profile(),
        );
    }
    match errno {
        Errno::ENOSPC | Errno::EUSERS => found(
            "this user's namespace limit is reached, or namespaces are nested too deeply",
            "end other guests, or raise user.max_user_namespaces and user.max_net_namespaces with sysctl",
        ),
        Errno::EPERM if fs::metadata("/.dockerenv").is_ok() || fs::metadata("/run/.containerenv").is_ok() => found(
            "this is a container, and its seccomp profile refuses namespaces",
            "start the container with `--security-opt seccomp=unconfined --security-opt apparmor=unconfined`",
        ),
        Errno::EPERM => found(
            "a security policy (seccomp, SELinux or a chroot) refuses namespaces to this process",
            "run wasmrun outside of it, or allow unshare(2) there",
        ),
        Errno::EINVAL | Errno::ENOSYS => found(
            "this kernel was built without namespaces",
            "use a kernel with CONFIG_USER_NS and CONFIG_NET_NS",
        ),
        _ => None,
    }
}

fn apparmor_profile() -> String {
    let program = std::env::current_exe().map_or_else(
        |_| "/usr/local/bin/wasmrun".to_owned(),
        |path| path.display().to_string(),
    );
    format!(
        "as root, write this to /etc/apparmor.d/wasmrun and run `apparmor_parser -r /etc/apparmor.d/wasmrun`:\n  \
         abi <abi/4.0>,\n  profile wasmrun {program} flags=(unconfined) {{\n    userns,\n  }}\n\
         or for every program: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    )
}
