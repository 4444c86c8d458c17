//! TLS in Python guests: the same programs here and in a guest, as clients and as servers. Needs python3 with venv, PyPI and
//! openssl(1); curl for some. Without them each test is listed as ignored.

mod support;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use support::program::{self, project, succeeds};
use support::server::{Server, free_port};
use support::{Output, Run, certificates, connect, interpreter, output, wasmrun};
use tempfile::TempDir;

fn main() {
    let possible = succeeds("python3", &["-c", "import venv, ensurepip, ssl"]) && succeeds("openssl", &["version"]);
    let has_curl = succeeds("curl", &["--version"]);
    let tests: [program::Test; 8] = [
        (
            "clients_say_what_they_say_everywhere",
            possible,
            clients_say_what_they_say_everywhere,
        ),
        (
            "servers_answer_as_they_do_everywhere",
            possible,
            servers_answer_as_they_do_everywhere,
        ),
        (
            "packages_trust_what_the_run_trusts",
            possible,
            packages_trust_what_the_run_trusts,
        ),
        ("curl_trusts_a_guest", possible && has_curl, curl_trusts_a_guest),
        (
            "clients_without_a_certificate_are_refused",
            possible && has_curl,
            clients_without_a_certificate_are_refused,
        ),
        (
            "a_context_is_chosen_by_name",
            possible && has_curl,
            a_context_is_chosen_by_name,
        ),
        (
            "slow_and_hostile_clients_end_nothing",
            possible && has_curl,
            slow_and_hostile_clients_end_nothing,
        ),
        (
            "a_closed_direction_leaves_the_other",
            possible,
            a_closed_direction_leaves_the_other,
        ),
    ];
    program::main(tests);
}

/// The project with certificates.
fn folder() -> TempDir {
    let folder = project("tls-python");
    certificates::make(folder.path());
    folder
}

/// A server by this machine's Python.
fn native(folder: &Path, kind: &str) -> Server {
    let port = free_port();
    let mut command = Command::new("python3");
    command.arg(folder.join("serve.py")).args([kind, &port.to_string()]);
    Server::serving(command, port)
}

/// The same server in a guest.
fn guest(folder: &Path, kind: &str, more: &[&str]) -> (Run, SocketAddr) {
    let script = folder.join("serve.py");
    let mut arguments = vec!["--", kind, "8443"];
    arguments.extend(more);
    program::start(&script, 8443, &arguments)
}

/// A script of the project in a guest that may call these ports of this machine.
fn in_guest(folder: &Path, script: &str, ports: &[u16], more: &[&str]) -> Output {
    let script = folder.join(script);
    let rules: Vec<String> = ports.iter().map(|port| format!("localhost:{port}")).collect();
    let names: Vec<String> = ports.iter().map(u16::to_string).collect();
    let mut arguments = vec!["os", script.to_str().unwrap()];
    arguments.extend(rules.iter().flat_map(|rule| ["--allow", rule]));
    arguments.extend(more);
    arguments.push("--");
    arguments.extend(names.iter().map(String::as_str));
    output(wasmrun(&arguments))
}

/// The same by this machine's Python.
fn here(folder: &Path, script: &str, ports: &[u16]) -> Output {
    let mut command = Command::new("python3");
    command.arg(folder.join(script)).args(ports.iter().map(u16::to_string));
    output(command)
}

fn curl(address: SocketAddr, folder: &Path, path: &str, more: &[&str]) -> Output {
    let mut command = Command::new("curl");
    let port = address.port();
    command.current_dir(folder).args(["-sS", "--max-time", "10"]);
    if !more.contains(&"--cacert") {
        command.args(["--cacert", "ca.pem"]);
    }
    command.args(more);
    if !more.contains(&"--resolve") {
        command.arg(format!("https://localhost:{port}{path}"));
    }
    output(command)
}

#[track_caller]
fn is_well(said: &Output) -> &str {
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    &said.stdout
}

fn clients_say_what_they_say_everywhere() {
    let folder = folder();
    let (threads, echo) = (native(folder.path(), "threads"), native(folder.path(), "asyncio"));
    let ports = [threads.port, echo.port];
    let wanted = here(folder.path(), "plain.py", &ports);
    let said = in_guest(folder.path(), "plain.py", &ports, &[]);
    assert_eq!(is_well(&said), is_well(&wanted));
    let text = "certificate verify failed: unable to get local issuer certificate";
    assert!(said.stdout.contains(text), "{}", said.stdout);
}

fn servers_answer_as_they_do_everywhere() {
    let folder = folder();
    let wanted = {
        let (threads, echo) = (native(folder.path(), "threads"), native(folder.path(), "asyncio"));
        here(folder.path(), "plain.py", &[threads.port, echo.port])
    };
    let (threads, first) = guest(folder.path(), "threads", &[]);
    let (echo, second) = guest(folder.path(), "asyncio", &[]);
    let ports = [first.port(), second.port()];
    assert_eq!(
        is_well(&here(folder.path(), "plain.py", &ports)),
        is_well(&wanted),
        "{}{}",
        threads.stderr(),
        echo.stderr()
    );
    let said = in_guest(folder.path(), "plain.py", &ports, &[]);
    assert_eq!(is_well(&said), wanted.stdout);
    threads.stop();
    echo.stop();
}

fn packages_trust_what_the_run_trusts() {
    let folder = folder();
    let server = native(folder.path(), "threads");
    let authority = folder.path().join("ca.pem");
    let said = in_guest(
        folder.path(),
        "packages.py",
        &[server.port],
        &["--ca", authority.to_str().unwrap()],
    );
    assert_eq!(
        is_well(&said),
        "requests xxxxxxxxxx TLSv1.3\n1 1000 3000000\nTrue\nTrue\nxxxxx\nurllib3 xxx xxx xxx\nTrue\nhttpx xxx http/1.1\n2000000\nTrue\n\
         aiohttp 2000000\nTLSv1.3\nClientConnectorCertificateError\nhttpx xxxxxxx\n"
    );
}

