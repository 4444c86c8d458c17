//! How a run ends, and that nothing stays.

use crate::support;
use nix::sys::signal::{Signal, kill};
use std::io::{Read, Write};
use std::time::{Duration, Instant};
use support::guests::guest;
use support::{Run, connect, eventually, is_alive, signal_of};

fn echo() -> Run {
    let folder = support::guests::root().join("examples/echo");
    Run::start(&["os", folder.to_str().unwrap(), "-f", "0:3000", "--grace", "5s"])
}

#[test]
fn killing_the_supervisor_takes_everything_with_it() {
    let mut run = echo();
    let mut client = connect(run.ready(3000));
    client.write_all(b"x").unwrap();
    client.read_exact(&mut [0]).unwrap();
    let family = run.descendants();
    assert_eq!(family.len(), 3, "keeper, init and the guest");
    run.signal(Signal::SIGKILL);
    assert_eq!(signal_of(run.ended()), Some(9));
    eventually("they are gone", || family.iter().all(|pid| !is_alive(*pid)));
}

#[test]
fn killing_it_at_any_moment_of_its_start_leaves_nothing() {
    // The whole start takes some tens of milliseconds.
    for delay in (0..40).map(|step| Duration::from_millis(step * 2)) {
        let mut run = echo();
        std::thread::sleep(delay);
        let family = run.descendants();
        run.signal(Signal::SIGKILL);
        run.ended();
        eventually("its processes are gone", || family.iter().all(|pid| !is_alive(*pid)));
    }
}

/// nohup(1) has SIGHUP ignored, and a shell without job control SIGINT in what it starts with `&`.
#[test]
fn signals_that_were_ignored_at_the_start_stay_so() {
    let folder = support::guests::root().join("examples/echo");
    for (name, signal) in [("HUP", Signal::SIGHUP), ("INT", Signal::SIGINT)] {
        let ignoring = format!("trap '' {name}; exec \"$0\" \"$@\"");
        let own = support::wasmrun(&["os", folder.to_str().unwrap(), "-f", "0:3000", "--watch"]);
        let command = support::started_by(support::interpreter("sh", &ignoring), &own);
        let mut run = Run::of(command);
        let address = run.ready(3000);
        run.signal(signal);
        std::thread::sleep(Duration::from_millis(300));
        let mut client = connect(address);
        client.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
        drop(client);
        run.signal(Signal::SIGTERM);
        assert_eq!(run.ended().code(), Some(143), "{name}");
    }
}

/// systemd-run(1) and a unit without settings: a session of its own, no terminal, and no variables; not even HOME.
#[test]
fn a_service_manager_needs_to_give_nothing() {
    let folder = support::guests::root().join("examples/echo");
    let own = support::wasmrun(&["os", folder.to_str().unwrap(), "-f", "0:3000"]);
    let kept = own
        .get_envs()
        .filter(|(name, _)| name.to_str().unwrap().ends_with("_DIR"));
    let mut command = std::process::Command::new("/usr/bin/setsid");
    command
        .args(["--wait".as_ref(), own.get_program()])
        .args(own.get_args());
    command
        .env_clear()
        .envs(kept.filter_map(|(name, value)| Some((name, value?))))
        .stdin(std::process::Stdio::null());
    let mut run = Run::of(command);
    let address = run.ready(3000);
    let mut client = connect(address);
    client.write_all(b"x").unwrap();
    client.read_exact(&mut [0]).unwrap();
    drop(client);
    kill(run.descendants()[0], Signal::SIGTERM).unwrap();
    assert_eq!(run.ended().code(), Some(143), "{}", run.stderr());
}

#[test]
fn killing_the_guest_is_said_and_passed_on() {
    let mut run = echo();
    run.ready(3000);
    let guest = run.guest();
    kill(guest, Signal::SIGKILL).unwrap();
    assert_eq!(run.ended().code(), Some(137));
    assert_eq!(
        run.stderr().lines().last(),
        Some("error: the guest's process was killed (exit code 137)")
    );
}

#[test]
fn killing_init_or_its_keeper_ends_the_guest() {
    for member in [0, 1] {
        let mut run = echo();
        run.ready(3000);
        let family = run.descendants();
        kill(family[member], Signal::SIGKILL).unwrap();
        assert_eq!(run.ended().code(), Some(137));
        eventually("the guest is gone", || !is_alive(family[2]));
    }
}

/// A guest that broke out can switch off the signal that ends it with its parent, or start what never had one. Whatever
/// is in the pid namespace ends with init.
#[test]
fn nothing_in_the_pid_namespace_outlives_the_supervisor() {
    let mut run = echo();
    run.ready(3000);
    let mut stray = std::process::Command::new("nsenter")
        .args([
            "--target",
            &run.guest().to_string(),
            "--user",
            "--pid",
            "--preserve-credentials",
        ])
        .args(["--", "sleep", "60"])
        .spawn()
        .expect("util-linux's nsenter runs");
    let stray_pid = nix::unistd::Pid::from_raw(stray.id() as i32);
    eventually("it sleeps", || !support::descendants(stray_pid).is_empty());
    let family = run.descendants();
    run.signal(Signal::SIGKILL);
    run.ended();
    eventually("they are gone", || family.iter().all(|pid| !is_alive(*pid)));
    let started = Instant::now();
    let status = stray.wait().unwrap();
    assert!(
        !status.success() && started.elapsed() < Duration::from_secs(20),
        "{status}"
    );
}

