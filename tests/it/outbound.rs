//! Connections that leave a guest's network: what rules allow, and nothing else. The host and the internet are namespaces of the
//! test's own.

use crate::support;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::guests::{self, guest};
use support::network::{command, namespaced};
use support::{Output, Run, output, run, wasmrun};

/// What the test's host has, as a machine with a network has them: its own, of the internet, private, link-local.
const OWN: &str = "198.51.100.1";
const PUBLIC: &str = "203.0.113.9";
const PUBLIC_6: &str = "2001:db8::9";
const PRIVATE: &str = "10.0.0.9";
const METADATA: &str = "169.254.169.254";

/// Names of the test's host; its name service is the file alone.
const HOSTS: &str = "127.0.0.1 localhost\n::1 localhost\n203.0.113.9 api.example.com www.example.com deep.api.example.com\n\
                     2001:db8::9 six.example.com\n10.0.0.9 inside.example.org\n203.0.113.9 db.internal\n192.0.2.1 proxy.example.com\n";

/// A host with a network: an interface with its own address, another host behind it with addresses of the internet and of a
/// private network, and names. Nothing can leave it: the other host is a namespace, too.
fn on_a_host_with_a_network(name: &str, test: impl FnOnce()) {
    on_a_host(&format!("outbound::{name}"), |_| test());
}

