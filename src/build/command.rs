//! A build that is one command, and where its output is.

use super::Policy;
use super::jail::{Confinement, Room};
use super::step::{self, Step};
use crate::artifact;
use crate::settings::file::File;
use anyhow::{Context, anyhow};
use report::{Failure, Result};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use tokio::io::{AsyncBufReadExt, BufReader};

/// The program that a build needs, and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tool {
    pub program: &'static str,
    pub install: &'static str,
}

/// What cargo, go and npm look at (<https://doc.rust-lang.org/cargo/reference/config.html>, `go help environment`,
/// <https://docs.npmjs.com/cli/using-npm/config>).
const OFFLINE: [(&str, &str); 3] = [
    ("CARGO_NET_OFFLINE", "true"),
    ("GOPROXY", "off"),
    ("npm_config_offline", "true"),
];

/// What to run.
#[derive(Clone, Debug)]
pub struct Command {
    pub tool: Option<Tool>,
    pub command: Vec<OsString>,
    pub variables: Vec<(&'static str, &'static str)>,
    /// Where the command runs.
    pub folder: PathBuf,
    pub output: Output,
    /// What the build may write besides: a folder outside the project, and what its configuration names.
    pub writes: Vec<PathBuf>,
    pub policy: Policy,
    /// Looks for the reason when the command has failed.
    pub hint: Option<Hint>,
}

/// Two commands are the same when they do the same.
impl PartialEq for Command {
    fn eq(&self, other: &Command) -> bool {
        (&self.command, &self.variables, &self.folder, &self.output, self.policy)
            == (
                &other.command,
                &other.variables,
                &other.folder,
                &other.output,
                other.policy,
            )
    }
}

/// How the reason of a failure is found.
#[derive(Clone, Copy, Debug)]
pub struct Hint {
    /// Adds the words of a command to ask; none where nothing has to be asked.
    pub ask: fn(&mut Vec<OsString>),
    /// From what it has said, and whether it has ended well.
    pub hint: fn(&str, bool) -> Option<String>,
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

impl Command {
    /// What the file's `[build]` says.
    pub fn of_config(path: &Path, file: &File, command: &str) -> Result<Command> {
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
        let mut writes = vec![super::language::out(&folder)?];
        // The project is the configuration's folder. What is elsewhere was trusted, or typed.
        let beside = match &output {
            Output::File(path) => path.parent().map(Path::to_owned),
            Output::OnlyOneIn(folder) => Some(folder.clone()),
            Output::CargoMessages => None,
        };
        let own = [Some(file.folder().to_owned()), beside];
        let own = own.map(|folder| folder.map(|folder| files::real(&folder)));
        writes.extend(
            own.into_iter()
                .flatten()
                .filter(|folder| super::refuse_home(folder).is_ok()),
        );
        Ok(Command {
            tool: None,
            command: ["sh", "-c", command].map(OsString::from).to_vec(),
            variables: Vec::new(),
            writes,
            folder,
            output,
            policy: Policy::default(),
            hint: None,
        })
    }

    /// Under this policy. Where nothing may be fetched, the tools that fetch are told.
    pub fn under(mut self, policy: Policy) -> Command {
        self.policy = policy;
        if policy.offline {
            self.variables.extend(OFFLINE);
        }
        self
    }

    /// Files that the build writes, as far as they are known before.
    pub fn outputs(&self) -> Vec<PathBuf> {
        match &self.output {
            Output::File(path) => vec![path.clone()],
            Output::OnlyOneIn(folder) => artifact::candidates(folder).unwrap_or_default(),
            Output::CargoMessages => Vec::new(),
        }
    }

    pub fn describe(&self) -> String {
        let words: Vec<_> = self.command.iter().map(|word| word.to_string_lossy()).collect();
        // That of a configuration is the shell's.
        let words = if self.tool.is_none() { &words[2..] } else { &words };
        format!("{} (in {})", words.join(" "), self.folder.display())
    }

    /// Runs the build and returns the guest's file. Dropping the future ends every process of the build.
    pub async fn run(&self) -> Result<PathBuf> {
        if let Some(tool) = &self.tool
            && super::find(tool.program).is_none()
        {
            let message = anyhow!("this project is built with {}, which is not installed", tool.program);
            return Err(Failure::usage(message).hint(tool.install));
        }
        if let Output::File(path) = &self.output
            && let Some(folder) = path.parent()
        {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let variables: Vec<_> = self
            .variables
            .iter()
            .map(|(name, value)| (*name, OsStr::new(value)))
            .collect();
        let room = match self.policy.confinement {
            Confinement::Jailed => Some(Room::of_project(&self.folder, &self.writes)?),
            Confinement::Open => None,
        };
        let step = Step {
            command: &self.command,
            variables: &variables,
            folder: &self.folder,
            room: room.as_ref(),
        };
        let _absent = room.as_ref().map(Room::absent);
        tracing::info!("building: {}", self.describe());
        let mut process = step.start(self.output == Output::CargoMessages).await?;
        let named = match process.child.stdout.take() {
            Some(messages) => last_artifact(messages).await,
            None => None,
        };
        let status = process.ended().await?;
        if !status.success() {
            let failure = Failure::usage(anyhow!("the build failed ({})", step::describe(status)));
            return Err(match self.reason(&step).await {
                Some(hint) => failure.hint(hint),
                None => failure,
            });
        }
        self.built(named)
    }

    async fn reason(&self, step: &Step<'_>) -> Option<String> {
        let hint = self.hint?;
        let mut command = Vec::new();
        (hint.ask)(&mut command);
        if command.is_empty() {
            return (hint.hint)("", false);
        }
        let (said, status) = step::captured(&Step {
            command: &command,
            ..*step
        })
        .await
        .ok()?;
        (hint.hint)(&said, status.success())
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

fn absolute(path: &Path) -> Result<PathBuf> {
    Ok(std::path::absolute(path).with_context(|| format!("cannot use {}", path.display()))?)
}
