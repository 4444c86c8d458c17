//! What is written, and to whom: readers that pause, text that is not ours, and what nobody else may read.

use crate::support;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{PipeReader, Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::guests::guest;
use support::{Run, connect, eventually, interpreter, output, run, started_by, wasmrun};
use tempfile::TempDir;

/// A run whose standard error nobody reads.
struct Unread {
    child: Child,
    folder: TempDir,
    stderr: Option<PipeReader>,
    stdout: Option<PipeReader>,
}

impl Unread {
    /// A guest that writes this byte to this stream for ever.
    fn start(stream: u8, byte: u8, more: &[&str]) -> Unread {
        let folder = support::folder();
        let text = std::fs::read_to_string(guest("flood")).unwrap();
        let text = text
            .replace(
                "(i32.const 2) (i32.const 0)",
                &format!("(i32.const {stream}) (i32.const 0)"),
            )
            .replace("(i32.const 0x78)", &format!("(i32.const {byte})"));
        let file = folder.path().join("flood.wat");
        std::fs::write(&file, text).unwrap();
        let (stderr, their_stderr) = std::io::pipe().unwrap();
        let (stdout, their_stdout) = std::io::pipe().unwrap();
        let mut command = wasmrun(&["os", file.to_str().unwrap(), "--name", "flood"]);
        command.args(more);
        command.env("XDG_RUNTIME_DIR", folder.path());
        let child = command.stderr(their_stderr).stdout(their_stdout).spawn().unwrap();
        Unread {
            child,
            folder,
            stderr: Some(stderr),
            stdout: Some(stdout),
        }
    }

    /// Waits until nothing more fits into the pipe.
    #[track_caller]
    fn is_full(&self) {
        let stderr = self.stderr.as_ref().unwrap();
        eventually("the pipe is full", || {
            rustix::io::ioctl_fionread(stderr).unwrap() > 60_000
        });
    }

    fn command(&self, arguments: &[&str]) -> support::Output {
        let mut command = wasmrun(arguments);
        command.env("XDG_RUNTIME_DIR", self.folder.path());
        output(command)
    }

    fn socket(&self) -> UnixStream {
        UnixStream::connect(self.folder.path().join("wasmrun/flood.sock")).unwrap()
    }

    /// One field of its state.
    fn state(&self, field: &str) -> serde_json::Value {
        let ended = self.command(&["inspect", "flood"]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        serde_json::from_str::<serde_json::Value>(&ended.stdout).unwrap()[field].clone()
    }

    /// Asks for a new generation, which is said when it is there.
    #[track_caller]
    fn restart(&self) {
        let ended = self.command(&["restart", "flood"]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        eventually("it is another generation", || {
            self.state("generation").as_u64() >= Some(2)
        });
    }

    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    #[track_caller]
    fn ends_within(&mut self, signal: Signal, time: Duration) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(started.elapsed() < time, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        };
        println!("it ended after {:?}", started.elapsed());
        assert_eq!(status.code(), Some(128 + signal as i32));
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_reader_that_pauses_stops_neither_the_session_nor_its_end() {
    let mut run = Unread::start(2, b'x', &[]);
    run.is_full();
    run.restart();
    run.ends_within(Signal::SIGTERM, Duration::from_secs(6));
    // And with Ctrl-C, right away.
    let mut run = Unread::start(2, b'x', &[]);
    run.is_full();
    run.ends_within(Signal::SIGINT, Duration::from_secs(6));
}

#[test]
fn lines_that_find_no_room_are_counted_and_all_others_are_whole() {
    let mut run = Unread::start(2, b'x', &[]);
    run.is_full();
    run.restart();
    // Each of these forwards is closed with its client, and said to be, in some 60 bytes.
    for round in 0..8 {
        let rules = vec!["\"0:80\""; 1000].join(",");
        let body = format!("{{\"rules\":[{rules}],\"detached\":false}}");
        let length = body.len();
        let mut asker = run.socket();
        write!(
            asker,
            "POST /v1/forwards HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = [0; 15];
        asker.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK", "round {round}");
        drop(asker);
        eventually("they are closed", || run.state("forwards") == serde_json::json!([]));
    }
    let text = Arc::new(Mutex::new(Vec::new()));
    let mut stderr = run.stderr.take().unwrap();
    let reader = {
        let text = text.clone();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(length @ 1..) = stderr.read(&mut buffer) {
                // What the guest writes is of no interest beyond the byte before a line of ours.
                let mut text = text.lock().unwrap();
                text.extend_from_slice(&buffer[..length]);
                text.dedup_by(|a, b| *a == b'x' && *b == b'x');
            }
        })
    };
    let said = || String::from_utf8_lossy(&text.lock().unwrap()).into_owned();
    eventually("it is said", || said().contains(": standard error was not read\n"));
    run.ends_within(Signal::SIGTERM, Duration::from_secs(6));
    reader.join().unwrap();
    let said = said();
    let lines: Vec<&str> = said.lines().filter(|line| line.contains(|c| c != 'x')).collect();
    let closed = lines.iter().filter(|line| line.starts_with("closed: ")).count();
    let dropped = lines
        .iter()
        .position(|line| {
            line.starts_with("warning: ")
                && line.ends_with(" lines of wasmrun were dropped: standard error was not read")
        })
        .unwrap_or_else(|| panic!("{lines:?}"));
    let count: usize = lines[dropped].split(' ').nth(1).unwrap().parse().unwrap();
    // And what else was said meanwhile.
    assert!((8000..8050).contains(&(closed + count)), "{closed} + {count}");
    assert!(closed > 1000 && count > 1000, "{closed} + {count}");
    // Every line of ours begins and ends as one.
    assert!(lines[0].starts_with("reloaded #2 in "), "{}", lines[0]);
    for line in &lines[1..dropped] {
        // A guest of this kind comes again with other forwards.
        let is_other = line.starts_with("reloaded #") || line.starts_with("warning: port 80 is forwarded, ");
        let is_whole = line.starts_with("closed: ") && line.ends_with(" -> guest:80/tcp");
        assert!(is_whole || is_other, "{line}");
    }
}

#[test]
fn a_follower_that_pauses_costs_little_and_is_told_what_it_missed() {
    let mut run = Unread::start(1, b'\n', &[]);
    eventually("it is there", || run.folder.path().join("wasmrun/flood.sock").exists());
    // It waits for its reader, which is us.
    let mut stdout = run.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 1]).unwrap();
    let mut followers: Vec<UnixStream> = (0..8)
        .map(|_| {
            let mut follower = run.socket();
            follower.set_read_timeout(Some(support::PATIENCE)).unwrap();
            write!(follower, "GET /v1/logs?follow=true HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            follower.read_exact(&mut [0; 15]).unwrap();
            follower
        })
        .collect();
    // Each byte is a line, and some eighty as JSON.
    let mut bytes = vec![0; 1 << 16];
    for _ in 0..64 {
        stdout.read_exact(&mut bytes).unwrap();
    }
    let memory = run.memory();
    println!("{} MiB at most", memory >> 20);
    assert!(memory < 200 << 20, "{} MiB", memory >> 20);
    // It goes on where it can.
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let drain = {
        let stop = stop.clone();
        std::thread::spawn(move || {
            while !stop.load(std::sync::atomic::Ordering::Relaxed)
                && stdout.read(&mut bytes).is_ok_and(|length| length > 0)
            {}
        })
    };
    let mut follower = followers.remove(0);
    let (mut buffer, mut rest) = (vec![0; 1 << 16], Vec::new());
    let missed = loop {
        let length = follower.read(&mut buffer).unwrap();
        assert!(length > 0);
        rest.extend_from_slice(&buffer[..length]);
        if let Some(at) = rest.windows(9).position(|text| text == b"\"missed\":") {
            let number = rest[at + 9..].iter().take_while(|byte| byte.is_ascii_digit());
            let number = number.fold(0u64, |number, digit| number * 10 + u64::from(digit - b'0'));
            if rest[at..].contains(&b'}') {
                break number;
            }
        } else {
            rest.drain(..rest.len().saturating_sub(9));
        }
    };
    assert!(missed > 1_000_000, "{missed}");
    run.ends_within(Signal::SIGTERM, Duration::from_secs(6));
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    drain.join().unwrap();
}

#[test]
fn what_would_be_waited_for_is_refused() {
    let folder = support::folder();
    let pipe = |name: &str| {
        let path = folder.path().join(name);
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let guest = pipe("guest.wasm");
    run(&["os", &guest]).says(
        2,
        &format!("error: cannot read {guest}\n  cause: it is a named pipe, not a regular file"),
    );
    let config = pipe("config.toml");
    let hello = support::guests::root().join("examples/hello/hello.wasm");
    run(&["os", hello.to_str().unwrap(), "--config", &config]).says(
        2,
        &format!("error: cannot read {config}\n  cause: it is a named pipe, not a regular file"),
    );
    let zero = folder.path().join("zero.wasm");
    std::os::unix::fs::symlink("/dev/zero", &zero).unwrap();
    let zero = zero.to_str().unwrap();
    run(&["os", zero]).says(
        2,
        &format!("error: cannot read {zero}\n  cause: it is a device, not a regular file"),
    );
}

#[test]
fn a_folder_with_what_would_be_waited_for_is_watched() {
    let project = support::project::Project::new(support::project::Kind::Http);
    let folder = project.folder.path();
    nix::unistd::mkfifo(&folder.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::fs::write(folder.join(".wasmrun.toml"), "[watch]\npaths = [\".\"]\n").unwrap();
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::symlink("/proc/kmsg", folder.join("kmsg")).unwrap();
    }
    let (mut run, _) = project.watch(&[]);
    // A configuration that becomes a pipe is not waited for, either.
    let new = folder.join("new");
    nix::unistd::mkfifo(&new, nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::fs::rename(&new, folder.join(".wasmrun.toml")).unwrap();
    project.save(2);
    run.reloaded(2);
    run.stop();
}

#[test]
fn a_guests_text_is_no_line_of_ours() {
    let folder = support::folder();
    let file = folder.path().join("forge.wat");
    let text = "(module (memory (export \"memory\") 1)
        (func $\"a\\nready: 127.0.0.1:1 -> guest:1/tcp\\r\\u{202e}b\\u{1b}[2J\" (unreachable))
        (func (export \"_start\") (call 0)))";
    std::fs::write(&file, text).unwrap();
    let ended = run(&["os", file.to_str().unwrap()]);
    assert_eq!(ended.code, Some(134));
    assert!(ended.stderr.contains("ready: 127.0.0.1:1"), "{}", ended.stderr);
    for line in ended.stderr.lines().skip(1) {
        assert!(
            line.is_empty() || line.starts_with("  "),
            "{line:?} in {}",
            ended.stderr
        );
    }
    assert!(
        !ended.stderr.contains(|c: char| c != '\n' && c.is_control()),
        "{:?}",
        ended.stderr
    );
    assert!(!ended.stderr.contains('\u{202e}'), "{:?}", ended.stderr);
    // As JSON it is one line.
    let ended = run(&["os", file.to_str().unwrap(), "--log-format", "json"]);
    let line: serde_json::Value = serde_json::from_str(&ended.stderr).unwrap();
    assert!(
        line["message"].as_str().unwrap().contains("\nready: 127.0.0.1:1"),
        "{line}"
    );
    // The name of a file is somebody else's, too.
    let name = folder.path().join("a\nready: b.wasm");
    let ended = run(&["os", name.to_str().unwrap()]);
    assert!(
        !ended.stderr.lines().any(|line| line.starts_with("ready: ")),
        "{}",
        ended.stderr
    );
}

fn echo() -> PathBuf {
    support::guests::root().join("examples/echo")
}

#[test]
fn a_variables_value_is_not_in_the_list_of_processes() {
    let echo = echo();
    let mut run = Run::start(&[
        "os",
        echo.to_str().unwrap(),
        "-f",
        "0:3000",
        "--env",
        "PASSWORD=hunter2",
        "-eTOKEN=s3cr3t=",
        "--env=KEY=ключ",
    ]);
    run.ready(3000);
    for pid in [run.pid()].into_iter().chain(run.descendants()) {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        for secret in ["hunter2", "s3cr3t", "ключ"] {
            assert!(!line.contains(secret), "{pid}: {line}");
        }
        if pid == run.pid() {
            let hidden = "--env PASSWORD=******* -eTOKEN=******* --env=KEY=******** ";
            assert!(line.ends_with(hidden), "{line}");
        }
    }
    run.stop();
    // The guest has it as it was.
    let ended = support::run(&["os", guest("args").to_str().unwrap(), "--env", "A=hunter2"]);
    assert_eq!(ended.stdout, "args.wat\nA=hunter2\n");
}

#[test]
fn variables_come_from_files_and_later_ones_win() {
    let folder = support::folder();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let args = write("args.wat", &std::fs::read_to_string(guest("args")).unwrap());
    write(".wasmrun.toml", "[env]\nA = \"config\"\nB = \"config\"\n");
    let one = write(
        "one.env",
        "# a comment\nB=one \"quoted\"\nC=one\n\nFROM_HERE\nNOT_HERE\n",
    );
    let two = write("two.env", "C=two\nD=two\nE=two\n");
    let mut command = wasmrun(&[
        "os",
        folder.path().to_str().unwrap(),
        "--env-file",
        &one,
        "-e",
        "E=flag",
        "--env-file",
        &two,
    ]);
    command.env("FROM_HERE", "yes").env_remove("NOT_HERE");
    let ended = output(command);
    let mut lines: Vec<&str> = ended.stdout.lines().skip(1).collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "A=config",
            "B=one \"quoted\"",
            "C=two",
            "D=two",
            "E=flag",
            "FROM_HERE=yes"
        ],
        "{}",
        ended.stderr
    );
    let wrong = write("wrong.env", "A=1\nexport B=2\n");
    run(&["os", &args, "--env-file", &wrong]).says(
        2,
        &format!(
            "error: {wrong}:2: the name contains white space\nhint: write NAME=VALUE, or NAME to pass on a variable"
        ),
    );
    // A pipe will do.
    let wasmrun = wasmrun(&["os", &args]);
    let script = "exec \"$0\" \"$@\" --env-file <(echo F=pipe)";
    let ended = output(started_by(interpreter("bash", script), &wasmrun));
    assert_eq!(ended.stdout, "args.wat\nF=pipe\n", "{}", ended.stderr);
}

#[test]
fn metrics_are_for_names_of_this_machine_and_silent_clients_hold_nobody_up() {
    let echo = echo();
    let mut run = Run::start(&["os", echo.to_str().unwrap(), "-f", "0:3000", "--metrics", "127.0.0.1:0"]);
    run.ready(3000);
    let line = run.wait_for("metrics: http://");
    let place: SocketAddr = line["metrics: http://".len()..]
        .trim_end_matches("/metrics")
        .parse()
        .unwrap();
    let ask = |host: &str| {
        let mut stream = connect(place);
        write!(stream, "GET /metrics HTTP/1.1\r\n{host}connection: close\r\n\r\n").unwrap();
        support::answer(stream)
    };
    for host in [
        format!("host: {place}\r\n"),
        format!("host: localhost:{}\r\n", place.port()),
    ] {
        let (status, text) = ask(&host);
        assert!(status == 200 && text.contains("wasmrun_generation"), "{host}{text}");
    }
    for host in ["host: evil.example\r\n", "host: 127.0.0.1.evil.example:9100\r\n", ""] {
        let (status, text) = ask(host);
        assert!(status == 403 && !text.contains("wasmrun_"), "{host}{text}");
    }
    let _silent: Vec<_> = (0..300).map(|_| connect(place)).collect();
    let started = Instant::now();
    assert_eq!(ask(&format!("host: {place}\r\n")).0, 200);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    run.stop();
}

#[test]
fn who_started_it_is_told_where_no_guest_can() {
    let folder = support::folder();
    let pipe = folder.path().join("ready");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let reader = {
        let pipe = pipe.clone();
        std::thread::spawn(move || std::fs::read_to_string(pipe).unwrap())
    };
    let echo = echo();
    let wasmrun = wasmrun(&[
        "os",
        echo.to_str().unwrap(),
        "-f",
        "0:3000",
        "-f",
        "0:3000",
        "--ready-fd",
        "3",
    ]);
    let mut command = started_by(interpreter("bash", "exec \"$0\" \"$@\" 3>\"$PIPE\""), &wasmrun);
    command.env("PIPE", &pipe);
    let mut run = Run::of(command);
    run.ready(3000);
    // To the end: nobody else has it, and the run goes on.
    let lines = reader.join().unwrap();
    assert_eq!(lines.lines().count(), 4, "{lines}");
    for line in lines.lines() {
        assert!(run.stderr().lines().any(|said| said == line), "{line}");
    }
    run.stop();
    let echo = echo.to_str().unwrap();
    support::run(&["os", echo, "--ready-fd", "77"]).says(
        2,
        "error: --ready-fd: cannot write to descriptor 77\n  cause: No such file or directory (os error 2)\n\
         hint: open a file or a pipe, for example `--ready-fd 3 3>ready`",
    );
}

#[test]
fn a_guest_has_a_terminal_of_its_own_and_only_to_read_from() {
    let script = "import os, sys
master, slave = os.openpty()
os.set_inheritable(master, True)
os.write(master, b'typed\\n')
os.dup2(slave, 0)
os.execvp(sys.argv[1], sys.argv[1:])";
    let echo = echo();
    let wasmrun = wasmrun(&["os", echo.to_str().unwrap(), "-f", "0:3000", "--stdin"]);
    let mut run = Run::of(started_by(interpreter("python3", script), &wasmrun));
    run.ready(3000);
    let flags = |pid: Pid| {
        let info = std::fs::read_to_string(format!("/proc/{pid}/fdinfo/0")).ok()?;
        let flags = info
            .lines()
            .find_map(|line| line.strip_prefix("flags:"))?
            .trim()
            .to_owned();
        i32::from_str_radix(&flags, 8).ok()
    };
    let access = |flags: i32| flags & nix::libc::O_ACCMODE;
    assert_eq!(flags(run.pid()).map(access), Some(nix::libc::O_RDWR));
    match flags(run.guest()) {
        Some(flags) => assert_eq!(access(flags), nix::libc::O_RDONLY),
        // Another user's guest may not be looked at.
        None => assert!(!nix::unistd::geteuid().is_root()),
    }
    run.stop();
}
