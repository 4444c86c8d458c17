//! Two machines, as a person has them: sshd on one, on the other keys for it and nothing else. Each is a network namespace.

use crate::outbound::on_a_host;
use crate::remote::{hello, ready};
use crate::support;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use support::network::{command, eventually};
use support::{Run, get, started_by, wasmrun};

/// Its user, on both machines' lists. sshd gives up no privilege for a user that is not root.
const THERE: u32 = 1000;
const SSHD: &str = "/usr/sbin/sshd";

/// The home folders of both users, and the processes of the other machine.
struct Machines {
    folder: tempfile::TempDir,
    sshd: Option<Child>,
    /// A process of the other machine's network.
    other: String,
}

impl Machines {
    fn new(other: &str) -> Machines {
        let folder = support::folder();
        let path = |name: &str| folder.path().join(name);
        for name in ["here/.ssh", "here/run", "there/.ssh", "there/run", "there/bin"] {
            std::fs::create_dir_all(path(name)).unwrap();
            std::fs::set_permissions(path(name), PermissionsExt::from_mode(0o700)).unwrap();
        }
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        for key in ["here/.ssh/id_ed25519", "there/host"] {
            command(
                "ssh-keygen",
                &["-q", "-t", "ed25519", "-N", "", "-f", &text(&path(key))],
            );
        }
        std::fs::rename(path("here/.ssh/id_ed25519.pub"), path("there/.ssh/authorized_keys")).unwrap();
        let host = std::fs::read_to_string(path("there/host.pub")).unwrap();
        std::fs::write(path("here/.ssh/known_hosts"), format!("[203.0.113.9]:2222 {host}")).unwrap();
        std::os::unix::fs::symlink(support::binary(), path("there/bin/wasmrun")).unwrap();
        let users = format!(
            "root:x:0:0::{}:/bin/sh\nsshd:x:100:65534::/run:/bin/false\nlab:x:{THERE}:{THERE}::{}:/bin/sh\n",
            path("here").display(),
            path("there").display()
        );
        std::fs::write(path("passwd"), users).unwrap();
        command("mount", &["--bind", &text(&path("passwd")), "/etc/passwd"]);
        Machines {
            folder,
            sshd: None,
            other: other.to_owned(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program on the other machine, by its user.
    fn there(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.other, "--net", "unshare", "--user"]);
        command.args([format!("--map-user={THERE}"), format!("--map-group={THERE}")]);
        command.arg("--");
        command
    }

    fn serve(&mut self) {
        let there = self.path("there");
        let configuration = format!(
            "HostKey {0}/host\nPidFile none\nUsePAM no\nStrictModes no\nListenAddress 203.0.113.9:2222\n\
             AllowStreamLocalForwarding no\nAllowTcpForwarding no\n\
             SetEnv PATH={0}/bin:/usr/bin:/bin XDG_RUNTIME_DIR={0}/run\n",
            there.display()
        );
        std::fs::write(self.path("sshd_config"), configuration).unwrap();
        let mut sshd = self.there();
        sshd.args([SSHD, "-D", "-e", "-f"]).arg(self.path("sshd_config"));
        sshd.stdin(Stdio::null());
        self.sshd = Some(sshd.spawn().unwrap());
        eventually("sshd answers", || {
            std::net::TcpStream::connect("203.0.113.9:2222").is_ok()
        });
    }

    /// wasmrun on the other machine.
    fn start(&self, arguments: &[&str]) -> Run {
        let mut wasmrun = wasmrun(arguments);
        wasmrun.env("XDG_RUNTIME_DIR", self.path("there/run"));
        Run::of(started_by(self.there(), &wasmrun))
    }

    /// wasmrun on this one.
    fn here(&self, arguments: &[&str]) -> Command {
        let mut command = wasmrun(arguments);
        command
            .env("HOME", self.path("here"))
            .env("XDG_RUNTIME_DIR", self.path("here/run"));
        command
    }
}

impl Drop for Machines {
    fn drop(&mut self) {
        if let Some(sshd) = &mut self.sshd {
            let _ = sshd.kill();
            let _ = sshd.wait();
        }
        // The hub that ssh has started would wait for others to come.
        let hub = std::fs::read_to_string(self.path("there/run/wasmrun/hub.lock")).ok();
        let hub = hub.and_then(|text| text.split_whitespace().next()?.parse().ok());
        if let Some(hub) = hub {
            let _ = kill(Pid::from_raw(hub), Signal::SIGKILL);
        }
    }
}

#[test]
fn keys_are_all_that_is_set_up() {
    if !Path::new(SSHD).exists() {
        return support::skipped("it needs openssh-server");
    }
    on_a_host("machines::keys_are_all_that_is_set_up", |other| {
        let mut machines = Machines::new(other);
        machines.serve();
        let mut web = machines.start(&["os", &hello(), "--name", "web", "--expose", "3000"]);
        eventually("the run is there", || {
            machines.path("there/run/wasmrun/web.sock").exists()
        });

        let mut forward = Run::of(machines.here(&["forward", "ssh://lab@203.0.113.9:2222/web", "0:3000"]));
        let address = ready(&mut forward, "ssh://lab@203.0.113.9:2222/web:3000");
        for _ in 0..20 {
            assert_eq!(get(address), (200, "hello from wasmrun\n".to_owned()));
        }
        let listed = support::output(machines.here(&["ps", "ssh://lab@203.0.113.9:2222"]));
        assert!(listed.stdout.contains("\nweb "), "{}{}", listed.stdout, listed.stderr);

        // Its end is told to whoever forwards, and leaves nothing there.
        forward.signal(Signal::SIGTERM);
        assert_eq!(forward.ended().code(), Some(143));
        web.signal(Signal::SIGTERM);
        web.ended();
        let left = || std::fs::read_dir(machines.path("there/run/wasmrun")).unwrap();
        eventually("the hub of that machine has ended", || {
            left().all(|entry| !entry.unwrap().file_name().to_string_lossy().ends_with(".sock"))
        });
    });
}
