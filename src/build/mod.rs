//! Building a project: what to run, running it, and where its output is.

mod language;

use crate::artifact;
use crate::config::File;
use crate::failure::{Failure, Result};
use anyhow::{Context, anyhow};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The hidden first argument of a process that becomes a build's.
pub const BUILD: &str = "__build";

/// The program that a build needs, and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tool {
    pub program: &'static str,
    pub install: &'static str,
}

/// How to build a project.
#[derive(Clone, Debug)]
pub struct Plan {
    pub tool: Option<Tool>,
    pub command: Vec<OsString>,
    pub variables: Vec<(&'static str, &'static str)>,
    /// Where the command runs.
    pub folder: PathBuf,
    pub output: Output,
    /// Looks for the reason when the command has failed.
    pub hint: Option<fn(&Path) -> Option<String>>,
}

/// Two plans are the same when they do the same.
impl PartialEq for Plan {
    fn eq(&self, other: &Plan) -> bool {
        (&self.command, &self.variables, &self.folder, &self.output)
            == (&other.command, &other.variables, &other.folder, &other.output)
    }
}

/// Where the guest is when the command has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// In this file.
    File(PathBuf),
    /// In the only .wasm file of this folder.
    OnlyOneIn(PathBuf),
    /// In the file that cargo names on its standard output.
    CargoMessages,
}

impl Plan {
    /// The plan for what was typed: the file's `[build]`, else what the project's language has, else none.
    pub fn find(path: &Path, config: Option<&File>) -> Result<Option<Plan>> {
        if let Some(file) = config
            && let Some(command) = &file.config.build.command
        {
            return Plan::of_config(path, file, command).map(Some);
        }
        let named = config.is_some_and(|file| file.config.guest.artifact.is_some());
        if !path.is_dir() || named {
            return Ok(None);
        }
        let folder = path
            .canonicalize()
            .with_context(|| format!("cannot use {}", path.display()))
            .map_err(Failure::usage)?;
        match language::detect(&folder) {
            Some(language) => {
                tracing::debug!("build: {}", language.name);
                language.plan(&folder).map(Some)
            }
            None => Ok(None),
        }
    }

    fn of_config(path: &Path, file: &File, command: &str) -> Result<Plan> {
        let build = &file.config.build;
        let folder = file.folder().join(build.dir.as_deref().unwrap_or(Path::new(".")));
        let folder = folder
            .canonicalize()
            .with_context(|| format!("`[build] dir`: cannot use {}", folder.display()))
            .map_err(Failure::usage)?;
        let output = build.output.as_ref().or(file.config.guest.artifact.as_ref());
        let output = match output {
            Some(output) => Output::File(absolute(&file.folder().join(output))?),
            None if path.is_dir() => Output::OnlyOneIn(absolute(path)?),
            None => Output::File(absolute(path)?),
        };
        Ok(Plan {
            tool: None,
            command: ["sh", "-c", command].map(OsString::from).to_vec(),
            variables: Vec::new(),
            folder,
            output,
            hint: None,
        })
    }

    /// Files that the build writes, as far as they are known before.
    pub fn outputs(&self) -> Vec<PathBuf> {
        match &self.output {
            Output::File(path) => vec![path.clone()],
            Output::OnlyOneIn(folder) => artifact::candidates(folder).unwrap_or_default(),
            Output::CargoMessages => Vec::new(),
        }
    }

    /// Runs the build and returns the guest's file. Dropping the future ends every process of the build.
    pub async fn run(&self) -> Result<PathBuf> {
        if let Some(tool) = &self.tool
            && find(tool.program).is_none()
        {
            let message = anyhow!("this project is built with {}, which is not installed", tool.program);
            return Err(Failure::usage(message).hint(tool.install));
        }
        if let Output::File(path) = &self.output
            && let Some(folder) = path.parent()
        {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let mut process = self.start()?;
        let named = match process.child.stdout.take() {
            Some(messages) => last_artifact(messages).await,
            None => None,
        };
        let status = process.child.wait().await.context("cannot wait for the build")?;
        process.is_over = true;
        if !status.success() {
            let code = match status.code() {
                Some(code) => format!("exit code {code}"),
                None => status.to_string(),
            };
            let failure = Failure::usage(anyhow!("the build failed ({code})"));
            return Err(match self.hint.and_then(|hint| hint(&self.folder)) {
                Some(hint) => failure.hint(hint),
                None => failure,
            });
        }
        self.built(named)
    }

    fn start(&self) -> Result<Group> {
        // A terminal's colours survive, although standard output is the guest's alone.
        let output = std::io::stderr()
            .as_fd()
            .try_clone_to_owned()
            .context("cannot hand standard error to the build")?;
        let messages = self.output == Output::CargoMessages;
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0("wasmrun")
            .arg(BUILD)
            .args(&self.command)
            .envs(self.variables.iter().copied())
            .current_dir(&self.folder)
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

    fn built(&self, named: Option<PathBuf>) -> Result<PathBuf> {
        match &self.output {
            Output::File(path) if path.is_file() => Ok(path.clone()),
            Output::File(path) => Err(Failure::usage(anyhow!(
                "the build ended well, but there is no {}",
                path.display()
            ))
            .hint("name what it makes: `output = \"…\"` under `[build]`")),
            Output::OnlyOneIn(folder) => artifact::find(folder, None),
            Output::CargoMessages => named.ok_or_else(|| {
                Failure::usage(anyhow!("cargo built no .wasm file"))
                    .hint("the package needs a binary, or `crate-type = [\"cdylib\"]` under `[lib]`")
            }),
        }
    }
}

/// A build's processes: one group, so that all of them can be ended.
struct Group {
    child: Child,
    is_over: bool,
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

/// The last .wasm file in cargo's messages (<https://doc.rust-lang.org/cargo/reference/external-tools.html>).
async fn last_artifact(messages: impl tokio::io::AsyncRead + Unpin) -> Option<PathBuf> {
    #[derive(serde::Deserialize)]
    struct Message {
        #[serde(default)]
        filenames: Vec<PathBuf>,
    }
    let mut lines = BufReader::new(messages).lines();
    let mut last = None;
    while let Ok(Some(line)) = lines.next_line().await {
        let message: Option<Message> = serde_json::from_str(&line).ok();
        let mut files = message.map_or_else(Vec::new, |message| message.filenames).into_iter();
        last = files
            .rfind(|file| file.extension() == Some(OsStr::new("wasm")))
            .or(last);
    }
    last
}

/// Where a program is on PATH.
pub fn find(program: &str) -> Option<PathBuf> {
    which::which(program).ok()
}

fn absolute(path: &Path) -> Result<PathBuf> {
    Ok(std::path::absolute(path).with_context(|| format!("cannot use {}", path.display()))?)
}