/// The same for a test of this path, which is told a process of the other host.
pub fn on_a_host(path: &str, test: impl FnOnce(&str)) {
    let user = guests::user();
    namespaced(path, &[(guests::USER, &user)], || {
        command("ip", &["link", "add", "out", "type", "veth", "peer", "name", "in"]);
        command("ip", &["address", "add", &format!("{OWN}/24"), "dev", "out"]);
        command("ip", &["address", "add", "2001:db8:1::1/64", "dev", "out", "nodad"]);
        command("ip", &["link", "set", "out", "up"]);
        // The other host lives as long as this test's process.
        let mut other = Command::new("unshare");
        other
            .args(["--net", "sleep", "180"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let other = Ends(other.spawn().unwrap());
        let pid = other.0.id().to_string();
        support::network::eventually("the other host's network is there", || {
            let own = std::fs::read_link("/proc/self/ns/net").unwrap();
            std::fs::read_link(format!("/proc/{pid}/ns/net")).is_ok_and(|net| net != own)
        });
        command("ip", &["link", "set", "in", "netns", &pid]);
        let inside = |arguments: &[&str]| {
            let mut all = vec!["--target", &pid, "--net", "ip"];
            all.extend(arguments);
            command("nsenter", &all);
        };
        inside(&["link", "set", "lo", "up"]);
        inside(&["link", "set", "in", "up"]);
        let addresses = [
            "198.51.100.2/24",
            "203.0.113.9/32",
            "10.0.0.9/32",
            "169.254.169.254/32",
            "192.0.2.1/32",
        ];
        for address in addresses {
            inside(&["address", "add", address, "dev", "in"]);
        }
        inside(&["address", "add", "2001:db8:1::2/64", "dev", "in", "nodad"]);
        inside(&["address", "add", "2001:db8::9/128", "dev", "in", "nodad"]);
        command("ip", &["route", "add", "default", "via", "198.51.100.2"]);
        command("ip", &["-6", "route", "add", "default", "via", "2001:db8:1::2"]);
        let names = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("hosts", HOSTS),
            ("nsswitch.conf", "hosts: files\n"),
            ("resolv.conf", ""),
        ] {
            let file = names.path().join(name);
            std::fs::write(&file, text).unwrap();
            let real = std::fs::canonicalize(format!("/etc/{name}"));
            let real = real.unwrap_or_else(|_| format!("/etc/{name}").into());
            if real.exists() {
                command("mount", &["--bind", file.to_str().unwrap(), real.to_str().unwrap()]);
            }
        }
        let _servers = serve(&pid);
        test(&pid);
    });
}

/// The servers of the other host: on ports 80, 443 and 5432 of every address each answers with what it is and what it read; on port 7
/// nobody does.
const SERVER: &str = "
import socket, socketserver, sys, threading
class Answer(socketserver.BaseRequestHandler):
    def handle(self):
        said = self.request.recv(1000).decode()
        name = self.request.getsockname()
        if 'HTTP/1.1' in said:
            return self.http(said)
        self.request.sendall(f'{name[0]}:{name[1]} {said}'.encode())
    def http(self, said):
        while said:
            line, *heads = said.split('\\r\\n')
            host = [head[6:] for head in heads if head.lower().startswith('host: ')][0]
            body = line[:-9] + ' ' + host
            self.request.sendall(f'HTTP/1.1 200 OK\\r\\ncontent-length: {len(body)}\\r\\n\\r\\n{body}'.encode())
            said = self.request.recv(1000).decode()
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        said, socket = self.request
        name = socket.getsockname()
        socket.sendto(f'{name[0]}:{name[1]}/udp {said.decode()}'.encode(), self.client_address)
class Datagrams(socketserver.UDPServer):
    address_family = socket.AF_INET6
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    address_family = socket.AF_INET6
class Proxy(socketserver.BaseRequestHandler):
    def handle(self):
        head = b''
        while b'\\r\\n\\r\\n' not in head:
            head += self.request.recv(1)
        host, port = head.split()[1].decode().rsplit(':', 1)
        where = {'far.example.com': '203.0.113.9', 'www.example.com': '203.0.113.9'}.get(host, host.strip('[]'))
        if b'Proxy-Authorization: Basic bWU6c2VjcmV0' not in head:
            return self.request.sendall(b'HTTP/1.1 407 Proxy Authentication Required\\r\\n\\r\\n')
        if host == 'closed.example.com':
            return self.request.sendall(b'HTTP/1.1 403 Forbidden\\r\\n\\r\\n')
        there = socket.create_connection((where, int(port)))
        self.request.sendall(b'HTTP/1.1 200 Connected\\r\\n\\r\\n')
        there.sendall(self.request.recv(1000))
        self.request.sendall(f'{host} by proxy: '.encode() + there.recv(1000))
threading.Thread(target=Server(('::', 3128), Proxy).serve_forever, daemon=True).start()
for port in (80, 443, 5432):
    threading.Thread(target=Server(('::', port), Answer).serve_forever, daemon=True).start()
for address in ('::ffff:203.0.113.9', '2001:db8::9', '::ffff:10.0.0.9', '::ffff:169.254.169.254'):
    threading.Thread(target=Datagrams((address, 53), Echo).serve_forever, daemon=True).start()
silent = socket.create_server(('::', 7), family=socket.AF_INET6, dualstack_ipv6=True)
print('ready', flush=True)
sys.stdin.read()
";

fn serve(pid: &str) -> Ends {
    let mut server = Command::new("nsenter");
    server.args(["--target", pid, "--net", "python3", "-c", SERVER]);
    server.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut server = Ends(server.spawn().unwrap());
    let mut line = [0; 6];
    server.0.stdout.as_mut().unwrap().read_exact(&mut line).unwrap();
    server
}

/// A process that ends with its value, whatever a test does.
pub struct Ends(pub Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A service of this machine, which says so.
pub fn service(address: &str) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(address).unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = Arc::new(AtomicUsize::new(0));
    let count = served.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut said) = (stream.unwrap(), [0; 6]);
            stream.read_exact(&mut said).unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            stream.write_all(b"this machine\n").unwrap();
        }
    });
    (port, served)
}

/// Runs the caller under these options, with these hosts and ports.
pub fn call(options: &[&str], places: &[(&str, u16)]) -> Output {
    calls(&guest("caller"), options, places)
}

fn calls(caller: &Path, options: &[&str], places: &[(&str, u16)]) -> Output {
    let ports: Vec<String> = places.iter().map(|(_, port)| port.to_string()).collect();
    let mut arguments = vec!["os", caller.to_str().unwrap()];
    arguments.extend(options);
    arguments.push("--");
    for ((host, _), port) in places.iter().zip(&ports) {
        arguments.extend([host, port.as_str()]);
    }
    let ended = run(&arguments);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended
}

/// As `wasi:sockets` numbers its errors.
const DENIED: &str = "connect 01\n";
const REFUSED: &str = "connect 14\n";
const UNKNOWN: &str = "lookup 18\n";

