//! Names for hubs: `contexts.toml` in the user's configuration folder (XDG Base Directory Specification).

use super::place::Place;
use super::token::Token;
use anyhow::{Context as _, anyhow};
use files::{owner, private};
use report::{Failure, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;

const NAME: &str = "contexts.toml";
/// The name of this machine, which no context can have.
pub const LOCAL: &str = "local";
/// The context in use, whatever the file says.
const VARIABLE: &str = "WASMRUN_CONTEXT";

/// All contexts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Contexts {
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<String>,
    contexts: BTreeMap<String, Context>,
}

/// One hub, and how it is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Context {
    /// `ssh://[USER@]HOST[:PORT]`, `wss://HOST[:PORT]`, `ws://`, or `unix:/PATH`.
    pub url: String,
    /// The file with the token for wss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// A command that prints it, for a shell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_command: Option<String>,
    /// What `wasmrun hub` calls its certificate: then no authority has to know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
    /// What ssh runs there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_command: Option<String>,
    /// What `wasmrun forward CONTEXT` forwards: `RUN:PORT` or `RUN:HOST:PORT`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub forwards: Vec<String>,
}

impl Contexts {
    /// What is there now.
    ///
    /// # Errors
    ///
    /// The file is another's, or cannot be read.
    pub fn read() -> Result<Contexts> {
        let path = folder()?.join(NAME);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            // Nobody's, or another user's, whose home this one has been given (sudo(8)).
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => String::new(),
            Err(error) => {
                return Err(anyhow::Error::new(error)
                    .context(format!("cannot read {}", path.display()))
                    .into());
            }
        };
        if !text.is_empty() {
            // Its commands are run.
            owner::refuse_others(&path).map_err(|failure| Failure { hint: None, ..failure })?;
        }
        let mut contexts = Contexts::parse(&text)
            .map_err(|failure| Failure::usage(failure.error.context(path.display().to_string())))?;
        if let Ok(name) = std::env::var(VARIABLE)
            && !name.is_empty()
        {
            contexts.current = Some(name);
        }
        Ok(contexts)
    }

    pub(super) fn parse(text: &str) -> Result<Contexts> {
        toml::from_str(text).map_err(|error| Failure::usage(anyhow!(error)))
    }

    /// Changes the file; of two at once, one waits.
    ///
    /// # Errors
    ///
    /// As of [`Contexts::read`], or of the change.
    pub fn change(change: impl FnOnce(&mut Contexts) -> Result<()>) -> Result<()> {
        let folder = folder()?;
        let _lock = private::lock(&folder)?;
        let mut contexts = Contexts::read()?;
        change(&mut contexts)?;
        let text = toml::to_string(&contexts).context("cannot write the contexts")?;
        private::write(&folder.join(NAME), text.as_bytes())
    }

    /// The name of the one in use; none where that is this machine.
    pub fn current(&self) -> Option<&str> {
        self.current.as_deref().filter(|name| *name != LOCAL)
    }

    /// Names and contexts, in order.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Context)> {
        self.contexts.iter().map(|(name, context)| (name.as_str(), context))
    }

    /// The hub of a context.
    ///
    /// # Errors
    ///
    /// There is no such context, or it names no hub.
    pub fn place(&self, name: &str) -> Result<Place> {
        self.get(name)?.place(name)
    }

    /// One of them.
    ///
    /// # Errors
    ///
    /// There is none of that name.
    pub fn get(&self, name: &str) -> Result<&Context> {
        self.contexts.get(name).ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, name: &str) -> Failure {
        let names: Vec<&str> = self.contexts.keys().map(String::as_str).collect();
        let hint = match names.as_slice() {
            [] => format!("add one: `wasmrun context add {name} ssh://HOST`"),
            names => format!("contexts are: {}", names.join(", ")),
        };
        Failure::usage(anyhow!("no context is named `{name}`")).hint(hint)
    }

    /// Adds a context.
    ///
    /// # Errors
    ///
    /// The name is taken or none, or the context names no hub.
    pub fn add(&mut self, name: &str, context: Context) -> Result<()> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name == LOCAL || name.starts_with('-') || !name.chars().all(is_plain) {
            let failure = Failure::usage(anyhow!("a context cannot be named `{name}`"));
            return Err(failure.hint("use letters, digits, `-`, `_` and `.`; `local` is this machine"));
        }
        if self.contexts.contains_key(name) {
            let failure = Failure::usage(anyhow!("there is a context `{name}` already"));
            return Err(failure.hint(format!("`wasmrun context remove {name}` removes it")));
        }
        context.place(name)?;
        self.contexts.insert(name.to_owned(), context);
        Ok(())
    }

    /// Removes one, and the token that was kept for it.
    ///
    /// # Errors
    ///
    /// There is none of that name.
    pub fn remove(&mut self, name: &str) -> Result<()> {
        self.contexts.remove(name).ok_or_else(|| self.unknown(name))?;
        let token = folder()?.join(token_of(name));
        match std::fs::remove_file(&token) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(anyhow!(error)
                    .context(format!("cannot remove {}", token.display()))
                    .into());
            }
            _ => {}
        }
        if self.current.as_deref() == Some(name) {
            self.current = None;
        }
        Ok(())
    }

    /// Has names without a context mean this one's runs.
    ///
    /// # Errors
    ///
    /// There is none of that name.
    pub fn use_one(&mut self, name: &str) -> Result<()> {
        if name != LOCAL {
            self.get(name)?;
        }
        self.current = (name != LOCAL).then(|| name.to_owned());
        Ok(())
    }
}

impl Context {
    fn place(&self, name: &str) -> Result<Place> {
        let wrong = |why: &str| Failure::usage(anyhow!("context `{name}`: {why}"));
        let Some((mut place, run)) = Place::read(&self.url)? else {
            return Err(wrong(&format!("`{}` is no hub", self.url)).hint("write ssh://HOST or wss://HOST:PORT"));
        };
        if !run.is_empty() {
            return Err(wrong(&format!("`{}` names a run", self.url)).hint("name it with each command: CONTEXT/RUN"));
        }
        let token = match (&self.token_file, &self.token_command) {
            (Some(_), Some(_)) => return Err(wrong("it has `token-file` and `token-command`").hint("keep one of them")),
            (Some(file), None) => Some(Token::File(file.clone())),
            (None, Some(command)) => Some(Token::Command(command.clone())),
            (None, None) => None,
        };
        place
            .named(name, token, self.pin.as_deref(), self.remote_command.as_deref())
            .map_err(|why| wrong(&why))?;
        Ok(place)
    }
}

fn token_of(context: &str) -> PathBuf {
    PathBuf::from("tokens").join(context)
}

/// Keeps the token of a context, where only this user can read it.
///
/// # Errors
///
/// It cannot be written.
pub fn keep_token(context: &str, token: &str) -> Result<PathBuf> {
    let path = folder()?.join(token_of(context));
    private::write(&path, format!("{token}\n").as_bytes())?;
    Ok(path)
}

fn folder() -> Result<PathBuf> {
    let folder = dirs::config_dir().ok_or_else(|| anyhow!("no configuration folder for contexts"))?;
    Ok(folder.join("wasmrun"))
}