fn curl_trusts_a_guest() {
    let folder = folder();
    let (run, address) = guest(folder.path(), "threads", &[]);
    let said = curl(address, folder.path(), "/", &[]);
    let told: serde_json::Value = serde_json::from_str(is_well(&said)).unwrap();
    assert_eq!(
        told,
        serde_json::json!({"version": "TLSv1.3", "alpn": "http/1.1", "bits": 256, "client": null})
    );
    let said = curl(address, folder.path(), "/", &["--tls-max", "1.2"]);
    assert!(is_well(&said).contains("TLSv1.2"), "{}", said.stdout);
    let said = curl(address, folder.path(), "/large/5000000", &[]);
    assert_eq!(is_well(&said).len(), 5_000_000);
    std::fs::write(folder.path().join("body"), "y".repeat(3_000_000)).unwrap();
    let said = curl(address, folder.path(), "/", &["--data-binary", "@body"]);
    assert_eq!(is_well(&said), "y".repeat(3_000_000));
    run.stop();
}

fn clients_without_a_certificate_are_refused() {
    let folder = folder();
    let (run, address) = guest(folder.path(), "threads", &["ca.pem"]);
    let known = ["--cert", "client.pem", "--key", "client.key"];
    for _ in 0..2 {
        let said = curl(address, folder.path(), "/", &known);
        assert!(is_well(&said).contains(r#""client": "client""#), "{}", said.stdout);
        // The alert may be lost with the connection, which ends with bytes that nobody has read.
        for others in [&[][..], &["--cert", "self.pem", "--key", "self.key"]] {
            let said = curl(address, folder.path(), "/", others);
            assert_ne!(said.code, Some(0), "{}", said.stdout);
        }
    }
    run.stop();
}

fn a_context_is_chosen_by_name() {
    let folder = folder();
    let (run, address) = guest(folder.path(), "names", &[]);
    let port = address.port();
    let of = |name: &str, authority: &str| {
        let resolved = format!("{name}:{port}:127.0.0.1");
        let url = format!("https://{name}:{port}/large/3");
        curl(
            address,
            folder.path(),
            "",
            &["--cacert", authority, "--resolve", &resolved, &url],
        )
    };
    assert_eq!(is_well(&of("localhost", "ca.pem")), "xxx");
    assert_eq!(is_well(&of("self.example", "self.pem")), "xxx");
    let refused = of("nobody.example", "ca.pem");
    assert!(refused.stderr.contains("unrecognized name"), "{}", refused.stderr);
    run.stop();
}

fn slow_and_hostile_clients_end_nothing() {
    let folder = folder();
    let (run, address) = guest(folder.path(), "threads", &[]);
    // They say nothing, or the beginning of a handshake, or of something else.
    let silent: Vec<_> = (0..40).map(|_| connect(address)).collect();
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    let begun: Vec<_> = (0..40)
        .map(|size| {
            let mut client = connect(address);
            client.write_all(&hello[..size % hello.len()]).unwrap();
            client
        })
        .collect();
    let others: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        b"\x00\xff garbage \x16\x03",
        b"\x16\x03\x03\xff\xff",
        b"\x15\x03\x03\x00\x02\x02\x28",
    ];
    for other in others {
        let mut client = connect(address);
        client.write_all(other).unwrap();
    }
    let began = Instant::now();
    let said = curl(address, folder.path(), "/large/10", &[]);
    assert_eq!(is_well(&said), "xxxxxxxxxx", "{}", run.stderr());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    // One that has sent plain HTTP is told in TLS, and its connection ends.
    let mut client = connect(address);
    client.write_all(others[0]).unwrap();
    let mut answer = Vec::new();
    let _ = client.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"));
    drop((silent, begun));
    let said = curl(address, folder.path(), "/large/10", &[]);
    assert_eq!(is_well(&said), "xxxxxxxxxx", "{}", run.stderr());
    run.stop();
}

/// A client that says close_notify, and reads the answer then.
const HALF: &str = "
import socket, ssl, sys
context = ssl.create_default_context(cafile='ca.pem')
incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
session = context.wrap_bio(incoming, outgoing, server_hostname='localhost')
connection = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
def until(call):
    while True:
        try:
            return call()
        except ssl.SSLWantReadError:
            connection.sendall(outgoing.read())
            piece = connection.recv(65536)
            incoming.write(piece) if piece else incoming.write_eof()
until(session.do_handshake)
session.write(b'half of it')
try:
    session.unwrap()
except ssl.SSLWantReadError:
    pass
print(until(lambda: session.read(100)).decode())
";

fn a_closed_direction_leaves_the_other() {
    let folder = folder();
    let (run, address) = guest(folder.path(), "one-by-one", &[]);
    for _ in 0..2 {
        let mut client = interpreter("python3", HALF);
        client.arg(address.port().to_string()).current_dir(folder.path());
        assert_eq!(is_well(&output(client)), "heard half of it\n", "{}", run.stdout());
        // Others are refused, one after the other.
        let mut other = connect(address);
        other.write_all(b"no TLS at all\r\n").unwrap();
        let _ = other.read_to_end(&mut Vec::new());
    }
    assert!(
        run.stdout().contains("refused [SSL: WRONG_VERSION_NUMBER]"),
        "{}",
        run.stdout()
    );
    run.stop();
}