#[test]
fn a_guest_connects_where_a_rule_allows_it() {
    on_a_host_with_a_network("a_guest_connects_where_a_rule_allows_it", || {
        let ended = call(
            &[
                "--allow",
                "api.example.com:443",
                "--allow-net",
                "*.api.example.com:80",
                "--allow",
                "http://six.example.com/with/a/path",
                "--allow",
                "203.0.113.0/24:5432",
            ],
            &[
                ("api.example.com", 443),
                ("API.example.com.", 443),
                ("deep.api.example.com", 80),
                ("six.example.com", 80),
                (PUBLIC, 5432),
            ],
        );
        let wanted = "203.0.113.9:443 hello\n203.0.113.9:443 hello\n203.0.113.9:80 hello\n2001:db8::9:80 hello\n\
                      203.0.113.9:5432 hello\n";
        assert_eq!(ended.stdout.replace("::ffff:", ""), wanted, "{}", ended.stderr);
        assert_eq!(ended.stderr, "");
    });
}

#[test]
fn connections_are_relayed_where_that_is_asked_for() {
    on_a_host_with_a_network("connections_are_relayed_where_that_is_asked_for", || {
        let (port, served) = service("127.0.0.1:0");
        let rule = format!("localhost:{port}");
        let options = [
            "--outbound-path",
            "relay",
            "--allow",
            "api.example.com:443",
            "--allow",
            &rule,
        ];
        let places = [
            ("api.example.com", 443),
            ("localhost", port),
            ("api.example.com", 80),
            ("api.example.com", 1),
        ];
        let ended = call(&[&options[..], &["--allow", "api.example.com:1"]].concat(), &places);
        let wanted = format!("203.0.113.9:443 hello\nthis machine\n{DENIED}{REFUSED}");
        assert_eq!(ended.stdout.replace("::ffff:", ""), wanted, "{}", ended.stderr);
        assert_eq!(served.load(Ordering::SeqCst), 1);
    });
}

/// Names that a proxy leads to are not looked up here, what is not allowed is not asked of it, and this network needs none.
#[test]
fn connections_go_through_a_proxy() {
    on_a_host_with_a_network("connections_go_through_a_proxy", || {
        let (port, served) = service("127.0.0.1:0");
        let rules = [
            format!("localhost:{port}"),
            "far.example.com:5432".to_owned(),
            "closed.example.com:443".to_owned(),
            "203.0.113.9:443".to_owned(),
            "10.0.0.9:80".to_owned(),
            "api.example.com:80".to_owned(),
            "far.example.com:53/udp".to_owned(),
            "db.internal:80".to_owned(),
        ];
        let rules: Vec<&str> = rules.iter().flat_map(|rule| ["--allow", rule]).collect();
        let places = [
            ("far.example.com", 5432),
            ("localhost", port),
            ("203.0.113.9", 443),
            ("10.0.0.9", 80),
            ("closed.example.com", 443),
            ("far.example.com", 443),
            ("other.example.com", 443),
            // Whatever its address, the name is this network's.
            ("db.internal", 80),
        ];
        let proxy = "http://me:secret@proxy.example.com:3128";
        let ended = call(&[&rules[..], &["--proxy", proxy]].concat(), &places);
        let unreachable = "connect 13\n";
        let wanted = format!(
            "far.example.com by proxy: 203.0.113.9:5432 hello\nthis machine\n203.0.113.9 by proxy: 203.0.113.9:443 hello\n\
             10.0.0.9:80 hello\n{unreachable}{DENIED}{DENIED}203.0.113.9:80 hello\n"
        );
        assert_eq!(ended.stdout.replace("::ffff:", ""), wanted, "{}", ended.stderr);
        for said in [
            "refused: closed.example.com:443: the proxy proxy.example.com:3128 answers 403 Forbidden",
            "denied: far.example.com:443/tcp: no rule allows it",
            "denied: other.example.com:443/tcp: no rule allows it",
        ] {
            assert_eq!(ended.stderr.matches(said).count(), 1, "{said}: {}", ended.stderr);
        }
        assert!(!ended.stderr.contains("secret"), "{}", ended.stderr);
        assert_eq!(served.load(Ordering::SeqCst), 1);
        // Without who it is, with one that is not there, and with what NO_PROXY names.
        let far = [("far.example.com", 5432)];
        let unknown = call(&[&rules[..], &["--proxy", "proxy.example.com:3128"]].concat(), &far);
        assert_eq!(unknown.stdout, unreachable);
        let hint = "answers 407 Proxy Authentication Required\nhint: write `http://USER:PASSWORD@HOST:PORT`";
        assert!(unknown.stderr.contains(hint), "{}", unknown.stderr);
        let gone = call(&[&rules[..], &["--proxy", "http://127.0.0.1:1"]].concat(), &far);
        assert_eq!(gone.stdout, unreachable);
        assert!(
            gone.stderr
                .contains("the proxy 127.0.0.1:1 cannot be reached: Connection refused"),
            "{}",
            gone.stderr
        );
        let caller = guest("caller");
        let mut command = wasmrun(&["os", caller.to_str().unwrap(), "--proxy", "env"]);
        command
            .args(&rules)
            .args(["--", "far.example.com", "5432", "api.example.com", "80"]);
        command.env("ALL_PROXY", proxy).env("no_proxy", "api.example.com");
        let ended = output(command);
        let wanted = "far.example.com by proxy: 203.0.113.9:5432 hello\n203.0.113.9:80 hello\n";
        assert_eq!(ended.stdout.replace("::ffff:", ""), wanted, "{}", ended.stderr);
    });
}

