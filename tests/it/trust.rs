//! What a stranger's folder, another user or a guest can have run on this machine: nothing that was not agreed to.

use crate::support;
use nix::unistd::geteuid;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::program::{copy, succeeds};
use support::{Output, Run, eventually, folder, guests, is_running, output, wasmrun};
use tempfile::TempDir;

/// A machine of a user who was sent a project.
struct Stranger {
    place: TempDir,
}

impl Stranger {
    fn new(project: &str) -> Stranger {
        let place = folder();
        for name in ["home/.ssh", "home/private", "state", "project"] {
            fs::create_dir_all(place.path().join(name)).unwrap();
        }
        for name in ["home/secret", "home/.ssh/id_test"] {
            fs::write(place.path().join(name), "TOP SECRET").unwrap();
        }
        let hostile = guests::root().join("tests/projects/hostile");
        copy(&hostile.join(project), &place.path().join("project"));
        fs::copy(hostile.join("mark.sh"), place.path().join("project/mark.sh")).unwrap();
        Stranger { place }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = wasmrun(arguments);
        command
            .env("HOME", self.path("home"))
            .env("XDG_STATE_HOME", self.path("state"))
            .env("A_TOKEN", "TOP SECRET")
            .env("NODE_AUTH_TOKEN", "TOP SECRET");
        // Toolchains are where the user of the tests has them.
        for (name, usual) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
            if let (None, Some(home)) = (std::env::var_os(name), dirs::home_dir()) {
                command.env(name, home.join(usual));
            }
        }
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let project = self.path("project");
        output(self.command(&[&["os", project.to_str().unwrap()], arguments].concat()))
    }

    /// Its code has run, and all that it could do was what a build may do.
    #[track_caller]
    fn was_jailed(&self) {
        assert!(self.path("project/ran").exists(), "its code has not run at all");
        self.has_left_nothing();
        let mode = fs::metadata(self.path("project/set-id")).unwrap().permissions().mode();
        assert_eq!(mode & 0o6000, 0, "it may make set-user-id files: {mode:o}");
        // Of root it would be the host's.
        assert!(!self.path("project/kernel").exists(), "it may change the kernel");
        let read = |name: &str| fs::read_to_string(self.path("project").join(name)).unwrap_or_default();
        assert_eq!(read("found"), "", "it has read what is the user's");
        assert!(!read("environment").contains("TOP SECRET"), "{}", read("environment"));
        let processes: usize = read("processes").trim().parse().unwrap();
        assert!(processes < 20, "it sees {processes} processes");
    }

    #[track_caller]
    fn has_left_nothing(&self) {
        for mark in ["home/mark", "mark"] {
            assert!(!self.path(mark).exists(), "{mark}");
        }
        assert!(!Path::new("/tmp/wasmrun-mark").exists());
        eventually("what it has started is gone", || !is_running("sleep 7531"));
    }
}

#[test]
fn a_makefile_is_built_in_a_jail() {
    let stranger = Stranger::new("make");
    let ended = stranger.run(&[]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.starts_with("building: make (in "), "{}", ended.stderr);
    stranger.was_jailed();
    // What git would obey it has not made, either.
    assert!(!stranger.path("project/.git").exists());
    assert!(ended.stderr.contains(".git.made-by-a-build\n"), "{}", ended.stderr);
}

