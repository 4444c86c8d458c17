//! Guests that accept from this machine's listeners themselves, without a relay.

use crate::support;
use nix::sys::signal::{Signal, kill};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use support::guests::guest;
use support::project::{KeepAlive, Kind, Load, Project, version};
use support::{PATIENCE, Run, connect, eventually, get, output, wasmrun};

/// A run with a name that only this test knows.
struct Named {
    run: Run,
    name: String,
}

impl Named {
    fn start(guest: &str, more: &[&str]) -> Named {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("a{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut arguments = vec!["os", guest, "--name", &name];
        arguments.extend(more);
        Named {
            run: Run::start(&arguments),
            name,
        }
    }

    #[track_caller]
    fn says(&self, arguments: &[&str]) -> String {
        let ended = output(wasmrun(arguments));
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}", ended.stderr);
        ended.stdout
    }

    /// Each forward, as `inspect` shows it.
    #[track_caller]
    fn forwards(&self) -> Vec<serde_json::Value> {
        let state: serde_json::Value = serde_json::from_str(&self.says(&["inspect", &self.name])).unwrap();
        state["forwards"].as_array().unwrap().clone()
    }

    /// `adopted`, `live`, `accepted` of the first forward.
    #[track_caller]
    fn counts(&self) -> (bool, u64, u64) {
        let forward = &self.forwards()[0];
        let number = |name: &str| forward[name].as_u64().unwrap();
        (
            forward["adopted"].as_bool().unwrap(),
            number("live"),
            number("accepted"),
        )
    }
}

fn path(name: &str) -> String {
    guest(name).to_str().unwrap().to_owned()
}

/// A guest with sockets of its own.
fn echo() -> String {
    support::guests::root().join("examples/echo").display().to_string()
}

fn hello() -> String {
    support::guests::root().join("examples/hello").display().to_string()
}

fn echoes(client: &mut TcpStream, bytes: usize) {
    let sent: Vec<u8> = (0..bytes).map(|at| at as u8).collect();
    let mut received = vec![0; bytes];
    client.write_all(&sent).unwrap();
    client.read_exact(&mut received).unwrap();
    assert!(sent == received);
}

#[test]
fn guests_accept_themselves_and_are_relayed_to_where_that_is_said() {
    for (guest, port, more, adopts) in [
        (hello(), 8080, None, true),
        (path("hello_p3"), 8080, None, true),
        (path("p1_echo"), 3000, None, true),
        (echo(), 3000, None, true),
        (path("wasmedge"), 3000, None, true),
        (hello(), 8080, Some("--forward-path=splice"), false),
        (path("p1_echo"), 3000, Some("--forward-path=splice"), false),
        (echo(), 3000, Some("--forward-path=splice"), false),
        (hello(), 8080, Some("--watch"), false),
    ] {
        let rule = format!("0:{port}");
        let mut arguments = vec!["-f", &rule];
        match more {
            Some("--watch") => arguments.extend(["--watch", "--forward-path=auto"]),
            Some(more) => arguments.push(more),
            None => arguments.push("--forward-path=adopt"),
        }
        let mut run = Named::start(&guest, &arguments);
        let mut client = connect(run.run.ready(port));
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        assert!(client.read(&mut [0; 512]).unwrap() > 0);
        assert_eq!(run.counts(), (adopts, 1, 1), "{guest} {more:?}");
        drop(client);
        eventually("it is closed", || run.counts() == (adopts, 0, 1));
        let forward = &run.forwards()[0];
        assert!(forward["to_guest"].as_u64() >= Some(26), "{forward}");
        assert!(forward["to_client"].as_u64() >= Some(26), "{forward}");
        run.run.stop();
    }
}

#[test]
fn a_handler_that_could_open_sockets_accepts_itself() {
    let text = support::guests::root().join("examples/hello/src/hello.wat");
    let one_more =
        "(module\n  (import \"wasi:sockets/instance-network@0.2.0\" \"instance-network\" (func (result i32)))";
    let bytes = support::guests::variant(&text, "http-and-sockets", "(module", one_more);
    let folder = support::folder();
    let file = folder.path().join("both.wasm");
    std::fs::write(&file, bytes).unwrap();
    let mut run = Named::start(
        file.to_str().unwrap(),
        &["-f", "0:80", "-f", "0:81", "--forward-path=adopt"],
    );
    let (one, other) = (run.run.ready(80), run.run.ready(81));
    assert_eq!((get(one).0, get(other).0), (200, 200));
    assert!(
        run.forwards().iter().all(|forward| forward["adopted"] == true),
        "{:?}",
        run.forwards()
    );
    run.run.stop();
}