#[test]
fn a_guest_connects_nowhere_else_and_the_rule_is_said() {
    on_a_host_with_a_network("a_guest_connects_nowhere_else_and_the_rule_is_said", || {
        let places = [
            ("www.example.com", 443),
            ("www.example.com", 443),
            ("api.example.com", 80),
            (PUBLIC, 443),
            (PUBLIC_6, 443),
        ];
        for options in [&[][..], &["--allow", "six.example.com:443"]] {
            let ended = call(options, &places);
            assert_eq!(ended.stdout, DENIED.repeat(5), "{}", ended.stderr);
            for place in ["www.example.com:443", "203.0.113.9:443", "[2001:db8::9]:443"] {
                let said = format!(
                    "warning: denied: {place}/tcp: no rule allows it\n\
                     hint: `--allow {place}`, or `allow = [\"{place}\"]` under `[network]`\n"
                );
                assert_eq!(ended.stderr.matches(&said).count(), 1, "{place}: {}", ended.stderr);
            }
        }
    });
}

/// The guest that sends datagrams, with sockets that are connected, and with such that are not.
pub fn askers(folder: &Path) -> [PathBuf; 2] {
    let text = guests::root().join("tests/guests/asker.wat");
    let constant = |value: &str| format!("(global $connected i32 (i32.const {value}))");
    ["0", "1"].map(|value| {
        let path = folder.join(format!("asker-{value}.wasm"));
        let component = guests::variant(&text, "command", &constant("0"), &constant(value));
        std::fs::write(&path, component).unwrap();
        path
    })
}

#[test]
fn datagrams_leave_by_rules_of_their_own() {
    on_a_host_with_a_network("datagrams_leave_by_rules_of_their_own", || {
        let folder = tempfile::tempdir().unwrap();
        let allowed = [
            "api.example.com:53/udp",
            "six.example.com:53/udp",
            "localhost:5300/udp",
            "host:5300/udp",
        ];
        let options = allowed.map(|rule| ["--allow", rule]).concat();
        let own = UdpSocket::bind("127.0.0.1:5300").unwrap();
        std::thread::spawn(move || {
            loop {
                let (length, from) = own.recv_from(&mut [0; 100]).unwrap();
                own.send_to(format!("this machine {length}\n").as_bytes(), from)
                    .unwrap();
            }
        });
        for (asker, denied) in askers(folder.path()).iter().zip(["send 01\n", "flow 01\n"]) {
            let places = [("api.example.com", 53), ("six.example.com", 53), ("localhost", 5300)];
            let ended = calls(asker, &options, &places);
            let wanted = "203.0.113.9:53/udp hello\n2001:db8::9:53/udp hello\nthis machine 6\n";
            assert_eq!(ended.stdout.replace("::ffff:", ""), wanted, "{}", ended.stderr);
            assert_eq!(ended.stderr, "");
            let ended = calls(asker, &options, &[("host.docker.internal", 5300)]);
            assert_eq!((&*ended.stdout, &*ended.stderr), ("this machine 6\n", ""));

            // A rule is for one protocol, one port and one place; names of no rule are said by name.
            let places = [
                ("api.example.com", 54),
                (PRIVATE, 53),
                (METADATA, 53),
                ("www.example.com", 53),
            ];
            let tcp = ["--allow", "api.example.com:54", "--allow", "10.0.0.9:53"];
            for options in [&[][..], &[&options[..], &tcp[..]].concat()] {
                let ended = calls(asker, options, &places);
                assert_eq!(ended.stdout, denied.repeat(4), "{}", ended.stderr);
                for place in ["api.example.com:54", "www.example.com:53", "10.0.0.9:53"] {
                    let said =
                        format!("warning: denied: {place}/udp: no rule allows it\nhint: `--allow {place}/udp`, ");
                    assert_eq!(ended.stderr.matches(&said).count(), 1, "{place}: {}", ended.stderr);
                }
                assert!(
                    ended.stderr.contains("warning: denied: 169.254.169.254:53/udp"),
                    "{}",
                    ended.stderr
                );
            }
        }
        // Who is connected hears that nobody has the port.
        let [_, connected] = askers(folder.path());
        let ended = calls(
            &connected,
            &["--allow", "api.example.com:9/udp"],
            &[("api.example.com", 9)],
        );
        assert_eq!((&*ended.stdout, &*ended.stderr), ("answer 14\n", ""));
    });
}