#[test]
fn an_interrupt_lets_connections_finish() {
    let mut run = echo();
    let address = run.ready(3000);
    let mut client = connect(address);
    client.write_all(b"a").unwrap();
    client.read_exact(&mut [0]).unwrap();
    run.signal(Signal::SIGINT);
    run.wait_for("stopping: waiting for 1 open connection, up to 5s; press Ctrl-C again to stop now");
    // New ones are refused, the open one goes on.
    assert!(std::net::TcpStream::connect(address).is_err());
    client.write_all(b"b").unwrap();
    client.read_exact(&mut [0]).unwrap();
    let started = Instant::now();
    drop(client);
    assert_eq!(run.ended().code(), Some(130));
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "it ends with its last connection"
    );
}

#[test]
fn a_second_interrupt_ends_at_once() {
    let mut run = echo();
    let mut client = connect(run.ready(3000));
    client.write_all(b"a").unwrap();
    client.read_exact(&mut [0]).unwrap();
    run.signal(Signal::SIGTERM);
    run.wait_for("stopping: ");
    let started = Instant::now();
    run.signal(Signal::SIGINT);
    assert_eq!(run.ended().code(), Some(143), "the first signal counts");
    assert!(started.elapsed() < Duration::from_secs(2));
    assert_eq!(run.stderr().lines().last(), Some("warning: ended 1 open connection"));
    assert!(support::is_cut(&mut client));
}

#[test]
fn a_supervisor_that_serves_thousands_returns_to_where_it_was() {
    let mut run = echo();
    let address = run.ready(3000);
    let supervisor = run.pid();
    let descriptors = || std::fs::read_dir(format!("/proc/{supervisor}/fd")).unwrap().count();
    let threads = || std::fs::read_dir(format!("/proc/{supervisor}/task")).unwrap().count();
    let round = || {
        let mut open: Vec<_> = (0..500).map(|_| connect(address)).collect();
        for stream in &mut open {
            stream.write_all(b"x").unwrap();
        }
        for stream in &mut open {
            stream.read_exact(&mut [0]).unwrap();
        }
    };
    round();
    eventually("connections are over", || descriptors() < 200);
    let before = (descriptors(), threads());
    for _ in 0..4 {
        round();
    }
    // A batch of 64 sockets may be there or used up.
    eventually("descriptors return", || descriptors() <= before.0 + 64);
    assert_eq!(threads(), before.1);
    run.stop();
}

#[test]
fn it_says_where_the_guest_listens_instead() {
    let peer = guest("peer");
    let mut run = Run::start(&[
        "os",
        peer.to_str().unwrap(),
        "-f",
        "127.0.0.1:0:3000",
        "--",
        "5000",
        "0",
        "x",
    ]);
    run.wait_for("warning: port 3000 is forwarded, but the guest listens on 5000");
    run.wait_for("hint: forward that port: `--forward ");
    run.stop();
}

#[test]
fn a_guest_that_never_listens_is_said_so() {
    let peer = guest("peer");
    let mut run = Run::start(&[
        "os",
        peer.to_str().unwrap(),
        "-f",
        "0:3000",
        "--connect-timeout",
        "300ms",
        "--",
        "3000",
        "0",
        "x",
        "60000",
    ]);
    run.wait_for("warning: port 3000 is forwarded, but the guest does not listen on any port yet");
    run.stop();
}

/// Clients that are there at once; how many were answered.
fn answered(address: std::net::SocketAddr, clients: usize) -> std::thread::JoinHandle<usize> {
    std::thread::spawn(move || {
        let mut streams: Vec<_> = (0..clients).map(|_| connect(address)).collect();
        for stream in &mut streams {
            stream.write_all(b"x").unwrap();
        }
        let answer = |stream: &mut std::net::TcpStream| stream.read_exact(&mut [0]).is_ok();
        streams
            .iter_mut()
            .filter_map(|stream| answer(stream).then_some(()))
            .count()
    })
}

/// A guest that is reached through the relay, whose sockets come from init.
fn relayed() -> std::process::Command {
    let folder = support::guests::root().join("examples/echo");
    let mut command = support::wasmrun(&["os", folder.to_str().unwrap()]);
    command.args(["-f", "0:3000", "--forward-path", "splice"]);
    command
}

#[test]
fn an_init_that_is_stopped_and_goes_on_has_lost_nobody() {
    let mut run = Run::of(relayed());
    let address = run.ready(3000);
    let init = run.descendants()[1];
    kill(init, Signal::SIGSTOP).unwrap();
    // More than there are sockets in stock.
    let clients = answered(address, 200);
    run.wait_for("warning: the guest's init has not answered for 2s: new connections wait");
    kill(init, Signal::SIGCONT).unwrap();
    assert_eq!(clients.join().unwrap(), 200);
    run.wait_for("the guest's init answers again; connections continue");
    for _ in 0..100 {
        assert_eq!(answered(address, 1).join().unwrap(), 1);
    }
    let said = run.stop();
    assert_eq!(said.matches("has not answered").count(), 1, "{said}");
}

#[test]
fn an_init_that_stays_away_is_a_failure_where_guests_are_started_again() {
    let mut command = relayed();
    command.args(["--restart", "on-failure", "--connect-timeout", "90s"]);
    let mut run = Run::of(command);
    let address = run.ready(3000);
    kill(run.descendants()[1], Signal::SIGSTOP).unwrap();
    let started = Instant::now();
    let clients: Vec<_> = (0..200).map(|_| connect(address)).collect();
    support::network::eventually_within("it is ended", Duration::from_secs(60), || {
        run.stderr()
            .contains("error: #1: the guest's init has not answered for 30s; ending the guest")
    });
    println!("ended after {:?}", started.elapsed());
    for mut client in clients {
        // Those that the first one had are gone with it.
        let _ = client.write_all(b"x").and_then(|()| client.read(&mut [0]));
    }
    assert_eq!(answered(address, 1).join().unwrap(), 1);
    run.stop();
}
