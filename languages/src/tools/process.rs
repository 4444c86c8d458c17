//! Running one process of a build, with all that it starts.

use crate::jail::{self, Room};
use anyhow::Context;
use netns::jail::build as kernel;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use report::Result;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{IsTerminal, PipeReader, PipeWriter, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use supervisor::protocol::memory_file;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

/// The hidden first argument of a process that becomes a build's.
pub const BUILD: &str = "__build";
/// The one after it, where its jail comes on standard input.
const JAILED: &str = "jailed";
const OPEN: &str = "open";
/// The exit code of a process that could not be jailed. wasmrun's own failures have it everywhere.
const NO_JAIL: i32 = report::FAILED as i32;
/// What a build that is over has written is passed on for this long.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A process to be.
pub(crate) struct Step<'a> {
    pub command: &'a [OsString],
    pub variables: &'a [(&'a str, &'a OsStr)],
    pub folder: &'a Path,
    /// What it is shown. None: no jail.
    pub room: Option<&'a Room>,
}

impl Step<'_> {
    /// Starts it; `messages`: its standard output is for us, and not for people.
    pub(crate) async fn start(&self, messages: bool) -> Result<Group> {
        let mut command = Command::new("/proc/self/exe");
        command.arg0("wasmrun").arg(BUILD).current_dir(self.folder);
        let (mut words, mut lock) = (None, None);
        match self.room {
            Some(room) => {
                lock = room.lock().await?;
                let plan = kernel::Plan {
                    supervisor: rustix::process::getpid().as_raw_pid(),
                    views: room.views()?,
                    folder: self.folder.canonicalize().context("cannot find where the build runs")?,
                };
                // It has no terminal: what it writes goes through us. Who has a terminal can read what is typed there.
                let (reader, writer) = std::io::pipe().context("cannot make a pipe for the build")?;
                words = Some(pass_on(reader)?);
                let [output, errors] = both(writer)?;
                command
                    .arg(JAILED)
                    .stdin(handed(&plan)?)
                    .stdout(if messages { Stdio::piped() } else { output.into() })
                    .stderr(errors)
                    .env_clear()
                    .envs(jail::variables(room.fetches));
                // Without a link in it, as it is shown. A wrapper may be the client of a server outside (sccache).
                if let Some(home) = jail::home() {
                    command.env("HOME", home);
                }
                command.env("RUSTC_WRAPPER", "").env("CARGO_BUILD_RUSTC_WRAPPER", "");
            }
            None => {
                // A terminal's colours survive, although standard output is the guest's alone.
                let output = std::io::stderr()
                    .as_fd()
                    .try_clone_to_owned()
                    .context("cannot hand standard error to the build")?;
                command
                    .arg(OPEN)
                    .stdin(Stdio::null())
                    .stdout(if messages { Stdio::piped() } else { Stdio::from(output) })
                    .stderr(Stdio::inherit())
                    .process_group(0);
            }
        }
        if std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
            command.env("CARGO_TERM_COLOR", "always").env("CLICOLOR_FORCE", "1");
        }
        command.args(self.command).envs(self.variables.iter().copied());
        let child = command.spawn().context("cannot start the build")?;
        Ok(Group {
            child,
            is_jailed: self.room.is_some(),
            is_over: false,
            words,
            _lock: lock,
        })
    }
}

/// The plan in a file that is nobody else's.
fn handed(plan: &kernel::Plan) -> Result<File> {
    let mut file = memory_file("plan")?;
    file.write_all(&serde_json::to_vec(plan)?)
        .and_then(|()| file.rewind())
        .context("cannot hand its plan to the build")?;
    Ok(file)
}

fn both(writer: PipeWriter) -> Result<[OwnedFd; 2]> {
    let other = writer.try_clone().context("cannot make a pipe for the build")?;
    Ok([writer.into(), other.into()])
}

/// Passes on what a build writes, as it is, until nobody can write any more, which is told.
fn pass_on(mut from: PipeReader) -> Result<oneshot::Receiver<()>> {
    let mut to = std::io::stderr()
        .as_fd()
        .try_clone_to_owned()
        .map(File::from)
        .context("cannot hand on what the build writes")?;
    let (over, is_over) = oneshot::channel();
    std::thread::Builder::new()
        .name("build-output".to_owned())
        .spawn(move || {
            // A reader of ours that is gone is no reason to hold the build up.
            if std::io::copy(&mut from, &mut to).is_err() {
                let _ = std::io::copy(&mut from, &mut std::io::sink());
            }
            let _ = over.send(());
        })
        .context("cannot hand on what the build writes")?;
    Ok(is_over)
}