#[test]
fn a_guest_gets_this_machines_services_by_its_word_alone() {
    on_a_host_with_a_network("a_guest_gets_this_machines_services_by_its_word_alone", || {
        let ((port, served), (own, served_own)) = (service("127.0.0.1:0"), service(&format!("{OWN}:0")));
        let places = [
            ("localhost", port),
            ("127.0.0.1", port),
            ("host.wasmrun.internal", port),
            ("host.docker.internal", port),
            (OWN, own),
        ];
        let allow = format!("localhost:{port}");
        let ended = call(&["--allow", &allow], &places);
        assert_eq!(ended.stdout, "this machine\n".repeat(4) + DENIED, "{}", ended.stderr);
        let allow = format!("host:{port}");
        let ended = call(&["--allow", &allow], &places);
        assert_eq!(
            ended.stdout,
            REFUSED.repeat(2) + &"this machine\n".repeat(2) + DENIED,
            "{}",
            ended.stderr
        );
        assert_eq!(served.load(Ordering::SeqCst), 6);
        // Rules of any width and of names do not lead there.
        let ended = call(&["--allow", "*:*", "--allow", "0.0.0.0/0:*"], &places);
        assert_eq!(ended.stdout, REFUSED.repeat(2) + &DENIED.repeat(3), "{}", ended.stderr);
        assert_eq!(
            (served.load(Ordering::SeqCst), served_own.load(Ordering::SeqCst)),
            (6, 0)
        );
        let allow = format!("{OWN}:{own}");
        let ended = call(&["--allow", &allow], &[(OWN, own)]);
        assert_eq!(ended.stdout, "this machine\n", "{}", ended.stderr);
        // Nobody is there.
        let ended = call(&["--allow", "localhost:9"], &[("localhost", 9)]);
        assert_eq!(ended.stdout, REFUSED);
        let said = "warning: refused: this machine's port 9: nothing listens on 127.0.0.1 or ::1\n";
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
    });
}

#[test]
fn what_is_not_public_takes_a_word_of_its_own() {
    on_a_host_with_a_network("what_is_not_public_takes_a_word_of_its_own", || {
        let places = [("inside.example.org", 80), (PRIVATE, 80), (METADATA, 80)];
        // `inside.example.org` stands in the hosts file, which no stranger writes: an exact rule is enough, a wildcard is not.
        let ended = call(&["--allow", "*:80", "--allow", "*.example.org:80"], &places);
        assert_eq!(ended.stdout, DENIED.repeat(3), "{}", ended.stderr);
        let hint = "hint: `--allow-private 10.0.0.9/32`, if that is meant\n";
        assert!(
            ended
                .stderr
                .contains("denied: inside.example.org:80 is 10.0.0.9, which is not public\n"),
            "{}",
            ended.stderr
        );
        assert!(ended.stderr.contains(hint), "{}", ended.stderr);
        assert!(ended.stderr.contains("cloud credentials"), "{}", ended.stderr);
        let reached = "10.0.0.9:80 hello\n";
        for options in [
            &["--allow", "*.example.org:80", "--allow-private", "10.0.0.0/8"][..],
            &["--allow", "inside.example.org:80"],
        ] {
            let ended = call(options, &places[..1]);
            assert_eq!(ended.stdout.replace("::ffff:", ""), reached, "{}", ended.stderr);
        }
        let ended = call(
            &["--allow", "10.0.0.0/8:80", "--allow", "169.254.169.254:80"],
            &places[1..],
        );
        let wanted = "10.0.0.9:80 hello\n169.254.169.254:80 hello\n";
        assert_eq!(ended.stdout.replace("::ffff:", ""), wanted, "{}", ended.stderr);
    });
}

