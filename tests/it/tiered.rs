//! Guests that start with code that is there soon, and again with the best.

use crate::support;
use nix::sys::signal::Signal;
use std::process::Command;
use std::time::Duration;
use support::guests::guest;
use support::project::{KeepAlive, Kind, Load, Project, version};
use support::{PATIENCE, Run, eventually, get, wasmrun};

/// So many functions make a guest large enough to be started in two steps.
const LARGE: usize = 1200;

/// A project that starts in two steps whatever it is.
fn always(project: &Project, more: &[&str]) -> Command {
    wasmrun(&[&["os", project.path(), "-f", "0:8080", "--tiered", "always"], more].concat())
}

#[test]
fn a_large_service_answers_before_it_is_optimized_and_no_request_fails() {
    let project = Project::new(Kind::Http);
    project.put(&project.bulky_build(1, LARGE));
    let mut run = Run::start(&["os", project.path(), "-f", "0:8080"]);
    let address = run.ready(8080);
    let load = Load::start(address, 2, 2);
    load.sees(1);
    run.wait_for("optimized as #2 (compile ");
    let said = run.stderr();
    assert!(said.find("ready: ") < said.find("optimized as #2"), "{said}");
    std::thread::sleep(Duration::from_millis(100));
    load.ends_well(1);
    run.stop();
    // From now on it is in the cache.
    let mut run = Run::start(&["os", project.path(), "-f", "0:8080", "-v"]);
    assert_eq!(version(run.ready(8080)), Ok(1));
    assert!(run.stop().contains("code: cached"));
}

#[test]
fn a_reload_is_served_soon_and_optimized_behind() {
    let project = Project::new(Kind::Tcp);
    project.put(&project.bulky_build(1, LARGE));
    let (mut run, address) = project.watch(&["-v"]);
    let load = Load::start(address, 0, 3);
    run.wait_for("optimized as #2");
    project.put(&project.bulky_build(2, LARGE));
    run.reloaded(3);
    load.sees(2);
    run.wait_for("optimized as #4");
    // A newer change takes the place of what would have been optimized.
    project.put(&project.bulky_build(3, LARGE));
    load.sees(3);
    project.put(&project.bulky_build(4, LARGE));
    load.sees(4);
    eventually("the last one is optimized, too", || {
        let said = run.stderr();
        said.rfind("optimized as #") > said.rfind("reloaded #")
    });
    load.ends_well(1);
    run.stop();
}

#[test]
fn small_guests_and_those_with_something_in_memory_are_compiled_in_full() {
    let small = Project::new(Kind::Http);
    let large = Project::new(Kind::Tcp);
    large.put(&large.bulky_build(1, LARGE));
    let unwanted = Project::new(Kind::Http);
    unwanted.put(&unwanted.bulky_build(1, LARGE));
    let none: &[&str] = &[];
    let never: &[&str] = &["--tiered", "never"];
    for (project, more) in [(&small, none), (&large, none), (&unwanted, never)] {
        let arguments = [&["os", project.path(), "-f", "0:8080", "-v"], more].concat();
        let mut run = Run::start(&arguments);
        assert_eq!(version(run.ready(8080)), Ok(1));
        // One start, and nothing that goes on behind it.
        std::thread::sleep(Duration::from_millis(300));
        let said = run.stop();
        assert_eq!(said.matches("guest: process").count(), 1, "{said}");
        assert!(!said.contains("optimized"), "{said}");
    }
}

#[test]
fn every_kind_of_guest_runs_in_both_tiers() {
    let both = ["--tiered", "always", "--no-cache", "-v"];
    let hello = support::guests::root().join("examples/hello");
    for (guest, answer) in [
        (hello, "hello from wasmrun\n"),
        (guest("hello_p3"), "hello from 0.3"),
        (guest("listener"), "listener 0"),
    ] {
        let path = guest.to_str().unwrap();
        let mut run = Run::start(&[&["os", path, "-f", "0:8080"], both.as_slice()].concat());
        let address = run.ready(8080);
        assert!(get(address).1.contains(answer), "{path}");
        run.wait_for("optimized as #2");
        assert!(get(address).1.contains(answer), "{path}");
        assert!(!run.stop().contains("none in the baseline tier"), "{path}");
    }
    for (name, code) in [("exit7", 7), ("trap", 134), ("run03", 0), ("run_p3", 0)] {
        let ended = support::run(&[&["os", guest(name).to_str().unwrap()], both.as_slice()].concat());
        assert_eq!(ended.code, Some(code), "{name}: {}", ended.stderr);
        assert!(!ended.stderr.contains("none in the baseline tier"), "{}", ended.stderr);
    }
}

#[test]
fn code_that_the_baseline_compiler_does_not_know_is_compiled_in_full() {
    let folder = support::folder();
    let path = folder.path().join("gc.wat");
    std::fs::write(
        &path,
        "(module (type $t (struct (field i32))) (memory (export \"memory\") 1) \
         (func (export \"_start\") (drop (struct.new $t (i32.const 1)))))",
    )
    .unwrap();
    let ended = support::run(&["os", path.to_str().unwrap(), "--tiered", "always", "--no-cache", "-v"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("none in the baseline tier"), "{}", ended.stderr);
}

#[test]
fn a_kill_leaves_no_code_behind() {
    let project = Project::new(Kind::Tcp);
    project.put(&project.bulky_build(1, LARGE));
    let temporary = support::folder();
    let mut command = wasmrun(&["os", project.path(), "-f", "0:8080", "--watch"]);
    command.env("TMPDIR", temporary.path());
    let mut run = Run::of(command);
    run.ready(8080);
    run.signal(Signal::SIGKILL);
    run.ended();
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);
}

#[test]
fn a_guest_that_falls_before_it_is_optimized_is_made_again() {
    let project = Project::new(Kind::Tcp);
    project.put(&project.bulky_build(1, 4 * LARGE));
    let mut run = Run::of(always(&project, &["--restart", "always"]));
    let address = run.ready(8080);
    nix::sys::signal::kill(run.guest(), Signal::SIGKILL).unwrap();
    run.wait_for("was killed");
    // With what is there first: baseline code that is made once more, or the optimised code.
    eventually("it answers again", || version(address) == Ok(1));
    run.stop();
}

#[test]
fn an_upgrade_cuts_nothing_off_and_is_no_second_build() {
    let project = Project::new(Kind::Tcp);
    project.put(&project.bulky_build(1, 4 * LARGE));
    let folder = support::folder();
    let named = |mut command: Command| {
        command.env("XDG_RUNTIME_DIR", folder.path()).env("WASMRUN_NAME", "big");
        command
    };
    let mut run = Run::of(named(always(&project, &["--grace", "500ms"])));
    let mut kept = KeepAlive::open(run.ready(8080));
    assert_eq!(kept.get(), Ok(1));
    // What is asked for now comes of what is running, not of what lies in the folder meanwhile.
    project.put(b"no guest");
    let restarted = support::output(named(wasmrun(&["restart", "big"])));
    assert_eq!(restarted.code, Some(0), "{}", restarted.stderr);
    // The compiler of optimized code comes after everybody else.
    run.wait_within("optimized as #", 5 * PATIENCE);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(kept.get(), Ok(1));
    drop(kept);
    run.stop();
}