#[test]
fn a_build_command_runs_in_a_jail_and_needs_no_question() {
    let stranger = Stranger::new("command");
    let before = fs::read_to_string(stranger.path("project/.wasmrun.toml")).unwrap();
    fs::create_dir(stranger.path("project/.git")).unwrap();
    let ended = stranger.run(&[]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    stranger.was_jailed();
    // What programs outside of the jail obey it cannot change.
    assert_eq!(
        fs::read_to_string(stranger.path("project/.wasmrun.toml")).unwrap(),
        before
    );
    assert!(!stranger.path("project/.git/hooks").exists());
}

#[test]
fn cargo_runs_a_projects_code_in_a_jail() {
    if !succeeds("cargo", &["--version"]) {
        return println!("not tried: there is no cargo");
    }
    let stranger = Stranger::new("cargo");
    // Whether it can be built depends on the targets that are installed; its code runs before.
    stranger.run(&[]);
    stranger.was_jailed();
}

#[test]
fn the_jail_can_be_left_out_where_it_is_typed() {
    let stranger = Stranger::new("make");
    let makefile = "app.wat:\n\ttouch $$HOME/mark\n\techo '(module (func (export \"_start\")))' >app.wat\n";
    fs::write(stranger.path("project/Makefile"), makefile).unwrap();
    let ended = stranger.run(&["--no-build-jail"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(stranger.path("home/mark").exists());
}

#[test]
fn python_packages_are_no_options() {
    for (project, said) in [
        ("editable", "must be built from source"),
        ("option", "`--editable=./pkg` is not a requirement"),
    ] {
        let stranger = Stranger::new(project);
        let ended = stranger.run(&[]);
        assert_eq!(ended.code, Some(2), "{project}: {}", ended.stderr);
        assert!(ended.stderr.contains(said), "{project}: {}", ended.stderr);
        assert!(!stranger.path("project/ran").exists(), "{project}: its code has run");
        stranger.has_left_nothing();
    }
}

#[test]
fn node_packages_are_a_registrys() {
    for (project, folder, said) in [
        ("git", "project", "a repository, whose own settings run programs"),
        ("private", "project", "a folder of this machine"),
        (
            "workspace",
            "project/packages/web",
            "is of a workspace whose packages are not installed",
        ),
    ] {
        let stranger = Stranger::new(project);
        let folder = stranger.path(folder);
        let ended = output(stranger.command(&["os", folder.to_str().unwrap()]));
        // Without npm the engine is missing, and nothing was fetched either.
        assert_ne!(ended.code, Some(0), "{project}: {}", ended.stderr);
        if succeeds("npm", &["--version"]) {
            assert!(ended.stderr.contains(said), "{project}: {}", ended.stderr);
        }
        stranger.has_left_nothing();
    }
}

#[test]
fn a_guest_that_writes_a_configuration_has_nothing_run() {
    let stranger = Stranger::new("writes");
    let project = stranger.path("project");
    let directory = format!("{}::/data", project.display());
    // With --watch it would be at once, also with a new guest in the place of its own.
    let ended = stranger.run(&["--watch", "-f", "0:3000", "--dir", &directory]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("could change its own code"), "{}", ended.stderr);
    let path = project.to_str().unwrap();
    let mut run = Run::of(stranger.command(&["os", path, "-f", "0:3000", "--dir", &directory]));
    eventually("it has written", || project.join(".wasmrun.toml").exists());
    run.ready(3000);
    run.stop();
    // A later run asks.
    let ended = stranger.run(&[]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("need your trust"), "{}", ended.stderr);
    assert!(!project.join("escaped").exists() && !project.join("ran").exists());
    // One that is there is not changed.
    fs::write(project.join(".wasmrun.toml"), "# the user's\n").unwrap();
    let mut run = Run::of(stranger.command(&["os", path, "-f", "0:3000", "--dir", &directory]));
    run.ready(3000);
    run.stop();
    assert_eq!(
        fs::read_to_string(project.join(".wasmrun.toml")).unwrap(),
        "# the user's\n"
    );
    stranger.has_left_nothing();
}

#[test]
fn what_changes_while_it_runs_is_asked_about_as_well() {
    let stranger = Stranger::new("make");
    let project = stranger.path("project");
    fs::copy(
        guests::root().join("examples/hello/hello.wasm"),
        project.join("app.wasm"),
    )
    .unwrap();
    fs::remove_file(project.join("Makefile")).unwrap();
    let command = stranger.command(&["os", project.to_str().unwrap(), "--watch", "-f", "0:8080"]);
    let mut run = Run::of(command);
    run.ready(8080);
    let text = "[build]\ncommand = \"sh ./mark.sh\"\njail = false\n";
    fs::write(project.join(".wasmrun.toml"), text).unwrap();
    run.wait_for("need your trust");
    run.wait_for("keeping the previous settings");
    run.stop();
    assert!(!project.join("ran").exists());
    stranger.has_left_nothing();
}

/// A project whose file asks for a folder of the user's.
fn asking() -> Stranger {
    let stranger = Stranger::new("make");
    let text = "[guest]\ndirs = [\"../home/private::/private\"]\n";
    fs::write(stranger.path("project/.wasmrun.toml"), text).unwrap();
    stranger
}

#[test]
fn folders_outside_are_asked_for_once() {
    let stranger = asking();
    let project = stranger.path("project").canonicalize().unwrap();
    let home = stranger.path("home/private").canonicalize().unwrap();
    let (file, shown) = (stranger.path("project/.wasmrun.toml"), stranger.path("project"));
    stranger.run(&[]).says(
        2,
        &format!(
            "error: {} has settings that need your trust:\n  \
             `[guest] dirs`, `../home/private::/private`: the guest may read and change {}\n\
             hint: allow them with `wasmrun trust {}`; in a script, set WASMRUN_TRUST=1",
            file.display(),
            home.display(),
            project.display()
        ),
    );
    let trusted = output(stranger.command(&["trust", shown.to_str().unwrap()]));
    assert_eq!(trusted.code, Some(0), "{}", trusted.stderr);
    assert_eq!(stranger.run(&[]).code, Some(0));
    let list = output(stranger.command(&["trust", "--list"])).stdout;
    assert!(
        list.starts_with(&format!("{}\n  `[guest] dirs`", project.display())),
        "{list}"
    );
    // Other lines are another question.
    fs::write(&file, "[guest]\ndirs = [\"../home::/private\"]\n").unwrap();
    assert_eq!(stranger.run(&[]).code, Some(2));
    // In CI nobody can be asked.
    let mut command = stranger.command(&["os", shown.to_str().unwrap()]);
    assert_eq!(output_of(command.env("WASMRUN_TRUST", "1")), Some(0));
    let revoked = output(stranger.command(&["trust", shown.to_str().unwrap(), "--revoke"]));
    assert!(revoked.stderr.contains("revoked the trust in "), "{}", revoked.stderr);
    fs::write(&file, "[guest]\ndirs = [\"../home/private::/private\"]\n").unwrap();
    assert_eq!(stranger.run(&[]).code, Some(2));
}

fn output_of(command: &mut Command) -> Option<i32> {
    command.output().unwrap().status.code()
}

#[test]
fn a_link_in_the_project_is_where_it_leads() {
    let stranger = Stranger::new("make");
    std::os::unix::fs::symlink(stranger.path("home"), stranger.path("project/data")).unwrap();
    fs::write(
        stranger.path("project/.wasmrun.toml"),
        "[guest]\ndirs = [\"data::/data\"]\n",
    )
    .unwrap();
    let ended = stranger.run(&[]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("the guest may read and change"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_build_writes_what_its_configuration_names() {
    let stranger = Stranger::new("make");
    fs::remove_file(stranger.path("project/Makefile")).unwrap();
    fs::create_dir(stranger.path("project/web")).unwrap();
    let guest = "echo '(module (func (export \\\"_start\\\")))'";
    // All of the project is the build's, wherever its command runs.
    let text = format!("[build]\ndir = \"web\"\ncommand = \"{guest} >../app.wat\"\noutput = \"app.wat\"\n");
    fs::write(stranger.path("project/.wasmrun.toml"), text).unwrap();
    let ended = stranger.run(&[]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    // What is outside has to be trusted, and is there then.
    let text = format!("[build]\ncommand = \"{guest} >../out/app.wat\"\noutput = \"../out/app.wat\"\n");
    fs::write(stranger.path("project/.wasmrun.toml"), text).unwrap();
    let ended = stranger.run(&[]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("the build may change"), "{}", ended.stderr);
    assert!(!stranger.path("out").exists());
    let ended = stranger.run(&["--trust"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[test]
fn a_terminal_is_asked_once_and_never_again() {
    let stranger = asking();
    let project = stranger.path("project");
    let run = |answer: &str| {
        let mut command = stranger.command(&["os", project.to_str().unwrap()]);
        let words = format!("{:?} {:?} {:?}", command.get_program(), "os", project);
        // script(1) gives it a terminal.
        let mut shell = Command::new("script");
        shell.args(["-qec", &words, "/dev/null"]).env_clear();
        for (name, value) in std::env::vars_os() {
            shell.env(name, value);
        }
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        command.stdin(Stdio::null());
        let mut child = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        use std::io::Write;
        let mut input = child.stdin.take().unwrap();
        input.write_all(answer.as_bytes()).unwrap();
        let ended = child.wait_with_output().unwrap();
        drop(input);
        (ended.status.code(), String::from_utf8_lossy(&ended.stdout).into_owned())
    };
    let (code, said) = run("n\n");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("with these settings? [y/N]"), "{said}");
    let (code, said) = run("y\n");
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = run("");
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("[y/N]"), "{said}");
}

#[test]
fn the_current_directorys_file_is_for_what_lies_below_it() {
    let stranger = Stranger::new("command");
    let guest = stranger.path("home/app.wat");
    fs::write(&guest, "(module (func (export \"_start\")))").unwrap();
    let mut command = stranger.command(&["os", guest.to_str().unwrap()]);
    let ended = output_in(&mut command, &stranger.path("project"));
    assert_eq!(ended.0, Some(0), "{}", ended.1);
    assert!(!stranger.path("project/ran").exists(), "{}", ended.1);
}

fn output_in(command: &mut Command, folder: &Path) -> (Option<i32>, String) {
    let output = command.current_dir(folder).output().unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn a_file_that_others_can_write_is_not_obeyed() {
    let stranger = Stranger::new("command");
    let project = stranger.path("project");
    let modes = |folder: u32, file: u32| {
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        set(&project, folder);
        set(&project.join(".wasmrun.toml"), file);
    };
    for (folder, file, said) in [
        (0o755, 0o666, ".wasmrun.toml can be written by everybody"),
        (0o1777, 0o644, "project can be written by everybody"),
        (0o777, 0o644, "project can be written by everybody"),
    ] {
        modes(folder, file);
        let ended = stranger.run(&[]);
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
        assert!(!project.join("ran").exists());
    }
    modes(0o755, 0o644);
    if geteuid().is_root() {
        for path in [project.join(".wasmrun.toml"), project.clone()] {
            std::os::unix::fs::chown(&path, Some(2002), None).unwrap();
            let ended = stranger.run(&[]);
            assert_eq!(ended.code, Some(2), "{}", ended.stderr);
            assert!(ended.stderr.contains("belongs to user id 2002"), "{}", ended.stderr);
            std::os::unix::fs::chown(&path, Some(0), None).unwrap();
        }
    }
    // One that is named is meant.
    modes(0o1777, 0o666);
    let file = project.join(".wasmrun.toml");
    assert_eq!(stranger.run(&["--config", file.to_str().unwrap()]).code, Some(0));
}

#[test]
fn what_a_guest_may_write_is_not_built_outside_of_a_jail() {
    let stranger = Stranger::new("make");
    let directory = format!("{}::/data", stranger.path("project").display());
    let ended = stranger.run(&["--no-build-jail", "--dir", &directory]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("the build runs outside of a jail"),
        "{}",
        ended.stderr
    );
    assert!(!stranger.path("project/ran").exists());
}

#[test]
fn a_build_ends_with_wasmrun_whatever_it_has_started() {
    let stranger = Stranger::new("command");
    let text = "[build]\ncommand = \"touch ran; setsid setsid sleep 7532 & sleep 7533\"\noutput = \"app.wat\"\n";
    fs::write(stranger.path("project/.wasmrun.toml"), text).unwrap();
    let project = stranger.path("project");
    for signal in [nix::sys::signal::Signal::SIGKILL, nix::sys::signal::Signal::SIGTERM] {
        let mut run = Run::of(stranger.command(&["os", project.to_str().unwrap()]));
        eventually("the build runs", || {
            is_running("sleep 7532") && is_running("sleep 7533")
        });
        run.signal(signal);
        run.ended();
        eventually("the build is gone", || {
            !is_running("sleep 7532") && !is_running("sleep 7533")
        });
    }
}

#[test]
fn a_build_has_a_number_of_processes() {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split('.').map_while(|number| number.parse::<u32>().ok());
    // Before, root has no limit of its own in a namespace.
    if geteuid().is_root() && (numbers.next(), numbers.next()) < (Some(6), Some(14)) {
        println!("skipped: this kernel has no limit for root");
        return;
    }
    let folder = folder();
    // What it cannot start it does without, as a fork bomb would.
    let makefile = "all:\n\t@n=0; while [ $$n -lt 6000 ]; do sleep 60 & n=$$((n+1)); echo $$n >count; done\n";
    fs::write(folder.path().join("Makefile"), makefile).unwrap();
    fs::write(folder.path().join("app.wat"), "(module (func (export \"_start\")))").unwrap();
    output(wasmrun(&["os", folder.path().to_str().unwrap(), "--quiet"]));
    let count: u64 = fs::read_to_string(folder.path().join("count"))
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert!((500..4200).contains(&count), "{count}");
}
