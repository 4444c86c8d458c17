//! The invariants of the repository, held by its text.
//!
//! ```text
//!   tables (what is allowed where) --+
//!                                    +--> rule: files -> complaints --> #[test]: no complaint
//!   files of the repository ---------+
//! ```
//!
//! A rule is a pure function, so tests/tidy/broken.rs feeds each of them a bad example. A move or a new file changes a table;
//! a new invariant is a table, a rule, a test and a bad example. Compilers and clippy hold what they can (clippy.toml); what
//! is here spans files, or has no safe function that clippy could name.

#[path = "tidy/broken.rs"]
mod broken;
#[path = "tidy/circles.rs"]
mod circles;
#[path = "tidy/text.rs"]
mod text;

use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use text::{blanked, has, imports, joined, link_targets, numbered, reaches, without_fences, without_tests};

/// The code that ships. Tests, examples, benches and fuzz targets are free.
const SOURCES: [&str; 14] = [
    "src/",
    "compression/src/",
    "crypto/src/",
    "gateway/src/",
    "page/src/",
    "netns/src/",
    "runtime/src/",
    "report/src/",
    "sqlite/src/",
    "supervisor/src/",
    "languages/src/",
    "files/src/",
    "tls/src/",
    "tunnel/src/",
];

/// Powers of the kernel and of the process. Below each: the paths by which code reaches it (`a::b` as a call or in any
/// `use`, a name alone as a word), and after `>` the only files of [`SOURCES`] that may.
const DOORS: &str = "
setns(2) and unshare(2)
    sched::setns sched::unshare libc::setns libc::unshare thread::unshare thread::unshare_unsafe
    thread::move_into_link_name_space thread::move_into_thread_name_spaces
    > netns/src/namespace.rs
splice(2)
    rustix::pipe::splice rustix::pipe::tee fcntl::splice fcntl::tee fcntl::vmsplice libc::splice
    > netns/src/forward/tcp/pipe.rs
rtnetlink(7)
    rtnetlink AF_NETLINK AddressFamily::NETLINK AddressFamily::Netlink
    > netns/src/netlink.rs
SCM_RIGHTS
    ScmRights SCM_RIGHTS SendAncillaryBuffer RecvAncillaryBuffer
    net::sendmsg net::recvmsg socket::sendmsg socket::recvmsg
    > netns/src/fd_passing.rs
recvmmsg(2) and sendmmsg(2)
    socket::recvmmsg socket::sendmmsg
    > netns/src/forward/udp.rs
mount(2) and its kin
    nix::mount rustix::mount unistd::pivot_root libc::mount libc::umount2
    SYS_open_tree SYS_move_mount SYS_mount_setattr
    > netns/src/jail/mount.rs
seccomp(2), filters
    seccompiler::apply_filter seccompiler::apply_filter_all_threads
    > netns/src/jail/syscalls/filter.rs
seccomp(2), listeners
    SYS_seccomp seccomp_notif
    > netns/src/jail/syscalls/notify.rs
the memory and descriptors of another process
    process::pidfd_getfd uio::process_vm_readv uio::process_vm_writev sys::ptrace
    > netns/src/jail/syscalls/broker.rs
landlock(7)
    landlock::Ruleset SYS_landlock_restrict_self
    > netns/src/jail/landlock.rs
fork(2)
    unistd::fork libc::fork libc::vfork
    > netns/src/jail/mod.rs
capability sets
    caps::set caps::drop caps::clear caps::raise
    > netns/src/jail/privileges.rs
setrlimit(2): of jails, and the session's own number of descriptors
    process::setrlimit process::prlimit resource::setrlimit libc::setrlimit
    > netns/src/jail/limits.rs src/session/mod.rs
close_range(2)
    libc::close_range
    > netns/src/jail/descriptors.rs
unsafe code
    unsafe
    > netns/src/jail/descriptors.rs netns/src/jail/mod.rs netns/src/jail/mount.rs netns/src/jail/syscalls/notify.rs netns/src/namespace.rs
    > runtime/src/adoption/trim.rs runtime/src/run.rs
    > sqlite/src/backup.rs sqlite/src/blob.rs sqlite/src/call.rs sqlite/src/connection.rs sqlite/src/definitions.rs sqlite/src/failure.rs
    > sqlite/src/files.rs sqlite/src/function.rs sqlite/src/library.rs sqlite/src/parts.rs sqlite/src/state.rs sqlite/src/statement.rs sqlite/src/text.rs
