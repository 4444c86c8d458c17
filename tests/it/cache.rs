//! The cache, as its user finds it: damaged, not private, full.

use crate::support;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use support::guests::guest;
use support::{Output, Run, folder, output, wasmrun};
use tempfile::TempDir;

fn cache() -> (TempDir, PathBuf) {
    let folder = folder();
    let cache = folder.path().join("cache");
    (folder, cache)
}

fn run(cache: &Path, arguments: &[&str]) -> Output {
    let mut command = wasmrun(arguments);
    command.env("WASMRUN_CACHE_DIR", cache);
    output(command)
}

fn code(cache: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(cache).unwrap().flatten().map(|file| file.path());
    files
        .filter(|path| path.extension().is_some_and(|end| end == "cwasm"))
        .collect()
}

#[test]
fn damaged_code_is_made_anew_and_said_once() {
    let (_folder, cache) = cache();
    let guest = guest("exit7");
    let start = || run(&cache, &["os", guest.to_str().unwrap()]);
    start().says(7, "");
    let file = code(&cache).remove(0);
    let whole = fs::read(&file).unwrap();
    let mut other = whole.clone();
    other[whole.len() / 2..][..64].fill(0xcc);
    for damage in [&other[..], &whole[..whole.len() / 2], b"", &vec![0; whole.len()]] {
        fs::write(&file, damage).unwrap();
        let said = format!("warning: {} in the cache is damaged; recompiling", file.display());
        start().says(7, &said);
        start().says(7, "");
    }
    // What was only copied is the same.
    fs::write(&file, fs::read(&file).unwrap()).unwrap();
    start().says(7, "");
    // Nor is it ours when others could have written it.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    assert!(start().stderr.contains("is damaged"));
    start().says(7, "");
}

#[test]
fn a_cache_that_others_can_write_is_not_used() {
    let (_folder, cache) = cache();
    fs::create_dir(&cache).unwrap();
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o777)).unwrap();
    let ended = run(&cache, &["os", guest("exit7").to_str().unwrap()]);
    assert_eq!(ended.code, Some(7), "{}", ended.stderr);
    assert!(ended.stderr.contains("is not private"), "{}", ended.stderr);
    // What is built there would run, too.
    let project = folder();
    fs::write(project.path().join("app.py"), "print('never')").unwrap();
    let ended = run(&cache, &["os", project.path().to_str().unwrap()]);
    assert_eq!(ended.code, Some(125), "{}", ended.stderr);
    assert!(ended.stderr.contains("is not private"), "{}", ended.stderr);
    assert_eq!(fs::read_dir(&cache).unwrap().count(), 0);
}

#[test]
fn it_is_listed_and_taken_away_but_for_what_runs() {
    let (_folder, cache) = cache();
    let (idle, busy) = (guest("exit7"), guest("p1_echo"));
    run(&cache, &["os", idle.to_str().unwrap()]).says(7, "");
    let mut command = wasmrun(&["os", busy.to_str().unwrap(), "-f", "0:3000"]);
    command.env("WASMRUN_CACHE_DIR", &cache);
    let mut echo = Run::of(command);
    echo.ready(3000);
    let listed = run(&cache, &["cache", "list"]).stdout;
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(
        listed
            .lines()
            .all(|line| line.starts_with("code ") && line.contains("used 0s ago")),
        "{listed}"
    );
    let ended = run(&cache, &["cache", "prune"]);
    assert!(ended.stderr.starts_with("removed 0 entries, "), "{}", ended.stderr);
    let ended = run(&cache, &["cache", "clear"]);
    assert!(ended.stderr.ends_with("; 1 in use\n"), "{}", ended.stderr);
    assert_eq!(code(&cache).len(), 1);
    echo.stop();
    let ended = run(&cache, &["cache", "clear"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(code(&cache).len(), 0);
}

/// A run whose folder for everything that it writes is a file system of its own, of which only root can have one.
fn on_file_system(options: &str, then: &str) -> Option<Output> {
    if !rustix::process::geteuid().is_root() {
        support::skipped("only root can mount a file system");
        return None;
    }
    let folder = folder();
    let script = format!("mount -t tmpfs -o {options} tmpfs \"$0\" && {then} exec \"$@\"");
    let own = wasmrun(&["os", guest("exit7").to_str().unwrap()]);
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script]).arg(folder.path());
    let mut command = support::started_by(command, &own);
    command.env("WASMRUN_CACHE_DIR", folder.path().join("cache"));
    if then.is_empty() {
        command
            .env("TMPDIR", folder.path())
            .env("XDG_RUNTIME_DIR", folder.path());
    }
    Some(output(command))
}

#[test]
fn a_full_cache_ends_nothing() {
    let full = "head -c 65536 /dev/zero > \"$0/filler\";";
    let Some(ended) = on_file_system("size=64k", full) else {
        return;
    };
    assert_eq!(ended.code, Some(7), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("warning: compiling without a cache: "),
        "{}",
        ended.stderr
    );
}

/// `docker run --read-only`, and with `--tmpfs /tmp`, which docker mounts with `noexec`.
#[test]
fn a_system_that_cannot_be_written_runs_from_memory() {
    for options in ["ro", "noexec", "size=4k"] {
        let Some(ended) = on_file_system(options, "") else {
            return;
        };
        assert_eq!(ended.code, Some(7), "{options}: {}", ended.stderr);
        assert!(
            ended.stderr.contains("warning: compiling without a cache: "),
            "{options}: {}",
            ended.stderr
        );
    }
}
