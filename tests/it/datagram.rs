//! Forwards of datagrams, through the built binary.

use crate::support;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;
use support::guests::{root, variant};
use support::project::Kind;
use support::project::Project;
use support::{PATIENCE, Run, eventually, wasmrun};

pub fn build(number: u8) -> Vec<u8> {
    variant(
        &root().join("tests/guests/udp.wat"),
        "command",
        "(i32.store8 offset=3 (local.get $data) (i32.const 0))",
        &format!("(i32.store8 offset=3 (local.get $data) (i32.const {number}))"),
    )
}

/// The address that a ready line names for UDP port 5300.
#[track_caller]
fn ready(run: &mut Run, host: &str) -> SocketAddr {
    let line = run.wait_for(" -> guest:5300/udp");
    let port: SocketAddr = line["ready: ".len()..].split(' ').next().unwrap().parse().unwrap();
    format!("{host}:{}", port.port()).parse().unwrap()
}

pub fn client(to: SocketAddr) -> UdpSocket {
    let any = if to.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
    let socket = UdpSocket::bind(any).unwrap();
    socket.connect(to).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Asks and returns the number of the build that answered.
#[track_caller]
pub fn ask(client: &UdpSocket, question: &[u8]) -> u8 {
    client.send(question).unwrap();
    let mut answer = vec![0; 65536];
    let length = client.recv(&mut answer).expect("an answer");
    assert_eq!(length, question.len());
    assert_eq!(answer[2], question[2] | 0x80);
    assert_eq!(answer[4..length], question[4..]);
    answer[3]
}

#[test]
fn a_guest_answers_datagrams_through_a_reload() {
    let project = Project::new(Kind::Tcp);
    project.put(&build(1));
    let mut run = Run::start(&["os", project.path(), "--watch", "-f", "0:5300/udp"]);
    let to = ready(&mut run, "127.0.0.1");
    let first = client(to);
    assert_eq!(ask(&first, b"question"), 1);
    // 60,000 bytes, and the other family.
    let long: Vec<u8> = (0..60_000).map(|at| at as u8).collect();
    assert_eq!(ask(&first, &long), 1);
    assert_eq!(ask(&client(ready(&mut run, "[::1]")), b"question"), 1);
    // All of 127.0.0.0/8 is this machine: resolvers and containers use more than the first address.
    for address in ["127.0.0.2:0", "127.0.0.53:0", "127.255.255.254:0"] {
        let other = UdpSocket::bind(address).unwrap();
        other.connect(to).unwrap();
        other.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(ask(&other, b"question"), 1, "{address}");
    }
    let clients: Vec<_> = (0..64)
        .map(|number: u8| {
            std::thread::spawn(move || {
                let client = client(to);
                for round in 0..50 {
                    assert_eq!(ask(&client, &[number, round, 0, 0, number, round]), 1);
                }
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    // The same client goes on with the next build.
    project.put(&build(2));
    run.reloaded(2);
    assert_eq!(ask(&first, b"question"), 2);
    run.stop();
}

#[test]
fn dig_is_answered() {
    let mut dig = std::process::Command::new("dig");
    let folder = support::folder();
    let path = folder.path().join("dns.wasm");
    // The fourth byte has the answer's code in its low half: 3 is NXDOMAIN (RFC 1035, 4.1.1).
    std::fs::write(&path, build(3)).unwrap();
    let mut run = Run::start(&["os", path.to_str().unwrap(), "-f", "0:5300/udp"]);
    let to = ready(&mut run, "127.0.0.1");
    dig.args([
        "@127.0.0.1",
        "-p",
        &to.port().to_string(),
        "+tries=1",
        "example.test",
        "A",
    ]);
    if dig
        .output()
        .is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
    {
        support::skipped("dig is not there (bind9-dnsutils)");
    } else {
        let answer = support::output(dig);
        assert!(answer.stdout.contains("status: NXDOMAIN"), "{}", answer.stdout);
    }
    run.stop();
}

#[test]
fn a_client_that_is_quiet_is_forgotten_after_the_time_that_was_set() {
    let folder = support::folder();
    let path = folder.path().join("dns.wasm");
    std::fs::write(&path, build(1)).unwrap();
    let runtime = support::folder();
    let command = |arguments: &[&str]| {
        let mut command = wasmrun(arguments);
        command
            .env("XDG_RUNTIME_DIR", runtime.path())
            .env("WASMRUN_NAME", "dns");
        command
    };
    let run = ["os", path.to_str().unwrap(), "-f", "0:5300/udp", "--udp-idle", "1s"];
    let mut run = Run::of(command(&run));
    let client = client(ready(&mut run, "127.0.0.1"));
    assert_eq!(ask(&client, b"question"), 1);
    let flows = || {
        let states = support::output(command(&["ps", "--json"])).stdout;
        let states: serde_json::Value = serde_json::from_str(&states).unwrap();
        states[0]["forwards"][0]["live"].as_u64()
    };
    assert_eq!(flows(), Some(1));
    eventually("its flow ends", || flows() == Some(0));
    run.stop();
}

#[test]
fn datagrams_are_forwarded_from_another_terminal_and_detected() {
    let folder = support::folder();
    let runtime = support::folder();
    let path = folder.path().join("dns.wasm");
    std::fs::write(&path, build(7)).unwrap();
    let command = |arguments: &[&str]| {
        let mut command = wasmrun(arguments);
        command
            .env("XDG_RUNTIME_DIR", runtime.path())
            .env_remove("WASMRUN_NAME");
        command
    };
    let mut run = Run::of(command(&["os", path.to_str().unwrap()]));
    run.wait_for("guest listens on 5300/udp: add --forward 5300:5300/udp, or --auto-forward");
    let mut attached = Run::of(command(&[
        "forward",
        "dns",
        "5300",
        "--local-port",
        "0",
        "--proto",
        "udp",
    ]));
    let to = ready(&mut attached, "127.0.0.1");
    let client = client(to);
    assert_eq!(ask(&client, b"question"), 7);
    attached.signal(nix::sys::signal::Signal::SIGINT);
    attached.ended();
    client.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    eventually("it is closed", || {
        client
            .send(b"question")
            .and_then(|_| client.recv(&mut [0; 64]))
            .is_err()
    });
    run.stop();
}