#[test]
fn a_name_that_nobody_knows_is_unknown() {
    on_a_host_with_a_network("a_name_that_nobody_knows_is_unknown", || {
        let ended = call(
            &["--allow", "*.example.net:80"],
            &[("no.example.net", 80), ("", 80), ("a b", 80)],
        );
        assert_eq!(ended.stdout, UNKNOWN.repeat(3), "{}", ended.stderr);
    });
}

#[test]
fn rules_are_checked_where_they_are_written() {
    let folder = support::folder();
    std::fs::copy(guest("caller"), folder.path().join("caller.wasm")).unwrap();
    let config = folder.path().join(".wasmrun.toml");
    let check = |text: &str| {
        std::fs::write(&config, text).unwrap();
        output(wasmrun(&["check", folder.path().to_str().unwrap()]))
    };
    let said = check(
        "[network]\nallow = [\"$DATABASE_URL\", \"localhost:6379\", \"*:443\"]\nallow-private = [\"10.1.0.0/16\"]\n\
         [env]\nDATABASE_URL = \"postgres://user:secret@db.example.com/app\"\n",
    );
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    for line in [
        "allow:     db.example.com:5432: ",
        "allow:     localhost:6379: ",
        "allow:     *:443: ",
        "lead to 10.1.0.0/16",
    ] {
        assert!(said.stdout.contains(line), "{line}: {}", said.stdout);
    }
    assert!(said.stdout.contains("needs trust"), "{}", said.stdout);
    for (rule, place) in [
        ("\"db.example.com\"", "2:10"),
        ("\"*x.example.com:1\"", "2:10"),
        ("\"$NOT_SET\"", "2:10"),
    ] {
        let said = check(&format!("[network]\nallow = [{rule}]\n"));
        assert_eq!(said.code, Some(2), "{rule}: {}", said.stderr);
        let path = config.to_str().unwrap();
        assert!(
            said.stderr.starts_with(&format!("error: {path}:{place}: ")),
            "{rule}: {}",
            said.stderr
        );
    }
}

/// What a guest of WasmEdge's gets that connects to 192.0.2.1:1, as an error number of wasip1.
fn tries(address: SocketAddr) -> u8 {
    let mut client = support::connect(address);
    client.read_exact(&mut [0; 8]).unwrap();
    client.write_all(b"q").unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    answer[0]
}

const EACCES: u8 = 2;
const ECONNREFUSED: u8 = 14;

#[test]
fn a_changed_rule_holds_for_the_next_connection_and_inspect_shows_it() {
    let name = "a_changed_rule_holds_for_the_next_connection_and_inspect_shows_it";
    on_a_host_with_a_network(name, || {
        let folder = support::folder();
        std::fs::copy(guest("wasmedge"), folder.path().join("app.wat")).unwrap();
        let rules = |allow: &str| {
            let text = format!("[network]\nforwards = [\"0:3000\"]\nallow = [{allow}]\n");
            std::fs::write(folder.path().join(".wasmrun.toml"), text).unwrap();
        };
        rules("\"192.0.2.1:2\"");
        let runtime = support::folder();
        let mut command = wasmrun(&["os", folder.path().to_str().unwrap(), "--watch", "--name", "calls"]);
        command.env("XDG_RUNTIME_DIR", runtime.path());
        let mut run = Run::of(command);
        let address = run.ready(3000);
        assert_eq!(tries(address), EACCES);
        run.wait_for("denied: 192.0.2.1:1/tcp: no rule allows it");
        // The guest goes on, and the next connection is allowed; nobody listens there.
        rules("\"192.0.2.0/24:1\"");
        run.wait_for("the settings have changed");
        support::eventually("the new rule holds", || tries(address) == ECONNREFUSED);
        let mut inspect = wasmrun(&["inspect", "calls"]);
        inspect.env("XDG_RUNTIME_DIR", runtime.path());
        let state: serde_json::Value = serde_json::from_str(&output(inspect).stdout).unwrap();
        assert_eq!(state["generation"], 1, "{state}");
        let row = &state["outbound"][0];
        assert_eq!(
            (row["to"].as_str(), row["rule"].as_str()),
            (Some("192.0.2.1:1"), Some("192.0.2.0/24:1"))
        );
        assert!(
            row["refused"].as_u64() >= Some(1) && row["failed"].as_u64() >= Some(1),
            "{row}"
        );
        assert!(row["error"].as_str().unwrap().contains("Connection refused"), "{row}");
        rules("");
        run.wait_for("reloaded #2");
        assert_eq!(tries(address), EACCES);
        run.stop();
    });
}

