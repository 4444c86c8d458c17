//! The commands that talk to a run from another terminal.

#![expect(
    clippy::disallowed_methods,
    reason = "it takes descriptors away from its own process"
)]

use crate::support;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use support::guests::guest;
use support::project::{Kind, Project, version};
use support::{Run, connect, eventually, output, run, wasmrun};

/// Runs that see only each other.
struct Terminal {
    folder: tempfile::TempDir,
    /// XDG_RUNTIME_DIR.
    runtime: PathBuf,
}

impl Terminal {
    fn new() -> Terminal {
        let folder = support::folder();
        Terminal {
            runtime: folder.path().to_owned(),
            folder,
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = wasmrun(arguments);
        command.env("XDG_RUNTIME_DIR", &self.runtime).env_remove("WASMRUN_NAME");
        command
    }

    fn start(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments))
    }

    fn run(&self, arguments: &[&str]) -> support::Output {
        output(self.command(arguments))
    }

    #[track_caller]
    fn says(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}", ended.stderr);
        ended.stdout
    }

    fn socket(&self, name: &str) -> PathBuf {
        self.folder.path().join("wasmrun").join(format!("{name}.sock"))
    }
}

fn echo() -> String {
    support::guests::root().join("examples/echo").display().to_string()
}

fn hello() -> String {
    support::guests::root().join("examples/hello").display().to_string()
}

#[track_caller]
fn echoes(address: SocketAddr) {
    let mut client = connect(address);
    client.write_all(b"x").unwrap();
    let mut byte = [0];
    client.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"x");
}

