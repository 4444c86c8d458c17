//! Guests of each kind: what they are given, what they see, how they end.

use crate::support;
use nix::sys::signal::{Signal, kill};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::process::Stdio;
use std::time::{Duration, Instant};
use support::guests::{self, guest};
use support::{Run, connect, eventually, get, output, read_all, run, wasmrun};

fn path(name: &str) -> String {
    guest(name).to_str().unwrap().to_owned()
}

#[test]
fn three_guests_listen_on_the_same_port_inside() {
    let peer = path("peer");
    let start = |name| Run::start(&["os", &peer, "--forward", "0:8080", "--", "8080", "0", name]);
    let mut runs = [start("one"), start("two"), start("three")];
    let addresses: Vec<_> = runs.iter_mut().map(|run| run.ready(8080)).collect();
    for _ in 0..3 {
        for (address, name) in addresses.iter().zip(["one", "two", "three"]) {
            let text = read_all(*address);
            assert!(text.starts_with(&format!("{name} 0 ")), "{text}");
        }
    }
    runs.into_iter().for_each(|run| drop(run.stop()));
}

#[test]
fn every_address_that_a_guest_may_bind_is_reached_and_it_sees_its_true_peer() {
    for bind in ["0", "1", "2", "3"] {
        let mut run = Run::start(&["os", &path("peer"), "-f", "0:9000", "--", "9000", bind, "p"]);
        let mut client = connect(run.ready(9000));
        let port = client.local_addr().unwrap().port();
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        drop(client);
        let expected = match bind {
            "0" | "1" => format!("p 0 {port:04x} 7f 00 00 01\n"),
            _ => format!("p 1 {port:04x} 0000 0000 0000 0000 0000 0000 0000 0001\n"),
        };
        assert_eq!(text, expected);
        run.stop();
    }
}

#[test]
fn connections_wait_for_a_guest_that_is_slow_to_listen() {
    let mut run = Run::start(&[
        "os",
        &path("peer"),
        "-v",
        "-f",
        "127.0.0.1:0:8080",
        "--",
        "8080",
        "0",
        "late",
        "700",
    ]);
    // The host's port is open before the guest is: find it by what it listens on.
    let process = procfs_listener(run.pid().as_raw());
    let started = Instant::now();
    assert!(read_all(process).starts_with("late "));
    assert!(started.elapsed() < Duration::from_secs(10));
    run.ready(8080);
    run.stop();
}

/// The one IPv4 address that a process listens on.
fn procfs_listener(pid: i32) -> std::net::SocketAddr {
    let mut found = None;
    eventually("the supervisor listens", || {
        let Ok(sockets) = std::fs::read_dir(format!("/proc/{pid}/fd")) else {
            return false;
        };
        let links: Vec<String> = sockets
            .flatten()
            .filter_map(|fd| Some(std::fs::read_link(fd.path()).ok()?.to_string_lossy().into_owned()))
            .collect();
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        found = table.lines().skip(1).find_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let ours = fields[3] == "0A" && links.contains(&format!("socket:[{}]", fields[9]));
            let port = u16::from_str_radix(fields[1].split_once(':')?.1, 16).ok()?;
            ours.then(|| ([127, 0, 0, 1], port).into())
        });
        found.is_some()
    });
    found.unwrap()
}

