//! Runs of another machine, through its hub. The other machine is this one: a stand-in for ssh starts what the true one would.

use crate::support;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;
use support::guests::{guest, root};
use support::{Output, Run, connect, eventually, get, output, wasmrun};

/// Remembers its process id, and runs the command here. `down` in its folder is a machine that cannot be reached.
const SSH: &str = "#!/bin/sh
if [ -e \"$LAB/down\" ]; then echo 'ssh: connect to host lab port 22: No route to host' >&2; exit 255; fi
while [ \"$1\" != -- ]; do shift; done
shift 2
echo $$ >>\"$LAB/pids\"
export XDG_RUNTIME_DIR=\"$LAB/run\"
eval \"exec $*\"
";

/// A machine that ssh calls `lab`.
pub struct Lab(tempfile::TempDir);

impl Lab {
    pub fn new() -> Lab {
        let lab = Lab(support::folder());
        let ssh = lab.path("bin/ssh");
        std::fs::create_dir(lab.path("bin")).unwrap();
        for folder in ["run", "here"] {
            std::fs::create_dir(lab.path(folder)).unwrap();
        }
        std::fs::write(&ssh, SSH).unwrap();
        std::fs::set_permissions(&ssh, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink(support::binary(), lab.path("bin/wasmrun")).unwrap();
        lab
    }

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    pub fn command(&self, folder: &str, arguments: &[&str]) -> Command {
        let mut command = wasmrun(arguments);
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", self.path("bin").display()));
        command
            .env("LAB", self.0.path())
            .env("XDG_CONFIG_HOME", self.path(&format!("{folder}/config")))
            .env("XDG_STATE_HOME", self.path(&format!("{folder}/state")))
            .env("XDG_RUNTIME_DIR", self.path(folder));
        command
    }

    /// On that machine.
    pub fn start(&self, arguments: &[&str]) -> Run {
        Run::of(self.command("run", arguments))
    }

    pub fn here(&self, arguments: &[&str]) -> Run {
        Run::of(self.command("here", arguments))
    }

    pub fn says(&self, arguments: &[&str]) -> Output {
        output(self.command("here", arguments))
    }

    /// Cuts the link that was made last.
    pub fn cut(&self) {
        let pids = std::fs::read_to_string(self.path("pids")).unwrap();
        let last: i32 = pids.lines().last().unwrap().parse().unwrap();
        kill(Pid::from_raw(last), Signal::SIGKILL).unwrap();
    }

    /// The hub that was started by itself.
    pub fn hub(&self) -> Option<Pid> {
        let pid = std::fs::read_to_string(self.path("run/wasmrun/hub.lock")).ok()?;
        Some(Pid::from_raw(pid.split_whitespace().next()?.parse().ok()?))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Some(hub) = self.hub() {
            let _ = kill(hub, Signal::SIGKILL);
        }
    }
}

/// The address of a ready line that leads to this target and port.
pub fn ready(forward: &mut Run, target: &str) -> SocketAddr {
    let line = forward.wait_for(&format!(" -> {target}/tcp"));
    line["ready: ".len()..].split(' ').next().unwrap().parse().unwrap()
}

pub fn hello() -> String {
    root().join("examples/hello").to_str().unwrap().to_owned()
}

#[test]
fn a_port_leads_to_a_guest_of_another_machine() {
    let lab = Lab::new();
    let _web = lab.start(&["os", &hello(), "--name", "web", "--expose", "3000"]);
    eventually("the run is there", || lab.path("run/wasmrun/web.sock").exists());
    let mut forward = lab.here(&["forward", "ssh://lab/web", "0:3000", "--wait"]);
    let address = ready(&mut forward, "ssh://lab/web:3000");
    for _ in 0..3 {
        assert_eq!(get(address), (200, "hello from wasmrun\n".to_owned()));
    }
    // Its commands, by the same name.
    let listed = lab.says(&["ps", "ssh://lab"]);
    assert!(listed.stdout.contains("\nweb "), "{}{}", listed.stdout, listed.stderr);
    let state = lab.says(&["inspect", "ssh://lab/web"]);
    assert!(
        state.stdout.contains("\"name\": \"web\""),
        "{}{}",
        state.stdout,
        state.stderr
    );
    let stopped = lab.says(&["stop", "ssh://lab/web"]);
    assert_eq!((stopped.code, &*stopped.stderr), (Some(0), "stopped: ssh://lab/web\n"));
    // The forward stays, and says what is wrong.
    assert!(support::is_cut(&mut connect(address)));
    forward.wait_for("port 3000: `web` is not running");
    forward.signal(Signal::SIGTERM);
    assert_eq!(forward.ended().code(), Some(143));
}

#[test]
fn what_is_not_there_is_said() {
    let lab = Lab::new();
    lab.says(&["forward", "ssh://lab/web", "3000"]).says(
        2,
        "error: no run is named `web`\nhint: start a run first: `wasmrun os PATH`",
    );
    lab.says(&["inspect", "ssh://lab"]).says(
        2,
        "error: `ssh://lab` names no run\nhint: add one: `wasmrun ps` there lists them",
    );
    lab.says(&["inspect", "https://lab/web"]).says(
        2,
        "error: invalid target `https://lab/web`: no hub is reached by `https`\nhint: write ssh://HOST/RUN, wss://HOST:PORT/RUN or unix:/PATH/RUN",
    );
    let said = lab.says(&[
        "forward",
        "ssh://lab/web",
        "3000",
        "--remote-command",
        "/no/such/program",
    ]);
    assert_eq!(said.code, Some(125), "{}", said.stderr);
    assert!(
        said.stderr.contains("error: cannot reach ssh://lab: "),
        "{}",
        said.stderr
    );
    assert!(said.stderr.contains("lab has no `/no/such/program`"), "{}", said.stderr);
    let said = lab.says(&[
        "forward",
        "ssh://lab/web",
        "3000",
        "--remote-command",
        "echo Welcome to the lab",
    ]);
    assert!(
        said.stderr.contains("(`ssh lab true` has to print nothing)"),
        "{}",
        said.stderr
    );
    std::fs::write(lab.path("down"), "").unwrap();
    let said = lab.says(&["ps", "ssh://lab"]);
    assert_eq!(said.code, Some(125), "{}", said.stderr);
    assert!(said.stderr.contains("ssh cannot reach lab"), "{}", said.stderr);
}

/// An echo, so that what comes back is known.
fn echo(lab: &Lab) -> (Run, Run, SocketAddr) {
    let echo = lab.start(&[
        "os",
        guest("p1_echo").to_str().unwrap(),
        "--name",
        "echo",
        "--forward",
        "0:7000",
    ]);
    eventually("the run is there", || lab.path("run/wasmrun/echo.sock").exists());
    let mut forward = lab.here(&["forward", "ssh://lab/echo", "0:7000", "--wait"]);
    let address = ready(&mut forward, "ssh://lab/echo:7000");
    (echo, forward, address)
}

#[test]
fn a_link_that_breaks_loses_nothing() {
    let lab = Lab::new();
    let (_echo, mut forward, address) = echo(&lab);
    let mut client = connect(address);
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let piece: Vec<u8> = (0..100_000).map(|byte| byte as u8).collect();
    let mut sends = client.try_clone().unwrap();
    let sent = piece.clone();
    let sender = std::thread::spawn(move || {
        for _ in 0..30 {
            sends.write_all(&sent).unwrap();
            std::thread::sleep(Duration::from_millis(20));
        }
        sends.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let mut came = vec![0; piece.len()];
    for turn in 0..30 {
        client.read_exact(&mut came).unwrap();
        assert!(came == piece, "{turn}");
        if turn % 10 == 5 {
            lab.cut();
        }
    }
    assert_eq!(client.read(&mut came).unwrap(), 0);
    sender.join().unwrap();
    forward.wait_for("the link to ssh://lab is lost");
    forward.wait_for("the link to ssh://lab is back after ");
}

#[test]
fn a_hub_that_is_killed_resets_what_is_open_and_the_next_one_serves() {
    let lab = Lab::new();
    let (_echo, mut forward, address) = echo(&lab);
    let mut client = connect(address);
    client.write_all(b"a").unwrap();
    client.read_exact(&mut [0]).unwrap();
    kill(lab.hub().unwrap(), Signal::SIGKILL).unwrap();
    // Half an answer must not look whole.
    assert!(support::is_cut(&mut client));
    forward.wait_for("the link to ssh://lab is lost");
    eventually("there is another hub", || {
        let mut client = connect(address);
        client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        client.write_all(b"b").is_ok() && client.read_exact(&mut [0]).is_ok()
    });
}

#[test]
fn there_is_one_hub() {
    let lab = Lab::new();
    let mut hub = lab.start(&["hub", "--bind", "127.0.0.1:0"]);
    hub.wait_for("listening: ws://127.0.0.1:");
    let second = output(lab.command("run", &["hub", "--bind", "127.0.0.1:0"]));
    second.says(
        2,
        "error: this user's hub is running already\nhint: it is for all of your runs",
    );
    // Of this machine, by its socket.
    let _web = lab.start(&["os", &hello(), "--name", "web", "--expose", "3000"]);
    let target = format!("unix:{}/web", lab.path("run/wasmrun/hub.pipe").display());
    let mut forward = lab.here(&["forward", &target, "0:3000", "--wait"]);
    let address = ready(&mut forward, &format!("{target}:3000"));
    assert_eq!(get(address), (200, "hello from wasmrun\n".to_owned()));
    hub.signal(Signal::SIGTERM);
    assert_eq!(hub.ended().code(), Some(143));
    assert!(!lab.path("run/wasmrun/hub.pipe").exists());
}

/// Datagrams of several clients, over one link that is cut meanwhile; what is on its way then may be lost.
#[test]
fn datagrams_reach_a_guest_of_another_machine() {
    let lab = Lab::new();
    let project = support::project::Project::new(support::project::Kind::Tcp);
    project.put(&crate::datagram::build(3));
    let _names = lab.start(&["os", project.path(), "--name", "names"]);
    eventually("the run is there", || lab.path("run/wasmrun/names.sock").exists());
    let mut forward = lab.here(&["forward", "ssh://lab/names", "0:5300/udp", "--wait"]);
    let line = forward.wait_for(" -> ssh://lab/names:5300/udp");
    let address: SocketAddr = line["ready: ".len()..].split(' ').next().unwrap().parse().unwrap();
    let clients = [0; 3].map(|_| crate::datagram::client(address));
    for (at, client) in clients.iter().enumerate() {
        for length in [4, 100, 60_000] {
            let question: Vec<u8> = (0..length).map(|byte| (byte + at) as u8).collect();
            assert_eq!(crate::datagram::ask(client, &question), 3);
        }
    }
    lab.cut();
    forward.wait_for("is back");
    for client in &clients {
        assert_eq!(crate::datagram::ask(client, b"again"), 3);
    }
    forward.signal(Signal::SIGTERM);
    assert_eq!(forward.ended().code(), Some(143));
}

/// The browser is a script that writes down what it is to show.
#[test]
fn a_guest_is_opened_in_the_browser() {
    let lab = Lab::new();
    let shown = lab.path("shown");
    let script = format!("#!/bin/sh\necho \"$1\" >>{}\n", shown.display());
    std::fs::write(lab.path("bin/xdg-open"), script).unwrap();
    std::fs::set_permissions(lab.path("bin/xdg-open"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let seen = |url: &str| {
        eventually("the browser has it", || {
            std::fs::read_to_string(&shown).is_ok_and(|shown| shown.ends_with(&format!("{url}\n")))
        });
    };
    let port = |url: &str| -> SocketAddr {
        let port = url.trim_end_matches('/').rsplit(':').next().unwrap();
        ([127, 0, 0, 1], port.parse().unwrap()).into()
    };

    // A forward that is there is taken, and the command is over.
    let mut web = lab.here(&["os", &hello(), "--name", "web", "--forward", "0:3000"]);
    let address = web.ready(3000);
    let url = format!("http://localhost:{}/", address.port());
    lab.says(&["open", "web"]).says(0, "");
    seen(&url);
    // Another one lasts as long as the command.
    let mut other = lab.here(&["open", "web", "3001"]);
    let url = other.printed("http://");
    seen(&url);
    other.signal(Signal::SIGTERM);
    assert_eq!(other.ended().code(), Some(143));
    eventually("its port is closed", || {
        std::net::TcpStream::connect(port(&url)).is_err()
    });

    let _far = lab.start(&["os", &hello(), "--name", "far", "--expose", "3000"]);
    eventually("the run is there", || lab.path("run/wasmrun/far.sock").exists());
    let mut far = lab.here(&["open", "ssh://lab/far"]);
    let url = far.printed("http://");
    seen(&url);
    assert_eq!(get(port(&url)), (200, "hello from wasmrun\n".to_owned()));
    far.signal(Signal::SIGTERM);
    assert_eq!(far.ended().code(), Some(143));
    lab.says(&["open", "nobody"])
        .says(2, "error: no run is named `nobody`\nhint: pass the name of a run: web");
}
