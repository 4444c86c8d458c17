//! What native code in a jail can do in its directories, and take of the machine. It needs a process with one thread, so it
//! is started again, which libtest cannot do.

#[path = "support/escapes.rs"]
mod escapes;

use netns::jail::{self, Bind, Plan, Sockets};
use netns::{SocketFactory, fd_passing};
use std::net::{SocketAddr, SocketAddrV4, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;

/// The first argument of the process that becomes the jail.
const INSIDE: &str = "inside";
/// What is tried there, as its third argument: threads and files, or sockets of the host in a jail of either kind.
const THREADS: &str = "threads";
const GIVEN: &str = "given";
const BROKERED: &str = "brokered";
/// Nobody's, on every system.
const USER: u32 = 65534;
/// What a fork bomb would exceed.
const MANY: usize = 3000;

fn main() {
    if std::env::args().nth(1).as_deref() == Some(INSIDE) {
        return inside();
    }
    if std::env::args().any(|argument| argument == "--list") {
        println!("a_jail_from_inside: test");
        return;
    }
    let is_root = rustix::process::geteuid().is_root();
    let version = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = version
        .split(['.', '-'])
        .map(|number| number.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap(), numbers.next().unwrap());
    let users: &[Option<u32>] = if is_root { &[None, Some(USER)] } else { &[None] };
    for user in users {
        let is_root = is_root && user.is_none();
        let made = threads_in_a_jail(*user);
        if version < if is_root { (6, 14) } else { (5, 14) } {
            println!("threads of {user:?} are not bounded on this kernel");
        } else {
            assert!((900..=1024).contains(&made), "{made} threads as {user:?}");
        }
        for sockets in [GIVEN, BROKERED] {
            match sockets == BROKERED && !jail::can_be_brokered() {
                true => println!("sockets are not brokered on this machine"),
                false => sockets_stay_where_they_are(*user, sockets),
            }
        }
    }
    println!("test a_jail_from_inside ... ok");
}

/// Starts a jail, which looks at its files, and returns how many threads it could make.
fn threads_in_a_jail(user: Option<u32>) -> usize {
    let text = in_a_jail(user, &[THREADS]);
    text.trim().parse().unwrap_or_else(|_| panic!("{text}"))
}

/// Starts a jail with sockets of this machine's loopback, all of which it tries to take to a listener here.
fn sockets_stay_where_they_are(user: Option<u32>, sockets: &str) {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = elsewhere.local_addr().unwrap().to_string();
    let text = in_a_jail(user, &[sockets, &address]);
    assert_eq!(text, "held\n", "{sockets} as {user:?}");
    elsewhere.set_nonblocking(true).unwrap();
    assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

/// Starts a jail and returns what it has said.
fn in_a_jail(user: Option<u32>, arguments: &[&str]) -> String {
    let (ours, theirs) = fd_passing::channel().unwrap();
    let _factory = SocketFactory::remote(ours);
    let mut command = Command::new("/proc/self/exe");
    let folder = tempfile::tempdir().unwrap();
    let (read, written) = (folder.path().join("read"), folder.path().join("written"));
    std::fs::create_dir(&read).unwrap();
    std::fs::create_dir(&written).unwrap();
    std::fs::write(read.join("file"), "x").unwrap();
    nix::unistd::mkfifo(&read.join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    command
        .arg(INSIDE)
        .arg(folder.path())
        .args(arguments)
        .stdin(Stdio::from(theirs));
    if let Some(user) = user {
        command.uid(user).gid(user);
        for path in [folder.path(), &read, &read.join("file"), &read.join("fifo"), &written] {
            std::os::unix::fs::chown(path, Some(user), Some(user)).unwrap();
        }
    }
    let output = command.output().expect("this program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?} as {user:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The first directory can be read, the second written.
fn look_at_files(has_landlock: bool) {
    use rustix::fs::{Mode, OFlags, open};
    use rustix::io::Errno;
    let nonblocking = OFlags::RDWR | OFlags::NONBLOCK;
    assert_eq!(std::fs::read("/0/file").unwrap(), b"x");
    assert_eq!(
        open("/0/file", OFlags::WRONLY, Mode::empty()).map(drop),
        Err(Errno::ROFS)
    );
    // A read-only mount lets this through: who writes to a FIFO changes no file (fs/namei.c, `may_open`).
    let fifo = open("/0/fifo", nonblocking, Mode::empty()).map(drop);
    if has_landlock {
        assert_eq!(fifo, Err(Errno::ACCESS));
        assert_eq!(open("/", OFlags::RDONLY, Mode::empty()).map(drop), Err(Errno::ACCESS));
    }
    // What a guest does in what is its own.
    std::fs::create_dir_all("/1/a/b").unwrap();
    std::fs::write("/1/a/file", "y").unwrap();
    std::fs::rename("/1/a/file", "/1/a/b/file").unwrap();
    std::fs::hard_link("/1/a/b/file", "/1/a/link").unwrap();
    rustix::fs::symlinkat("b", rustix::fs::CWD, "/1/a/to").unwrap();
    std::fs::OpenOptions::new()
        .write(true)
        .truncate(true)
        .open("/1/a/to/file")
        .unwrap();
    std::fs::remove_file("/1/a/link").unwrap();
    std::fs::remove_dir_all("/1/a").unwrap();
}

/// Sockets of the host, and no path to any: of other processes, of runs, of the host's files.
fn look_for_ways(held: &[escapes::Held], elsewhere: SocketAddrV4, sockets: Sockets, paths: &[PathBuf]) {
    let refused = match sockets {
        Sockets::Brokered => nix::errno::Errno::EPERM,
        Sockets::Own | Sockets::Given => nix::errno::Errno::ENOSYS,
    };
    escapes::lead_nowhere(held, elsewhere, refused);
    let (channel, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    escapes::peers_are_out_of_reach(channel.as_fd());
    for path in paths {
        let found = rustix::fs::stat(path.as_path()).map(drop);
        assert_eq!(found, Err(rustix::io::Errno::NOENT), "{}", path.display());
        let opened = rustix::fs::open(path.as_path(), rustix::fs::OFlags::PATH, rustix::fs::Mode::empty());
        assert_eq!(opened.map(drop), Err(rustix::io::Errno::NOENT), "{}", path.display());
    }
}

/// Whether this kernel has landlock(7) in the form that is asked for.
fn has_landlock() -> bool {
    use landlock::{ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr};
    let rules = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    rules
        .handle_access(AccessFs::from_all(ABI::V2))
        .is_ok_and(|rules| rules.create().is_ok())
}

fn inside() {
    let factory: OwnedFd = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
    let binds = [true, false].map(|read_only| {
        let folder = PathBuf::from(std::env::args().nth(2).unwrap());
        let path = folder.join(if read_only { "read" } else { "written" });
        let held = std::fs::File::open(&path).unwrap().into();
        Bind::Host {
            held,
            path,
            read_only,
            fixed: Vec::new(),
        }
    });
    let sockets = match std::env::args().nth(3).as_deref() {
        Some(GIVEN) => Sockets::Given,
        Some(BROKERED) => Sockets::Brokered,
        _ => Sockets::Own,
    };
    let plan = Plan {
        supervisor: nix::unistd::getppid().as_raw(),
        binds: binds.into(),
        sockets,
        ..Plan::default()
    };
    let has_landlock = has_landlock();
    if let Some(elsewhere) = std::env::args().nth(4) {
        let Ok(SocketAddr::V4(elsewhere)) = elsewhere.parse() else {
            panic!("{elsewhere}")
        };
        let held = escapes::sockets();
        let folder = PathBuf::from(std::env::args().nth(2).unwrap());
        let mut paths = [
            "/proc/1/root",
            "/proc/self/fd",
            "/proc/self/ns/net",
            "/sys",
            "/dev/null",
            "/tmp",
            "/etc",
            "/run",
        ]
        .map(PathBuf::from)
        .to_vec();
        paths.extend([folder.join("read"), PathBuf::from("/0/../../proc/1/root")]);
        jail::enter(&plan, factory).unwrap_or_else(|error| panic!("{}", netns::chain(&error)));
        look_for_ways(&held, elsewhere, sockets, &paths);
        println!("held");
        return;
    }
    jail::enter(&plan, factory).unwrap_or_else(|error| panic!("{}", netns::chain(&error)));
    drop(plan);
    look_at_files(has_landlock);
    let (held, release) = channel::<()>();
    let release = std::sync::Arc::new(std::sync::Mutex::new(release));
    let mut threads = Vec::new();
    while threads.len() < MANY {
        let release = release.clone();
        let spawned = std::thread::Builder::new().stack_size(16 << 10).spawn(move || {
            // Until the sender is gone.
            let _ = release.lock().map(|release| release.recv());
        });
        match spawned {
            Ok(thread) => threads.push(thread),
            Err(_) => break,
        }
    }
    println!("{}", threads.len());
    drop(held);
    threads.into_iter().for_each(|thread| drop(thread.join()));
}
