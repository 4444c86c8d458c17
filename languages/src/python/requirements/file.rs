//! requirements.txt (<https://pip.pypa.io/en/stable/reference/requirements-file-format/>).

use super::Requirements;
use anyhow::{Context, anyhow};
use files::regular;
use report::{Failure, Result};
use std::path::Path;

/// Files that one may name after another; more is a circle.
const NESTED: usize = 16;

/// Reads a file, with those that it names, as far as they are of the project.
pub(super) fn read(file: &Path, project: &Path) -> Result<Requirements> {
    let mut requirements = Requirements::default();
    take(&mut requirements, file, project, Kind::Requirements, NESTED)?;
    Ok(requirements)
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Requirements,
    Constraints,
}

fn take(into: &mut Requirements, file: &Path, project: &Path, kind: Kind, depth: usize) -> Result<()> {
    let text = regular::read_text(file, regular::MANIFEST)
        .with_context(|| format!("cannot read {}", file.display()))
        .map_err(Failure::usage)?;
    // A line goes on after a backslash at its end.
    let text = text.replace("\\\r\n", " ").replace("\\\n", " ");
    for (number, line) in text.lines().enumerate() {
        let line = without_comment(line).trim();
        let place = format!("{}:{}", file.display(), number + 1);
        if line.is_empty() {
            continue;
        }
        if !line.starts_with('-') {
            match kind {
                Kind::Requirements => into.add(line, &place, project)?,
                Kind::Constraints => {
                    let mut constraint = Requirements::default();
                    constraint.add(line, &place, project)?;
                    into.constraints.extend(constraint.packages);
                }
            }
            continue;
        }
        let (option, value) = split(line);
        let refused =
            |why: &str, hint: &str| Err(Failure::usage(anyhow!("{place}: `{option}` {why}")).hint(hint.to_owned()));
        match option {
            "-r" | "--requirement" | "-c" | "--constraint" => {
                let named = file.parent().unwrap_or(Path::new(".")).join(value);
                let whole = named
                    .canonicalize()
                    .with_context(|| format!("{place}: cannot read {value}"))
                    .map_err(Failure::usage)?;
                if !project.canonicalize().is_ok_and(|project| whole.starts_with(project)) {
                    return refused("names a file outside of the project", "copy it into the project");
                }
                if depth == 0 {
                    return Err(Failure::usage(anyhow!(
                        "{} includes itself through another requirements file",
                        file.display()
                    )));
                }
                let kind = if option.contains('r') && option != "--constraint" {
                    kind
                } else {
                    Kind::Constraints
                };
                take(into, &whole, project, kind, depth - 1)?;
            }
            "-i" | "--index-url" | "--extra-index-url" => {
                let is_plain = ["http://", "https://"].iter().any(|scheme| value.starts_with(scheme));
                if !is_plain || value.contains("${") || value.contains(char::is_whitespace) {
                    return refused("does not name an index", "write the https URL of the index");
                }
                let long = if option == "-i" { "--index-url" } else { option };
                into.options.push(format!("{long} {value}"));
                into.indexes.push(value.to_owned());
            }
            "--pre" | "--no-index" => into.options.push(option.to_owned()),
            "--prefer-binary" | "--require-hashes" | "--trusted-host" | "--use-feature" => {
                tracing::debug!("{place}: `{option}` has no meaning here");
            }
            "--only-binary" | "--no-binary" => tracing::debug!("{place}: `{option}` is decided by `build-packages`"),
            "-e" | "--editable" if super::is_path(value) => into.add(value, &place, project)?,
            "-e" | "--editable" => into.add(&named(value), &place, project)?,
            "-f" | "--find-links" => {
                return refused("is not supported", "put the wheels into the project, and name them");
            }
            _ => return refused("is not supported in a project's file", "remove it"),
        }
    }
    Ok(())
}

/// `git+https://…#egg=NAME` as PEP 508 has it.
fn named(url: &str) -> String {
    match url.split_once("#egg=") {
        Some((url, name)) => format!("{} @ {url}", name.split(['&', '[']).next().unwrap_or(name)),
        None => url.to_owned(),
    }
}

/// An option and its value, which follows after `=` or blanks, or at once (`-rFILE`).
fn split(line: &str) -> (&str, &str) {
    let end = line.find(['=', ' ', '\t']).unwrap_or(line.len());
    let (option, value) = match line.as_bytes() {
        [b'-', letter, ..] if *letter != b'-' => line.split_at(2.min(line.len())),
        _ => line.split_at(end),
    };
    (option, value.trim_start_matches(['=', ' ', '\t']).trim())
}

/// A comment begins at the line's beginning or after a blank.
fn without_comment(line: &str) -> &str {
    let mut before = ' ';
    for (at, letter) in line.char_indices() {
        if letter == '#' && before.is_whitespace() {
            return &line[..at];
        }
        before = letter;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(files: &[(&str, &str)]) -> Result<Requirements> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("pkg")).unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        read(&folder.path().join("requirements.txt"), folder.path())
    }

    #[test]
    fn files_that_a_file_names_count() {
        let found = find(&[
            (
                "requirements.txt",
                "flask # the framework\n-r more.txt\n  -c limits.txt\n",
            ),
            ("more.txt", "bottle==0.13 \\\n  --hash=sha256:aa\n"),
            ("limits.txt", "flask<4\n"),
        ])
        .unwrap();
        assert_eq!(found.packages, ["flask", "bottle==0.13    --hash=sha256:aa"]);
        assert_eq!(found.constraints, ["flask<4"]);
    }

    #[test]
    fn a_circle_is_an_error() {
        assert!(find(&[("requirements.txt", "-r requirements.txt\n")]).is_err());
    }

    #[test]
    fn indexes_are_kept_and_told() {
        let found = find(&[(
            "requirements.txt",
            "-i https://example.org/simple\n--extra-index-url=https://two.example\nx\n",
        )]);
        let found = found.unwrap();
        assert_eq!(
            found.options,
            [
                "--index-url https://example.org/simple",
                "--extra-index-url https://two.example"
            ]
        );
        assert_eq!(found.indexes, ["https://example.org/simple", "https://two.example"]);
    }

    #[test]
    fn what_would_run_code_or_read_this_machine_is_refused() {
        for line in [
            "-r /etc/passwd",
            "-r../../other.txt",
            "--config-settings=x=y",
            "--find-links /tmp",
            "-f.",
            "--index-url file:///tmp",
            "--index-url https://${TOKEN}@example.org",
            "--global-option=x",
            "-e /etc",
            "/etc",
            "file:///etc",
        ] {
            assert!(find(&[("requirements.txt", line)]).is_err(), "{line}");
        }
        // Named as the folder that it is: whether it is built is another question.
        let found = find(&[("requirements.txt", "-e ./pkg")]).unwrap();
        assert_eq!((found.packages.len(), found.local.len()), (1, 1));
        assert!(found.packages[0].ends_with("/pkg"));
    }
}
