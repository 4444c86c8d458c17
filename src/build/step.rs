//! Running one process of a build, with all that it starts.

use crate::failure::Result;
use anyhow::Context;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

/// The hidden first argument of a process that becomes a build's.
pub const BUILD: &str = "__build";

/// A process to be.
pub struct Step<'a> {
    pub command: &'a [OsString],
    pub variables: &'a [(&'a str, &'a OsStr)],
    pub folder: &'a Path,
}

impl Step<'_> {
    /// Starts it; `messages`: its standard output is for us, and not for people.
    pub fn start(&self, messages: bool) -> Result<Group> {
        // A terminal's colours survive, although standard output is the guest's alone.
        let output = std::io::stderr()
            .as_fd()
            .try_clone_to_owned()
            .context("cannot hand standard error to the build")?;
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0("wasmrun")
            .arg(BUILD)
            .args(self.command)
            .envs(self.variables.iter().copied())
            .current_dir(self.folder)
            .stdin(Stdio::null())
            .stdout(if messages { Stdio::piped() } else { Stdio::from(output) })
            .stderr(Stdio::inherit())
            .process_group(0);
        if messages && std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
            command.env("CARGO_TERM_COLOR", "always");
        }
        let child = command.spawn().context("cannot start the build")?;
        Ok(Group { child, is_over: false })
    }
}

/// Runs a command for what it writes, on both streams in order.
pub async fn captured(
    command: &[OsString],
    variables: &[(&str, &OsStr)],
    folder: &Path,
) -> Result<(String, ExitStatus)> {
    tracing::debug!("runs: {}", command.join(OsStr::new(" ")).display());
    let mut whole: Vec<OsString> = ["sh", "-c", "exec \"$@\" 2>&1", "sh"].map(OsString::from).to_vec();
    whole.extend_from_slice(command);
    let step = Step {
        command: &whole,
        variables,
        folder,
    };
    step.start(true)?.output().await
}

/// The same for what nobody waits for: others come first.
pub async fn background(
    command: &[OsString],
    variables: &[(&str, &OsStr)],
    folder: &Path,
) -> Result<(String, ExitStatus)> {
    let mut whole: Vec<OsString> = ["nice", "-n", "19"].map(OsString::from).to_vec();
    whole.extend_from_slice(command);
    captured(&whole, variables, folder).await
}

/// How a process ended, for people.
pub fn describe(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit code {code}"),
        None => status.to_string(),
    }
}

/// A build's processes: one group, so that all of them can be ended.
pub struct Group {
    pub child: Child,
    is_over: bool,
}

impl Group {
    /// Waits for the end of the first process.
    pub async fn ended(mut self) -> Result<ExitStatus> {
        let status = self.child.wait().await.context("cannot wait for the build")?;
        self.is_over = true;
        Ok(status)
    }

    /// All that is written on standard output, and how it ended.
    pub async fn output(mut self) -> Result<(String, ExitStatus)> {
        let mut text = Vec::new();
        if let Some(mut stdout) = self.child.stdout.take() {
            stdout
                .read_to_end(&mut text)
                .await
                .context("cannot read what the build says")?;
        }
        Ok((String::from_utf8_lossy(&text).into_owned(), self.ended().await?))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(pid) = pid.filter(|_| !self.is_over) {
            // The group has the number of its first process, which is not waited for yet, so it is still this one.
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

/// Becomes the build's command, which ends with the supervisor. Returns the exit code of a command that is not there.
pub fn become_command(mut arguments: impl Iterator<Item = OsString>) -> u8 {
    use std::os::unix::process::CommandExt;
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    let Some(program) = arguments.next() else { return 127 };
    let error = std::process::Command::new(&program).args(arguments).exec();
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "cannot run {}: {error}", program.display());
    127
}