#[test]
fn requests_of_a_guest_leave_by_rules_too() {
    on_a_host_with_a_network("requests_of_a_guest_leave_by_rules_too", || {
        let fetch = guest("fetch");
        let start = |allow: &[&str]| {
            let mut arguments = vec!["os", fetch.to_str().unwrap(), "-f", "0:3000"];
            arguments.extend(allow);
            let mut run = Run::start(&arguments);
            let address = run.ready(3000);
            (run, address)
        };
        let (mut run, address) = start(&["--allow", "http://api.example.com"]);
        for _ in 0..3 {
            let (status, body) = support::get(address);
            // In chunks, as the guest writes it.
            assert!(
                status == 200 && body.contains("GET /fetched api.example.com"),
                "{status} {body}"
            );
        }
        run.stop();
        let (run2, address) = start(&[]);
        run = run2;
        assert_eq!(support::get(address).0, 502);
        run.wait_for("denied: api.example.com:80/tcp: no rule allows it");
        run.stop();
    });
}

/// Each time-out of a request has its own error: of a host that says nothing, and of a server that does not answer.
#[test]
fn requests_end_by_the_time_out_that_was_asked_for() {
    on_a_host("outbound::requests_end_by_the_time_out_that_was_asked_for", |other| {
        let drop = ["ip", "route", "add", "blackhole", "192.0.2.77/32"];
        command("nsenter", &[&["--target", other, "--net"], &drop[..]].concat());
        std::fs::write(
            "/etc/hosts",
            "203.0.113.9 silent.example.com\n192.0.2.77 gone.example.com\n",
        )
        .unwrap();
        let folder = support::folder();
        let file = folder.path().join("fetch.wasm");
        for (authority, [connect, first_byte], expected) in [
            // ConnectionReadTimeout and ConnectionTimeout (wasi:http/types error-code).
            ("silent.example.com:7", [60_000, 300], "09"),
            ("gone.example.com:7", [300, 60_000], "08"),
        ] {
            std::fs::write(&file, guests::fetches_within(authority, connect, first_byte)).unwrap();
            let mut run = Run::start(&["os", file.to_str().unwrap(), "-f", "0:3000", "--allow", authority]);
            let address = run.ready(3000);
            let begun = std::time::Instant::now();
            let (status, body) = support::get(address);
            assert!(status == 502 && body.contains(expected), "{authority}: {status} {body}");
            let passed = begun.elapsed().as_secs_f64();
            assert!((0.3..5.0).contains(&passed), "{authority}: {passed}");
            run.stop();
        }
    });
}

/// A name that leads to loopback leads to the guest's own, and without isolation nowhere.
#[test]
fn a_name_is_no_way_to_this_machines_loopback() {
    on_a_host_with_a_network("a_name_is_no_way_to_this_machines_loopback", || {
        std::fs::write("/etc/hosts", "127.0.0.1 localhost api.example.com\n").unwrap();
        let (_, served) = service("127.0.0.1:80");
        let fetch = guest("fetch");
        for isolation in [&[][..], &["--no-isolation"]] {
            let mut arguments = vec![
                "os",
                fetch.to_str().unwrap(),
                "-f",
                "0:3000",
                "--allow",
                "http://api.example.com",
            ];
            arguments.extend(isolation);
            let mut run = Run::start(&arguments);
            let address = run.ready(3000);
            assert_eq!(support::get(address).0, 502, "{isolation:?}");
            run.stop();
        }
        assert_eq!(served.load(Ordering::SeqCst), 0);
    });
}