/// Passes on what was captured.
pub(crate) fn tell(said: &str) {
    let _ = std::io::stderr().write_all(said.as_bytes());
}

/// Runs a command for what it writes, on both streams in order.
pub(crate) async fn captured(step: &Step<'_>) -> Result<(String, ExitStatus)> {
    tracing::debug!("runs: {}", step.command.join(OsStr::new(" ")).display());
    let mut whole: Vec<OsString> = ["sh", "-c", "exec \"$@\" 2>&1", "sh"].map(OsString::from).to_vec();
    whole.extend_from_slice(step.command);
    Step {
        command: &whole,
        ..*step
    }
    .start(true)
    .await?
    .output()
    .await
}

/// The same for what nobody waits for: others come first.
pub(crate) async fn background(step: &Step<'_>) -> Result<(String, ExitStatus)> {
    let mut whole: Vec<OsString> = ["nice", "-n", "19"].map(OsString::from).to_vec();
    whole.extend_from_slice(step.command);
    captured(&Step {
        command: &whole,
        ..*step
    })
    .await
}

/// How a process ended, for people.
pub(crate) fn describe(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit code {code}"),
        None => status.to_string(),
    }
}

/// A build's processes, all of which can be ended.
pub(crate) struct Group {
    pub child: Child,
    is_jailed: bool,
    is_over: bool,
    /// Tells when all that was written is passed on.
    words: Option<oneshot::Receiver<()>>,
    /// The build's own caches are its own until it is over.
    _lock: Option<File>,
}

impl Group {
    /// Waits for the end of the first process; in a jail all others end with it.
    pub(crate) async fn ended(mut self) -> Result<ExitStatus> {
        let status = self.child.wait().await.context("cannot wait for the build")?;
        self.is_over = true;
        if let Some(words) = self.words.take() {
            let _ = tokio::time::timeout(LAST_WORDS, words).await;
        }
        if self.is_jailed && status.code() == Some(NO_JAIL) {
            return Err(jail::no_jail());
        }
        Ok(status)
    }

    /// All that is written on standard output, and how it ended.
    pub(crate) async fn output(mut self) -> Result<(String, ExitStatus)> {
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
        if self.is_over {
            return;
        }
        if self.is_jailed {
            // Its keeper: everything else ends with it.
            let _ = self.child.start_kill();
        } else if let Some(pid) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            // The group has the number of its first process, which is not waited for yet, so it is still this one.
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

/// Becomes the build's command, which ends with the supervisor. Returns the exit code of a command that is not there, or
/// that of a jail's.
pub fn become_command(mut arguments: impl Iterator<Item = OsString>) -> u8 {
    use std::os::unix::process::CommandExt;
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    let (Some(form), Some(program)) = (arguments.next(), arguments.next()) else {
        return 127;
    };
    let mut command = std::process::Command::new(&program);
    command.args(arguments);
    let said = |text: std::fmt::Arguments<'_>| drop(writeln!(std::io::stderr(), "{text}"));
    if form != JAILED {
        let error = command.exec();
        said(format_args!("cannot run {}: {error}", program.display()));
        return 127;
    }
    let plan: kernel::Plan = match serde_json::from_reader(std::io::stdin().lock()) {
        Ok(plan) => plan,
        Err(error) => {
            said(format_args!("cannot read the build's plan: {error}"));
            return 127;
        }
    };
    command.stdin(Stdio::null());
    // What a careless parent of wasmrun's left open is not the build's.
    if let Err(error) = netns::jail::close_inherited() {
        said(format_args!("error: the build's jail: {error}"));
        return NO_JAIL as u8;
    }
    match kernel::run(&plan, command) {
        Ok(code) => code as u8,
        Err(netns::jail::JailError::Command(error)) => {
            said(format_args!("cannot run {}: {error}", program.display()));
            127
        }
        Err(error) => {
            said(format_args!("error: the build's jail: {}", netns::chain(&error)));
            NO_JAIL as u8
        }
    }
}