#[test]
fn exit_codes_are_passed_through() {
    let ended = run(&["os", &path("exit7")]);
    ended.says(7, "");
    let ended = run(&["os", &path("run03")]);
    ended.says(0, "");
    // There is no initial working directory: what is opened are directories with names of their own.
    run(&["os", &path("cwd03")]).says(0, "");
    let ended = run(&["os", &path("exit7"), "--forward", "0:80"]);
    assert_eq!(ended.code, Some(7));
    assert!(
        ended
            .stderr
            .ends_with("the guest ended with exit code 7; its ports are closed\n"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_trap_is_134_with_a_readable_backtrace() {
    let ended = run(&["os", &path("trap")]);
    assert_eq!(ended.code, Some(134));
    let inner = ended.stderr.find("!inner").expect("the inner function is named");
    let outer = ended.stderr.find("!outer").expect("the outer function is named");
    assert!(inner < outer);
    assert!(
        ended.stderr.starts_with("error: the guest trapped: "),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("wasm `unreachable` instruction executed"),
        "{}",
        ended.stderr
    );
}

#[test]
fn arguments_environment_and_input_reach_the_guest() {
    let args = path("args");
    let mut command = wasmrun(&[
        "os",
        &args,
        "-e",
        "A=1",
        "-e",
        "FROM_HERE",
        "--stdin",
        "--",
        "x",
        "--y",
        "",
    ]);
    command
        .env("FROM_HERE", "yes")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"input\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text, "args.wat\nx\n--y\n\nA=1\nFROM_HERE=yes\ninput\n");
    // Without --stdin the input is empty.
    let mut command = wasmrun(&["os", &args]);
    command.stdin(Stdio::piped());
    assert_eq!(output_of(command), "args.wat\n");
}

fn output_of(command: std::process::Command) -> String {
    output(command).stdout
}

#[test]
fn the_file_is_read_and_the_command_line_adds_to_it() {
    let folder = support::folder();
    let copy = folder.path().join("args.wat");
    std::fs::copy(guest("args"), &copy).unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let text = "[guest]\nargs = [\"from-file\"]\ndirs = [\"data::/data:ro\"]\n[network]\nforwards = [\"0:80\"]\n[env]\nA = \"file\"\nB = \"file\"\n";
    std::fs::write(folder.path().join(".wasmrun.toml"), text).unwrap();
    let folder = folder.path().to_str().unwrap();
    let ended = run(&["os", folder, "-e", "B=flag"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let listen = "LISTEN_FDS=1\nLISTEN_FDNAMES=80\nLISTEN_FDS_START=4\n";
    assert_eq!(ended.stdout, format!("args.wat\nfrom-file\nA=file\nB=flag\n{listen}"));
    let ended = run(&["os", folder, "--", "typed"]);
    assert!(ended.stdout.starts_with("args.wat\ntyped\n"), "{}", ended.stdout);
    let ended = run(&["check", folder]);
    assert!(
        ended.stdout.contains("forward:   localhost:0 -> guest:80/tcp\n"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.ends_with("ok\n"));
}

#[test]
fn directories_can_be_written_unless_they_are_read_only() {
    let folder = support::folder();
    let dir = folder.path().to_str().unwrap();
    let files = path("files");
    // 69 is EROFS, 76 ENOTCAPABLE: either way nothing was made.
    let ended = run(&["os", &files, "--dir", &format!("{dir}::/data:ro")]);
    assert!(
        matches!(ended.code, Some(69 | 63 | 76 | 2)),
        "{:?} {}",
        ended.code,
        ended.stderr
    );
    assert!(!folder.path().join("made").exists());
    let ended = run(&["os", &files, "--dir", &format!("{dir}::/data")]);
    ended.says(0, "");
    assert!(folder.path().join("made").exists());
}

#[test]
fn the_memory_limit_is_obeyed() {
    let memory = path("memory");
    let ended = run(&["os", &memory, "--memory", "64MiB"]);
    assert_eq!(ended.code, Some(64), "{}", ended.stderr);
    let warning = "warning: the guest reached its memory limit of 64.0 MiB: an allocation was refused\n\
                   hint: raise the limit with `--memory`";
    assert_eq!(ended.stderr.trim_end(), warning);
    // 512 MiB, of which an exit code keeps the low byte.
    run(&["os", &memory]).says(0, "");
}

#[test]
fn wasip1_listeners_are_served_in_the_order_of_the_rules() {
    for extra in [
        vec![],
        vec!["--dir", "/tmp"],
        vec!["--dir", "/tmp", "--listeners", "before-directories"],
    ] {
        let listener = path("listener");
        let mut arguments = vec!["os", &listener, "-f", "0:3001", "-f", "0:3000", "-f", "0:3001"];
        arguments.extend(&extra);
        let mut run = Run::start(&arguments);
        let (first, second) = (run.ready(3001), run.ready(3000));
        for _ in 0..3 {
            assert_eq!(get(second), (200, "listener 1\n".to_owned()));
            assert_eq!(get(first), (200, "listener 0\n".to_owned()));
        }
        run.stop();
    }
}

#[test]
fn a_closed_listener_leads_nowhere() {
    assert_eq!(run(&["os", &path("close_listener"), "-q", "-f", "0:80"]).code, Some(88));
}

/// Go looks at its listener's flags once, and a blocking one would stop the whole program; C expects accept to wait.
#[test]
fn a_listener_blocks_as_its_toolchain_expects() {
    for (order, flags) in [("before-directories", 4), ("after-directories", 0)] {
        let ended = run(&["os", &path("flags"), "-q", "-f", "0:80", "--listeners", order]);
        assert_eq!(ended.code, Some(flags), "{order}");
    }
}

#[test]
fn wasip1_echo_serves_many_at_once_and_carries_the_end() {
    let mut run = Run::start(&["os", &path("p1_echo"), "-f", "0:3000"]);
    let address = run.ready(3000);
    let mut open: Vec<_> = (0..200).map(|_| connect(address)).collect();
    for stream in &mut open {
        stream.write_all(b"hello").unwrap();
    }
    for stream in &mut open {
        let mut back = [0; 5];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"hello");
    }
    // Bulk, through a guest that reads and writes by itself.
    let mut stream = open.pop().unwrap();
    let bytes: Vec<u8> = (0..8_000_000u32).map(|n| (n % 251) as u8).collect();
    let mut out = stream.try_clone().unwrap();
    let sent = bytes.clone();
    let writer = std::thread::spawn(move || {
        out.write_all(&sent).unwrap();
        out.shutdown(Shutdown::Write).unwrap();
    });
    let mut back = Vec::new();
    stream.read_to_end(&mut back).unwrap();
    writer.join().unwrap();
    assert!(back == bytes, "{} of {} bytes came back", back.len(), bytes.len());
    drop(open);
    run.stop();
}

#[test]
fn an_http_guest_that_traps_answers_500_and_goes_on() {
    let mut run = Run::start(&["os", &path("trap_http"), "-f", "0:8080"]);
    let address = run.ready(8080);
    for _ in 0..2 {
        let (status, body) = get(address);
        assert_eq!(status, 500);
        assert_eq!(body, "500: the guest failed; see wasmrun's output\n");
    }
    run.wait_for("no_answer");
    run.stop();
}

#[test]
fn more_requests_than_the_pool_has_places_for_wait_in_the_guest_together() {
    const WAIT: Duration = Duration::from_secs(2);
    let text = guests::root().join("examples/hello/src/hello.wat");
    let first = "(call $drop-request (local.get $request))";
    let waits = format!("(call $block (call $after (i64.const {}))) {first}", WAIT.as_nanos());
    let imports = "(module
        (import \"wasi:clocks/monotonic-clock@0.2.0\" \"subscribe-duration\" (func $after (param i64) (result i32)))
        (import \"wasi:io/poll@0.2.0\" \"[method]pollable.block\" (func $block (param i32)))";
    let source = std::fs::read_to_string(&text).unwrap();
    let source = source
        .replace(first, &waits)
        .replacen("\n(module", &format!("\n{imports}"), 1);
    let folder = support::folder();
    let guest = folder.path().join("waits.wasm");
    std::fs::write(&guest, guests::encode(&text, &source, "http-and-clock")).unwrap();

    // Also where the file of its code is gone by then.
    for cache in ["-v", "--no-cache"] {
        let mut run = Run::start(&["os", guest.to_str().unwrap(), "-f", "0:80", cache]);
        let address = run.ready(80);
        let started = Instant::now();
        let mut clients: Vec<_> = (0..200).map(|_| connect(address)).collect();
        for client in &mut clients {
            client
                .write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                .unwrap();
        }
        for client in clients {
            assert_eq!(support::answer(client), (200, "hello from wasmrun\n".to_owned()));
        }
        let took = started.elapsed();
        assert!(took >= WAIT && took < 2 * WAIT, "{took:?}");
        run.stop();
    }
}

#[test]
fn an_http_guest_that_is_too_large_for_the_pool_of_instances_is_served_too() {
    let mut run = Run::start(&["os", &path("large_table"), "-f", "0:8080"]);
    assert_eq!(get(run.ready(8080)).0, 500);
    run.wait_for("a request failed in the guest");
    run.stop();
}

#[test]
fn guests_of_wasi_0_3_run_and_serve() {
    let ended = run(&["os", &path("run_p3")]);
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(0), "run 0.3\n"),
        "{}",
        ended.stderr
    );
    let mut run = Run::start(&["os", &path("hello_p3"), "-f", "0:8080"]);
    let address = run.ready(8080);
    for _ in 0..20 {
        // Its length is not given, so it comes in chunks.
        let (status, body) = get(address);
        assert!(status == 200 && body.contains("\nhello from 0.3\n"), "{status} {body}");
    }
    run.stop();
}

#[test]
fn a_busy_guest_can_always_be_stopped() {
    // One that never gives way, and an HTTP one of whose requests never end.
    let mut busy = Run::start(&["os", &path("spin"), "-v"]);
    busy.wait_for("guest: core module (wasip1)");
    let started = Instant::now();
    busy.stop();
    assert!(started.elapsed() < Duration::from_secs(3));
    let mut busy = Run::start(&["os", &path("spin_http"), "-f", "0:80", "--grace", "300ms"]);
    let address = busy.ready(80);
    let mut clients: Vec<_> = (0..4).map(|_| connect(address)).collect();
    for client in &mut clients {
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    }
    let started = Instant::now();
    busy.stop();
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[test]
fn a_head_and_body_written_apart_do_not_wait_for_each_other() {
    let mut run = Run::start(&["os", &path("apart"), "-f", "0:8080"]);
    let mut stream = connect(run.ready(8080));
    stream.set_nodelay(true).unwrap();
    let started = Instant::now();
    let mut answer = [0; 44];
    for _ in 0..100 {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        stream.read_exact(&mut answer).unwrap();
        assert!(answer.ends_with(b"apart\n"));
    }
    // With a delayed acknowledgement each would take 40 ms.
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    drop(stream);
    run.stop();
}

#[test]
fn http_2_with_prior_knowledge_is_served() {
    let folder = support::guests::root().join("examples/hello");
    let mut run = Run::start(&["os", folder.to_str().unwrap(), "-f", "0:80"]);
    let address = run.ready(80);
    let curl = std::process::Command::new("curl")
        .args(["--silent", "--http2-prior-knowledge", "--write-out", "%{http_version}"])
        .arg(format!("http://{address}/"))
        .output()
        .expect("curl runs");
    assert_eq!(String::from_utf8(curl.stdout).unwrap(), "hello from wasmrun\n2");
    run.stop();
}

#[test]
fn the_kind_is_named_from_the_binary() {
    let hello = support::guests::root().join("examples/hello/hello.wasm");
    let cases = [
        (path("exit7"), "core module (wasip1)"),
        (path("run03"), "component (wasi:cli/run 0.3)"),
        (path("probe"), "component (wasi:cli/run 0.2)"),
        (path("hello_p3"), "component (wasi:http/handler 0.3)"),
        (
            hello.to_str().unwrap().to_owned(),
            "component (wasi:http/incoming-handler 0.2)",
        ),
    ];
    for (guest, kind) in cases {
        let mut run = Run::start(&["os", &guest, "-v"]);
        let process = run.pid();
        run.wait_for(&format!("guest: {kind}"));
        let _ = kill(process, Signal::SIGKILL);
        run.ended();
    }
}

#[test]
fn a_warm_cache_compiles_nothing_and_no_cache_keeps_nothing() {
    let folder = support::folder();
    let cache = folder.path().join("cache");
    let is_code = |entry: &std::fs::DirEntry| entry.path().extension().is_some_and(|end| end == "cwasm");
    let files = || std::fs::read_dir(&cache).map_or(0, |entries| entries.flatten().filter(is_code).count());
    let exit = path("exit7");
    let said = |flags: &[&str]| {
        let mut arguments = vec!["os", exit.as_str(), "-v"];
        arguments.extend(flags);
        let mut command = wasmrun(&arguments);
        command.env("WASMRUN_CACHE_DIR", &cache);
        let ended = output(command);
        assert_eq!(ended.code, Some(7));
        ended.stderr
    };
    assert!(said(&["--no-cache"]).contains("code: compiled"));
    assert_eq!(files(), 0);
    assert!(said(&[]).contains("code: compiled"));
    assert!(said(&[]).contains("code: cached"));
    assert_eq!(files(), 1);
    // Many at once, none of which finds it.
    std::fs::remove_dir_all(&cache).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| said(&[]));
        }
    });
    assert_eq!(files(), 1);
}

/// The samples of the crate wasmedge_wasi_socket run as well; they need its compiler.
#[test]
fn sockets_as_wasmedge_has_them() {
    let mut run = Run::start(&["os", &path("wasmedge"), "-f", "0:3000"]);
    let address = run.ready(3000);
    let mut client = connect(address);
    let port = client.local_addr().unwrap().port();
    let mut peer = [0; 8];
    client.read_exact(&mut peer).unwrap();
    assert_eq!(peer[..6], [127, 0, 0, 1, 4, 0]);
    assert_eq!(u16::from_le_bytes([peer[6], peer[7]]), port);
    let sent: Vec<u8> = (0..100_000).map(|at| b'a' + (at % 10) as u8).collect();
    let (mut writer, copy) = (client.try_clone().unwrap(), sent.clone());
    let writing = std::thread::spawn(move || writer.write_all(&copy).unwrap());
    let mut received = vec![0; sent.len()];
    client.read_exact(&mut received).unwrap();
    assert!(received == sent);
    writing.join().unwrap();
    drop(client);
    // There is no way out, and it is said.
    let mut client = connect(address);
    client.read_exact(&mut peer).unwrap();
    client.write_all(b"q").unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, [2], "EACCES");
    run.wait_for("192.0.2.1:1/tcp");
    run.stop();
}

/// `subscribe` is how a guest waits for the second half of a call.
#[test]
fn a_guest_may_wait_before_it_finishes_to_listen() {
    let text = support::guests::root().join("tests/guests/peer.wat");
    let finish = "(call $finish-listen (local.get $listener) (i32.const 0))";
    let wait = format!("(call $block (call $subscribe (local.get $listener)))\n{finish}");
    let folder = support::folder();
    let file = folder.path().join("waits.wasm");
    std::fs::write(&file, support::guests::variant(&text, "command", finish, &wait)).unwrap();
    let mut run = Run::start(&["os", file.to_str().unwrap(), "-f", "0:8080", "--", "8080", "0", "p"]);
    assert!(read_all(run.ready(8080)).starts_with("p "));
    run.stop();
}

#[test]
fn what_is_forwarded_by_itself_is_bounded() {
    let mut run = Run::start(&["os", &path("many_ports"), "--auto-forward"]);
    run.wait_for("--auto-forward: the limit of 64 forwards is reached; further ports are not forwarded");
    let said = run.stderr();
    let ready: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with("ready: 127.0.0.1:"))
        .collect();
    assert_eq!(ready.len(), 64, "{said}");
    let port = |line: &str| {
        line.split([':', ' '])
            .nth(3)
            .and_then(|port| port.parse::<u16>().ok())
            .unwrap()
    };
    assert!(ready.iter().all(|line| port(line) >= 1024), "{said}");
    assert!(ready[0].ends_with(" -> guest:80/tcp"), "{said}");
    run.stop();
}

#[test]
fn descriptors_that_are_not_open_are_told_from_those_that_are_no_sockets() {
    // EBADF is 8 and ENOTSOCK 57 (wasi_snapshot_preview1, errno).
    assert_eq!(support::run(&["os", &path("shut_closed")]).code, Some(16 * 8 + 57 - 50));
}
