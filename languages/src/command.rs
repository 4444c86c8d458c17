//! A build that is one command, and where its output is.

use crate::artifact;
use crate::config::Written;
use crate::home;
use crate::jail::{Confinement, Room};
use crate::plan::{Built, Plan, Policy};
use crate::project::{self, Project};
use crate::tools::process::{self, Step};
use anyhow::{Context, anyhow};
use futures::future::LocalBoxFuture;
use report::{Failure, Result};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use tokio::io::{AsyncBufReadExt, BufReader};

/// The program that a build needs, and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tool {
    pub program: &'static str,
    pub install: &'static str,
}

/// What to run.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub tool: Option<Tool>,
    pub command: Vec<OsString>,
    pub variables: Vec<(&'static str, &'static str)>,
    /// Where the command runs.
    pub folder: PathBuf,
    pub output: Output,
    /// What the build may write besides: a folder outside the project, and what its configuration names.
    pub writes: Vec<PathBuf>,
    pub policy: Policy,
    /// Finds the folder of packages that are built together with these: when it is built, because one may come to be there.
    pub workspace: fn(&Path) -> Option<PathBuf>,
    /// Looks for the reason when the command has failed.
    pub hint: Option<Hint>,
}

/// How the reason of a failure is found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hint {
    /// Adds the words of a command to ask; none where nothing has to be asked.
    pub ask: fn(&mut Vec<OsString>),
    /// From what it has said, and whether it has ended well.
    pub hint: fn(&str, bool) -> Option<String>,
}

/// Where the guest is when the command has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// In this file.
    File(PathBuf),
    /// In the only .wasm file of this folder.
    OnlyOneIn(PathBuf),
    /// In the file that cargo names on its standard output.
    CargoMessages,
}

impl Command {
    /// A command of a tool of the language's own, in the project's folder.
    pub(crate) fn new(project: &Project<'_>, tool: Tool, command: Vec<OsString>, output: Output) -> Result<Command> {
        Ok(Command {
            tool: Some(tool),
            command,
            variables: project.offline.clone(),
            folder: project.folder.clone(),
            output,
            writes: vec![project.out()?],
            policy: project.policy,
            workspace: project.workspace,
            hint: None,
        })
    }

    /// The same with these variables.
    pub(crate) fn with(mut self, variables: &[(&'static str, &'static str)]) -> Command {
        self.variables.extend(variables);
        self
    }

    /// The same, which is looked into when it fails.
    pub(crate) fn explained_by(self, hint: Option<Hint>) -> Command {
        Command { hint, ..self }
    }

    /// What the file's `[build]` says; the project's folder is where it runs.
    pub(crate) fn of_config(path: &Path, project: &Project<'_>, file: &Written<'_>, command: &str) -> Result<Command> {
        let build_output = file.build.output.as_ref().map(|output| file.folder.join(output));
        let output = match build_output.or_else(|| file.artifact.clone()) {
            Some(output) => Output::File(absolute(&output)?),
            None if path.is_dir() => Output::OnlyOneIn(absolute(path)?),
            None => Output::File(absolute(path)?),
        };
        let mut writes = vec![project::out(&project.folder)?];
        // The project is the configuration's folder. What is elsewhere was trusted, or typed.
        let beside = match &output {
            Output::File(path) => path.parent().map(Path::to_owned),
            Output::OnlyOneIn(folder) => Some(folder.clone()),
            Output::CargoMessages => None,
        };
        let own = [Some(file.folder.to_owned()), beside];
        let own = own.map(|folder| folder.map(|folder| files::real(&folder)));
        writes.extend(own.into_iter().flatten().filter(|folder| home::refuse(folder).is_ok()));
        Ok(Command {
            tool: None,
            command: ["sh", "-c", command].map(OsString::from).to_vec(),
            variables: project.offline.clone(),
            writes,
            folder: project.folder.clone(),
            output,
            policy: project.policy,
            workspace: project.workspace,
            hint: None,
        })
    }

    /// Runs the build and returns the guest's file. Dropping the future ends every process of the build.
    async fn run(&self) -> Result<PathBuf> {
        if let Some(tool) = &self.tool
            && crate::tools::find(tool.program).is_none()
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
            Confinement::Jailed => {
                let workspace = (self.workspace)(&self.folder);
                Some(Room::of_project(&self.folder, workspace.as_deref(), &self.writes)?)
            }
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
            let failure = Failure::usage(anyhow!("the build failed ({})", process::describe(status)));
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
        let (said, status) = process::captured(&Step {
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
                "the build succeeded, but did not create {}",
                path.display()
            ))
            .hint("name the file it creates: `output = \"…\"` under `[build]`")),
            Output::OnlyOneIn(folder) => artifact::find(folder, None),
            Output::CargoMessages => named.ok_or_else(|| {
                Failure::usage(anyhow!("cargo built no .wasm file"))
                    .hint("the package needs a binary, or `crate-type = [\"cdylib\"]` under `[lib]`")
            }),
        }
    }
}

impl Plan for Command {
    fn describe(&self) -> String {
        let words: Vec<_> = self.command.iter().map(|word| word.to_string_lossy()).collect();
        // That of a configuration is the shell's.
        let words = if self.tool.is_none() { &words[2..] } else { &words };
        format!("{} (in {})", words.join(" "), self.folder.display())
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn policy(&self) -> Policy {
        self.policy
    }

    fn is_interpreted(&self) -> bool {
        false
    }

    fn outputs(&self) -> Vec<PathBuf> {
        match &self.output {
            Output::File(path) => vec![path.clone()],
            Output::OnlyOneIn(folder) => artifact::candidates(folder).unwrap_or_default(),
            Output::CargoMessages => Vec::new(),
        }
    }

    fn build(&self) -> LocalBoxFuture<'_, Result<Built>> {
        Box::pin(async { Ok(Built::file(self.run().await?)) })
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

/// Words of a command.
pub(crate) fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

/// The same, and paths.
pub(crate) fn with(first: &[&str], paths: &[&Path]) -> Vec<OsString> {
    let mut command = words(first);
    command.extend(paths.iter().map(OsString::from));
    command
}
