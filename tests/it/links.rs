//! Links: the guest of one run reaches that of another by name.

use crate::outbound::askers;
use crate::support;
use nix::sys::signal::Signal;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use support::guests::{guest, root};
use support::project::{Kind, Load, Project};
use support::{Output, Run, eventually, output, wasmrun};

/// How often a guest is replaced under load.
fn rounds() -> u64 {
    std::env::var("TEST_ROUNDS").map_or(20, |rounds| rounds.parse().unwrap())
}

/// Runs of a test of its own.
struct Runs(tempfile::TempDir);

impl Runs {
    fn new() -> Runs {
        Runs(support::folder())
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = wasmrun(arguments);
        command.env("XDG_RUNTIME_DIR", self.0.path());
        command
    }

    fn start(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments))
    }

    fn run(&self, arguments: &[&str]) -> Output {
        output(self.command(arguments))
    }

    fn state(&self, name: &str) -> Value {
        let inspected = self.run(&["inspect", name]);
        serde_json::from_str(&inspected.stdout).unwrap_or_else(|error| panic!("{error}: {}", inspected.stderr))
    }

    /// A target that answers with its version, named `target`, and a consumer of it that answers with what it was answered.
    fn linked(&self, project: &Project) -> (Run, Run, SocketAddr) {
        let target = self.start(&[
            "os",
            project.path(),
            "--watch",
            "--name",
            "target",
            "--grace",
            "60s",
            "--expose",
            "8080",
        ]);
        let consumer = guest("fetch");
        let link = "--link=api.example.com:80=target:8080";
        let mut consumer = self.start(&[
            "os",
            consumer.to_str().unwrap(),
            "-f",
            "0:3000",
            link,
            "--name",
            "consumer",
        ]);
        let address = consumer.ready(3000);
        (target, consumer, address)
    }
}

/// Calls a guest by these names and ports, with these options.
fn call(runs: &Runs, options: &[&str], places: &[(&str, &str)]) -> Output {
    let caller = guest("caller");
    let mut arguments = vec!["os", caller.to_str().unwrap()];
    arguments.extend(options);
    arguments.push("--");
    for (host, port) in places {
        arguments.extend([host, port]);
    }
    let ended = runs.run(&arguments);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended
}

/// As `wasi:sockets` numbers its errors.
const DENIED: &str = "connect 01\n";
const REFUSED: &str = "connect 14\n";
const TIMED_OUT: &str = "connect 05\n";

/// The version that the target has told the consumer.
fn through(address: SocketAddr) -> Result<u64, String> {
    let (status, body) = support::get(address);
    let number = body
        .split_once("version ")
        .and_then(|(_, rest)| rest.get(..10)?.parse().ok());
    number
        .filter(|_| status == 200)
        .ok_or_else(|| format!("{status} {body}"))
}

/// A guest that tells each client its own name and the client's address.
fn peer(runs: &Runs) -> Run {
    let run = runs.start(&[
        "os",
        guest("peer").to_str().unwrap(),
        "--name",
        "peer",
        "--",
        "3000",
        "1",
        "here",
    ]);
    eventually("the run listens", || {
        runs.run(&["inspect", "peer"])
            .stdout
            .contains("\"listening\": [\n    3000")
    });
    run
}

#[test]
fn a_guest_reaches_another_by_name_and_by_no_other_port() {
    let runs = Runs::new();
    let target = peer(&runs);
    let ended = call(
        &runs,
        &[
            "--link",
            "peer:3000,other:1=peer:3000,peer:3001",
            "--connect-timeout",
            "300ms",
        ],
        &[
            ("peer", "3000"),
            ("OTHER", "1"),
            ("peer", "3001"),
            ("peer", "80"),
            ("other", "3000"),
        ],
    );
    let lines: Vec<&str> = ended.stdout.lines().collect();
    // The first name has the first address of links, the second the next; the target sees who comes by them.
    assert!(
        lines[0].starts_with("here 0 ") && lines[0].ends_with(" f0 00 01 01"),
        "{}",
        ended.stdout
    );
    assert!(
        lines[1].starts_with("here 0 ") && lines[1].ends_with(" f0 00 01 02"),
        "{}",
        ended.stdout
    );
    let rest = lines[2..].join("\n") + "\n";
    assert_eq!(rest, format!("{TIMED_OUT}{DENIED}{DENIED}"), "{}", ended.stderr);
    for said in [
        "warning: refused: peer:3001: peer listens on 3000, not 3001\n",
        "warning: denied: peer:80/tcp: no link leads there\n\
         hint: `--link peer:80`, or `links = [\"peer:80\"]` under `[network]`\n",
    ] {
        assert!(ended.stderr.contains(said), "{said}: {}", ended.stderr);
    }
    // The target's own state is what it was; no port of the host leads to it.
    let state = runs.state("peer");
    let forwards = state["forwards"].as_array().unwrap();
    assert_eq!(
        (state["state"].as_str(), forwards.len()),
        (Some("serving"), 2),
        "{state}"
    );
    let is_link = |forward: &Value| forward["source"] == "link" && forward["hosts"] == serde_json::json!([]);
    assert!(forwards.iter().all(is_link), "{state}");
    target.stop();
}

