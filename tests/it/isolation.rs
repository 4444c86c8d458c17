//! What a guest cannot reach. The "host" of these tests is a private network namespace that has the addresses which a
//! guest might try, each with a listener that would see a hit: a leak shows, and no packet can leave the machine.

use crate::support;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::guests::guest;
use support::{Run, connect, network, run};

/// The machine's own address, a neighbour on the LAN, and the metadata service of clouds.
const ADDRESSES: [&str; 4] = ["127.0.0.1", "10.1.2.3", "192.168.77.9", "169.254.169.254"];

/// Runs a test on a host of its own that has those addresses.
fn on_a_host_of_its_own(name: &str, test: impl FnOnce()) {
    let user = support::guests::user();
    network::namespaced(&format!("isolation::{name}"), &[(support::guests::USER, &user)], || {
        for address in &ADDRESSES[1..] {
            network::command("ip", &["address", "add", &format!("{address}/32"), "dev", "lo"]);
        }
        test();
    });
}

/// Listeners on a port of every address that count what reaches them.
struct Tripwires {
    hits: Arc<AtomicUsize>,
    port: u16,
}

impl Tripwires {
    fn new(port: u16) -> Tripwires {
        let hits: Arc<AtomicUsize> = Arc::default();
        for address in ADDRESSES {
            let address: SocketAddr = format!("{address}:{port}").parse().unwrap();
            let tcp = TcpListener::bind(address).unwrap();
            let counter = hits.clone();
            std::thread::spawn(move || {
                for stream in tcp.incoming() {
                    drop(stream);
                    counter.fetch_add(1, Ordering::SeqCst);
                }
            });
            let udp = UdpSocket::bind(address).unwrap();
            let counter = hits.clone();
            std::thread::spawn(move || {
                while udp.recv(&mut [0; 16]).is_ok() {
                    counter.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        let wires = Tripwires { hits, port };
        wires.try_themselves();
        wires
    }

    /// A tripwire that cannot be hit proves nothing.
    fn try_themselves(&self) {
        let udp = UdpSocket::bind("0.0.0.0:0").unwrap();
        for address in ADDRESSES {
            TcpStream::connect((address, self.port)).unwrap();
            udp.send_to(b"x", (address, self.port)).unwrap();
        }
        support::eventually("every tripwire works", || {
            self.hits.load(Ordering::SeqCst) == 2 * ADDRESSES.len()
        });
        self.hits.store(0, Ordering::SeqCst);
    }

    fn none(&self) {
        // What was sent over loopback has arrived when the sender goes on; this is for the threads that count.
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert_eq!(self.hits.load(Ordering::SeqCst), 0, "something came out");
    }
}

/// Arguments of the probe guest: the numbers of each address and the port.
fn targets(port: u16) -> Vec<String> {
    let numbers = |address: &&str| {
        let mut numbers: Vec<String> = address.split('.').map(str::to_owned).collect();
        numbers.push(port.to_string());
        numbers
    };
    ADDRESSES.iter().flat_map(numbers).collect()
}

#[test]
fn a_guest_reaches_nothing_of_the_host() {
    on_a_host_of_its_own("a_guest_reaches_nothing_of_the_host", || {
        let wires = Tripwires::new(4000);
        let probe = guest("probe");
        let targets = targets(4000);
        let mut arguments = vec!["os", probe.to_str().unwrap(), "--"];
        arguments.extend(targets.iter().map(String::as_str));
        let ended = run(&arguments);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        // Each TCP attempt is refused, and each datagram too but the one to its own loopback, where nobody listens.
        assert_eq!(ended.stdout, "tUtututu\n", "{}", ended.stderr);
        for address in &ADDRESSES[1..] {
            let said = format!("warning: denied: {address}:4000/tcp: no rule allows it");
            assert!(ended.stderr.contains(&said), "{}", ended.stderr);
        }
        wires.none();
    });
}

#[test]
fn two_guests_do_not_reach_each_other() {
    on_a_host_of_its_own("two_guests_do_not_reach_each_other", || {
        let folder = support::guests::root().join("examples/echo");
        let mut echo = Run::start(&["os", folder.to_str().unwrap(), "-f", "0:3000"]);
        let address = echo.ready(3000);
        let probe = guest("probe");
        // The other guest's port, and the host's that leads to it.
        let host = address.port().to_string();
        let ended = run(&[
            "os",
            probe.to_str().unwrap(),
            "--",
            "127",
            "0",
            "0",
            "1",
            "3000",
            "127",
            "0",
            "0",
            "1",
            &host,
        ]);
        assert_eq!(ended.stdout, "tUtU\n", "{}", ended.stderr);
        let mut client = connect(address);
        client.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
        drop(client);
        echo.stop();
    });
}

/// Runs a native program in all of a guest's namespaces, as a guest that broke out of the sandbox could.
fn inside(guest: Pid, program: &[&str]) -> (bool, String) {
    let output = Command::new("nsenter")
        .args([
            "--target",
            &guest.to_string(),
            "--user",
            "--net",
            "--ipc",
            "--uts",
            "--preserve-credentials",
            "--",
        ])
        .args(program)
        .stdin(Stdio::null())
        .output()
        .expect("util-linux's nsenter runs");
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    (output.status.success(), text)
}

#[test]
fn a_native_probe_in_the_namespaces_reaches_nothing_either() {
    on_a_host_of_its_own("a_native_probe_in_the_namespaces_reaches_nothing_either", || {
        let wires = Tripwires::new(4000);
        let name = std::os::unix::net::SocketAddr::from_abstract_name(b"wasmrun-test-tripwire").unwrap();
        let _unix = std::os::unix::net::UnixListener::bind_addr(&name).unwrap();
        let program = "
import socket, sys
hits = []
for address in sys.argv[1].split(','):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        s = socket.socket(socket.AF_INET, kind)
        s.settimeout(2)
        try:
            s.connect((address, 4000))
            if kind == socket.SOCK_DGRAM:
                s.send(b'x'); s.send(b'x')  # the second finds out that the first was refused
            hits.append(address)
        except OSError:
            pass
try:
    socket.socket(socket.AF_UNIX).connect('\\0wasmrun-test-tripwire'); hits.append('abstract')
except OSError:
    pass
print('hits', hits, [name for _, name in socket.if_nameindex()])
";
        let python = ["python3", "-c", program, &ADDRESSES.join(",")];
        // On the host it hits everything.
        let output = Command::new(python[0]).args(&python[1..]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.matches("169.254.169.254").count(), 2, "{text}");
        assert!(text.contains("abstract"), "{text}");
        support::eventually("they were counted", || wires.hits.load(Ordering::SeqCst) >= 8);
        wires.hits.store(0, Ordering::SeqCst);

        let folder = support::guests::root().join("examples/echo");
        let mut run = Run::start(&["os", folder.to_str().unwrap(), "-f", "0:3000"]);
        run.ready(3000);
        let (ran, text) = inside(run.guest(), &python);
        assert!(ran, "{text}");
        assert_eq!(text.trim_end(), "hits [] ['lo']");
        wires.none();
        run.stop();
    });
}

#[test]
fn every_guest_has_namespaces_of_its_own_and_nothing_else() {
    let folder = support::guests::root().join("examples/echo");
    let start = || {
        let mut run = Run::start(&["os", folder.to_str().unwrap(), "-f", "0:3000"]);
        run.ready(3000);
        run
    };
    let (one, two) = (start(), start());
    for kind in ["net", "user", "mnt", "ipc", "uts", "pid", "cgroup"] {
        let of = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/{kind}")).unwrap();
        let (ours, first, second) = (of("self"), of(&one.guest().to_string()), of(&two.guest().to_string()));
        assert!(ours != first && ours != second && first != second, "{kind}");
    }
    let guest = one.guest();
    let status = std::fs::read_to_string(format!("/proc/{guest}/status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().to_owned()
    };
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(field(set), "0000000000000000", "{set}");
    }
    assert_eq!(field("NoNewPrivs:"), "1");
    // A filter of system calls (proc_pid_status(5)).
    assert_eq!(field("Seccomp:"), "2");
    // Its root has the compiled code and nothing of the host.
    let root: Vec<_> = std::fs::read_dir(format!("/proc/{guest}/root"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(root, ["0"]);
    // Init keeps one capability, over the guest's network alone.
    let init = one.descendants()[1];
    let status = std::fs::read_to_string(format!("/proc/{init}/status")).unwrap();
    assert!(status.contains("CapEff:\t0000000000001000"), "{status}");
    // The keeper, outside the pid namespace, has none.
    let keeper = one.descendants()[0];
    let status = std::fs::read_to_string(format!("/proc/{keeper}/status")).unwrap();
    assert!(status.contains("CapPrm:\t0000000000000000"), "{status}");
    // Nothing that a careless parent left open has come along: 0, 1, 2, its channel, what the runtime makes, and no file.
    for entry in std::fs::read_dir(format!("/proc/{guest}/fd")).unwrap() {
        let link = std::fs::read_link(entry.unwrap().path()).unwrap();
        let link = link.to_string_lossy().into_owned();
        let harmless = ["socket:", "pipe:", "anon_inode:", "/memfd:", "/dev/null", "/0"];
        assert!(harmless.iter().any(|kind| link.starts_with(kind)), "{link}");
        // It speaks no TLS.
        assert!(!link.starts_with("/memfd:trust"), "{link}");
    }
    one.stop();
    two.stop();
}

#[test]
fn what_the_parent_left_open_does_not_reach_the_guest() {
    let folder = support::guests::root().join("examples/echo");
    let secret = tempfile::NamedTempFile::new().unwrap();
    // A shell that leaves descriptor 7 open.
    let command = support::wasmrun(&["os", folder.to_str().unwrap(), "-f", "0:3000"]);
    let text = format!("exec 7<{}; exec \"$0\" \"$@\"", secret.path().display());
    let command = support::started_by(support::interpreter("sh", &text), &command);
    let mut run = Run::of(command);
    run.ready(3000);
    for pid in run.descendants() {
        for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten() {
            let link = std::fs::read_link(entry.path()).unwrap();
            assert_ne!(link, secret.path(), "process {pid}");
        }
    }
    run.stop();
}

/// A filter of system calls (proc_pid_status(5)), no core dump, and an early end where memory ends.
#[test]
fn every_process_of_a_jail_is_limited() {
    let folder = support::guests::root().join("examples/echo");
    let mut run = Run::start(&["os", folder.to_str().unwrap(), "-f", "0:3000"]);
    run.ready(3000);
    let read = |pid: Pid, file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap();
    for pid in run.descendants() {
        let status = read(pid, "status");
        let name = status.lines().next().unwrap().to_owned();
        // The keeper limits itself while the guest starts.
        support::eventually("it has a filter", || {
            let status = read(pid, "status");
            status.contains("Seccomp:\t2") && status.contains("NoNewPrivs:\t1")
        });
        let limits = read(pid, "limits");
        let core = limits.lines().find(|line| line.starts_with("Max core file size"));
        let core: Vec<&str> = core.unwrap().split_whitespace().collect();
        // One byte: a limit of zero would still start the handler of a core_pattern (core(5)).
        assert!(core[4] == core[5] && matches!(core[4], "1" | "0"), "{name}: {core:?}");
    }
    let score = |file: String| -> i32 { file.trim().parse().unwrap() };
    let own = score(std::fs::read_to_string("/proc/self/oom_score_adj").unwrap());
    assert_eq!(score(read(run.guest(), "oom_score_adj")), (own + 500).min(1000));
    run.stop();
}

/// Keeper and init have the guest's root, and stand in it: from a folder of the host `..` would lead to all of its files.
#[test]
fn nobody_in_the_jail_stands_in_the_host() {
    let folder = support::guests::root().join("examples/echo");
    let mut run = Run::start(&["os", folder.to_str().unwrap(), "-f", "0:3000"]);
    run.ready(3000);
    for pid in run.descendants() {
        for place in ["root", "cwd"] {
            let entries = std::fs::read_dir(format!("/proc/{pid}/{place}")).unwrap();
            let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(names, ["0"], "{place} of {pid}");
        }
    }
    run.stop();
}

#[test]
fn what_is_mounted_below_a_read_only_directory_is_read_only_too() {
    on_a_host_of_its_own("what_is_mounted_below_a_read_only_directory_is_read_only_too", || {
        let data = support::folder();
        let below = data.path().join("below");
        std::fs::create_dir(&below).unwrap();
        network::command("mount", &["-t", "tmpfs", "tmpfs", below.to_str().unwrap()]);
        let echo = support::guests::root().join("examples/echo");
        let directory = format!("{}::/data:ro", data.path().display());
        let written = format!("{}::/written", data.path().display());
        let mut run = Run::start(&[
            "os",
            echo.to_str().unwrap(),
            "-f",
            "0:3000",
            "--dir",
            &directory,
            "--dir",
            &written,
        ]);
        run.ready(3000);
        let mounts = std::fs::read_to_string(format!("/proc/{}/mountinfo", run.guest())).unwrap();
        let options = |point: &str| {
            let mut fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
            let line = fields.find(|fields| fields[4] == point);
            line.unwrap_or_else(|| panic!("no {point}:\n{mounts}"))[5].to_owned()
        };
        let has = |point: &str, wanted: &[&str]| {
            let options = options(point);
            let options: Vec<&str> = options.split(',').collect();
            assert!(
                wanted.iter().all(|option| options.contains(option)),
                "{point}: {mounts}"
            );
        };
        // No program of it runs, with anybody's rights, and no device of it is opened.
        for point in ["/1", "/1/below"] {
            has(point, &["ro", "nosuid", "nodev", "noexec"]);
        }
        for point in ["/2", "/2/below"] {
            has(point, &["rw", "nosuid", "nodev", "noexec"]);
        }
        // The code is mapped to be run.
        has("/0", &["ro", "nosuid", "nodev"]);
        run.stop();
        network::command("umount", &[below.to_str().unwrap()]);
    });
}

#[test]
fn without_isolation_is_said_out_loud_and_still_works() {
    let peer = guest("peer");
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
        .to_string();
    let rule = format!("127.0.0.1:0:{port}");
    let mut run = Run::start(&[
        "os",
        peer.to_str().unwrap(),
        "--no-isolation",
        "-f",
        &rule,
        "--",
        &port,
        "1",
        "open",
    ]);
    run.wait_for("warning: --no-isolation: the guest runs in the host's network, without namespaces around it");
    let address = run.ready(port.parse().unwrap());
    assert!(support::read_all(address).starts_with("open 0 "));
    let guest = run.guest();
    let of = |pid: String| std::fs::read_link(format!("/proc/{pid}/ns/net")).unwrap();
    assert_eq!(of("self".to_owned()), of(guest.to_string()));
    run.signal(Signal::SIGINT);
    run.ended();
}

#[test]
fn a_kernel_that_refuses_is_explained() {
    // A user namespace in which no further one may be made.
    let hello = support::guests::root().join("examples/hello");
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--", "sh", "-c"])
        .arg("echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"")
        .args(["sh", env!("CARGO_BIN_EXE_wasmrun"), "os"])
        .arg(hello)
        .env("WASMRUN_CACHE_DIR", support::cache())
        .env("XDG_RUNTIME_DIR", support::runtime_folder())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(125), "{text}");
    assert_eq!(
        text.trim_end(),
        "error: the guest cannot be isolated: the kernel refused new user namespaces: ENOSPC: No space left on device\n  \
         cause: user.max_user_namespaces is 0\n\
         hint: sysctl -w user.max_user_namespaces=15000\n  \
         or run without isolation, in the host's network: `--no-isolation`"
    );
}

#[test]
fn doctor_looks_at_each_need() {
    let ended = run(&["doctor"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    for need in [
        "kernel",
        "user namespaces",
        "network namespaces",
        "a guest's jail",
        "its loopback",
        "its root",
        "its capabilities",
    ] {
        assert!(
            ended.stdout.contains(&format!("ok    {need}: ")),
            "{need}: {}",
            ended.stdout
        );
    }
    assert!(ended.stdout.ends_with("guests can be isolated on this machine\n"));
}

#[test]
fn no_user_namespace_can_be_made_below_a_guests() {
    let folder = support::guests::root().join("examples/echo");
    let mut run = Run::start(&["os", folder.to_str().unwrap(), "-f", "0:3000"]);
    run.ready(3000);
    let (ran, text) = inside(run.guest(), &["unshare", "--user", "true"]);
    assert!(!ran && text.contains("No space left on device"), "{text}");
    // And nothing of the user's environment is there.
    let environment = std::fs::read(format!("/proc/{}/environ", run.guest())).unwrap();
    assert_eq!(String::from_utf8_lossy(&environment), "");
    run.stop();
}