a thread that sleeps: until a control group is empty, before malloc_trim(3), between epochs
    thread::sleep
    > netns/src/cgroup.rs runtime/src/adoption/trim.rs runtime/src/host/epoch.rs
the end of the process: of a jail, by a panic, of a guest whose supervisor is gone
    process::exit process::abort libc::_exit
    > netns/src/jail/build.rs netns/src/jail/init.rs netns/src/jail/mod.rs report/src/panics.rs supervisor/src/inside/guest.rs
standard error: the writer, questions whether it is a terminal, and what fails before there is a writer
    io::stderr
    > languages/src/tools/process.rs report/src/lines.rs report/src/panics.rs report/src/spinner.rs report/src/stderr.rs
    > src/cli/other_tools.rs src/trust/mod.rs src/up/driver.rs supervisor/src/inside/guest.rs
standard output: the guest's output, and the data that commands print
    io::stdout
    > src/commands/cache.rs src/commands/check.rs src/commands/completions.rs src/commands/context.rs src/commands/doctor.rs
    > src/commands/forward.rs src/commands/hub.rs src/commands/inspect.rs src/commands/logs.rs src/commands/man.rs src/commands/open.rs src/commands/ps.rs src/commands/schema.rs src/commands/trust.rs
    > src/hub/channel.rs src/up/printer.rs src/up/driver.rs supervisor/src/output.rs
";

/// Macros that print, and the files of [`SOURCES`] that may use them.
const PRINTING: [&str; 5] = ["println!", "eprintln!", "print!", "eprint!", "dbg!"];
const PRINTERS: [&str; 0] = [];

/// Where a descriptor is an `OwnedFd` or a `BorrowedFd`, and what it is not.
const DESCRIPTORS: &str = "netns/src/";
const NUMBERS: [&str; 4] = ["RawFd", "Vec<i32>", "&[i32]", "HashSet<i32>"];

/// Most lines of a file: of code, of a test, and of the files that have a limit of their own.
const LINES: usize = 650;
const TEST_LINES: usize = 1000;
const OWN_LINES: [(&str, usize); 4] = [
    ("README.md", 120),
    ("ARCHITECTURE.md", 180),
    ("CONTRIBUTING.md", 120),
    ("languages/src/nodejs/guest/src/http.js", 900),
];

/// The document whose names of files have to exist.
const MAP: &str = "ARCHITECTURE.md";

/// Each crate of the workspace, by its folder, and the crates of ours that its manifest may name.
const WALLS: [(&str, &[&str]); 14] = [
    ("report", &[]),
    ("netns", &[]),
    ("crypto", &[]),
    ("tls", &[]),
    ("compression", &[]),
    ("sqlite", &[]),
    ("runtime", &["compression", "crypto", "sqlite", "tls"]),
    ("tunnel", &[]),
    ("gateway", &["tunnel"]),
    ("page", &["gateway", "tunnel"]),
    ("files", &["runtime", "report"]),
    ("supervisor", &["files", "netns", "runtime", "report", "tls"]),
    // Of netns: the jail of a build.
    ("languages", &["files", "netns", "supervisor", "runtime", "report"]),
    (
        "",
        &[
            "compression",
            "crypto",
            "files",
            "gateway",
            "page",
            "netns",
            "runtime",
            "report",
            "sqlite",
            "supervisor",
            "languages",
            "tls",
            "tunnel",
        ],
    ),
];

/// One verb a file; none knows another, and the session knows none.
const COMMANDS: &str = "src/commands/";
const SESSION: &str = "src/session/";

/// Inputs of tests, which may be wrong on purpose.
const INPUTS: [&str; 2] = ["tests/projects/", "tests/guests/"];
/// Folders that are made, not written.
const MADE: [&str; 6] = ["target", "node_modules", "corpus", "artifacts", "__pycache__", "venv"];
/// Hidden folders that are written.
const HIDDEN: [&str; 2] = [".ci", ".github"];

#[test]
fn each_power_has_one_door() {
    holds(doors(DOORS, sources()));
}

#[test]
fn doors_lead_somewhere() {
    holds(stale_doors(DOORS, sources()));
}

#[test]
fn nothing_prints_but_the_writer() {
    holds(printing(&PRINTERS, sources()));
}

#[test]
fn descriptors_are_owned_or_borrowed() {
    holds(numbers(sources()));
}

#[test]
fn files_are_short() {
    holds(long_files(&OWN_LINES, files()));
}

#[test]
fn files_say_what_they_are() {
    holds(undescribed(files()));
}

#[test]
fn links_lead_somewhere() {
    holds(dead_links(files(), exists));
}