#[test]
fn a_link_that_leads_nowhere_says_why() {
    let runs = Runs::new();
    let ended = call(
        &runs,
        &["--link", "orders:8080"],
        &[("orders", "8080"), ("orders", "8080")],
    );
    assert_eq!(ended.stdout, REFUSED.repeat(2), "{}", ended.stderr);
    let said = "warning: refused: orders:8080: orders is not running\n\
                hint: start it with `--name orders`; `wasmrun ps` lists the runs\n";
    assert_eq!(ended.stderr.matches(said).count(), 1, "{}", ended.stderr);
    for (link, said) in [
        (
            "orders",
            "error: --link: the link `orders` names no port; write RUN:PORT, for example `orders:8080`",
        ),
        (
            "a:1=b:2,a:1=c:3",
            "error: a:1 is linked twice: to `a:1=b:2` (--link) and to `a:1=c:3` (--link)",
        ),
    ] {
        let ended = runs.run(&["os", guest("caller").to_str().unwrap(), "--link", link]);
        assert_eq!(ended.code, Some(2));
        assert!(ended.stderr.starts_with(said), "{}", ended.stderr);
    }
}

/// A guest of wasi:http, or of wasip1, has the listeners that it was started with.
#[test]
fn a_guest_that_is_given_its_listeners_is_reached_where_it_is_exposed() {
    let runs = Runs::new();
    let hello = root().join("examples/hello");
    let target = runs.start(&["os", hello.to_str().unwrap(), "--expose", "6000", "--name", "hello"]);
    eventually("the run is there", || runs.run(&["inspect", "hello"]).code == Some(0));
    let ended = call(
        &runs,
        &["--link", "hello:6000,hello:6001", "--connect-timeout", "300ms"],
        &[("hello", "6000"), ("hello", "6001")],
    );
    // It says no word of HTTP.
    let (first, last) = ended.stdout.split_once("\r\n").unwrap();
    assert_eq!(first, "HTTP/1.1 400 Bad Request");
    assert!(last.ends_with(TIMED_OUT), "{}\n{}", ended.stdout, ended.stderr);
    let state = runs.state("hello");
    assert_eq!(
        (state["state"].as_str(), &state["starts"]),
        (Some("serving"), &1.into()),
        "{state}"
    );
    assert_eq!(target.stop(), "");
}

#[test]
fn both_ends_of_a_link_are_seen_and_the_end_of_one_is_known_to_the_other() {
    let runs = Runs::new();
    let project = Project::new(Kind::Tcp);
    let mut target = runs.start(&["os", project.path(), "--name", "target"]);
    eventually("the target is there", || {
        runs.run(&["inspect", "target"]).code == Some(0)
    });
    let link = "--link=api.example.com:80=target:8080";
    let fetch = guest("fetch");
    let mut consumer = runs.start(&[
        "os",
        fetch.to_str().unwrap(),
        "-f",
        "0:3000",
        link,
        "--name",
        "consumer",
    ]);
    let address = consumer.ready(3000);
    assert_eq!(through(address), Ok(1));
    let row = runs.state("consumer")["outbound"][0].clone();
    assert_eq!(
        (row["to"].as_str(), row["address"].as_str()),
        (Some("api.example.com:80"), Some("240.0.1.1:80"))
    );
    assert_eq!((&row["live"], &row["opened"]), (&1.into(), &1.into()), "{row}");
    assert!(
        row["sent"].as_u64() > Some(20) && row["received"].as_u64() > Some(20),
        "{row}"
    );
    let listed = runs.run(&["ps"]).stdout;
    let outs: Vec<&str> = listed
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().nth(7).unwrap())
        .collect();
    assert_eq!(outs, ["1", "0"], "{listed}");
    // Whoever is killed has closed its connections: the target may be replaced, and nothing of the past is waited for.
    nix::sys::signal::kill(consumer.pid(), Signal::SIGKILL).unwrap();
    consumer.ended();
    target.signal(Signal::SIGTERM);
    target.ended();
    let left: Vec<_> = std::fs::read_dir(runs.0.path().join("wasmrun"))
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert!(
        left.iter()
            .all(|name| Path::new(name).file_stem() == Some("consumer".as_ref())),
        "{left:?}"
    );
    // The next that looks clears up.
    runs.run(&["ps"]);
    assert_eq!(std::fs::read_dir(runs.0.path().join("wasmrun")).unwrap().count(), 0);
}

