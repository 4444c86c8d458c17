//! What a guest may take of the machine, held by control groups where there are some for this user.

use crate::support;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::guests::guest;
use support::{Run, eventually, run};

/// The folders of a guest's groups with a file of this name: of version 2, or of version 1, as systemd mounts both.
fn with_file(guest: Pid, file: &str) -> Vec<PathBuf> {
    let groups = std::fs::read_to_string(format!("/proc/{guest}/cgroup")).unwrap();
    let of_line = |line: &str| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?.trim_start_matches('/'));
        let tops = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(PathBuf::from);
        let mut tops: Vec<PathBuf> = tops.into_iter().filter(|_| controllers.is_empty()).collect();
        tops.extend((!controllers.is_empty()).then(|| Path::new("/sys/fs/cgroup").join(controllers)));
        tops.into_iter()
            .map(|top| top.join(path))
            .find(|folder| folder.join(file).exists())
    };
    groups
        .lines()
        .filter_map(of_line)
        .filter(|folder| folder.to_string_lossy().contains("/wasmrun-"))
        .collect()
}

fn read(folder: &Path, file: &str) -> String {
    std::fs::read_to_string(folder.join(file)).unwrap().trim().to_owned()
}

/// A run of a guest that does nothing but work, where this user has control groups. Where not, that is said.
fn working(more: &[&str]) -> Option<Run> {
    let spin = guest("spin");
    let mut arguments = vec!["os", spin.to_str().unwrap(), "--cpus", "0.25"];
    arguments.extend(more);
    let mut run = Run::start(&arguments);
    let mut is_there = false;
    eventually("it runs, or says why not", || {
        is_there = run
            .descendants()
            .iter()
            .any(|pid| !with_file(*pid, "cgroup.procs").is_empty());
        is_there || !run.stderr().is_empty()
    });
    if is_there {
        return Some(run);
    }
    assert_eq!(run.ended().code(), Some(125));
    let said = run.stderr();
    assert!(
        said.starts_with("error: cannot enforce the CPU limit of 0.25 processors"),
        "{said}"
    );
    assert!(
        said.contains("\nhint: start wasmrun with `systemd-run --user --scope -p Delegate=yes"),
        "{said}"
    );
    assert!(!rustix::process::geteuid().is_root(), "root has control groups: {said}");
    println!("this user has no control groups: nothing more is tested");
    None
}

