//! Programs that ask others by HTTP.

use crate::support::network::eventually_within;
use crate::support::program::project;
use crate::support::{Run, folder, output, wasmrun};
use std::time::Duration;

/// What a client of a server in another guest is told, by a link.
pub fn http_and_fetch_reach_another_guest() {
    let (server, client) = (project("http-server"), project("http-client"));
    let runs = folder();
    let of = |arguments: &[&str]| {
        let mut command = wasmrun(arguments);
        command.env("XDG_RUNTIME_DIR", runs.path());
        command
    };
    let server = Run::of(of(&["os", server.path().to_str().unwrap(), "--name", "server"]));
    // The first run makes the engine.
    eventually_within("the server listens", Duration::from_secs(180), || {
        output(of(&["inspect", "server"]))
            .stdout
            .contains("\"listening\": [\n    3000")
    });
    let client = client.path().to_str().unwrap().to_owned();
    let said = output(of(&["os", &client, "--link", "api:3000=server:3000"]));
    let wanted = [
        r#"request [200,{"method":"PUT","url":"/echo?a=1","body":"größe","host":"api:3000","type":"text/plain","connections":1},["a=1","b=2"]]"#,
        r#"kept [true,1]"#,
        r#"trailers [1048576,{"x-sum":"1048576"}]"#,
        r#"cut "ECONNRESET""#,
        r#"timeout "ECONNRESET""#,
        r#"nobody "EACCES""#,
        r#"refused "EACCES""#,
    ];
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert_eq!(
        lines[..wanted.len().min(lines.len())],
        wanted,
        "{}\n{}",
        said.stdout,
        said.stderr
    );
    assert!(
        lines[7].starts_with(r#"redirect {"method":"GET","url":"/echo","body":"""#),
        "{}",
        lines[7]
    );
    let numbers: String = (0..20).map(|number| format!("/{number}")).collect();
    let rest = [
        r#"away "EACCES""#.to_owned(),
        r#"gzip "unpacked""#.to_owned(),
        r#"abort "TimeoutError""#.to_owned(),
        r#"stream [true,1048576]"#.to_owned(),
        format!("many \"{numbers}\""),
        r#"axios [200,"GET","/echo"]"#.to_owned(),
        r#"axios error "EACCES""#.to_owned(),
        r#"https "EACCES""#.to_owned(),
    ];
    assert_eq!(lines[8..], rest, "{}", said.stderr);
    for denied in [
        "denied: api:3999/tcp: no link leads there",
        "denied: other.example.com:80/tcp: no rule allows it",
        "denied: elsewhere.example.com:80/tcp: no rule allows it",
        "denied: secure.example.com:443/tcp: no rule allows it",
    ] {
        assert_eq!(said.stderr.matches(denied).count(), 1, "{denied}: {}", said.stderr);
    }
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    server.stop();
}

/// A program that sends and receives datagrams prints under Node.js and here the same.
pub fn datagrams_are_as_nodes_are() {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut datagram = [0; 65536];
        loop {
            let (length, from) = socket.recv_from(&mut datagram).unwrap();
            socket.send_to(&datagram[..length], from).unwrap();
        }
    });
    let folder = project("datagrams");
    let script = folder.path().join("index.js");
    let native = std::process::Command::new("node")
        .arg(&script)
        .env("SERVICE", port.to_string())
        .output()
        .unwrap();
    let native = String::from_utf8(native.stdout).unwrap();
    assert!(native.ends_with("many 50\n"), "{native}");
    let (allow, service) = (format!("localhost:{port}/udp"), format!("SERVICE={port}"));
    let said = output(wasmrun(&[
        "os",
        script.to_str().unwrap(),
        "--allow",
        &allow,
        "--env",
        &service,
    ]));
    assert_eq!(said.stdout, native, "{}", said.stderr);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
}

/// A program that asks for records of DNS prints under Node.js and here the same, with a name server of the test's own, in a network
/// of its own. Without a rule it is told that there are none, and who runs it is told why.
pub fn records_are_as_nodes_are() {
    let folder = project("records");
    let script = folder.path().join("index.js");
    let script = script.to_str().unwrap();
    // The first run makes the engine, outside of that network.
    let said = output(wasmrun(&["os", script]));
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(
        said.stdout
            .starts_with("resolveSrv ENOTFOUND querySrv _mongodb._tcp.cluster.example.com\n"),
        "{}",
        said.stdout
    );
    let denied = "denied: SRV records of _mongodb._tcp.cluster.example.com: no rule is about that name\n\
                  hint: `--allow cluster.example.com:PORT` is about it";
    assert!(said.stderr.contains(denied), "{}", said.stderr);
    let resolv = folder.path().join("resolv.conf");
    std::fs::write(&resolv, "nameserver 127.0.0.1\n").unwrap();
    let own = wasmrun(&[]);
    let binary = own.get_program().to_str().unwrap();
    let inside = |program: &str| {
        let text = format!(
            "set -e; ip link set lo up; mount --bind {} \"$(realpath /etc/resolv.conf)\"\n\
             coproc python3 {} 53; read -r <&\"${{COPROC[0]}}\"; status=0; {program} || status=$?\n\
             kill $COPROC_PID; exit $status",
            resolv.display(),
            folder.path().join("server.py").display(),
        );
        let mut unshare = std::process::Command::new("unshare");
        unshare.args([
            "--user",
            "--map-root-user",
            "--net",
            "--mount",
            "--",
            "bash",
            "-c",
            &text,
        ]);
        // As any other `wasmrun` of a test.
        for (name, value) in own.get_envs() {
            match value {
                Some(value) => unshare.env(name, value),
                None => unshare.env_remove(name),
            };
        }
        output(unshare)
    };
    let native = inside(&format!("node {script}"));
    assert!(
        native.stdout.ends_with("TypeError ERR_INVALID_ARG_TYPE\n"),
        "{}",
        native.stderr
    );
    let rules = "--allow cluster.example.com:27017 --allow example.com:25 --allow '*.example.com:1'";
    let said = inside(&format!("{binary} os {script} {rules}"));
    assert_eq!(said.stdout, native.stdout, "{}", said.stderr);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let some = inside(&format!("{binary} os {script} --allow example.com:25"));
    assert!(some.stdout.contains("resolveSrv ENOTFOUND"), "{}", some.stdout);
    assert!(
        some.stdout.contains("resolveNs [\"ns.example.com\"]"),
        "{}",
        some.stdout
    );
}
