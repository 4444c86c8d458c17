//! Programs that call and serve by TLS. The other side is Node.js itself, with OpenSSL.

use crate::support::program::{project, start};
use crate::support::server::{Server, free_port};
use crate::support::{Output, Run, certificates, output, wasmrun};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn with_certificates(name: &str) -> TempDir {
    let folder = project(name);
    certificates::make(folder.path());
    folder
}

/// A program that has servers and clients of each kind prints under Node.js and here the same.
pub fn is_as_nodes_is() {
    let folder = with_certificates("tls-node");
    let script = folder.path().join("both.js");
    let authority = folder.path().join("ca.pem");
    let authority = authority.to_str().unwrap();
    // The second time with roots of the environment.
    for (cases, variable) in [(&[][..], None), (&["fetches"][..], Some(authority))] {
        let mut native = Command::new("node");
        native.arg(&script).args(cases);
        let given = variable.map(|path| format!("NODE_EXTRA_CA_CERTS={path}"));
        let mut arguments = vec!["os", script.to_str().unwrap()];
        if let (Some(path), Some(given)) = (variable, &given) {
            native.env("NODE_EXTRA_CA_CERTS", path);
            arguments.extend(["--env", given]);
        }
        arguments.push("--");
        arguments.extend(cases);
        let (native, said) = (output(native), output(wasmrun(&arguments)));
        assert_eq!(native.code, Some(0), "{}", native.stderr);
        said.prints(&native.stdout);
    }
}

/// A server by this machine's Node.js.
fn native(folder: &Path) -> Server {
    let port = free_port();
    let mut command = Command::new("node");
    command.arg(folder.join("serve.js")).env("PORT", port.to_string());
    Server::serving(command, port)
}

fn guest(folder: &Path) -> (Run, SocketAddr) {
    start(&folder.join("serve.js"), 3443, &[])
}

/// What the project's client says of a server: in a guest, or by Node.js.
fn calls(folder: &Path, port: u16, more: &[&str]) -> Output {
    let script = folder.join("index.js");
    let (url, rule) = (format!("WEB_URL=https://localhost:{port}"), format!("localhost:{port}"));
    let mut arguments = vec!["os", script.to_str().unwrap(), "--env", &url, "--allow", &rule];
    arguments.extend(more);
    output(wasmrun(&arguments))
}

/// axios, fetch and ws call a server of https and ws: each in a guest, and each by Node.js.
pub fn packages_call_and_serve_by_tls() {
    let folder = with_certificates("calls-tls-node");
    let folder = folder.path();
    let authority = folder.join("ca.pem");
    let authority = authority.to_str().unwrap();
    let wanted =
        "GET /axios 0 TLSv1.3\nPOST /large 3000000 TLSv1.3\nGET /fetch 0 TLSv1.3\nGET /get 0 TLSv1.3\nheard over\n";
    // Node.js itself has to find the packages, too.
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund"])
        .current_dir(folder);
    let installed = output(npm);
    assert_eq!(installed.code, Some(0), "{}", installed.stderr);
    let (run, address) = guest(folder);
    let said = calls(folder, address.port(), &["--ca", authority]);
    assert_eq!(said.stdout, wanted, "{}", said.stderr);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let mut command = Command::new("node");
    command
        .arg(folder.join("index.js"))
        .env("WEB_URL", format!("https://localhost:{}", address.port()))
        .env("NODE_EXTRA_CA_CERTS", authority);
    let by_node = output(command);
    assert_eq!(by_node.stdout, wanted, "{}", by_node.stderr);
    run.stop();

    let server = native(folder);
    let said = calls(folder, server.port, &["--ca", authority]);
    assert_eq!(said.stdout, wanted, "{}", said.stderr);
    // Nobody whom this machine trusts has signed its certificate.
    let said = calls(folder, server.port, &[]);
    assert_eq!(said.stdout, "", "{}", said.stderr);
    assert!(
        said.stderr.contains("Error: unable to verify the first certificate"),
        "{}",
        said.stderr
    );
}

fn get(address: SocketAddr, folder: &Path) -> String {
    let mut command = Command::new("curl");
    command
        .args(["-sS", "--max-time", "20", "--cacert"])
        .arg(folder.join("ca.pem"))
        .arg(format!("https://localhost:{}/", address.port()));
    let said = output(command);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    said.stdout
}

/// A hundred that say nothing, one that says nonsense, one that breaks off in the handshake, and one that reads nothing.
pub fn hostile_clients_end_nothing() {
    let folder = with_certificates("calls-tls-node");
    let folder = folder.path();
    let (run, address) = guest(folder);
    assert_eq!(get(address, folder), "GET / 0 TLSv1.3");
    let connect = || TcpStream::connect(address).unwrap();
    let silent: Vec<TcpStream> = (0..100).map(|_| connect()).collect();
    for nonsense in [
        &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        &[0x16, 3, 1, 255, 255],
        &[0; 70_000],
    ] {
        let mut one = connect();
        // It may be closed before all is sent.
        let _ = one.write_all(nonsense);
        if nonsense.len() != 5 {
            one.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let mut rest = Vec::new();
            let _ = one.read_to_end(&mut rest);
            assert!(rest.len() < 100, "{rest:?}");
        }
        let begun = Instant::now();
        assert_eq!(get(address, folder), "GET / 0 TLSv1.3");
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    // A half of a ClientHello: the first bytes of one that openssl(1) makes would do; any whole header will.
    let mut half = connect();
    half.write_all(&[0x16, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]).unwrap();
    drop(half);
    assert_eq!(get(address, folder), "GET / 0 TLSv1.3");
    drop(silent);
    assert_eq!(get(address, folder), "GET / 0 TLSv1.3");
    run.stop();
}