#[test]
fn the_guests_process_has_the_listener_only_where_it_accepts() {
    let listening = |run: &Run, address: SocketAddr| {
        // The namespace of a socket is that of who looks at /proc/net, so what is asked is the socket's number there.
        let wanted = format!("0100007F:{:04X} 00000000:0000 0A", address.port());
        let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let line = sockets.lines().find(|line| line.contains(&wanted)).unwrap().to_owned();
        let inode = format!("socket:[{}]", line.split_whitespace().nth(9).unwrap());
        let folder = std::fs::read_dir(format!("/proc/{}/fd", run.guest())).unwrap();
        let links = folder.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        links.filter(|link| link.to_string_lossy() == inode).count()
    };
    for (more, count) in [("--forward-path=adopt", 1), ("--forward-path=splice", 0)] {
        for guest in [hello(), echo()] {
            let mut run = Run::start(&["os", &guest, "-f", "127.0.0.1:0:3000", more]);
            let address = run.ready(3000);
            let mut client = connect(address);
            client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            assert!(client.read(&mut [0; 512]).unwrap() > 0);
            assert_eq!(listening(&run, address), count, "{guest} {more}");
            drop(client);
            run.stop();
        }
    }
}

#[test]
fn a_forward_that_is_added_is_adopted_and_one_that_is_removed_refuses_at_once() {
    let mut run = Named::start(&hello(), &["-f", "0:80", "--forward-path=adopt"]);
    let first = run.run.ready(80);
    let added = output(wasmrun(&["forward", &run.name, "127.0.0.1:0:80", "--detach"])).stderr;
    let mut words = added.split_whitespace();
    let second: SocketAddr = words.find_map(|word| word.parse().ok()).expect(&added);
    for address in [first, second] {
        assert_eq!(get(address).0, 200);
    }
    let forwards = run.forwards();
    assert!(
        forwards
            .iter()
            .all(|forward| forward["adopted"] == true && forward["accepted"] == 1),
        "{forwards:?}"
    );
    let mut open = KeepAlive::open(second);
    assert!(open.get().is_err_and(|text| text.contains("hello")), "it answers");
    run.says(&["unforward", &run.name, &second.port().to_string()]);
    assert_eq!(
        TcpStream::connect(second).unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
    assert_eq!(get(first).0, 200);
    run.run.stop();
}

#[test]
fn no_request_fails_while_guests_that_accept_themselves_are_replaced() {
    let rounds = std::env::var("TEST_RELOADS").map_or(15, |text| text.parse().unwrap());
    for (kind, lasting) in [(Kind::Http, 2), (Kind::Tcp, 0)] {
        let project = Project::new(kind);
        let (mut run, address) = project.watch(&["--forward-path=adopt"]);
        let load = Load::start(address, lasting, 3);
        for number in 2..=rounds {
            project.save(number);
            run.reloaded(number);
            load.sees(number);
        }
        load.ends_well(1);
        assert_eq!(version(address), Ok(rounds));
        run.stop();
    }
}

#[test]
fn a_kept_connection_is_sent_on_and_a_long_one_is_drained() {
    let project = Project::new(Kind::Http);
    let (mut run, address) = project.watch(&["--forward-path=adopt", "-v"]);
    let mut kept = KeepAlive::open(address);
    assert_eq!((kept.get(), kept.is_over), (Ok(1), false));
    project.save(2);
    let line = run.reloaded(2);
    assert!(line.contains(", 1 connection draining"), "{line}");
    // The old guest is the only one who can answer here; it says that this was the last time.
    assert_eq!((kept.get(), kept.is_over), (Ok(1), true));
    run.wait_for("#1: gone");
    run.stop();
}

#[test]
fn a_candidate_that_fails_leaves_the_listeners_with_the_old_one() {
    for (kind, lasting) in [(Kind::Http, 1), (Kind::Tcp, 0)] {
        let project = Project::new(kind);
        let (mut run, address) = project.watch(&["--forward-path=adopt"]);
        let load = Load::start(address, lasting, 2);
        for _ in 0..3 {
            project.put(b"\0asm nonsense");
            run.wait_for("still serving #1");
            project.save(1);
            load.sees(1);
        }
        load.ends_well(1);
        run.stop();
    }
}

/// A takeover that is under way when the next begins.
#[test]
fn restarts_on_top_of_each_other_lose_nobody() {
    let project = Project::new(Kind::Http);
    let mut run = Named::start(project.path(), &["-f", "0:8080", "--forward-path=adopt"]);
    let address = run.run.ready(8080);
    let load = Load::start(address, 1, 2);
    for _ in 0..10 {
        for pause in [0, 5, 10, 15] {
            run.says(&["restart", &run.name]);
            std::thread::sleep(Duration::from_millis(pause));
        }
        load.sees(1);
        assert_eq!(version(address), Ok(1));
    }
    load.ends_well(1);
    eventually("the last one accepts itself", || run.counts().0);
    eventually("the others are gone", || run.run.descendants().len() == 3);
    run.run.stop();
}

#[test]
fn a_guest_that_closes_its_listener_leaves_nobody_waiting_for_ever() {
    let more = [
        "-f",
        "0:3000",
        "--connect-timeout",
        "300ms",
        "--grace",
        "0s",
        "--forward-path=adopt",
    ];
    let mut run = Named::start(&path("one_connection"), &more);
    let address = run.run.ready(3000);
    let mut first = connect(address);
    first.read_exact(&mut [0]).unwrap();
    eventually("it is relayed to", || !run.counts().0);
    let second = connect(address).read(&mut [0]).unwrap_err();
    assert_eq!(second.kind(), ErrorKind::ConnectionReset);
    run.run.wait_for("waited 1s for guest:3000 and was closed");
    drop(first);
    run.run.signal(Signal::SIGINT);
    run.run.ended();
}

#[test]
fn connections_wait_while_a_guest_that_was_killed_comes_again() {
    let mut run = Run::start(&[
        "os",
        &path("p1_echo"),
        "-f",
        "0:3000",
        "--restart",
        "always",
        "--forward-path=adopt",
    ]);
    let address = run.ready(3000);
    for _ in 0..3 {
        let mut before = connect(address);
        echoes(&mut before, 100);
        let guest = run.guest();
        kill(guest, Signal::SIGKILL).unwrap();
        // Until it has died it may accept, and takes that along.
        eventually("it is dead", || !support::is_alive(guest));
        let mut after = connect(address);
        echoes(&mut after, 100);
        assert!(before.read(&mut [0]).map_or(true, |length| length == 0), "it has ended");
        assert_ne!(run.guest(), guest);
    }
    run.stop();
}

#[test]
fn the_limit_holds_and_more_wait_in_the_queue() {
    for (guest, port) in [(path("p1_echo"), 3000), (path("hello_p3"), 8080), (echo(), 3000)] {
        let rule = format!("0:{port}");
        let more = ["-f", &rule, "--max-connections", "2", "--forward-path=adopt"];
        let mut run = Named::start(&guest, &more);
        let address = run.run.ready(port);
        let ask = |client: &mut TcpStream| client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut clients: Vec<TcpStream> = (0..3).map(|_| connect(address)).collect();
        clients.iter_mut().for_each(ask);
        for client in &mut clients[..2] {
            assert!(client.read(&mut [0; 512]).unwrap() > 0);
        }
        run.run.wait_for("the limit of 2 open connections is reached");
        let mut third = clients.pop().unwrap();
        third.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        assert_eq!(
            third.read(&mut [0; 512]).unwrap_err().kind(),
            ErrorKind::WouldBlock,
            "{guest}"
        );
        clients.pop();
        third.set_read_timeout(Some(PATIENCE)).unwrap();
        assert!(third.read(&mut [0; 512]).unwrap() > 0);
        assert_eq!(run.counts(), (true, 2, 3));
        drop((clients, third));
        run.run.stop();
    }
}

#[test]
fn a_stop_gives_open_connections_the_grace_and_then_ends_them() {
    let start = |grace: &str| {
        let more = [
            "os",
            &path("p1_echo"),
            "-f",
            "0:3000",
            "--grace",
            grace,
            "--forward-path=adopt",
        ];
        Run::start(&more)
    };
    let mut run = start("30s");
    let address = run.ready(3000);
    let mut client = connect(address);
    echoes(&mut client, 10);
    run.signal(Signal::SIGINT);
    run.wait_for("stopping: waiting for 1 open connection");
    assert_eq!(
        TcpStream::connect(address).unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
    echoes(&mut client, 100_000);
    drop(client);
    assert_eq!(run.ended().code(), Some(130));

    let mut run = start("200ms");
    let mut client = connect(run.ready(3000));
    echoes(&mut client, 10);
    run.signal(Signal::SIGINT);
    assert_eq!(run.ended().code(), Some(130));
    assert!(run.stderr().contains("ended 1 open connection"), "{}", run.stderr());
    assert!(client.read(&mut [0]).map_or(true, |length| length == 0), "it has ended");
}

#[test]
fn thousands_of_connections_come_and_go_and_leave_nothing() {
    for guest in [path("p1_echo"), echo()] {
        come_and_go(&guest);
    }
}

fn come_and_go(guest: &str) {
    let mut run = Named::start(guest, &["-f", "0:3000", "--forward-path=adopt"]);
    let address = run.run.ready(3000);
    let mut client = connect(address);
    echoes(&mut client, 1);
    drop(client);
    let open = |run: &Run| std::fs::read_dir(format!("/proc/{}/fd", run.guest())).unwrap().count();
    eventually("it is closed", || run.counts() == (true, 0, 1));
    let before = open(&run.run);
    for round in 1..=4 {
        let mut clients: Vec<TcpStream> = (0..250).map(|_| connect(address)).collect();
        clients.iter_mut().for_each(|client| echoes(client, 1000));
        assert_eq!(run.counts(), (true, 250, 250 * round + 1));
        drop(clients);
        eventually("they are closed", || run.counts() == (true, 0, 250 * round + 1));
    }
    assert_eq!(open(&run.run), before);
    let forward = &run.forwards()[0];
    assert_eq!(
        (&forward["to_guest"], &forward["to_client"]),
        (&1_000_001.into(), &1_000_001.into())
    );
    run.run.stop();
}