#[test]
fn the_map_names_files_that_exist() {
    holds(unknown_names(files(), exists));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let of = |root: &&str| circles::circles(&sources().iter().collect::<Vec<_>>(), root);
    holds(SOURCES.iter().flat_map(of).collect());
}

#[test]
fn crates_keep_their_walls() {
    holds(broken_walls(&WALLS, files()));
}

#[test]
fn crates_take_the_workspaces_lints() {
    holds(unlinted(files()));
}

#[test]
fn commands_know_no_other_command() {
    holds(entangled_commands(sources()));
}

#[test]
fn the_session_knows_no_command() {
    holds(climbing_session(sources()));
}

#[test]
fn one_rust_version_is_named() {
    holds(other_toolchain(files()));
}

/// A row of [`DOORS`].
#[derive(Default)]
struct Door<'a> {
    power: &'a str,
    paths: Vec<&'a str>,
    files: Vec<&'a str>,
}

/// A file of the repository: its path from the root, and its text.
#[derive(Clone)]
struct File {
    path: String,
    text: String,
}

impl File {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    fn is_input(&self) -> bool {
        INPUTS.iter().any(|folder| self.path.starts_with(folder))
    }

    fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.contains("/tests/") || self.path.ends_with("_tests.rs")
    }

    /// The text without comments, literals and unit tests, line by line as it was.
    fn code(&self) -> String {
        without_tests(&blanked(&self.text))
    }
}

/// Fails with every complaint.
#[track_caller]
fn holds(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n  {}\n", complaints.join("\n  "));
}

fn rows(table: &str) -> Vec<Door<'_>> {
    let mut rows: Vec<Door> = Vec::new();
    for line in table.lines().filter(|line| !line.is_empty()) {
        let Some(words) = line.strip_prefix("    ") else {
            rows.push(Door {
                power: line,
                ..Door::default()
            });
            continue;
        };
        let row = rows.last_mut().expect("a table begins with a power");
        match words.strip_prefix("> ") {
            Some(files) => row.files.extend(files.split_whitespace()),
            None => row.paths.extend(words.split_whitespace()),
        }
    }
    rows
}

fn doors(table: &str, files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    let table = rows(table);
    for file in files {
        let code = file.code();
        let imports = imports(&code);
        for door in table.iter().filter(|door| !door.files.contains(&file.path.as_str())) {
            for path in door.paths.iter().filter(|path| reaches(&code, &imports, path)) {
                complaints.push(format!(
                    "{} has `{path}`: {} belongs to {}; call that file, or add this one to `DOORS` in tests/tidy.rs",
                    file.path,
                    door.power,
                    door.files.join(", ")
                ));
            }
        }
    }
    complaints
}

/// A table that names a file that is gone, or one that does not use its power, holds nothing.
fn stale_doors(table: &str, files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for door in rows(table) {
        for name in &door.files {
            let uses = files.iter().find(|file| file.path == *name).map(|file| {
                let code = file.code();
                let imports = imports(&code);
                door.paths.iter().any(|path| reaches(&code, &imports, path))
            });
            let what = match uses {
                Some(true) => continue,
                Some(false) => "does not use it",
                None => "does not exist",
            };
            complaints.push(format!(
                "{name} is a door of {} and {what}: change `DOORS` in tests/tidy.rs",
                door.power
            ));
        }
    }
    complaints
}

fn printing(printers: &[&str], files: &[File]) -> Vec<String> {
    let others = files.iter().filter(|file| !printers.contains(&file.path.as_str()));
    let way = "the user hears by events of `tracing`, and data goes to a locked standard output";
    lines_with(&PRINTING, others, way)
}

fn numbers(files: &[File]) -> Vec<String> {
    let strict = files.iter().filter(|file| file.path.starts_with(DESCRIPTORS));
    lines_with(&NUMBERS, strict, "a descriptor is an `OwnedFd` or a `BorrowedFd`")
}

fn lines_with<'a>(words: &[&str], files: impl Iterator<Item = &'a File>, way: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files {
        for (number, line) in numbered(&file.code()) {
            for word in words.iter().filter(|word| has(line, word)) {
                complaints.push(format!("{}:{number} has `{word}`: {way}", file.path));
            }
        }
    }
    complaints
}

