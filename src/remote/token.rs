//! What lets this user in at a hub that is not behind ssh.

use anyhow::{Context as _, anyhow};
use report::{Failure, Result};
use rustix::process::geteuid;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// Longest token, in bytes.
const LONGEST: u64 = 4096;
/// The token for a hub that no context names.
const VARIABLE: &str = "WASMRUN_TOKEN";

/// Where a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// In this file.
    File(PathBuf),
    /// In what this command prints, a line for the shell.
    Command(String),
    /// In the environment.
    Variable,
}

impl Token {
    /// The token of the environment, where it has one.
    pub fn of_environment() -> Option<Token> {
        std::env::var_os(VARIABLE).is_some().then_some(Token::Variable)
    }

    /// Reads it anew: it may have been replaced.
    ///
    /// # Errors
    ///
    /// It is not there, or others can read it.
    pub async fn read(&self) -> Result<String> {
        let text = match self {
            Token::File(path) => read(path)?,
            Token::Command(command) => {
                let mut shell = Command::new("sh");
                shell
                    .args(["-c", command])
                    .kill_on_drop(true)
                    .stderr(std::process::Stdio::inherit());
                let output = shell.output().await.context("cannot run `token-command`")?;
                if !output.status.success() {
                    return Err(anyhow!("`{command}` failed ({}): there is no token", output.status).into());
                }
                String::from_utf8(output.stdout).context("the token is not text")?
            }
            Token::Variable => std::env::var(VARIABLE).context(VARIABLE)?,
        };
        let token = text.trim();
        let is_plain = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        match is_plain {
            true => Ok(token.to_owned()),
            false => Err(Failure::usage(anyhow!("there is no token in {}", self.place()))),
        }
    }

    fn place(&self) -> String {
        match self {
            Token::File(path) => path.display().to_string(),
            Token::Command(command) => format!("what `{command}` prints"),
            Token::Variable => VARIABLE.to_owned(),
        }
    }
}

fn read(path: &Path) -> Result<String> {
    let path = match path.strip_prefix("~") {
        Ok(rest) => dirs::home_dir().context("no home folder")?.join(rest),
        Err(_) => path.to_owned(),
    };
    let cannot = || format!("cannot read {}", path.display());
    let file = File::open(&path).with_context(cannot).map_err(Failure::usage)?;
    let metadata = file.metadata().with_context(cannot)?;
    let is_own = [geteuid().as_raw(), 0].contains(&metadata.uid());
    if !is_own || metadata.mode() & 0o077 != 0 {
        let failure = Failure::usage(anyhow!("{} can be read by others: it is no secret", path.display()));
        return Err(failure.hint(format!(
            "`chmod 600 {}`, and have the hub make another token",
            path.display()
        )));
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).with_context(cannot)?;
    Ok(text)
}
