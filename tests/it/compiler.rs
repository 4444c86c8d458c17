//! The compiler reads what may be hostile: what it can reach, and where it ends.

use crate::support;
use std::path::PathBuf;
use support::guests::{bulky, guest};
use support::{Run, eventually, folder, output, wasmrun};
use tempfile::TempDir;

/// A guest that takes long to compile, in a folder of its own.
fn large() -> (TempDir, PathBuf) {
    let folder = folder();
    let source = std::fs::read_to_string(guest("files")).unwrap();
    let path = folder.path().join("large.wat");
    std::fs::write(&path, bulky(&source, 20_000, 0)).unwrap();
    (folder, path)
}

#[test]
fn a_compiler_has_no_files_and_no_network() {
    let (folder, path) = large();
    // A text has two compilers, one after the other.
    let binary = folder.path().join("large.wasm");
    std::fs::write(&binary, wat::parse_file(path).unwrap()).unwrap();
    let run = Run::start(&["os", binary.to_str().unwrap(), "--no-cache"]);
    let status = |pid: nix::unistd::Pid| std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mut compiler = None;
    eventually("there is a compiler", || {
        let found = run.descendants();
        compiler = found
            .into_iter()
            .find(|pid| status(*pid).starts_with("Name:\twasmrun-compile"));
        compiler.is_some()
    });
    let compiler = compiler.unwrap();
    eventually("it is limited", || {
        let status = status(compiler);
        status.contains("Seccomp:\t2") && status.contains("CapPrm:\t0000000000000000")
    });
    // A file that it could read, or a socket that it could send on, would be open.
    for entry in std::fs::read_dir(format!("/proc/{compiler}/fd")).unwrap().flatten() {
        let link = std::fs::read_link(entry.path()).unwrap();
        let link = link.to_string_lossy().into_owned();
        let harmless = ["socket:", "pipe:", "/memfd:", "/dev/null", "anon_inode:"];
        // The code that it makes goes to a file that has no name yet (open(2), O_TMPFILE).
        let nameless = link.contains("/#") && link.ends_with(" (deleted)");
        assert!(nameless || harmless.iter().any(|kind| link.starts_with(kind)), "{link}");
    }
    run.signal(nix::sys::signal::Signal::SIGTERM);
}

#[test]
fn a_compiler_that_takes_too_much_memory_is_ended() {
    let (_folder, path) = large();
    let mut command = wasmrun(&["os", path.to_str().unwrap(), "--no-cache"]);
    command.env("WASMRUN_COMPILE_MEMORY", "48MiB");
    let ended = output(command);
    assert_eq!(ended.code, Some(125), "{}", ended.stderr);
    // Where exactly memory ends is no matter.
    let error = ended.stderr.lines().find(|line| line.starts_with("error: "));
    assert!(
        matches!(
            error,
            Some("error: the compiler is out of memory" | "error: the compiler ended with signal: 6 (SIGABRT)")
        ),
        "{}",
        ended.stderr
    );
    let hint = "hint: raise its limit of 48.0 MiB, for example with WASMRUN_COMPILE_MEMORY=16GiB";
    assert!(ended.stderr.contains(hint), "{}", ended.stderr);
}

#[test]
fn a_compiler_that_takes_too_long_is_ended() {
    let (_folder, path) = large();
    let mut command = wasmrun(&["os", path.to_str().unwrap(), "--no-cache"]);
    command.env("WASMRUN_COMPILE_TIMEOUT", "10ms");
    output(command).says(
        125,
        "error: the compiler exceeded its time limit of 10ms\n\
         hint: raise the limit, for example with WASMRUN_COMPILE_TIMEOUT=1h",
    );
    let mut command = wasmrun(&["os", path.to_str().unwrap()]);
    command.env("WASMRUN_COMPILE_TIMEOUT", "soon");
    let ended = output(command);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
}

/// What is parsed where the supervisor is makes that as large as a stranger likes.
#[test]
fn a_long_text_is_not_parsed_by_the_supervisor() {
    let (_folder, path) = large();
    let length = std::fs::metadata(&path).unwrap().len();
    let run = Run::start(&["os", path.to_str().unwrap(), "--no-cache"]);
    let compiles = || {
        let mut names = run
            .descendants()
            .into_iter()
            .map(|pid| std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default());
        names.any(|status| status.starts_with("Name:\twasmrun-compile"))
    };
    eventually("there is a compiler", compiles);
    let status = std::fs::read_to_string(format!("/proc/{}/status", run.pid())).unwrap();
    run.signal(nix::sys::signal::Signal::SIGTERM);
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024;
    // The text itself, twice at most, and what a supervisor is made of.
    assert!(peak < 3 * length + (100 << 20), "{peak} bytes for {length}");
}