fn long_files(own: &[(&str, usize)], files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| !file.is_input()) {
        let written = [".rs", ".js", ".py"].iter().any(|ending| file.path.ends_with(ending));
        let limit = own.iter().find(|(path, _)| *path == file.path).map(|(_, limit)| *limit);
        let limit = limit.or_else(|| written.then_some(if file.is_test() { TEST_LINES } else { LINES }));
        let lines = file.text.lines().count();
        if let Some(limit) = limit
            && lines > limit
        {
            complaints.push(format!(
                "{} has {lines} lines, and may have {limit}: move what has a name of its own to a file of its own",
                file.path
            ));
        }
    }
    complaints
}

fn undescribed(files: &[File]) -> Vec<String> {
    let ours = |file: &&File| SOURCES.iter().any(|folder| file.path.starts_with(folder)) || file.is_test();
    let silent = |file: &&File| !file.text.starts_with("//! ");
    files
        .iter()
        .filter(|file| file.is_rust() && !file.is_input())
        .filter(ours)
        .filter(silent)
        .map(|file| {
            format!(
                "{} does not begin with `//! `: say in a line what the file is for",
                file.path
            )
        })
        .collect()
}

fn dead_links(files: &[File], exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files
        .iter()
        .filter(|file| file.path.ends_with(".md") && !file.is_input())
    {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (number, line) in numbered(&without_fences(&file.text)) {
            for target in link_targets(line) {
                let place = target.split('#').next().unwrap_or_default();
                let is_elsewhere = target.contains("://") || target.starts_with("mailto:");
                if is_elsewhere || place.is_empty() || joined(folder, place).is_some_and(|path| exists(&path)) {
                    continue;
                }
                complaints.push(format!(
                    "{}:{number} links to {target}, which does not exist: mend the link or remove it",
                    file.path
                ));
            }
        }
    }
    complaints
}

fn unknown_names(files: &[File], exists: impl Fn(&str) -> bool) -> Vec<String> {
    let ends_or_holds = |name: &str| {
        let (end, folder) = (format!("/{name}"), format!("/{}/", name.trim_end_matches('/')));
        files
            .iter()
            .any(|file| file.path.ends_with(&end) || file.path.contains(&folder))
    };
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| file.path == MAP) {
        for (number, line) in numbered(&without_fences(&file.text)) {
            for name in line.split('`').skip(1).step_by(2).filter(|name| is_file_name(name)) {
                if !exists(name) && !ends_or_holds(name) {
                    complaints.push(format!(
                        "{MAP}:{number} names `{name}`, which does not exist: change the name"
                    ));
                }
            }
        }
    }
    complaints
}

fn broken_walls(walls: &[(&str, &[&str])], files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (folder, manifest) in members(files) {
        let path = &manifest.path;
        let Some((_, allowed)) = walls.iter().find(|(name, _)| *name == folder) else {
            complaints.push(format!("{path} is a new crate: add it to `WALLS` in tests/tidy.rs"));
            continue;
        };
        let is_dependency = |line: &str| !["name", "description", "#"].iter().any(|word| line.starts_with(word));
        for (number, line) in numbered(&manifest.text).filter(|(_, line)| is_dependency(line)) {
            for rest in line.split("wasmrun-").skip(1) {
                let name = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
                if !allowed.contains(&name) {
                    complaints.push(format!(
                        "{path}:{number} depends on wasmrun-{name}: move the code to a crate that may know both"
                    ));
                }
            }
        }
    }
    complaints
}

fn unlinted(files: &[File]) -> Vec<String> {
    members(files)
        .into_iter()
        .filter(|(_, manifest)| !manifest.text.contains("[lints]\nworkspace = true"))
        .map(|(_, manifest)| {
            format!(
                "{} has lints of its own, or none: write `[lints]` with `workspace = true`",
                manifest.path
            )
        })
        .collect()
}

fn entangled_commands(files: &[File]) -> Vec<String> {
    let verbs: Vec<&str> = files.iter().filter_map(|file| verb_of(&file.path)).collect();
    if verbs.is_empty() {
        return vec![format!("no file is in {COMMANDS}: change `COMMANDS` in tests/tidy.rs")];
    }
    let mut complaints = Vec::new();
    for file in files {
        let Some(own) = verb_of(&file.path) else { continue };
        let code = file.code();
        let imports = imports(&code);
        // A file in a folder of the command reaches its neighbours by one `super` more.
        let is_deep = file.path[COMMANDS.len()..].contains('/') && !file.path.ends_with("/mod.rs");
        let above = if is_deep { "super::super" } else { "super" };
        for other in verbs.iter().filter(|verb| **verb != own) {
            let paths = [format!("commands::{other}"), format!("{above}::{other}")];
            if paths.iter().any(|path| reaches(&code, &imports, path)) {
                complaints.push(format!(
                    "{} uses the command `{other}`: move what both need out of {COMMANDS}",
                    file.path
                ));
            }
        }
    }
    complaints
}