/// Processor time of a process, in seconds.
fn worked(pid: Pid) -> f64 {
    let stat = procfs::process::Process::new(pid.as_raw()).unwrap().stat().unwrap();
    (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64
}

#[test]
fn a_guest_gets_its_share_of_the_processors_and_no_more() {
    let Some(run) = working(&["--pids", "40", "--memory", "64MiB"]) else {
        return;
    };
    eventually("it works", || worked(run.guest()) > 0.05);
    let guest = run.guest();
    let begun = worked(guest);
    std::thread::sleep(Duration::from_secs(4));
    let share = (worked(guest) - begun) / 4.0;
    assert!((0.05..0.35).contains(&share), "{share} of a processor");
    let tasks = with_file(guest, "pids.max");
    assert_eq!(read(&tasks[0], "pids.max"), "40");
    let memory = ["memory.max", "memory.limit_in_bytes"]
        .iter()
        .find_map(|file| with_file(guest, file).first().map(|folder| read(folder, file)));
    // And 128 MiB for the runtime.
    assert_eq!(memory.unwrap(), (192u64 << 20).to_string());
    let groups = with_file(guest, "cgroup.procs");
    run.stop();
    assert!(!groups.is_empty());
    assert!(groups.iter().all(|folder| !folder.exists()), "{groups:?} is left");
}

#[test]
fn groups_of_a_supervisor_that_was_killed_are_removed_by_the_next() {
    let Some(mut run) = working(&[]) else { return };
    let family = run.descendants();
    let groups = with_file(run.guest(), "cgroup.procs");
    run.signal(Signal::SIGKILL);
    run.ended();
    eventually("its processes are gone", || {
        !family.iter().any(|pid| support::is_alive(*pid))
    });
    let Some(run) = working(&[]) else { return };
    assert!(groups.iter().all(|folder| !folder.exists()), "{groups:?} is left");
    run.stop();
}

/// Few descriptors are few connections, and those are served: the others wait.
#[test]
fn few_descriptors_are_few_connections() {
    let folder = support::guests::root().join("examples/echo");
    for path in ["adopt", "splice"] {
        let arguments = ["os", folder.to_str().unwrap(), "-f", "0:3000", "--forward-path", path];
        let mut run = Run::of(with_descriptors(64, &arguments));
        let address = run.ready(3000);
        let echoes = |client: &mut std::net::TcpStream| {
            client.write_all(b"x")?;
            client.read_exact(&mut [0])
        };
        let mut open: Vec<_> = (0..6).map(|_| support::connect(address)).collect();
        for client in &mut open {
            echoes(client).unwrap();
        }
        let mut waits: Vec<_> = (0..6).map(|_| support::connect(address)).collect();
        drop(open);
        for mut client in waits.drain(..) {
            echoes(&mut client).unwrap();
        }
        run.stop();
    }
    let ended = support::output(with_descriptors(40, &["os", folder.to_str().unwrap()]));
    let error = "error: the limit of 40 open files (`ulimit -n`) is too low\n\
                 hint: raise the hard limit to 64 or more: `ulimit -Hn`, limits.conf(5)";
    ended.says(125, error);
}

/// `ulimit -u`, docker's `--pids-limit` and systemd's TasksMax= are met by threads as well.
#[test]
fn too_few_processes_are_said() {
    if !rustix::process::geteuid().is_root() {
        support::skipped("another user is needed, whose processes are counted");
        return;
    }
    let folder = support::folder();
    let original = guest("exit7");
    let guest = folder.path().join(original.file_name().unwrap());
    std::fs::copy(&original, &guest).unwrap();
    let (mut refused, mut ran) = (0, 0);
    for most in (1..=12).chain([100]) {
        let command = limited("u", most, &["os", guest.to_str().unwrap()]);
        let ended = support::output(support::unprivileged(command, folder.path()));
        match ended.code {
            // What the guest ends with.
            Some(7) => ran += 1,
            Some(125) => {
                assert!(
                    ended.stderr.contains("the limit of processes and threads of this user"),
                    "{most}: {}",
                    ended.stderr
                );
                assert!(!ended.stderr.contains("--no-isolation"), "{most}: {}", ended.stderr);
                refused += 1;
            }
            code => panic!("{most}: {code:?} {}", ended.stderr),
        }
    }
    assert!(refused >= 2 && ran >= 1, "{refused} refused, {ran} ran");
}

/// A command line of wasmrun under `ulimit -n`.
fn with_descriptors(most: u64, arguments: &[&str]) -> Command {
    limited("n", most, arguments)
}

fn limited(option: &str, most: u64, arguments: &[&str]) -> Command {
    // dash knows no `-u`.
    let shell = support::interpreter("bash", &format!("ulimit -{option} {most}; exec \"$0\" \"$@\""));
    support::started_by(shell, &support::wasmrun(arguments))
}

#[test]
fn limits_that_nothing_could_run_with_are_refused() {
    let spin = guest("spin");
    let spin = spin.to_str().unwrap();
    let zero = "error: invalid CPU limit `0`\nhint: write for example `--cpus 0.5`; the minimum is 0.01";
    run(&["os", spin, "--cpus", "0"]).says(2, zero);
    for number in ["-1", "NaN", "inf", "x"] {
        assert_eq!(
            run(&["os", spin, &format!("--cpus={number}")]).code,
            Some(2),
            "{number}"
        );
    }
    let few = "error: the limit of 3 processes and threads is too low\nhint: write at least `--pids 16`";
    run(&["os", spin, "--pids", "3"]).says(2, few);
    assert_eq!(run(&["os", spin, "--tmp-size", "lots"]).code, Some(2));
}

/// wasmrun in namespaces that a script has made odd first.
fn unshared(flags: &str, script: &str, arguments: &[&str]) -> Command {
    let mut unshare = Command::new("unshare");
    unshare.args([
        flags,
        "--map-root-user",
        "sh",
        "-c",
        &format!("{script} && exec \"$0\" \"$@\""),
    ]);
    support::started_by(unshare, &support::wasmrun(arguments))
}

#[test]
fn a_machine_without_proc_is_told_so() {
    let without = |arguments: &[&str]| support::output(unshared("--mount", "mount -t tmpfs none /proc", arguments));
    without(&["os", guest("spin").to_str().unwrap()]).says(
        125,
        "error: /proc is not mounted, and guests cannot start without it\nhint: mount -t proc proc /proc",
    );
    let said = without(&["doctor"]);
    assert_eq!(said.code, Some(125));
    assert_eq!(
        said.stdout,
        "FAIL  /proc: not mounted\n      mount -t proc proc /proc\n"
    );
}

#[test]
fn a_machine_with_one_loopback_address_forwards_from_it() {
    for (gone, there) in [("addr del 127.0.0.1/8", "[::1]:"), ("addr del ::1/128", "127.0.0.1:")] {
        let script = format!("ip link set lo up && ip {gone} dev lo");
        let mut run = Run::of(unshared(
            "--net",
            &script,
            &["os", guest("p1_echo").to_str().unwrap(), "-f", "0:3000"],
        ));
        let ready = run.wait_for("ready: ");
        assert!(ready.contains(&format!("ready: {there}")), "{ready}");
        run.signal(Signal::SIGTERM);
        assert_eq!(run.ended().code(), Some(143));
        assert_eq!(run.stderr().matches("ready: ").count(), 1, "{}", run.stderr());
    }
}
