//! A panic is a failure of wasmrun's own: exit code 125, and not 134, which says that a guest has trapped.

#![expect(
    clippy::disallowed_methods,
    reason = "a panic ends the process, and no `main` is left to return to"
)]

use crate::{FAILED, Failure};
use std::io::Write;
use std::panic::PanicHookInfo;

/// What the standard library, tokio and rayon say where the kernel makes no more threads, for which all of them panic.
const NO_THREAD: [&str; 3] = [
    "failed to spawn thread",
    "can't spawn worker thread",
    "ThreadPoolBuildError",
];
/// The cause of a refused thread or process.
pub const TASKS: &str = "the limit of processes and threads of this user, service or container is reached";
/// The way out.
pub const TASKS_HINT: &str =
    "raise `ulimit -u`, systemd's TasksMax= or docker's --pids-limit: wasmrun and a guest need about 20";

/// Has every panic of this process end it, in words for its user.
pub fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let mut out = std::io::stderr().lock();
        let said = text(panic);
        let written = if NO_THREAD.iter().any(|words| said.contains(words)) {
            writeln!(out, "error: {TASKS}\nhint: {TASKS_HINT}")
        } else {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let version = env!("CARGO_PKG_VERSION");
            writeln!(
                out,
                "error: wasmrun {version} panicked at {place}: {said}\nhint: report this line"
            )
        };
        // There is nobody else to tell.
        drop(written);
        std::process::exit(FAILED.into());
    }));
}

/// Says of which limit a failure tells that is only "try again" (fork(2), EAGAIN).
pub fn explain(failure: Failure) -> Failure {
    let is_it = |cause: &(dyn std::error::Error + 'static)| {
        let error = cause.downcast_ref::<std::io::Error>();
        error.is_some_and(|error| error.raw_os_error() == Some(nix::libc::EAGAIN))
    };
    if failure.hint.is_some() || !failure.error.chain().any(is_it) {
        return failure;
    }
    Failure {
        error: failure.error.context(TASKS),
        hint: Some(TASKS_HINT.to_owned()),
        code: failure.code,
    }
}

fn text(panic: &PanicHookInfo<'_>) -> String {
    panic.payload_as_str().unwrap_or("no message").to_owned()
}