fn climbing_session(files: &[File]) -> Vec<String> {
    let mut session = files.iter().filter(|file| file.path.starts_with(SESSION)).peekable();
    if session.peek().is_none() {
        return vec![format!("no file is in {SESSION}: change `SESSION` in tests/tidy.rs")];
    }
    let climbs = |file: &&File| {
        let code = file.code();
        reaches(&code, &imports(&code), "crate::commands")
    };
    session
        .filter(climbs)
        .map(|file| {
            format!(
                "{} uses a command: a command calls the session, never the reverse",
                file.path
            )
        })
        .collect()
}

fn other_toolchain(files: &[File]) -> Vec<String> {
    let value = |path: &str, key: &str| {
        let file = files.iter().find(|file| file.path == path)?;
        let line = file.text.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim_start_matches([' ', '=']).split('"').nth(1).map(str::to_owned)
    };
    let oldest = value("Cargo.toml", "rust-version");
    let used = value("rust-toolchain.toml", "channel");
    match (&oldest, &used) {
        // The newest stable release builds what an older one does.
        (Some(_), Some(used)) if used == "stable" => vec![],
        (Some(oldest), Some(used)) if used.starts_with(&format!("{oldest}.")) => vec![],
        _ => vec![format!(
            "rust-toolchain.toml has the channel {used:?} and Cargo.toml the rust-version {oldest:?}: name the same release"
        )],
    }
}

/// The manifests of the workspace, with their folders; the root's is the empty text.
fn members(files: &[File]) -> Vec<(&str, &File)> {
    let root = files.iter().find(|file| file.path == "Cargo.toml");
    let listed = root.and_then(|root| root.text.split_once("\nmembers = [")?.1.split(']').next());
    let names = listed.into_iter().flat_map(|list| list.split('"').skip(1).step_by(2));
    names
        .chain([""])
        .filter_map(|name| {
            let path = if name.is_empty() {
                "Cargo.toml".to_owned()
            } else {
                format!("{name}/Cargo.toml")
            };
            Some((name, files.iter().find(|file| file.path == path)?))
        })
        .collect()
}

/// The verb that a file of [`COMMANDS`] belongs to; `mod.rs` declares them all and belongs to none.
fn verb_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix(COMMANDS)?;
    let verb = rest.split('/').next().map(|name| name.trim_end_matches(".rs"));
    verb.filter(|verb| *verb != "mod")
}

/// Whether a literal is the name of a file or folder of the repository, and no place of a machine, pattern or option.
fn is_file_name(name: &str) -> bool {
    const ENDINGS: [&str; 9] = [".rs", ".md", ".toml", ".py", ".js", ".sh", ".wat", ".wit", ".yml"];
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
    let is_hidden = name.starts_with('.') && !HIDDEN.iter().any(|folder| name.starts_with(folder));
    let is_place = name.starts_with('/') || name == "/";
    is_plain && !is_hidden && !is_place && (name.ends_with('/') || ENDINGS.iter().any(|ending| name.ends_with(ending)))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn exists(path: &str) -> bool {
    root().join(path).exists()
}

/// Every file that was written, read once.
fn files() -> &'static [File] {
    static FILES: OnceLock<Vec<File>> = OnceLock::new();
    FILES.get_or_init(|| {
        let mut files = Vec::new();
        read(root(), "", &mut files);
        assert!(files.len() > 100, "the repository is not at {}", root().display());
        files.sort_by(|one, other| one.path.cmp(&other.path));
        files
    })
}

/// The Rust of [`SOURCES`] that ships.
fn sources() -> &'static [File] {
    static FILES: OnceLock<Vec<File>> = OnceLock::new();
    FILES.get_or_init(|| {
        let ships = |file: &&File| {
            let is_ours = SOURCES.iter().any(|folder| file.path.starts_with(folder));
            is_ours && file.is_rust() && !file.is_test()
        };
        files().iter().filter(ships).cloned().collect()
    })
}

fn read(folder: &Path, path: &str, files: &mut Vec<File>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let below = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}/{name}")
        };
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            let is_hidden = name.starts_with('.') && !HIDDEN.contains(&name.as_str());
            if !is_hidden && !MADE.contains(&name.as_str()) {
                read(&entry.path(), &below, files);
            }
        } else if kind.is_file() {
            // Of binary files the name alone counts.
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            files.push(File { path: below, text });
        }
    }
}
