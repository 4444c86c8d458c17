//! Guests that use brokers, object stores and mail servers by TLS, with the clients that people use. Needs mosquitto, nats-server, and
//! moto and aiosmtpd of PyPI, and takes minutes: without TEST_FULL each test is listed as ignored.

mod support;

use std::path::Path;
use std::process::Command;
use support::program::{self, project, succeeds};
use support::server::{Server, free_port};
use support::{certificates, output, wasmrun};

fn main() {
    let is_wanted = std::env::var_os("TEST_FULL").is_some() && succeeds("openssl", &["version"]);
    let has_servers = ["mosquitto", "nats-server"]
        .iter()
        .all(|name| Path::new("/usr/sbin").join(name).exists());
    let has_python = succeeds("python3", &["-c", "import venv, ensurepip"]);
    let has_npm = succeeds("npm", &["--version"]);
    let is_possible = is_wanted && has_servers && has_python;
    let tests: [program::Test; 2] = [
        ("python_uses_brokers_by_tls", is_possible, python_uses_brokers_by_tls),
        (
            "nodejs_uses_brokers_by_tls",
            is_possible && has_npm,
            nodejs_uses_brokers_by_tls,
        ),
    ];
    program::main(tests);
}

/// A mail server that wants STARTTLS.
const MAIL: &str = "
import asyncio, ssl, sys
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain('server.pem', 'server.key')
class Secure(Controller):
    def factory(self):
        return SMTP(self.handler, tls_context=context, require_starttls=True)
Secure(Sink(), hostname='127.0.0.1', port=int(sys.argv[1])).start()
print('serving', flush=True)
asyncio.new_event_loop().run_forever()
";

/// The servers, with certificates of the folder's authority.
fn servers(folder: &Path) -> [Server; 4] {
    certificates::make(folder);
    let python = folder.join("venv/bin/python");
    assert!(succeeds(
        "python3",
        &["-m", "venv", folder.join("venv").to_str().unwrap()]
    ));
    let wanted = ["-m", "pip", "--quiet", "install", "moto[server]", "aiosmtpd"];
    assert!(succeeds(python.to_str().unwrap(), &wanted));
    let own = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder);
        command
    };
    let [mqtt, nats, store, mail] = [0; 4].map(|_| free_port());
    let file = |name: &str| folder.join(name).display().to_string();
    let (certificate, key) = (file("server.pem"), file("server.key"));
    // As root it becomes another user, who can read no key of root's.
    let rules =
        format!("listener {mqtt} 127.0.0.1\ncertfile {certificate}\nkeyfile {key}\nallow_anonymous true\nuser root\n");
    std::fs::write(folder.join("mosquitto.conf"), rules).unwrap();
    let port = |port: u16| port.to_string();
    let broker = own("/usr/sbin/mosquitto", &["-c", "mosquitto.conf"]);
    let tls = ["--tls", "--tlscert", &certificate, "--tlskey", &key];
    let bus = own(
        "/usr/sbin/nats-server",
        &[&["-a", "127.0.0.1", "-p", &port(nats)], &tls[..]].concat(),
    );
    let objects = own(
        &file("venv/bin/moto_server"),
        &["-H", "127.0.0.1", "-p", &port(store), "-c", &certificate, "-k", &key],
    );
    [
        Server::accepting(broker, mqtt),
        Server::accepting(bus, nats),
        Server::accepting(objects, store),
        Server::serving(own(python.to_str().unwrap(), &["-c", MAIL, &port(mail)]), mail),
    ]
}

/// What a project prints that is told where they are.
fn told(name: &str) -> String {
    let folder = support::folder();
    let servers = servers(folder.path());
    let project = project(name);
    let authority = std::fs::read_to_string(folder.path().join("ca.pem")).unwrap();
    let mut command = wasmrun(&["os", project.path().to_str().unwrap(), "--quiet"]);
    command.arg("--env").arg(format!("AUTHORITY={authority}"));
    for (name, server) in ["MQTT", "NATS", "S3", "SMTP"].iter().zip(&servers) {
        let place = format!("localhost:{}", server.port);
        command.args(["--allow", &place, "--env", &format!("{name}={place}")]);
    }
    let said = output(command);
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    said.stdout
}

fn python_uses_brokers_by_tls() {
    let said = told("brokers-python");
    assert_eq!(said, "[('topic/a', b'hello')]\nb'HELLO'\n2000000\n{}\n");
}

fn nodejs_uses_brokers_by_tls() {
    let said = told("brokers-node");
    assert_eq!(said, "[ 'topic/a', 'hello' ]\nHELLO\n[ 'b@example.org' ]\n");
}