#[test]
fn the_log_of_the_network_has_a_line_for_each_connection() {
    let runs = Runs::new();
    let fetch = guest("fetch");
    let mut consumer = runs.start(&[
        "os",
        fetch.to_str().unwrap(),
        "-f",
        "0:3000",
        "--link=api.example.com:80=gone:1",
        "--name",
        "consumer",
    ]);
    let address = consumer.ready(3000);
    assert_eq!(support::get(address).0, 502);
    let logged = runs.run(&["logs", "consumer", "--network"]).stdout;
    assert!(
        logged.contains(" api.example.com:80 failed: gone is not running\n"),
        "{logged}"
    );
    assert!(
        logged.contains(" refused: api.example.com:80: gone is not running\n"),
        "{logged}"
    );
    let logged = runs
        .run(&["logs", "consumer", "--network", "--json", "--tail", "1"])
        .stdout;
    let line: Value = serde_json::from_str(&logged).unwrap();
    assert_eq!(
        (line["event"].as_str(), line["to"].as_str()),
        (Some("refused"), Some("api.example.com:80")),
        "{line}"
    );
    assert!(line["time"].as_u64() > Some(1_700_000_000_000), "{line}");
    // A guest's output is another log.
    assert_eq!(runs.run(&["logs", "consumer"]).stdout, "");
    consumer.stop();
}

#[test]
fn no_request_fails_while_the_target_of_a_link_is_replaced() {
    let runs = Runs::new();
    let project = Project::new(Kind::Http);
    let (target, consumer, address) = runs.linked(&project);
    let load = Load::asking(address, 0, 3, through);
    load.sees(1);
    for number in 2..=rounds() {
        project.save(number);
        load.sees(number);
    }
    load.ends_well(500);
    let row = runs.state("consumer")["outbound"][0].clone();
    assert_eq!((&row["failed"], &row["refused"]), (&0.into(), &0.into()), "{row}");
    consumer.stop();
    target.stop();
}

#[test]
fn no_request_fails_while_both_ends_of_a_link_are_replaced() {
    let runs = Runs::new();
    let project = Project::new(Kind::Http);
    let (target, consumer, address) = runs.linked(&project);
    let load = Load::asking(address, 0, 3, through);
    load.sees(1);
    for number in 2..=rounds() {
        assert_eq!(runs.run(&["restart", "consumer"]).code, Some(0));
        project.save(number);
        load.sees(number);
    }
    load.ends_well(200);
    consumer.stop();
    target.stop();
}

/// Datagrams go over links of their own, and to the guest that is the newest.
#[test]
fn datagrams_reach_another_guest() {
    let runs = Runs::new();
    let project = Project::new(Kind::Tcp);
    let folder = support::folder();
    project.put(&crate::datagram::build(1));
    let mut target = runs.start(&["os", project.path(), "--watch", "--name", "names"]);
    eventually("the run is there", || runs.run(&["inspect", "names"]).code == Some(0));
    let link = "--link=dns:53=names:5300/udp";
    for (number, asker) in [(1, &askers(folder.path())[0]), (2, &askers(folder.path())[1])] {
        if number == 2 {
            project.put(&crate::datagram::build(2));
            target.wait_for("reloaded #2");
        }
        let asker = asker.to_str().unwrap();
        let asked = runs
            .command(&["os", asker, link, "--", "dns", "53", "dns", "53"])
            .output();
        let asked = asked.unwrap();
        // As the guest answers: a bit of the third byte, and its number.
        let answer = [b'h', b'e', b'l' | 0x80, number, b'o', b'\n'];
        assert_eq!(
            asked.stdout,
            answer.repeat(2),
            "{}",
            String::from_utf8_lossy(&asked.stderr)
        );
        assert_eq!(String::from_utf8_lossy(&asked.stderr), "");
        // It is no link of TCP, and one of another port.
        let ended = call(&runs, &[link], &[("dns", "53")]);
        assert_eq!(ended.stdout, DENIED, "{}", ended.stderr);
        assert!(ended.stderr.contains("hint: `--link dns:53`"), "{}", ended.stderr);
        let ended = runs.run(&["os", asker, link, "--", "dns", "54"]);
        assert!(ended.stderr.contains("hint: `--link dns:54/udp`"), "{}", ended.stderr);
    }
    // A port that it does not have is waited for, and not for long.
    let began = std::time::Instant::now();
    let asker = askers(folder.path())[0].clone();
    let ended = runs.run(&[
        "os",
        asker.to_str().unwrap(),
        "--link=dns:53=names:1/udp",
        "--",
        "dns",
        "53",
    ]);
    assert!(
        ended
            .stderr
            .contains("refused: dns:53/udp: names listens on 5300, not 1"),
        "{}",
        ended.stderr
    );
    assert!(began.elapsed().as_secs() < 20);
    let nobody = runs.run(&[
        "os",
        asker.to_str().unwrap(),
        "--link=dns:53=nobody:1/udp",
        "--",
        "dns",
        "53",
    ]);
    assert!(
        nobody.stderr.contains("refused: dns:53/udp: nobody is not running"),
        "{}",
        nobody.stderr
    );
    target.stop();
}
