//! What a command is about: a run of this machine, or of a hub. `web`, `lab/web`, `ssh://lab/web`.

use super::contexts::{self, Contexts};
use super::place::Place;
use anyhow::anyhow;
use report::{Failure, Result};
use std::fmt;

/// A run, or a hub alone, where the name is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The hub; none for this machine.
    pub place: Option<Place>,
    /// The name of the run, or its id.
    pub run: String,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            None => f.write_str(&self.run),
            Some(place) if self.run.is_empty() => place.fmt(f),
            Some(place) => write!(f, "{place}/{}", self.run),
        }
    }
}

impl Target {
    /// Reads a target. A name alone is of the context in use.
    ///
    /// # Errors
    ///
    /// It is none, or names a context that is not there.
    pub fn read(text: &str) -> Result<Target> {
        Target::among(text, Contexts::read)
    }

    fn among(text: &str, contexts: impl FnOnce() -> Result<Contexts>) -> Result<Target> {
        if let Some((place, run)) = Place::read(text)? {
            return Ok(Target {
                place: Some(place),
                run,
            });
        }
        let contexts = contexts()?;
        let (context, run) = match text.split_once('/') {
            Some((context, run)) => (Some(context), run),
            None => (contexts.current(), text),
        };
        let place = match context {
            None | Some(contexts::LOCAL) => None,
            Some(context) => Some(contexts.place(context)?),
        };
        match run.contains('/') {
            true => Err(Failure::usage(anyhow!(
                "invalid target `{text}`: a run's name has no `/`"
            ))),
            false => Ok(Target {
                place,
                run: run.to_owned(),
            }),
        }
    }

    /// Reads what names a hub: a context, or a URL. Without a text it is the context in use; none is this machine.
    ///
    /// # Errors
    ///
    /// It is neither.
    pub fn read_hub(text: Option<&str>) -> Result<Option<Place>> {
        let contexts = match text.map(Place::read).transpose()?.flatten() {
            Some((place, _)) => return Ok(Some(place)),
            None => Contexts::read()?,
        };
        let context = text.map(|text| text.trim_end_matches('/')).or(contexts.current());
        match context {
            None | Some(contexts::LOCAL) => Ok(None),
            Some(context) => Ok(Some(contexts.place(context)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, current: &str) -> Result<String> {
        let contexts = format!("{current}\n[contexts.lab]\nurl = \"ssh://me@lab:2222\"\n");
        let target = Target::among(text, || Contexts::parse(&contexts))?;
        Ok(match &target.place {
            None => format!("here {target}"),
            Some(_) => format!("there {target}"),
        })
    }

    #[test]
    fn a_target_is_a_name_a_context_or_a_url() {
        for (text, wanted) in [
            ("web", "here web"),
            ("lab/web", "there lab/web"),
            ("local/web", "here web"),
            ("lab/", "there lab"),
            ("ssh://other/web", "there ssh://other/web"),
        ] {
            assert_eq!(read(text, "").unwrap(), wanted, "{text}");
        }
        assert_eq!(read("web", "current = \"lab\"").unwrap(), "there lab/web");
        assert_eq!(read("local/web", "current = \"lab\"").unwrap(), "here web");
        for (text, wanted) in [
            ("other/web", "no context is named `other`"),
            ("lab/web/x", "a run's name has no `/`"),
        ] {
            let error = read(text, "").unwrap_err();
            assert!(
                format!("{:#}", error.error).contains(wanted),
                "{text}: {:#}",
                error.error
            );
        }
    }
}