#[test]
fn what_runs_is_listed_and_stopped() {
    let terminal = Terminal::new();
    assert_eq!(
        terminal.says(&["ps"]),
        "NAME  ID  STATE  GEN  UP  FORWARDS  OPEN  OUT  IN/OUT  MEMORY\n"
    );
    let mut one = terminal.start(&["os", &echo(), "-f", "0:3000"]);
    let address = one.ready(3000);
    let mut command = terminal.command(&[
        "os",
        &hello(),
        "--name",
        "web",
        "--restart",
        "on-failure",
        "-f",
        "0:80",
        "-w",
    ]);
    command.env("WASMRUN_GRACE", "7s");
    let mut two = Run::of(command);
    two.ready(80);
    let client = TcpStream::connect(address).unwrap();
    eventually("the connection is counted", || {
        let table = terminal.says(&["ps"]);
        let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!((rows.len(), rows[1][0], rows[2][0]), (3, "echo", "web"), "{table}");
        assert_eq!((rows[1][2], rows[1][3]), ("serving", "1"), "{table}");
        assert_eq!(rows[1][5], format!("{}->3000", address.port()), "{table}");
        rows[1][6] == "1"
    });
    drop(client);
    let states: serde_json::Value = serde_json::from_str(&terminal.says(&["ps", "--json"])).unwrap();
    assert_eq!(states[0]["name"], "echo");
    assert_eq!(states[0]["pid"], one.pid().as_raw());
    assert_eq!(states[0]["guest_pid"], one.guest().as_raw());
    assert_eq!(states[0]["listening"][0], 3000);
    assert!(states[0]["memory"].as_u64().unwrap() > 0);
    let id = states[0]["id"].as_str().unwrap();
    let inspected: serde_json::Value = serde_json::from_str(&terminal.says(&["inspect", id])).unwrap();
    assert_eq!(inspected["name"], "echo");
    let settings = inspected["settings"].to_string();
    assert!(settings.contains("[\"grace\",\"10s\",\"default\"]"), "{settings}");
    // As it was typed, and can be typed again.
    let web: serde_json::Value = serde_json::from_str(&terminal.says(&["inspect", "web"])).unwrap();
    let settings = web["settings"].to_string();
    assert!(
        settings.contains("[\"restart\",\"on-failure\",\"--restart\"]"),
        "{settings}"
    );
    for setting in [
        "[\"paths\",\"the project\",\"default\"]",
        "[\"livereload\",\"off\",\"default\"]",
    ] {
        assert!(settings.contains(setting), "{settings}");
    }
    // One, then all that are left.
    terminal.says(&["stop", "echo"]);
    assert_eq!(one.ended().code(), Some(143));
    terminal.says(&["stop", "--all"]);
    assert_eq!(two.ended().code(), Some(143));
    assert_eq!(terminal.says(&["ps"]).lines().count(), 1);
    assert_eq!(
        std::fs::read_dir(terminal.folder.path().join("wasmrun"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn runs_of_one_folder_or_of_two_with_one_name_have_names_of_their_own() {
    let terminal = Terminal::new();
    // The longest name has to have room for a number.
    let long = terminal.folder.path().join("x".repeat(60));
    std::fs::create_dir(&long).unwrap();
    for file in std::fs::read_dir(echo())
        .unwrap()
        .flatten()
        .filter(|file| file.path().is_file())
    {
        std::fs::copy(file.path(), long.join(file.file_name())).unwrap();
    }
    let folders = [
        echo(),
        echo(),
        echo(),
        long.display().to_string(),
        long.display().to_string(),
    ];
    let mut runs: Vec<Run> = folders
        .iter()
        .map(|folder| terminal.start(&["os", folder, "-f", "0:3000"]))
        .collect();
    for run in &mut runs {
        echoes(run.ready(3000));
    }
    let states: serde_json::Value = serde_json::from_str(&terminal.says(&["ps", "--json"])).unwrap();
    let mut names: Vec<&str> = states
        .as_array()
        .unwrap()
        .iter()
        .map(|state| state["name"].as_str().unwrap())
        .collect();
    names.sort();
    let (longest, second) = ("x".repeat(40), format!("{}-2", "x".repeat(38)));
    assert_eq!(names, ["echo", "echo-2", "echo-3", &second, &longest]);
    let said: Vec<String> = runs.iter().map(Run::stderr).collect();
    assert_eq!(
        said.iter()
            .filter(|said| said.contains("a run named `echo` already exists"))
            .count(),
        2,
        "{said:?}"
    );
    terminal.says(&["stop", "--all"]);
}

/// unix(7): an address has 107 bytes for a path. CI systems and Nix have longer folders.
#[test]
fn a_folder_with_a_long_path_is_no_obstacle() {
    let mut terminal = Terminal::new();
    let deep = terminal.folder.path().join("x".repeat(120)).join("y".repeat(120));
    std::fs::create_dir_all(&deep).unwrap();
    terminal.runtime = deep;
    let mut run = terminal.start(&["os", &echo(), "-f", "0:3000"]);
    run.ready(3000);
    assert!(terminal.says(&["ps"]).contains("\necho "));
    terminal.says(&["logs", "echo"]);
    terminal.says(&["stop", "echo"]);
    assert_eq!(run.ended().code(), Some(143));
}

#[test]
fn a_name_is_taken_once_and_a_dead_run_gives_it_back() {
    let terminal = Terminal::new();
    let mut first = terminal.start(&["os", &echo(), "-f", "0:3000"]);
    first.ready(3000);
    terminal.run(&["os", &echo(), "-f", "0:3000", "--name", "echo"]).says(
        2,
        "error: a run named `echo` already exists\n\
         hint: choose another name with `--name`, or stop that run: `wasmrun stop echo`",
    );
    first.signal(nix::sys::signal::Signal::SIGKILL);
    first.ended();
    assert!(terminal.socket("echo").exists());
    // `ps` clears up and has nothing to complain about.
    let ended = terminal.run(&["ps"]);
    assert_eq!((ended.stdout.lines().count(), ended.stderr.as_str()), (1, ""));
    assert!(!terminal.socket("echo").exists());
    let mut second = terminal.start(&["os", &echo(), "-f", "0:3000"]);
    second.ready(3000);
    second.stop();
    terminal.run(&["logs", "nobody"]).says(
        2,
        "error: no run is named `nobody`\nhint: start a run first: `wasmrun os PATH`",
    );
    terminal.run(&["os", &echo(), "--name", "a/b"]).says(
        2,
        "error: invalid run name `a/b`\n\
         hint: use at most 40 letters, digits, `-`, `_` and `.`, without `-` or `.` at the start",
    );
}

#[test]
fn a_forward_is_added_until_its_command_ends_or_for_good() {
    let terminal = Terminal::new();
    let project = Project::new(Kind::Tcp);
    let mut main = terminal.start(&["os", project.path(), "--watch", "--name", "web", "-f", "0:8080"]);
    let first = main.ready(8080);
    let mut attached = terminal.start(&["forward", "web", "0:8080"]);
    let second = attached.ready(8080);
    assert_eq!(version(second), Ok(1));
    let ended = terminal.run(&[
        "forward",
        "web",
        "8080",
        "--local-port",
        "0",
        "--local-host",
        "127.0.0.1",
        "--detach",
    ]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let third: SocketAddr = ended.stderr["ready: ".len()..]
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(version(third), Ok(1));
    // They stay through a reload.
    project.save(2);
    main.reloaded(2);
    for address in [first, second, third] {
        assert_eq!(version(address), Ok(2));
    }
    let list = terminal.says(&["forward", "web", "--list"]);
    assert!(
        list.contains(&format!("{first} -> guest:8080/tcp (settings)")),
        "{list}"
    );
    assert!(list.contains(&format!("{second} -> guest:8080/tcp (asked)")), "{list}");
    // One ends with its command, even when that is killed; the other when it is told to.
    attached.signal(nix::sys::signal::Signal::SIGKILL);
    attached.ended();
    eventually("it is closed", || TcpStream::connect(second).is_err());
    terminal.says(&["unforward", "web", &third.port().to_string()]);
    eventually("it is closed", || TcpStream::connect(third).is_err());
    assert_eq!(version(first), Ok(2));
    terminal.run(&["unforward", "web", &first.port().to_string()]).says(
        2,
        &format!(
            "error: host port {} was not forwarded with `wasmrun forward`\n\
             hint: remove it from the run's .wasmrun.toml or command line",
            first.port()
        ),
    );
    let busy = terminal.run(&["forward", "web", &format!("{}:8080", first.port())]);
    // As it would be if both were typed.
    let port = first.port();
    busy.says(
        2,
        &format!(
            "error: host port {port} is forwarded twice: by the settings of the run and by `{port}:8080` (`wasmrun forward`)\n\
             hint: remove one of them, or give it another host port"
        ),
    );
    main.stop();
}

#[test]
fn a_forward_can_wait_for_its_run() {
    let terminal = Terminal::new();
    let mut attached = terminal.start(&["forward", "echo", "0:3000", "--wait"]);
    let mut main = terminal.start(&["os", &echo()]);
    let address = attached.ready(3000);
    echoes(address);
    // It ends with the run.
    main.signal(nix::sys::signal::Signal::SIGINT);
    main.ended();
    assert_eq!(attached.ended().code(), Some(0));
}

#[test]
fn a_port_that_an_http_guest_was_not_started_with_is_served_too() {
    let terminal = Terminal::new();
    let mut main = terminal.start(&["os", &hello(), "-f", "0:80"]);
    main.ready(80);
    let mut attached = terminal.start(&["forward", "hello", "0:8888"]);
    let address = attached.ready(8888);
    assert_eq!(support::get(address), (200, "hello from wasmrun\n".to_owned()));
    attached.signal(nix::sys::signal::Signal::SIGINT);
    assert_eq!(attached.ended().code(), Some(130));
    main.stop();
}

#[test]
fn what_a_guest_writes_can_be_read_later_and_as_it_comes() {
    let terminal = Terminal::new();
    let guest = guest("lines");
    let mut main = terminal.start(&["os", guest.to_str().unwrap(), "-f", "0:80"]);
    eventually("it has written", || main.stdout().lines().count() >= 3);
    let logs = terminal.says(&["logs", "lines"]);
    let lines: Vec<&str> = logs.lines().collect();
    assert!(lines[0].ends_with(" #1 out line"), "{logs}");
    assert!(lines[0].starts_with("20") && lines[0].contains('T'), "{logs}");
    // It goes on writing while it is asked.
    // As docker has it.
    assert_eq!(terminal.says(&["logs", "lines", "--tail", "0"]), "");
    let tail = terminal.says(&["logs", "lines", "-n", "2"]);
    assert_eq!(tail.lines().count(), 2, "{tail}");
    assert!(
        terminal.says(&["logs", "lines", "--tail", "999999"]).contains(&tail),
        "{tail}"
    );
    let since = terminal.says(&["logs", "lines", "--since", "0s"]);
    assert!(since.lines().count() <= 1, "{since}");
    let mut follower = terminal.start(&["logs", "lines", "-f", "--json"]);
    let seen = main.stdout().lines().count();
    eventually("the follower has more", || follower.stdout().lines().count() > seen + 2);
    let first: serde_json::Value = serde_json::from_str(follower.stdout().lines().next().unwrap()).unwrap();
    assert_eq!((&first["stream"], &first["text"]), (&"stdout".into(), &"line".into()));
    main.signal(nix::sys::signal::Signal::SIGINT);
    main.ended();
    assert_eq!(follower.ended().code(), Some(0), "{}", follower.stderr());
}

#[test]
fn ports_are_detected_and_forwarded_where_that_is_wanted() {
    let terminal = Terminal::new();
    let mut main = terminal.start(&["os", &echo()]);
    main.wait_for("guest listens on 3000: add --forward 3000:3000, or --auto-forward");
    main.stop();
    // Somebody has the port of that number.
    let taken = std::net::TcpListener::bind("127.0.0.1:3000");
    let mut main = terminal.start(&["os", &echo(), "--auto-forward"]);
    let address = main.ready(3000);
    echoes(address);
    assert!(address.port() > 3000 || taken.is_err(), "{address}");
    let said = format!(
        "host port 3000 is not available; guest:3000 is forwarded from host port {}",
        address.port()
    );
    assert!(main.stderr().contains(&said), "{}", main.stderr());
    let list = terminal.says(&["forward", "echo", "--list"]);
    assert!(list.contains("(detected)"), "{list}");
    // They stay through a new generation that listens there, too.
    terminal.says(&["restart", "echo"]);
    main.reloaded(2);
    echoes(address);
    main.stop();
}

#[test]
fn a_forward_to_a_port_where_nobody_listens_holds_no_reload_up() {
    let terminal = Terminal::new();
    let mut main = terminal.start(&["os", &echo(), "-f", "0:3000", "-f", "0:9"]);
    main.ready(3000);
    terminal.says(&["restart", "echo"]);
    main.reloaded(2);
    main.stop();
}

#[test]
fn connections_past_the_grace_are_ended_and_counted() {
    let terminal = Terminal::new();
    let mut main = terminal.start(&["os", &echo(), "-f", "0:3000", "--grace", "300ms"]);
    let mut client = connect(main.ready(3000));
    client.write_all(b"x").unwrap();
    client.read_exact(&mut [0]).unwrap();
    terminal.says(&["restart", "echo"]);
    let line = main.reloaded(2);
    assert!(line.ends_with(", 1 connection draining"), "{line}");
    // What is no HTTP stays where it is, until then.
    client.write_all(b"y").unwrap();
    client.read_exact(&mut [0]).unwrap();
    main.wait_for("warning: #1: ended 1 connection still open after 300ms");
    assert!(support::is_cut(&mut client));
    main.stop();
}

#[test]
fn a_run_that_stops_still_answers() {
    let terminal = Terminal::new();
    let mut main = terminal.start(&["os", &echo(), "-f", "0:3000", "--grace", "60s"]);
    let mut client = connect(main.ready(3000));
    client.write_all(b"x").unwrap();
    client.read_exact(&mut [0]).unwrap();
    let mut stop = terminal.command(&["stop", "echo"]).spawn().unwrap();
    eventually("it stops", || terminal.says(&["ps"]).contains("stopping"));
    for arguments in [["restart", "echo"].as_slice(), &["forward", "echo", "0:4000"]] {
        let refused = terminal.run(arguments);
        refused.says(2, "error: the run is stopping");
    }
    // Open connections go on, until somebody has less time.
    client.write_all(b"y").unwrap();
    client.read_exact(&mut [0]).unwrap();
    terminal.says(&["stop", "echo", "--grace", "0s"]);
    assert_eq!(main.ended().code(), Some(143));
    assert!(stop.wait().unwrap().success());
    assert!(support::is_cut(&mut client));
}

#[test]
fn a_run_in_which_nothing_serves_is_stopped_with_an_answer() {
    let terminal = Terminal::new();
    let folder = support::folder();
    let file = folder.path().join("ends.wasm");
    std::fs::copy(support::guests::guest("exit7"), &file).unwrap();
    for _ in 0..5 {
        let mut main = terminal.start(&["os", &file.display().to_string(), "-w", "--name", "ends"]);
        main.wait_for("; waiting for a change");
        let state: serde_json::Value = serde_json::from_str(&terminal.run(&["inspect", "ends"]).stdout).unwrap();
        assert_eq!(state["state"], "waiting");
        assert_eq!(state["reason"], "it ended with exit code 7; waiting for a change");
        let stopped = terminal.run(&["stop", "ends"]);
        stopped.says(0, "stopped: ends");
        assert_eq!(main.ended().code(), Some(143));
    }
}

#[test]
fn a_restart_is_a_new_generation() {
    let terminal = Terminal::new();
    let mut main = terminal.start(&["os", &echo(), "-f", "0:3000"]);
    let address = main.ready(3000);
    let old = main.guest();
    terminal.says(&["restart", "echo"]);
    main.reloaded(2);
    echoes(address);
    eventually("the old one is gone", || !support::is_alive(old));
    main.stop();
}

#[test]
fn a_program_of_this_machine_sees_the_guests_network() {
    let terminal = Terminal::new();
    let mut main = terminal.start(&["os", &echo(), "-f", "0:3000"]);
    main.ready(3000);
    let seen = terminal.says(&["netns", "echo", "--", "ss", "-tlnH"]);
    assert!(seen.contains(":3000") && seen.lines().count() == 1, "{seen}");
    main.stop();
}

/// 10,000 clients that say nothing, or as many as there are descriptors for; those for whom the queue has no place keep
/// their socket.
fn idle_clients(socket: &Path) -> Vec<OwnedFd> {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
    let nofile = rustix::process::Resource::Nofile;
    let mut limit = rustix::process::getrlimit(nofile);
    limit.current = limit.maximum;
    rustix::process::setrlimit(nofile, limit).unwrap();
    let address = SocketAddrUnix::new(socket).unwrap();
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let spare = limit
        .maximum
        .map_or(10_000, |most| most.saturating_sub(500).min(10_000));
    let mut connected = 0;
    let clients = (0..spare)
        .map(|_| {
            let client = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
            connected += usize::from(connect(&client, &address).is_ok());
            client
        })
        .collect();
    assert!(connected >= 128, "{connected}");
    clients
}

#[test]
fn strangers_on_the_socket_disturb_nobody() {
    let terminal = Terminal::new();
    let mut main = terminal.start(&["os", &echo(), "-f", "0:3000"]);
    let address = main.ready(3000);
    let socket = terminal.socket("echo");
    let say = |bytes: &[u8]| {
        let mut stream = UnixStream::connect(&socket).unwrap();
        let _ = stream.write_all(bytes);
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    };
    // Garbage, half a message, one without an end, another version, what does not exist.
    say(&[0xff; 4096]);
    let mut half = UnixStream::connect(&socket).unwrap();
    half.write_all(b"POST /v1/stop HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{")
        .unwrap();
    drop(half);
    say(&[b"GET /v1/".as_slice(), &[b'x'; 1 << 20]].concat());
    assert!(say(b"GET /v2/state HTTP/1.1\r\nhost: x\r\n\r\n").contains("serves /v1"));
    assert!(say(b"GET /v1/nothing HTTP/1.1\r\nhost: x\r\n\r\n").starts_with("HTTP/1.1 404"));
    let huge = format!("{{\"rules\": [\"{}\"], \"detached\": true}}", "x".repeat(100_000));
    let head = format!(
        "POST /v1/forwards HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
        huge.len()
    );
    assert!(say((head + &huge).as_bytes()).starts_with("HTTP/1.1 400"));
    // Many who say nothing: the forward does not notice, and they are shown out.
    let idle = idle_clients(&socket);
    let started = Instant::now();
    for _ in 0..100 {
        echoes(address);
    }
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    drop(idle);
    eventually("it answers again", || terminal.run(&["ps"]).stdout.contains("serving"));
    main.stop();
}

fn open_to_all(path: &Path) {
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
}

#[test]
fn another_user_sees_and_touches_nothing() {
    if !nix::unistd::geteuid().is_root() {
        return support::skipped("it takes root to be two other users");
    }
    const OWNER: u32 = 64001;
    const OTHER: u32 = 64002;
    let (folder, cache) = (support::folder(), support::folder());
    for folder in [folder.path(), cache.path()] {
        std::os::unix::fs::chown(folder, Some(OWNER), Some(OWNER)).unwrap();
    }
    let as_user = |id: u32, mut command: Command| {
        command.uid(id).gid(id).env("XDG_RUNTIME_DIR", folder.path());
        command.env("WASMRUN_CACHE_DIR", cache.path());
        command
    };
    let place = support::folder();
    let program = place.path().join("wasmrun");
    std::fs::copy(support::binary(), &program).unwrap();
    let wasmrun = |id: u32, arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.args(arguments);
        as_user(id, command)
    };
    let guest = program.with_file_name("echo.wasm");
    std::fs::copy(support::guests::root().join("examples/echo/echo.wasm"), &guest).unwrap();
    let mut run = Run::of(wasmrun(OWNER, &["os", guest.to_str().unwrap(), "-f", "0:3000"]));
    let address = run.ready(3000);
    let seen = output(wasmrun(OWNER, &["ps"]));
    assert!(seen.stdout.contains("echo"), "{}{}", seen.stdout, seen.stderr);
    // As it is made: the folder is closed. And were it not: each client is asked who it is.
    let request = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); \
                   s.sendall(b'POST /v1/stop HTTP/1.1\\r\\nhost: x\\r\\ncontent-length: 2\\r\\n\\r\\n{}'); print(s.recv(99))";
    let socket = folder.path().join("wasmrun/echo.sock");
    let ask = |id: u32| {
        let mut python = Command::new("python3");
        python.args(["-c", request]).arg(&socket);
        output(as_user(id, python)).stdout
    };
    for open in [false, true] {
        if open {
            open_to_all(folder.path());
            open_to_all(socket.parent().unwrap());
            open_to_all(&socket);
        }
        for arguments in [["ps", "--json"], ["stop", "echo"], ["logs", "echo"], ["netns", "echo"]] {
            let refused = output(wasmrun(OTHER, &arguments));
            assert_ne!(refused.code, Some(0), "{arguments:?}");
            assert!(!refused.stdout.contains("echo"), "{arguments:?}: {}", refused.stdout);
        }
        let refused = ask(OTHER);
        assert!(!refused.contains("HTTP/1.1"), "{refused}");
        echoes(address);
    }
    // The same request does what it says when its owner makes it.
    let answer = ask(OWNER);
    assert!(answer.contains("HTTP/1.1 2"), "{answer}");
    run.ended();
}

#[test]
fn a_thousand_ports_are_listed_at_once() {
    let terminal = Terminal::new();
    let mut main = terminal.start(&["os", &echo(), "-f", "23000-23999:3000-3999"]);
    main.ready(3000);
    let started = Instant::now();
    let table = terminal.says(&["ps"]);
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert!(table.contains("23000-23999->3000-3999"), "{table}");
    println!("listed in {:?}", started.elapsed());
    main.stop();
}

#[test]
fn metrics_are_served() {
    let terminal = Terminal::new();
    let mut main = terminal.start(&["os", &echo(), "-f", "0:3000", "--metrics", "127.0.0.1:0"]);
    let address = main.ready(3000);
    echoes(address);
    let line = main.wait_for("metrics: http://");
    let place: SocketAddr = line["metrics: http://".len()..]
        .trim_end_matches("/metrics")
        .parse()
        .unwrap();
    let mut stream = connect(place);
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nhost: {place}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let labels = format!("run=\"echo\",host=\"{address}\",guest=\"3000\",protocol=\"tcp\"");
    for metric in [
        format!("wasmrun_forward_connections_total{{{labels}}} 1"),
        format!("wasmrun_forward_to_guest_bytes_total{{{labels}}} 1"),
        "# TYPE wasmrun_generation gauge\nwasmrun_generation{run=\"echo\"} 1".to_owned(),
        "# TYPE wasmrun_forward_connections counter\n".to_owned(),
    ] {
        assert!(text.contains(&metric), "{metric}:\n{text}");
    }
    assert!(
        text.contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{text}"
    );
    assert!(text.ends_with("# EOF\n"), "{text}");
    main.stop();
}

#[test]
fn nobody_else_may_look() {
    let terminal = Terminal::new();
    let mut main = terminal.start(&["os", &echo()]);
    eventually("its socket is there", || terminal.socket("echo").exists());
    let folder = terminal.folder.path().join("wasmrun");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&folder).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700);
    // A folder that others may enter is not used.
    std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let ended = terminal.run(&["ps"]);
    assert_eq!(ended.code, Some(125));
    assert!(ended.stderr.contains("is not private"), "{}", ended.stderr);
    main.signal(nix::sys::signal::Signal::SIGINT);
    main.ended();
    assert_eq!(run(&["ps"]).code, Some(0));
}
